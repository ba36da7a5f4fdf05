"""The rules of the census about which bars are there and which are not."""

import numpy as np

from quantdl.market.inspection.session_bars import session_numbers
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

LONG_GAP = 5
"""Whole sessions in a row without a bar, a week, that are worth a mention."""


def missing_session(panel: Panel) -> np.ndarray:
    """Sessions between an asset's first and last trade without a bar that the source does not call a halt.

    On bars shorter than a session: bars, not sessions.
    """
    return np.asarray(_between_bars(panel) & ~panel.has_bar & (panel.status != CellStatus.HALTED))


def long_gap(panel: Panel) -> np.ndarray:
    """Cells of a gap between two trades of an asset over at least five whole sessions, halts of the source left out."""
    gap = np.zeros(panel.status.shape, dtype=bool)
    for row, previous, column in zip(*_after_gaps(panel, LONG_GAP), strict=True):
        gap[previous + 1 : row, column] = True
    return np.asarray(gap & (panel.status != CellStatus.HALTED))


def after_long_gap(panel: Panel) -> np.ndarray:
    """Return (T, A) bool: the first bar after each long gap."""
    first = np.zeros(panel.status.shape, dtype=bool)
    for row, _, column in zip(*_after_gaps(panel, LONG_GAP), strict=True):
        first[row + panel.has_bar[row:, column].argmax(), column] = True  # a halt may stand between the gap and the bar
    return first


def never_traded(panel: Panel) -> np.ndarray:
    """All cells of an asset without a single bar."""
    return np.broadcast_to(~panel.has_bar.any(axis=0), panel.status.shape)


def assumed_delisted(panel: Panel) -> np.ndarray:
    """Sessions after the last trade that are presumed delisted by the silence rule alone, not by the source's word."""
    unsaid = np.array([name not in panel.silence.ended for name in panel.assets])
    return np.asarray((panel.status == CellStatus.DELISTED) & unsaid)


def _after_gaps(panel: Panel, fewest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, previous row and column of every end of ``fewest`` whole sessions without a bar or a halt.

    Only between two bars of the asset. A row is a bar, or a halt that the source states, which is no silence.
    """
    halted = (panel.status == CellStatus.HALTED) & _between_bars(panel)
    columns, rows = np.nonzero((panel.has_bar | halted).T)
    number = session_numbers(panel)[rows]
    after = np.flatnonzero((columns[1:] == columns[:-1]) & (number[1:] - number[:-1] > fewest)) + 1
    return rows[after], rows[after - 1], columns[after]


def _between_bars(panel: Panel) -> np.ndarray:
    begun = np.logical_or.accumulate(panel.has_bar, axis=0)
    return np.asarray(begun & np.logical_or.accumulate(panel.has_bar[::-1], axis=0)[::-1])
