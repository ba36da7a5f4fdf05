r"""Prices that change their scale: splits that nobody adjusted for, and symbols that begin a second life.

A ratio alone proves nothing: companies do halve and double overnight. What a split does and news does not do:

* nobody trades at the old scale any more: all prices of the bar, not only its close, lie at the new one;
* the market is calm: the range of the bar, ln(high / low), is ordinary, while news is fought over;
* the number of shares changes, not the money: dollar volume stays ordinary, while news draws a crowd. On 2.4 million
  NASDAQ bars of 2008 to 2017 volume is beyond four times its median of 21 bars on 2.9 % of days, and the range on
  0.7 %; on the bars with a return beyond 50 % that are not named here, the median dollar volume is fourteen times the
  usual.

All of it is known at the close of the bar, so nothing here is judged with hindsight.
"""

from dataclasses import dataclass

import numpy as np

from quantdl.market.inspection.moves import LARGE_RETURN
from quantdl.market.inspection.presence import LONG_GAP
from quantdl.market.inspection.session_bars import SessionBars, session_bars, session_numbers
from quantdl.market.panel import Panel

_SMALLEST = np.log(1.8)  # two for one, less a tenth: log volume itself strays by 0.5 (robust) from its median
_WINDOW = 21
_FEWEST = 11
_HELD = 5
_MOVES = 10.0
_CALM = 4.0
_CROWD = np.log(4.0)
_MOVES_BLIND = 60.0
_RATIO_ERROR = 0.03
_REUSED = 63
_NEW_FOR_OLD = np.array([2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 100, 150, 200, 300])


@dataclass(frozen=True, eq=False)
class _Jump:
    """A close far from the one before, with the sessions of the asset up to it: the last row is that of the jump.

    Attributes:
        bars: The panel, one bar a session.
        column: The asset.
        rows: Up to 22 sessions with a close, in order.
    """

    bars: SessionBars
    column: int
    rows: np.ndarray

    def values(self, field: np.ndarray) -> np.ndarray:
        return np.asarray(field[self.rows, self.column])

    @property
    def log_closes(self) -> np.ndarray:
        return np.asarray(np.log(self.values(self.bars.close)))

    @property
    def size(self) -> float:
        closes = self.log_closes
        return float(closes[-1] - closes[-2])

    def in_ordinary_moves(self) -> float:
        """Return the size over the median of the moves before it; 0 if fewer than ten of those are known."""
        moves = np.abs(np.diff(self.log_closes[:-1]))
        moves = moves[moves > 0]
        return abs(self.size) / float(np.median(moves)) if len(moves) >= _FEWEST - 1 else 0.0

    def left_the_old_scale(self) -> bool:
        """Whether the last five closes before the jump lay nearer to the old scale than to the new one."""
        closes = self.log_closes
        way = np.sign(self.size) * (closes[-1] - closes[-1 - _HELD : -1])
        return bool((way > abs(self.size) / 2).all())

    def is_calm(self) -> bool | None:
        """Whether the whole bar lies at the new scale with an ordinary range; None if that cannot be seen."""
        if self.bars.high is None or self.bars.low is None:
            return None
        high, low = self.values(self.bars.high), self.values(self.bars.low)
        ranges = np.full(len(high), np.nan)
        np.log(high / low, out=ranges, where=high > low)
        known = ranges[:-1][np.isfinite(ranges[:-1])]
        if len(known) < _FEWEST or not np.isfinite(ranges[-1]):
            return None
        prices = np.log([high[-1], low[-1], self.values(self.bars.close)[-1], *self._open()])
        way = np.sign(self.size) * (prices - self.log_closes[-2])
        return bool((way > abs(self.size) / 2).all() and ranges[-1] <= _CALM * np.median(known))

    def draws_no_crowd(self) -> bool | None:
        """Whether dollar volume is at most four times its median; None if volume is not known."""
        if self.bars.volume is None:
            return None
        volume = self.values(self.bars.volume)
        known = volume[:-1][volume[:-1] > 0]
        if len(known) < _FEWEST or not volume[-1] > 0:
            return None
        return bool(np.log(volume[-1] / np.median(known)) + self.size <= _CROWD)

    def is_round(self) -> bool:
        """Whether the size is that of a common split to 3 %."""
        return bool(np.abs(abs(self.size) - np.log(_NEW_FOR_OLD)).min() <= _RATIO_ERROR)

    def is_split(self) -> bool:
        """Whether the jump looks like a split, see `suspected_split`."""
        moves = self.in_ordinary_moves()
        if moves < _MOVES or not self.left_the_old_scale():
            return False
        calm, alone = self.is_calm(), self.draws_no_crowd()
        if calm is False or alone is False:
            return False
        return bool(calm and alone) or (moves >= _MOVES_BLIND and self.is_round())

    def _open(self) -> list[float]:
        if self.bars.open is None:
            return []
        opening = float(self.values(self.bars.open)[-1])
        return [opening] if np.isfinite(opening) else []


