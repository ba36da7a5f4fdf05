"""How far models are from the true law of simulated markets, beside GARCH-t, and whether a skewed shock is found.

Each market is trained on once with the settings of the quick start and scored on paths that were never trained on.
Distances are KL(true || model) of each asset's next return in nats, estimated at the returns drawn: the mean of true
less predicted log density, with its standard error over blocks of sessions. Prints JSON lines.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from quantdl.distributions import CopulaForecast, Forecast
from quantdl.models.flow import FlowForecaster
from quantdl.models.forecaster import Forecaster
from quantdl.models.settings import FlowSettings, GarchSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, Batch, Histories, build_histories
from quantdl.simulation import (
    ConstantVolatility,
    Factors,
    Garch,
    Jumps,
    MarketDescription,
    NormalShocks,
    Regimes,
    SimulatedPath,
    StudentTShocks,
    simulate,
)
from quantdl.training.batches import SessionBatches
from quantdl.training.classical_fit import fit_classical
from quantdl.training.fit import fit
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans

ASSETS, VALIDATION, WARM_UP, BLOCK, ROWS = 10, 1000, 300, 250, 128
CONTEXT, BOOK_SESSIONS = 64, 7000  # three paths of these give 20,000 sessions behind the warm-up
PASSES = 8  # of the quick start; the learning rate falls over these
LONG_RUN = 0.012**2  # variance of a session's return


def garch(alpha: float, beta: float, gamma: float = 0.0, share: float = 1.0) -> Garch:
    """Volatility of 1.2 % a session in the long run, a share of it by the shocks."""
    return Garch(share * LONG_RUN * (1.0 - alpha - 0.5 * gamma - beta), alpha, beta, gamma)


def factors(share: float, assets: int = ASSETS) -> Factors:
    """One factor that explains a share of each asset's variance."""
    return Factors(tuple((float(np.sqrt(share)),) for _ in range(assets)))


MARKETS = {
    "garch_t (GARCH is right)": MarketDescription(
        2, ASSETS, StudentTShocks(6.0), garch(0.07, 0.91), factors=factors(0.3)
    ),
    "leverage": MarketDescription(2, ASSETS, StudentTShocks(6.0), garch(0.0, 0.88, gamma=0.20), factors=factors(0.3)),
    "common regimes": MarketDescription(
        2,
        ASSETS,
        NormalShocks(),
        ConstantVolatility(0.012),
        regimes=Regimes(transition=((0.97, 0.03), (0.06, 0.94)), volatility_multiples=(0.6, 1.6), common=True),
        factors=factors(0.3),
    ),
    "own jumps": MarketDescription(
        2, ASSETS, NormalShocks(), garch(0.05, 0.93), jumps=Jumps(0.03, -0.03, 0.02, "bernoulli")
    ),
    "skewed common shock": MarketDescription(
        2,
        ASSETS,
        NormalShocks(),
        garch(0.04, 0.94),
        jumps=Jumps(0.03, -0.02, 0.004, "bernoulli", common=True),
        factors=factors(0.15),
    ),
}
"""By name; the number of sessions is set where a path is drawn."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A path and what models see of it."""

    path: SimulatedPath
    histories: Histories

    @staticmethod
    def of(market: MarketDescription, sessions: int, seed: int) -> "Drawn":
        """Draw one path."""
        path = simulate(replace(market, n_sessions=sessions), seed)
        return Drawn(path, build_histories(path.panel, [NEXT_SESSION]))


def fitted_network(network: str, drawn: Drawn, settings: TrainingSettings, seed: int) -> Forecaster:
    """Fit the shipped transformer or flow; the last sessions validate."""
    n_features = drawn.histories.n_features
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Forecaster = (
            FlowForecaster(n_features, 1, FlowSettings(1))
            if network == "flow"
            else TransformerForecaster(n_features, 1, TransformerSettings(1))
        )
    last = len(drawn.histories.sessions) - 1
    spans = FitSpans(range(0, last - VALIDATION), range(last - VALIDATION - 1, last))
    batches = SessionBatches(drawn.histories, spans, CONTEXT, settings, seed)
    report = fit(model, batches, settings, seed)
    print(json.dumps({"passes": len(report.epochs), "best": report.best_epoch}), flush=True)
    return model


def fitted_garch(drawn: Drawn) -> Forecaster:
    """Fit GARCH-t to the same sessions, validation included."""
    return fit_classical(GarchSettings(1), drawn.histories, [len(drawn.histories.sessions) - 1])


