"""Realised volatility and downside semivariance over fixed windows."""

import numpy as np

from quantdl.features.columns import Columns, Feature
from quantdl.features.decay import known_log_ratio
from quantdl.features.own_bars import OwnBars
from quantdl.features.windows import window_mean
from quantdl.market.panel import Panel

REFERENCE_BARS = 63
"""Window of the realised volatility that the columns over fixed windows are measured by: a quarter of daily bars."""

_LONG_BARS = 252


def realised_variance(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    """Return (T, A) mean squared log return of one bar over the last ``window`` bars, in squared units of return.

    The bars are those on which the asset traded. A return that spans several sessions (after a halt or a gap) enters as
    its square over their number. One over more than ``window`` observed bars, whose closes in between are no prices, is
    left out, so nothing before the last ``2 * window - 1`` observed bars counts. The mean is taken as zero.

    Args:
        panel: Prices.
        window: Observed bars.
        minimum: Returns that the mean needs; by default half of the window, rounded up.

    Returns:
        (T, A) NaN where fewer returns are known, and where the asset did not trade.

    References:
        | Modeling and forecasting realized volatility (Andersen, Bollerslev, Diebold and Labys, 2003)
    """
    own = OwnBars(panel)
    return own.on_sessions(_variance(own, window, minimum))


def realised_volatility(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    """Return (T, A) root of `realised_variance`: volatility of one bar, times the root of bars a year for a year's."""
    return np.asarray(np.sqrt(realised_variance(panel, window, minimum)))


def downside_semivariance(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    """Return (T, A) mean of the squared log returns of one bar where negative, zero where not, over the window.

    Bars and returns over several sessions count as in `realised_variance`; the two semivariances add up to it.

    Args:
        panel: Prices.
        window: Observed bars.
        minimum: Returns that the mean needs; by default half of the window, rounded up.

    References:
        | Measuring downside risk: realised semivariance (Barndorff-Nielsen, Kinnebrock and Shephard, 2010)
    """
    own = OwnBars(panel)
    return own.on_sessions(_downside_variance(own, window, minimum))


def own_volatility(own: OwnBars, window: int) -> np.ndarray:
    """Return (N, A) `realised_volatility` side by side."""
    return np.asarray(np.sqrt(_variance(own, window)))


def volatility_look_back(window: int) -> int:
    """Look-back in observed bars of these statistics: a window of returns, the first of which may span a window."""
    return 2 * window - 1


REFERENCE_LOOK_BACK = volatility_look_back(REFERENCE_BARS)


def volatility_columns(own: OwnBars, reference: np.ndarray) -> Columns:
    """The group ``volatility``: logarithms of ratios of the realised volatilities of 5, 21, 63 and 252 bars.

    Five and 21 bars over 63, 63 bars over 252.
    """
    for window in (5, 21):
        feature = Feature(f"realised_volatility_{window}", look_back_bars=REFERENCE_LOOK_BACK)
        yield feature, own.on_sessions(known_log_ratio(own_volatility(own, window), reference))
    feature = Feature(f"realised_volatility_{REFERENCE_BARS}", look_back_bars=volatility_look_back(_LONG_BARS))
    yield feature, own.on_sessions(known_log_ratio(reference, own_volatility(own, _LONG_BARS)))


def downside_columns(own: OwnBars) -> Columns:
    """The group ``downside``: downside semivariance over variance, 5, 21 and 63 bars, less a half."""
    for window in (5, 21, 63):
        losses, total = _downside_variance(own, window), _variance(own, window)
        share = losses / np.where(total > 0, total, np.nan) - 0.5
        yield Feature(f"downside_share_{window}", look_back_bars=volatility_look_back(window)), own.on_sessions(share)


def _variance(own: OwnBars, window: int, minimum: int | None = None) -> np.ndarray:
    return window_mean(_per_session(own, window) ** 2, window, minimum)


def _downside_variance(own: OwnBars, window: int, minimum: int | None = None) -> np.ndarray:
    return window_mean(np.minimum(_per_session(own, window), 0.0) ** 2, window, minimum)


def _per_session(own: OwnBars, longest: int) -> np.ndarray:
    """(N, A) log returns over the root of the sessions they span; NaN over more than ``longest`` own bars."""
    return np.where(own.bars_per_return <= longest, own.returns_per_session, np.nan)