def suspected_split(panel: Panel) -> np.ndarray:
    """First bars at a new scale of price that no recorded split explains.

    A session's close is named when all of this holds:

    * it lies beyond a factor of 1.8 from the close before, over a gap of at most four sessions;
    * that is at least ten times the median of the asset's last 20 moves (of which ten must be other than zero: a price
      that stood still says nothing about what is ordinary);
    * each of the last five closes lies nearer to the old scale, so the way back from a spike is none;
    * the whole bar, open included where there is one, lies nearer to the new scale, and its range is at most four times
      the median of the last 21;
    * its dollar volume (close times volume) is at most four times the median volume of the last 21 bars, at the old
      close. There is no lower limit: volume too is often left unadjusted.

    Where the ranges or the volumes are not known, or neither, the evidence is weak: news can pass for a split. So the
    jump must then be sixty ordinary moves and lie within 3 % of a common ratio (2, 2.5, 3, 4 ... for one), and many
    splits are missed.

    A split below 1.8 for one (three for two) cannot be told from news by one bar: it moves share volume by less than
    volume moves by itself. A spin-off, a special dividend of half the price or another fault of the source's factors
    looks the same and is named too. Bars within a session are drawn together first.
    """
    bars = session_bars(panel)
    columns, sessions = np.nonzero(np.isfinite(bars.close).T)
    closes = np.log(bars.close[sessions, columns])
    far = (columns[1:] == columns[:-1]) & (np.abs(np.diff(closes)) >= _SMALLEST) & (np.diff(sessions) <= LONG_GAP)
    begins = np.searchsorted(columns, columns)
    explained = _split_sessions(panel)
    found = np.zeros(bars.close.shape, dtype=bool)
    for place in np.flatnonzero(far) + 1:
        rows = sessions[max(begins[place], place - _WINDOW) : place + 1]
        column = int(columns[place])
        known = explained.get(panel.assets[column], frozenset())
        if known.isdisjoint(range(rows[-2] + 1, rows[-1] + 1)) and _Jump(bars, column, rows).is_split():
            found[rows[-1], column] = True
    return bars.to_rows(found)


def reused_history(panel: Panel) -> np.ndarray:
    """First bars after a quarter of silence (63 sessions without a bar) at a price more than 50 % away.

    A company that reports every quarter has said something meanwhile, whatever the file shows: the symbol was relisted,
    or belongs to another company. Its return over the gap is nobody's daily return.
    """
    columns, rows = np.nonzero((panel.closes > 0).T)
    closes = panel.closes[rows, columns]
    number = session_numbers(panel)[rows]
    same = columns[1:] == columns[:-1]
    change = np.abs(closes[1:] / closes[:-1] - 1) > LARGE_RETURN
    after = np.flatnonzero(same & change & (number[1:] - number[:-1] > _REUSED)) + 1
    found = np.zeros(panel.status.shape, dtype=bool)
    found[rows[after], columns[after]] = True
    return found


def scale_change(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the closes on both sides of a break, their ratio and the split that comes nearest."""
    before, row = previous_close_row(panel, column, int(rows[0])), int(rows[0])
    old, new = panel.closes[before, column], panel.closes[row, column]
    nearest = _NEW_FOR_OLD[np.abs(abs(np.log(new / old)) - np.log(_NEW_FOR_OLD)).argmin()]
    split = f"{nearest:g} for 1" if new < old else f"1 for {nearest:g}"
    return f"Close {old:g} to {new:g} (x {new / old:.4g}), like a split of {split}."


def second_life(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the closes on both sides of a long silence."""
    row = int(rows[0])
    before = previous_close_row(panel, column, row)
    old, new = panel.closes[before, column], panel.closes[row, column]
    number = session_numbers(panel)
    silent = int(number[row] - number[before] - 1)
    return f"Close {old:g} on {panel.sessions[before]:%Y-%m-%d} to {new:g} after {silent:,} sessions without a bar."


def previous_close_row(panel: Panel, column: int, row: int) -> int:
    """Return the row of the last positive close of an asset before ``row``."""
    return int(np.flatnonzero(panel.closes[:row, column] > 0)[-1])


def _split_sessions(panel: Panel) -> dict[str, frozenset[int]]:
    """Return the numbers of the sessions on which splits of an asset are recorded to take effect."""
    labels = panel.sessions.unique()
    found: dict[str, frozenset[int]] = {}
    for split in panel.actions.splits:
        number = int(labels.searchsorted(np.datetime64(split.ex_date), side="left"))
        found[split.asset] = found.get(split.asset, frozenset()) | {number}
    return found
