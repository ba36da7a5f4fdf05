"""Where an asset stands among those that are present and eligible at the bar."""

import numpy as np
from scipy import stats

from quantdl.features.columns import Columns, Feature
from quantdl.features.returns import horizon_returns
from quantdl.features.volatility import YARDSTICK_BARS, YARDSTICK_LOOK_BACK
from quantdl.market.panel import Panel

_HORIZONS = (1, 5, 21, 252)


def cross_sectional_rank(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the rank of each counted value among those of its bar, evenly spread over (-1/2, 1/2), zero in the middle.

    Of n values the k-th smallest gets ``(k - 1/2) / n - 1/2``; equal values share the mean of their ranks.

    Args:
        values: NaN where not known.
        counted: Which assets take part: those in the universe as of the bar.

    Returns:
        NaN where a value is not known, does not take part, or stands alone.

    Shape:
        - values, counted, output: (T, A)
    """
    counted = counted & ~np.isnan(values)
    number = counted.sum(axis=1, keepdims=True)
    ordered = np.where(counted, values, np.inf)  # behind all, where they change no rank but that of an infinite value
    rank = np.asarray(stats.rankdata(ordered, method="average", axis=1))
    top = np.isposinf(values) & counted
    if top.any():  # an infinite value shares the last ranks with those that are left out: give it its own
        infinite = top.sum(axis=1, keepdims=True)
        rank = np.where(top, number - (infinite - 1) / 2.0, rank)
    return np.where(counted & (number > 1), (rank - 0.5) / np.maximum(number, 1) - 0.5, np.nan)


def rank_columns(panel: Panel, yardstick: np.ndarray) -> Columns:
    """The group ``ranks``: of the return over 1, 5, 21 and 252 bars, and of the 63-bar realised volatility."""
    eligible = panel.eligible
    for bars in _HORIZONS:
        ranks = cross_sectional_rank(horizon_returns(panel, bars), eligible)
        yield Feature(f"rank_of_return_{bars}", look_back_bars=bars), ranks
    name = f"rank_of_realised_volatility_{YARDSTICK_BARS}"
    volatility = np.where(np.isfinite(panel.closes), yardstick, np.nan)
    yield Feature(name, look_back_bars=YARDSTICK_LOOK_BACK), cross_sectional_rank(volatility, eligible)
