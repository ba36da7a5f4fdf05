"""The default columns of each asset's own history, and the volatility that all of them are measured by."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quantdl.features.columns import Columns, Feature
from quantdl.features.decay import Packing, decayed_mean, log_ratio

_BASE_HALF_LIFE = 11.2  # RiskMetrics' decay of 0.94 a day (RiskMetrics Technical Document, 1996)
_LONG_HALF_LIFE = 500.0
_WARM_UP_BARS = 20


@dataclass(frozen=True, eq=False)
class OwnHistory:
    """Each asset's observed returns, per square root of a bar, with the volatilities that all features share.

    Attributes:
        packing: Where the observed returns stand.
        returns: (A, N) packed returns.
        scale: (A, N) packed trailing volatility, at least a tenth of the long one.
        long_scale: (A, N) packed trailing volatility with a half-life of 500 bars.
        standardised: (A, N) packed returns over the volatility known before each.
        valid: (T, A) the asset has a return at the bar, at least 20 returns up to it, one of them not zero.
    """

    packing: Packing
    returns: np.ndarray
    scale: np.ndarray
    long_scale: np.ndarray
    standardised: np.ndarray
    valid: np.ndarray

    @staticmethod
    def of(returns: np.ndarray, bars_spanned: np.ndarray) -> "OwnHistory":
        """Read the history of a panel.

        A return that spans several bars (after a halt or a gap) enters variances as its square over the number of bars.

        Args:
            returns: (T, A) log returns, NaN where there is none.
            bars_spanned: (T, A) bars that each return spans.
        """
        observed = np.isfinite(returns)
        packing = Packing.of(observed)
        per_bar = packing.pack(returns) / np.sqrt(np.maximum(packing.pack(bars_spanned), 1.0))
        long_scale = np.sqrt(decayed_mean(per_bar**2, _LONG_HALF_LIFE, axis=1))
        scale = np.sqrt(decayed_mean(per_bar**2, _BASE_HALF_LIFE, axis=1))
        scale = np.maximum(scale, 0.1 * long_scale)  # a few unchanged closes do not prove that risk is gone
        before = np.concatenate([np.full((len(scale), 1), np.nan), scale], axis=1)[:, : scale.shape[1]]
        with np.errstate(divide="ignore", invalid="ignore"):
            standardised = np.where(before > 0, per_bar / before, 0.0)
        count = np.broadcast_to(np.arange(1, scale.shape[1] + 1), scale.shape)
        valid = packing.unpack((count >= _WARM_UP_BARS) & (scale > 0)) > 0
        return OwnHistory(packing, per_bar, scale, long_scale, np.clip(standardised, -20.0, 20.0), valid)

    def on_grid(self, packed: np.ndarray) -> np.ndarray:
        """(T, A) from packed (A, N), 0 where there is no return."""
        return self.packing.unpack(packed)


def base_volatility_over_long(history: OwnHistory) -> np.ndarray:
    """(T, A) logarithm of the trailing over the long volatility."""
    return history.on_grid(log_ratio(history.scale, history.long_scale))


def volatility_over_base(history: OwnHistory, half_life: float) -> np.ndarray:
    """(T, A) logarithm of the volatility of that half-life over the trailing one."""
    return history.on_grid(_relative_volatility(history, half_life))


def own_history_columns(history: OwnHistory) -> Columns:
    """The twelve columns of the group ``own_history``."""
    for name, half_life, formula in _OWN:
        yield Feature(name, half_life), history.on_grid(formula(history, half_life))


def tail_weight(packed: np.ndarray, half_life: float) -> np.ndarray:
    """(A, N) mean absolute value over the root of the mean square, less 0.8; of packed returns (A, N).

    A normal law has 0.798, one with heavy tails less. 0 where nothing has moved.
    """
    total = np.sqrt(decayed_mean(packed**2, half_life, axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = decayed_mean(np.abs(packed), half_life, axis=1) / total - 0.8
    return np.asarray(np.where(total > 0, shape, 0.0))


def _last_return(history: OwnHistory, half_life: float) -> np.ndarray:
    return np.asarray(np.arcsinh(history.standardised))


def _relative_volatility(history: OwnHistory, half_life: float) -> np.ndarray:
    return log_ratio(np.sqrt(decayed_mean(history.returns**2, half_life, axis=1)), history.scale)


def _long_relative_volatility(history: OwnHistory, half_life: float) -> np.ndarray:
    return log_ratio(history.scale, history.long_scale)


def _downside_share(history: OwnHistory, half_life: float) -> np.ndarray:
    losses = decayed_mean(np.minimum(history.returns, 0.0) ** 2, half_life, axis=1)
    total = decayed_mean(history.returns**2, half_life, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 0, losses / total - 0.5, 0.0))


def _trend(history: OwnHistory, half_life: float) -> np.ndarray:
    """Mean standardised return, in units of its own standard deviation under independence."""
    mean = decayed_mean(history.standardised, half_life, axis=1)
    return np.asarray(mean * np.sqrt(2.0 * half_life / np.log(2.0)))


def _tail_weight(history: OwnHistory, half_life: float) -> np.ndarray:
    return tail_weight(history.returns, half_life)


_OWN: tuple[tuple[str, float, Callable[[OwnHistory, float], np.ndarray]], ...] = (
    ("last_return", 0.0, _last_return),
    ("volatility_over_base", 2.0, _relative_volatility),
    ("volatility_over_base", 5.0, _relative_volatility),
    ("volatility_over_base", 30.0, _relative_volatility),
    ("volatility_over_base", 120.0, _relative_volatility),
    ("base_volatility_over_long", _LONG_HALF_LIFE, _long_relative_volatility),
    ("downside_share", 5.0, _downside_share),
    ("downside_share", 30.0, _downside_share),
    ("trend", 3.0, _trend),
    ("trend", 20.0, _trend),
    ("trend", 120.0, _trend),
    ("tail_weight", 60.0, _tail_weight),
)
