"""The true law of returns over many sessions in a simulated GJR market, and how far a model's laws are from it.

Losses raise the variance more than gains, so sums of symmetric shocks are skewed; after a shock the variance reverts,
in a calm it rises. Scaling one session's law by the square root of the number of sessions knows none of this.
"""

from dataclasses import dataclass

import numpy as np

from quantdl.distributions import Forecast
from quantdl.sequences import Histories, build_histories, forecast_windows
from quantdl.simulation import Garch, MarketDescription, SimulatedPath, StudentTShocks, returns_ahead, simulate
from quantdl.training.forecasting import FittedModel, forecast_sessions

LONG_RUN = 0.012**2
WINDOWS = forecast_windows(5, also=[21])
MONTH = WINDOWS[2]
_SHARES = (0.01, 0.05)


def gjr_market(n_sessions: int, n_assets: int) -> MarketDescription:
    """Independent assets with volatility 1.2 % a session in the long run and half-life of a shock 34 sessions."""
    volatility = Garch(0.02 * LONG_RUN, alpha=0.02, beta=0.90, gamma=0.12)
    return MarketDescription(n_sessions, n_assets, StudentTShocks(8.0), volatility, mean=3e-4)


@dataclass(frozen=True, eq=False)
class Truth:
    """Draws of the month's return at some bars of a path, (S, N, A), and the square root of time beside them.

    Attributes:
        market: The description.
        path: One path.
        histories: What models see of it.
        bars: (N,) at whose close the forecasts are made, evenly over the path.
        variance: (N, A) true variance of the next return.
        months: (S, N, A) draws of the return from fill to exit.
    """

    market: MarketDescription
    path: SimulatedPath
    histories: Histories
    bars: list[int]
    variance: np.ndarray
    months: np.ndarray

    @staticmethod
    def of(n_sessions: int, n_assets: int, seed: int, n_bars: int, n_draws: int) -> "Truth":
        market = gjr_market(n_sessions, n_assets)
        path = simulate(market, seed)
        bars = np.linspace(300, n_sessions - 40, n_bars).astype(int).tolist()
        variance = np.square(path.law.scales[[bar + 1 for bar in bars], :, 0, 0])
        ahead = returns_ahead(market, variance, MONTH.ends_after, n_draws, seed)
        months = ahead[:, MONTH.starts_after :].sum(axis=1)
        return Truth(market, path, build_histories(path.panel, WINDOWS), bars, variance, months)

    def scaled_day(self) -> np.ndarray:
        """Quantiles (2, N, A) of the next session's true law, scaled by the square root of time."""
        shocks = np.array([self.market.shocks.quantile(np.array(share)) for share in _SHARES])
        return 21 * self.market.mean + np.sqrt(21.0 * self.variance) * shocks[:, None, None]

    def errors(self, quantiles: np.ndarray) -> np.ndarray:
        """Root mean square of the relative errors of the 1 and 5 % quantiles (2, N, A) over bars and assets, (2,)."""
        true = np.quantile(self.months, _SHARES, axis=0)
        return np.sqrt(np.square(quantiles / true - 1.0).mean(axis=(1, 2)))


def predicted(fitted: FittedModel, truth: Truth) -> np.ndarray:
    """Quantiles (2, N, A) that a model gives the month's return at the bars of the truth."""
    laws = _laws(fitted, truth)
    return np.stack([np.concatenate([law.icdf(share).detach().numpy() for law in laws]) for share in _SHARES])


def deviations(fitted: FittedModel, truth: Truth) -> np.ndarray:
    """Standard deviations (N, A) that a model gives it."""
    return np.sqrt(np.concatenate([law.variance.detach().numpy() for law in _laws(fitted, truth)]))


def _laws(fitted: FittedModel, truth: Truth) -> list[Forecast]:
    return [next(forecast_sessions(fitted, truth.histories, range(bar, bar + 1)).of(MONTH)).law for bar in truth.bars]
