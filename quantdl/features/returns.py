"""Returns over several horizons."""

import numpy as np

from quantdl.features.columns import Columns, Feature
from quantdl.features.own_bars import OwnBars
from quantdl.features.volatility import REFERENCE_LOOK_BACK
from quantdl.features.windows import earlier
from quantdl.market.panel import Panel

_HORIZONS = (1, 5, 21, 63, 252)  # a day, a week, a month, a quarter and a year of daily bars


def horizon_returns(panel: Panel, bars: int) -> np.ndarray:
    """Return (T, A) log returns from the close ``bars`` bars before; NaN unless both bars have a positive close.

    The bars are those on which the asset traded: the first return after a halt is over one bar, as after a weekend.

    Args:
        panel: Prices.
        bars: Length of the return in observed bars, one or more.

    Raises:
        LookAheadError: If ``bars`` is negative.
    """
    own = OwnBars(panel)
    return own.on_sessions(own_returns(own, bars))


def own_returns(own: OwnBars, bars: int) -> np.ndarray:
    """Return (N, A) `horizon_returns` side by side."""
    return np.asarray(own.log_closes - earlier(own.log_closes, bars))


def standardised_returns(own: OwnBars, reference: np.ndarray, bars: int) -> np.ndarray:
    """Return (N, A) log returns over ``bars`` bars, in multiples of what the reference volatility expects of them.

    That is the volatility times the root of the sessions that a return spans, those of a halt included.

    Args:
        own: Bars of the assets.
        reference: (N, A) volatility of one session.
        bars: Length of the return in own bars.
    """
    expected = np.where(reference > 0, reference, np.nan) * np.sqrt(own.sessions_spanned(bars))
    return np.asarray(own_returns(own, bars) / expected)


def standardised_look_back(bars: int) -> int:
    """Look-back of a `standardised_returns` of that length by the reference volatility."""
    return max(bars, REFERENCE_LOOK_BACK)


def return_columns(own: OwnBars, reference: np.ndarray) -> Columns:
    """The group ``returns``: asinh of the standardised return over 1, 5, 21, 63 and 252 bars."""
    for bars in _HORIZONS:
        feature = Feature(f"return_{bars}", look_back_bars=standardised_look_back(bars))
        yield feature, own.on_sessions(np.arcsinh(standardised_returns(own, reference, bars)))
