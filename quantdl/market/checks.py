"""The rules of the census that look at cells. Each says which cells it concerns; its docstring is the definition.

Every rule takes a panel and returns a boolean array (T, A).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quantdl.market.panel import Panel
from quantdl.market.staleness import stale_runs, stale_years
from quantdl.market.status import CellStatus

_LARGE_RETURN = 0.5
_COARSE_STEP = 0.005
_MOST_DECIMALS = 4


@dataclass(frozen=True)
class Check:
    """One kind of fault.

    Attributes:
        kind: Its name, and the name of its policy.
        cells: The rule.
        fields: The fields that a ``mask`` policy empties; without any, the cell as a whole becomes MISSING.
        runs: Whether ``count`` counts unbroken runs of cells instead of cells.
        hindsight: Whether a cell is judged by later ones too. Nobody could have masked it at the time.
    """

    kind: str
    cells: Callable[[Panel], np.ndarray]
    fields: tuple[str, ...] = ()
    runs: bool = False
    hindsight: bool = False


def missing_session(panel: Panel) -> np.ndarray:
    """Sessions between an asset's first and last trade without a bar that the source does not call a halt."""
    traded = panel.traded
    begun = np.logical_or.accumulate(traded, axis=0)
    goes_on = np.logical_or.accumulate(traded[::-1], axis=0)[::-1]
    return np.asarray(begun & goes_on & ~traded & (panel.status != CellStatus.HALTED))


def never_traded(panel: Panel) -> np.ndarray:
    """All cells of an asset without a single bar."""
    return np.broadcast_to(~panel.traded.any(axis=0), panel.status.shape)


def assumed_delisted(panel: Panel) -> np.ndarray:
    """Sessions after the last trade that count as delisted by the silence rule alone, not by the source's word."""
    unsaid = np.array([name not in panel.silence.ended for name in panel.assets])
    return np.asarray((panel.status == CellStatus.DELISTED) & unsaid)


def zero(field: str) -> Callable[[Panel], np.ndarray]:
    """Cells in which the field is zero."""
    return lambda panel: np.asarray(_field(panel, field) == 0)


def negative(field: str) -> Callable[[Panel], np.ndarray]:
    """Cells in which the field is below zero."""
    return lambda panel: np.asarray(_field(panel, field) < 0)


def high_below_low(panel: Panel) -> np.ndarray:
    """Cells whose high lies below their low."""
    return np.asarray(_field(panel, "high") < _field(panel, "low"))


def outside_range(field: str) -> Callable[[Panel], np.ndarray]:
    """Cells whose open (or close) lies outside [low, high], where all four prices are above zero and high >= low."""

    def cells(panel: Panel) -> np.ndarray:
        low, high, value = _field(panel, "low"), _field(panel, "high"), _field(panel, field)
        positive = np.all([_field(panel, name) > 0 for name in ("open", "high", "low", "close")], axis=0)
        return np.asarray(positive & (high >= low) & ((value < low) | (value > high)))

    return cells


def return_above_50pct(panel: Panel) -> np.ndarray:
    """Cells whose simple return from the previous positive close, over a gap too, is beyond 50 % either way."""
    change = panel.closes / panel.previous_closes() - 1
    return np.asarray((np.abs(change) > _LARGE_RETURN) & (panel.closes > 0))


def repeated_row(panel: Panel) -> np.ndarray:
    """Cells whose open, high, low, close and volume all equal those of the asset's previous bar, over a gap too.

    Closes alone repeat too often to mean anything, so a panel without all five fields has none.
    """
    repeated = np.zeros(panel.status.shape, dtype=bool)
    names = ("open", "high", "low", "close", "volume")
    if not all(name in panel.fields for name in names):
        return repeated
    columns, rows = np.nonzero(panel.traded.T)
    same = columns[1:] == columns[:-1]
    for name in names:
        values = panel.fields[name][rows, columns]
        same = same & (values[1:] == values[:-1])
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


def _field(panel: Panel, name: str) -> np.ndarray:
    return panel.fields[name] if name in panel.fields else np.full(panel.status.shape, np.nan)


CHECKS = (
    Check("missing_session", missing_session),
    Check("never_traded", never_traded),
    Check("assumed_delisted", assumed_delisted),
    Check("zero_open", zero("open"), ("open",)),
    Check("zero_high", zero("high"), ("high",)),
    Check("zero_low", zero("low"), ("low",)),
    Check("zero_close", zero("close")),
    Check("zero_volume", zero("volume"), ("volume",)),
    Check("negative_open", negative("open"), ("open",)),
    Check("negative_high", negative("high"), ("high",)),
    Check("negative_low", negative("low"), ("low",)),
    Check("negative_close", negative("close")),
    Check("negative_volume", negative("volume"), ("volume",)),
    Check("high_below_low", high_below_low, ("high", "low")),
    Check("open_outside_range", outside_range("open"), ("open",)),
    Check("close_outside_range", outside_range("close"), ("high", "low")),
    Check("return_above_50pct", return_above_50pct),
    Check("stale_run_5", stale_runs, runs=True, hindsight=True),
    Check("stale_year", stale_years, hindsight=True),
    Check("repeated_row", repeated_row),
    Check("coarse_price", coarse_price),
)
"""Every rule on cells. A close outside the range empties high and low: returns are made of the close."""
