"""CPU time of the sizing rules on drawn returns, beside skfolio: `python benchmarks/bench_sizing.py`."""

import time
import warnings
from collections.abc import Callable

import numpy as np
from skfolio import RiskMeasure
from skfolio.optimization import RiskBudgeting

from quantdl.portfolio import Limits, equal_risk_weights, kelly_weights, predicted_shortfall

LEVEL = 0.95


def drawn(n_draws: int, n_assets: int) -> np.ndarray:
    """Log returns with a common shock and fat tails."""
    generator = np.random.default_rng(3)
    common, own = generator.standard_t(4, (n_draws, 1)), generator.standard_t(4, (n_draws, n_assets))
    return 0.01 * (common + own) * generator.uniform(0.5, 2, n_assets) + np.linspace(-0.001, 0.001, n_assets)


def caps(n_assets: int, *, long_only: bool) -> Limits:
    """Caps on weights, on five groups, on gross and on net."""
    most = 1.0 if long_only else 1.5
    groups = np.arange(n_assets) % 5
    names = tuple(f"group {number}" for number in range(5))
    return Limits(long_only, 0.12, most, 1.0 if long_only else 0.5, groups, names, 0.4, 0.4)


def milliseconds(rule: Callable[[], object], repeats: int = 5) -> float:
    """Median CPU time of a rule, after one call."""
    rule()
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        rule()
        found.append(1e3 * (time.process_time() - begun))
    return float(np.median(found))


def main() -> None:
    """Print one line for each number of draws and assets."""
    warnings.simplefilter("ignore")
    for n_draws, n_assets in ((2000, 20), (10_000, 20), (2000, 200)):
        draws, equal = drawn(n_draws, n_assets), np.full(n_assets, 1.0 / n_assets)
        peer = RiskBudgeting(risk_measure=RiskMeasure.CVAR, cvar_beta=LEVEL)
        rules: dict[str, Callable[[], object]] = {
            "Kelly, long only": lambda draws=draws, n=n_assets: kelly_weights(draws, caps(n, long_only=True)),
            "Kelly, both sides": lambda draws=draws, n=n_assets: kelly_weights(draws, caps(n, long_only=False)),
            "equal volatility": lambda draws=draws: equal_risk_weights(draws),
            "equal shortfall": lambda draws=draws: equal_risk_weights(draws, LEVEL),
            "predicted shortfall": lambda draws=draws, equal=equal: predicted_shortfall(equal, draws, LEVEL),
        }
        if n_assets <= 20:  # a book of two hundred was not awaited
            rules["skfolio, equal shortfall"] = lambda draws=draws, peer=peer: peer.fit(np.expm1(draws))
        print(f"{n_draws:,} draws, {n_assets} assets")
        for name, rule in rules.items():
            print(f"  {name:26} {milliseconds(rule):10.2f} ms")


if __name__ == "__main__":
    main()
