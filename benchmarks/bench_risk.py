"""Value at risk, shortfall and contributions of large books, by draws: `python benchmarks/bench_risk.py`.

CPU seconds in one process and one thread, and the peak of its memory. Drawing and selecting is what no way around is
known of: to draw, to add up each book's loss and to pick the largest losses.
"""

import argparse
import resource
import time
from collections.abc import Callable

import torch
from torch import Tensor

from quantdl.distributions import CopulaForecast, FactorNormalMixture, JohnsonSUMarginals
from quantdl.risk.measures.losses import draw_returns, portfolio_losses
from quantdl.risk.measures.streaming import drawn_blocks, risk_of_rows, streamed_risk

LEVELS = (0.975, 0.99)
N_DRAWS = 100_000
EVERY = 10  # of the sessions, one is drawn and selected from: the time of the others is taken to be the same


def law_of(rows: int, assets: int) -> CopulaForecast:
    """A law of the form that the networks give: tails of each asset's own over market states with a common shock."""
    generator = torch.Generator().manual_seed(7)

    def uniform(*shape: int, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator)

    states = FactorNormalMixture(
        uniform(rows, 6, low=-1.0, high=1.0),
        1.5 ** torch.arange(6.0) / 2.5,
        uniform(rows, 6, low=-0.6, high=0.2),
        uniform(rows, 6, low=0.05, high=0.8),
        uniform(rows, assets, low=0.6, high=1.2),
        uniform(rows, assets, 4, low=-0.4, high=1.0),
    )
    marginals = JohnsonSUMarginals(
        torch.zeros(rows, assets),
        uniform(rows, assets, low=0.008, high=0.03),
        uniform(rows, assets, low=2.0, high=4.0),
        uniform(rows, assets, low=-0.1, high=0.1),
    )
    return CopulaForecast(marginals, states, torch.ones(rows, assets, dtype=torch.bool))


def seconds(call: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def draw_and_select(law: CopulaForecast, weights: Tensor) -> None:
    """Draw a row, add up losses, pick the largest."""
    for row in range(0, law.batch_shape[0], EVERY):
        losses = portfolio_losses(draw_returns(law.rows(slice(row, row + 1)), N_DRAWS, row)[:, 0], weights)
        losses.topk(round((1.0 - LEVELS[0]) * N_DRAWS))


def peak() -> str:
    """Most memory that this process has held so far."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB at the most"


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1006)
    n_sessions = parser.parse_args().sessions
    torch.set_num_threads(1)
    risk_of_rows(law_of(2, 20), torch.full((20,), 0.05), LEVELS, 1000)  # what the first call loads

    wide, held = law_of(1, 1000), torch.full((1000,), 0.001, dtype=torch.float64)
    drawn = seconds(lambda: sum(len(block) for block in drawn_blocks(wide, N_DRAWS, 0)))
    whole = seconds(lambda: streamed_risk(drawn_blocks(wide, N_DRAWS, 0), held, N_DRAWS, LEVELS))
    print(f"1,000 assets x {N_DRAWS:,} draws, VaR, ES and contributions of every asset at {LEVELS}:")
    print(f"  {whole:.1f} s CPU, of which draws {drawn:.1f} s; {peak()}")

    law, equal = law_of(n_sessions, 20), torch.full((20,), 0.05, dtype=torch.float64)
    measured = seconds(lambda: risk_of_rows(law, equal, LEVELS, N_DRAWS))
    least = seconds(lambda: draw_and_select(law, equal)) * n_sessions / len(range(0, n_sessions, EVERY))
    print(f"{n_sessions:,} sessions x 20 assets x {N_DRAWS:,} draws, VaR and ES with their errors at {LEVELS}:")
    print(f"  {measured:.1f} s CPU, {measured / least:.2f} times drawing and selecting ({least:.1f} s); {peak()}")


if __name__ == "__main__":
    main()
