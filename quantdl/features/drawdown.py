"""How far below its recent peak an asset trades, and for how long."""

import numpy as np

from quantdl.features.columns import Columns, Feature
from quantdl.features.own_bars import OwnBars
from quantdl.features.volatility import REFERENCE_LOOK_BACK
from quantdl.features.windows import window_peak
from quantdl.market.panel import Panel

_WINDOW = 252


def drawdown(panel: Panel, window: int = _WINDOW) -> np.ndarray:
    """Return (T, A) simple return from the highest close of the last ``window`` bars, zero or negative.

    For an asset listed within the window, the peak is the highest close since its listing.

    Args:
        panel: Prices.
        window: Bars on which the asset traded, the one itself included.

    Returns:
        (T, A) NaN where the asset has no positive close at the bar.
    """
    own = OwnBars(panel)
    closes = _closes(own)
    return own.on_sessions(closes / window_peak(closes, window)[0] - 1.0)


def bars_since_peak(panel: Panel, window: int = _WINDOW) -> np.ndarray:
    """Return (T, A) float64 observed bars since the last close that was the highest of the last ``window``.

    Args:
        panel: Prices.
        window: Bars on which the asset traded, the one itself included.

    Returns:
        (T, A) from 0 to ``window - 1``; NaN where the asset has no positive close at the bar.
    """
    own = OwnBars(panel)
    closes = _closes(own)
    return own.on_sessions(np.where(closes > 0, window_peak(closes, window)[1], np.nan))


def drawdown_columns(own: OwnBars, reference: np.ndarray) -> Columns:
    """The group ``drawdown``: from the peak of 252 bars, and since when.

    The log return from the peak enters as a multiple of what the 63-bar realised volatility expects of 252 bars,
    through asinh; the bars since it as ``log1p``, divided so that the longest possible is one.
    """
    expected = np.where(reference > 0, reference, np.nan) * np.sqrt(_WINDOW)
    closes = _closes(own)
    peak, bars = window_peak(closes, _WINDOW)
    look_back = max(_WINDOW - 1, REFERENCE_LOOK_BACK)
    yield (
        Feature(f"drawdown_{_WINDOW}", look_back_bars=look_back),
        own.on_sessions(np.arcsinh((own.log_closes - np.log(peak)) / expected)),
    )
    length = np.where(np.isfinite(closes), np.log1p(bars) / np.log(_WINDOW), np.nan)
    yield Feature(f"bars_since_peak_{_WINDOW}", look_back_bars=_WINDOW - 1), own.on_sessions(length)


def _closes(own: OwnBars) -> np.ndarray:
    """(N, A) positive closes side by side."""
    closes = own.side_by_side(own.panel.closes)
    return np.where(closes > 0, closes, np.nan)
