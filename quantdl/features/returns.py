"""Returns over several horizons."""

import numpy as np

from quantdl.features.columns import Columns, Feature
from quantdl.features.volatility import REFERENCE_LOOK_BACK
from quantdl.features.windows import earlier
from quantdl.market.panel import Panel

_HORIZONS = (1, 5, 21, 63, 252)  # a day, a week, a month, a quarter and a year of daily bars


def horizon_returns(panel: Panel, bars: int) -> np.ndarray:
    """Return (T, A) log returns from the close ``bars`` bars before; NaN unless both bars have a positive close.

    No close stands in for a missing one: after a gap, the return over one bar is not known.

    Args:
        panel: Prices.
        bars: Length of the return, one or more.

    Raises:
        LookAheadError: If ``bars`` is negative.
    """
    logs = np.log(np.where(panel.closes > 0, panel.traded_closes, np.nan))  # NaN compares as False
    return np.asarray(logs - earlier(logs, bars))


def standardised_returns(panel: Panel, reference: np.ndarray, bars: int) -> np.ndarray:
    """Return (T, A) log returns over ``bars`` bars, in multiples of what the reference volatility expects of them.

    Args:
        panel: Prices.
        reference: (T, A) volatility of one bar.
        bars: Length of the return.
    """
    expected = np.where(reference > 0, reference, np.nan) * np.sqrt(bars)
    return np.asarray(horizon_returns(panel, bars) / expected)


def standardised_look_back(bars: int) -> int:
    """Look-back of a `standardised_returns` of that length by the reference volatility."""
    return max(bars, REFERENCE_LOOK_BACK)


def return_columns(panel: Panel, reference: np.ndarray) -> Columns:
    """The group ``returns``: asinh of the standardised return over 1, 5, 21, 63 and 252 bars."""
    for bars in _HORIZONS:
        feature = Feature(f"return_{bars}", look_back_bars=standardised_look_back(bars))
        yield feature, np.arcsinh(standardised_returns(panel, reference, bars))
