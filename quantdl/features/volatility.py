"""Realised volatility and downside semivariance over fixed windows."""

import numpy as np

from quantdl.features.columns import Columns, Feature
from quantdl.features.decay import known_log_ratio
from quantdl.features.windows import window_mean
from quantdl.market.panel import Panel

REFERENCE_BARS = 63
"""Window of the realised volatility that the columns over fixed windows are measured by: a quarter of daily bars."""

_LONG_BARS = 252


def realised_variance(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    """Return (T, A) mean squared log return of one bar over the last ``window`` bars, in squared units of return.

    A return that spans several bars (after a halt or a gap) enters as its square over their number, unless it spans
    more than the window, when it is left out. So nothing before the last ``2 * window - 1`` bars counts. The mean is
    taken as zero.

    Args:
        panel: Prices.
        window: Bars.
        minimum: Returns that the mean needs; by default half of the window, rounded up.

    Returns:
        (T, A) NaN where fewer returns are known.

    References:
        | Modeling and forecasting realized volatility (Andersen, Bollerslev, Diebold and Labys, 2003)
    """
    return window_mean(_per_bar(panel, window) ** 2, window, minimum)


def realised_volatility(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    """Return (T, A) root of `realised_variance`: volatility of one bar, times the root of bars a year for a year's."""
    return np.asarray(np.sqrt(realised_variance(panel, window, minimum)))


def downside_semivariance(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    """Return (T, A) mean of the squared log returns of one bar where negative, zero where not, over the window.

    Returns over several bars count as in `realised_variance`; the two semivariances add up to it.

    Args:
        panel: Prices.
        window: Bars.
        minimum: Returns that the mean needs; by default half of the window, rounded up.

    References:
        | Measuring downside risk: realised semivariance (Barndorff-Nielsen, Kinnebrock and Shephard, 2010)
    """
    return window_mean(np.minimum(_per_bar(panel, window), 0.0) ** 2, window, minimum)


def volatility_look_back(window: int) -> int:
    """Look-back in bars of the statistics of this file: a window of returns, the first of which may span a window."""
    return 2 * window - 1


REFERENCE_LOOK_BACK = volatility_look_back(REFERENCE_BARS)


def volatility_columns(panel: Panel, reference: np.ndarray) -> Columns:
    """The group ``volatility``: logarithms of ratios of the realised volatilities of 5, 21, 63 and 252 bars.

    Five and 21 bars over 63, 63 bars over 252.
    """
    for window in (5, 21):
        feature = Feature(f"realised_volatility_{window}", look_back_bars=REFERENCE_LOOK_BACK)
        yield feature, known_log_ratio(realised_volatility(panel, window), reference)
    feature = Feature(f"realised_volatility_{REFERENCE_BARS}", look_back_bars=volatility_look_back(_LONG_BARS))
    yield feature, known_log_ratio(reference, realised_volatility(panel, _LONG_BARS))


def downside_columns(panel: Panel) -> Columns:
    """The group ``downside``: downside semivariance over variance, 5, 21 and 63 bars, less a half."""
    for window in (5, 21, 63):
        losses, total = downside_semivariance(panel, window), realised_variance(panel, window)
        share = losses / np.where(total > 0, total, np.nan) - 0.5
        yield Feature(f"downside_share_{window}", look_back_bars=volatility_look_back(window)), share


def _per_bar(panel: Panel, longest: int) -> np.ndarray:
    """(T, A) log returns over the root of the bars they span; NaN where that is more than ``longest``."""
    bars = panel.bars_since_previous()
    return np.where(bars <= longest, panel.log_returns() / np.sqrt(np.maximum(bars, 1)), np.nan)