def laws(model: Forecaster, context: int | None, drawn: Drawn) -> Iterator[tuple[range, Batch, Forecast]]:
    """Forecast a path that was not trained on, behind a warm-up; bars, batch and laws."""
    last = len(drawn.histories.sessions) - 1
    blocks = [range(start, min(start + ROWS, last)) for start in range(WARM_UP, last, ROWS)]
    model.eval()
    for block in [range(WARM_UP, last)] if context is None else blocks:
        batch = drawn.histories.batch([block], len(drawn.histories.sessions) if context is None else context)
        with torch.no_grad():
            yield block, batch, model(batch)


def distances(model: Forecaster, context: int | None, drawn: Drawn) -> np.ndarray:
    """(T,) mean over assets of true less predicted log density of each session's returns."""
    found = []
    for block, batch, law in laws(model, context, drawn):
        truth = drawn.path.true_log_density[block.start + 1 : block.stop + 1]
        found.append((truth - law.marginal_log_prob(batch.target).double().numpy()).mean(axis=1))
    return np.concatenate(found)


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean, and its standard error from the means of blocks of sessions."""
    blocks = values[: len(values) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
    return round(float(values.mean()), 5), round(float(blocks.std(ddof=1) / np.sqrt(len(blocks))), 5)


def beyond(model: Forecaster, context: int | None, drawn: Drawn, draws: int) -> np.ndarray:
    """Sessions in which the equal-weight book lost, or gained, more than its 99 % value at risk, and all of them: (3,).

    The value at risk is an order statistic of the draws that is exceeded in 1 % on average if the law is right.
    """
    counted, rank = np.zeros(3, np.int64), round(0.01 * (draws + 1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _, batch, law in laws(model, context, drawn):
            of_book = _constant_draws if isinstance(law, CopulaForecast) else _draws
            for start in range(0, len(batch.bar), ROWS):
                rows = slice(start, start + ROWS)
                drawn_returns, outcome = of_book(law, rows, draws), batch.target[rows].mean(-1)
                low, high = (drawn_returns.kthvalue(k, dim=0).values for k in (rank, draws + 1 - rank))
                counted += [int((outcome < low).sum()), int((outcome > high).sum()), len(outcome)]
    return counted


def _draws(law: Forecast, rows: slice, draws: int) -> Tensor:
    """(S, B) draws of the equal-weight book's return."""
    return law.rows(rows).sample(torch.Size((draws,))).mean(-1)


def _constant_draws(law: CopulaForecast, rows: slice, draws: int) -> Tensor:
    """The same of a model whose copula and shapes are constant: rows differ by location and scale alone."""
    margins, first = law.marginals, law.rows(slice(0, 1))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        standard = (first.sample(torch.Size((draws,)))[:, 0] - margins.location[0]) / margins.scale[0]
    return margins.location[rows].mean(-1) + standard @ margins.scale[rows].T / standard.shape[1]


def figures_of(
    market: MarketDescription, model: Forecaster, context: int | None, test: int, seed: int
) -> dict[str, float]:
    """Distance from the truth, and exceptions of the book on three paths where the market has a common shock."""
    kl, error = mean_and_error(distances(model, context, Drawn.of(market, test, 100 + seed)))
    if market.jumps is None or not market.jumps.common:
        return {"kl": kl, "error": error}
    draws = 20_000 if context is None else 2_000
    paths = [Drawn.of(market, BOOK_SESSIONS, 200 + seed + number) for number in range(3)]
    losses, gains, n = sum(beyond(model, context, path, draws) for path in paths).tolist()
    return {"kl": kl, "error": error, "losses_beyond_99": losses / n, "gains_beyond_99": gains / n, "sessions": n}


def main() -> None:
    """Print the figures of each market."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=6000, help="to train on")
    parser.add_argument("--test", type=int, default=6000, help="to measure distances on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--market", default="", help="only markets whose name holds this")
    parser.add_argument("--epochs", type=int, default=PASSES)
    parser.add_argument("--network", choices=("transformer", "flow"), default="transformer")
    parser.add_argument("--half-life-years", type=float, default=TrainingSettings().half_life_years)
    parser.add_argument("--learning-rate", type=float, default=TrainingSettings().learning_rate)
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings = TrainingSettings(
        epochs=given.epochs,
        patience=given.epochs,
        half_life_years=given.half_life_years or None,
        learning_rate=given.learning_rate,
    )
    for name, market in MARKETS.items():
        if given.market not in name:
            continue
        train = Drawn.of(market, given.sessions, given.seed)
        for kind, context in (("garch_t", None), (given.network, CONTEXT)):
            start = time.process_time()
            model = fitted_garch(train) if context is None else fitted_network(kind, train, settings, given.seed)
            fitting = round(time.process_time() - start, 1)
            found = figures_of(market, model, context, given.test, given.seed)
            print(json.dumps({"market": name, "model": kind, **found, "fit_cpu_s": fitting}), flush=True)


if __name__ == "__main__":
    main()
