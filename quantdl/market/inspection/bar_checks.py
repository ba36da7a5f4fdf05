"""The rules of the census about the numbers of one bar, and of bars that repeat or follow each other."""

from collections.abc import Callable

import numpy as np

from quantdl.market.inspection.staleness import long_runs
from quantdl.market.panel import Panel

_COARSE_STEP = 0.005
_MOST_DECIMALS = 4
_PENNY = 1.0
_MIXED_RUN = 5
_OFF_SCALE = 1.8


def zero(field: str) -> Callable[[Panel], np.ndarray]:
    """Cells in which the field is zero."""
    return lambda panel: np.asarray(_field(panel, field) == 0)


def negative(field: str) -> Callable[[Panel], np.ndarray]:
    """Cells in which the field is below zero."""
    return lambda panel: np.asarray(_field(panel, field) < 0)


def zero_volume_with_moves(panel: Panel) -> np.ndarray:
    """Cells of volume 0 whose high lies above their low, or whose close is not that of the asset's bar before.

    Without a trade no price can move: either the volume is wrong, or the prices are quotes. They count as no trade.
    """
    moved = np.asarray(_field(panel, "high") > _field(panel, "low"))
    columns, rows = np.nonzero(panel.has_bar.T)
    closes = panel.closes[rows, columns]
    changed = (columns[1:] == columns[:-1]) & (closes[1:] != closes[:-1])
    moved[rows[1:][changed], columns[1:][changed]] = True
    return np.asarray((_field(panel, "volume") == 0) & moved)


def high_below_low(panel: Panel) -> np.ndarray:
    """Cells whose high lies below their low."""
    return np.asarray(_field(panel, "high") < _field(panel, "low"))


def outside_range(field: str) -> Callable[[Panel], np.ndarray]:
    """Cells whose open (or close) lies outside [low, high], where all four prices are above zero and high >= low."""

    def cells(panel: Panel) -> np.ndarray:
        low, high, value = _field(panel, "low"), _field(panel, "high"), _field(panel, field)
        return np.asarray(_whole(panel) & ((value < low) | (value > high)))

    return cells


def mixed_adjustment(panel: Panel) -> np.ndarray:
    """Cells of five or more bars in a row whose close lies on one side of [low, high] while their open lies within.

    That is what adjusted closes beside unadjusted opens, highs and lows look like: one bad close may fall outside its
    bar, but not a week of them by the same side. The bars after the last dividend or split, where both scales agree,
    cannot be told apart and are not among the cells. All four prices must be above zero, with high >= low.
    """
    low, high, close = _field(panel, "low"), _field(panel, "high"), panel.closes
    opened = _whole(panel) & (_field(panel, "open") >= low) & (_field(panel, "open") <= high)
    return np.asarray(long_runs(opened & (close < low), _MIXED_RUN) | long_runs(opened & (close > high), _MIXED_RUN))


def close_off_scale(panel: Panel) -> np.ndarray:
    """Cells whose close lies beyond a factor of 1.8 outside of [low, high], with the open, if known, within.

    A close at another scale than the bar that it ends; what repeats for a week is `mixed_adjustment`, and not among the
    cells. All known prices must be above zero, with high >= low.
    """
    low, high, opening, close = (_field(panel, name) for name in ("low", "high", "open", "close"))
    known = (low > 0) & (high >= low) & (close > 0)
    opened = np.isnan(opening) | (opening == 0) | ((opening >= low) & (opening <= high))
    off = (close > _OFF_SCALE * high) | (close * _OFF_SCALE < low)
    return np.asarray(known & opened & off & ~mixed_adjustment(panel))


def penny_price(panel: Panel) -> np.ndarray:
    """Cells whose close lies above zero and below one unit of the currency.

    Ticks and spreads are a large part of such a price, and a US exchange sets a company that stays there on notice
    (Nasdaq rule 5550(a)(2)), so returns there are not those of other stocks. Adjusted prices of long ago are low for
    another reason: what was quoted then was higher.
    """
    return np.asarray((panel.closes > 0) & (panel.closes < _PENNY))


def repeated_row(panel: Panel) -> np.ndarray:
    """Cells whose open, high, low, close and volume all equal those of the asset's previous bar, over a gap too.

    What neither bar has, a volume that the source does not report for instance, is equal. Closes alone repeat too often
    to mean anything, so a panel without all five fields has none.
    """
    repeated = np.zeros(panel.status.shape, dtype=bool)
    names = ("open", "high", "low", "close", "volume")
    if not all(name in panel.fields for name in names):
        return repeated
    columns, rows = np.nonzero(panel.has_bar.T)
    same = columns[1:] == columns[:-1]
    for name in names:
        values = panel.fields[name][rows, columns]
        same = same & ((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1])))
    repeated[rows[1:][same], columns[1:][same]] = True
    return repeated


def coarse_price(panel: Panel) -> np.ndarray:
    """Cells whose close is so low that the step of the data is more than 0.5 % of it.

    The step is the largest power of ten, down to 0.0001, of which every close in the panel is a multiple: what the
    source rounded to, or the tick. Returns there are known to half a percent at best. Finer data have no such cells.
    """
    closes = np.abs(panel.closes)
    known = closes[np.isfinite(closes)]
    for decimals in range(_MOST_DECIMALS + 1):
        if np.array_equal(np.round(known, decimals), known):
            return np.asarray((closes > 0) & (10.0**-decimals > _COARSE_STEP * closes))
    return np.zeros(closes.shape, dtype=bool)


def first_value(field: str) -> Callable[[Panel, int, np.ndarray], str]:
    """Return what names the first value of a field among the rows of a column."""
    return lambda panel, column, rows: f"First value {panel.fields[field][rows[0], column]:g}."


def lowest_close(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the lowest close among the rows of a column."""
    lowest = int(rows[panel.closes[rows, column].argmin()])
    return f"Lowest {panel.closes[lowest, column]:g} on {panel.sessions[lowest]:%Y-%m-%d}."


def _whole(panel: Panel) -> np.ndarray:
    """Cells whose four prices are above zero, with high >= low."""
    positive = np.all([_field(panel, name) > 0 for name in ("open", "high", "low", "close")], axis=0)
    return np.asarray(positive & (_field(panel, "high") >= _field(panel, "low")))


def _field(panel: Panel, name: str) -> np.ndarray:
    return panel.fields[name] if name in panel.fields else np.full(panel.status.shape, np.nan)
