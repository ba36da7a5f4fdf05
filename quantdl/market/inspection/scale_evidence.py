r"""Is a jump of the price a change of its scale, or news?

A ratio alone proves nothing: companies do halve and double overnight. What a change of scale does and news does not do:

* no trade is made at the old scale any more: all prices of the bar, not only its close, lie at the new one;
* the market is calm: the range of the bar, ln(high / low), is ordinary, while news widens it;
* the number of shares changes, not the money: dollar volume stays ordinary, while news raises it. On 2.4 million
  NASDAQ bars of 2008 to 2017 volume is beyond four times its median of 21 bars on 2.9 % of days, and the range on
  0.7 %; on the bars with a return beyond 50 % that are not named here, the median dollar volume is fourteen times the
  usual.
"""

from dataclasses import dataclass

import numpy as np

from quantdl.market.inspection.session_bars import SessionBars

SMALLEST = np.log(1.8)
"""Two for one, less a tenth: log volume itself strays by 0.5 (robust) from its median."""

WINDOW = 21
"""Sessions before a jump that say what is ordinary."""

FEWEST = 11
"""Of them that must be known."""

NEW_FOR_OLD = np.array([2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 100, 150, 200, 300, 1000])
"""Common ratios: of splits, and of pence to pounds and thousands to units."""

CALM = 4.0
"""A range of more medians than this is not ordinary."""

MANY_TIMES_USUAL_MONEY = np.log(4.0)
"""Logarithm of how many medians of money traded are more than ordinary."""

RATIO_ERROR = 0.03
_HELD = 5
_MOVES = 10.0
_MOVES_BLIND = 60.0
_LARGE = np.log(4.5)
_MOVES_SMALL = 20.0
_BACK_MOVES = 10.0


@dataclass(frozen=True, eq=False)
class Jump:
    """A close far from the one before, with other sessions of the asset beside it.

    Attributes:
        bars: The panel, one bar a session.
        column: The asset.
        rows: Sessions with a close, the last one that of the jump, the one before it the last at the old scale, and up
            to 20 before that. They may run backwards in time: then the jump is judged by what came after it.
        scales: Logarithm of the scale that each session is known to stand at, the last one at that of the one before.
    """

    bars: SessionBars
    column: int
    rows: np.ndarray
    scales: np.ndarray

    @property
    def size(self) -> float:
        """The jump in logarithms."""
        closes = np.log(self._values(self.bars.close)[-2:])
        return float(closes[1] - closes[0])

    def ordinary_move(self) -> float:
        """Return the median move between the closes before the jump, at one scale; 0 if fewer than ten are known.

        A price that stood still says nothing about what is ordinary, so moves of zero do not count.
        """
        moves = np.abs(np.diff(self._log_closes()[:-1]))
        moves = moves[moves > 1e-12]
        return float(np.median(moves)) if len(moves) >= FEWEST - 1 else 0.0

    def is_change_of_scale(self) -> bool:
        """Whether the jump looks like a change of scale, see `quantdl.market.inspection.scale_breaks`."""
        moves = self._in_ordinary_moves()
        if moves < _MOVES or not self._left_the_old_scale():
            return False
        calm, ordinary_money = self.is_calm(), self.money_is_ordinary()
        if calm is False or ordinary_money is False:
            return False
        return bool(calm and ordinary_money) or (moves >= _MOVES_BLIND and self.is_round())

    def leads_back(self, change: float) -> bool:
        """Whether the jump is a change of scale of the given size, as it undoes the ones before.

        That it ends where the price was before is evidence by itself, so range and volume need not be ordinary.
        """
        return abs(self.size - change) <= _tolerance(change, self.ordinary_move()) and self._left_behind() is not False

    def is_calm(self) -> bool | None:
        """Whether the whole bar lies at the new scale with an ordinary range; None if that cannot be seen.

        A range is ordinary up to four times the median, and up to an eighth of a jump by a factor of 4.5 or more.
        """
        apart = self._left_behind()
        if apart is None or self.bars.high is None or self.bars.low is None:
            return None
        high, low = self._values(self.bars.high), self._values(self.bars.low)
        ranges = np.full(len(high), np.nan)
        np.log(high / low, out=ranges, where=high > low)
        known = ranges[:-1][np.isfinite(ranges[:-1])]
        if len(known) < FEWEST or not np.isfinite(ranges[-1]):
            return None
        ordinary = CALM * float(np.median(known))
        if self.is_large():
            ordinary = max(ordinary, abs(self.size) / 8)
        return apart and bool(ranges[-1] <= ordinary)

    def money_is_ordinary(self) -> bool | None:
        """Whether at most four times the usual money changed hands; None if volume is not known.

        Where the source scales prices and leaves volumes alone, money seems to grow with the scale. News does not lift
        a price by a factor of 4.5 while the number of shares stays ordinary, so then shares may count.
        """
        if self.bars.volume is None:
            return None
        volume = self._values(self.bars.volume)
        known = volume[:-1][volume[:-1] > 0]
        if len(known) < FEWEST or not volume[-1] > 0:
            return None
        shares = float(np.log(volume[-1] / np.median(known)))
        by_shares = shares <= MANY_TIMES_USUAL_MONEY and self.size > 0 and self.is_large()
        return bool(shares + self.size <= MANY_TIMES_USUAL_MONEY or by_shares)

    def is_large(self) -> bool:
        """Whether the size is beyond a factor of 4.5."""
        return bool(abs(self.size) >= _LARGE)

    def is_round(self) -> bool:
        """Whether the size is that of a common ratio to 3 %."""
        return bool(np.abs(abs(self.size) - np.log(NEW_FOR_OLD)).min() <= RATIO_ERROR)

    def _values(self, field: np.ndarray) -> np.ndarray:
        return np.asarray(field[self.rows, self.column])

    def _log_closes(self) -> np.ndarray:
        return np.asarray(np.log(self._values(self.bars.close)) - self.scales)

    def _in_ordinary_moves(self) -> float:
        ordinary = self.ordinary_move()
        return abs(self.size) / ordinary if ordinary else 0.0

    def _left_the_old_scale(self) -> bool:
        """Whether the last five closes before the jump lay nearer to the old scale than to the new one."""
        closes = self._log_closes()
        way = np.sign(self.size) * (closes[-1] - closes[-1 - _HELD : -1])
        return bool((way > abs(self.size) / 2).all())

    def _left_behind(self) -> bool | None:
        """Whether the whole bar lies nearer to the new scale than to the old one; None without high and low."""
        if self.bars.high is None or self.bars.low is None:
            return None
        closes = self._values(self.bars.close)
        prices = np.log([self._values(self.bars.high)[-1], self._values(self.bars.low)[-1], closes[-1], *self._open()])
        way = np.sign(self.size) * (prices - np.log(closes[-2]))
        return bool((way > abs(self.size) / 2).all()) if np.isfinite(prices).all() else None

    def _open(self) -> list[float]:
        if self.bars.open is None:
            return []
        opening = float(self._values(self.bars.open)[-1])
        return [opening] if np.isfinite(opening) else []


def is_temporary_scale(bars: SessionBars, column: int, sessions: np.ndarray, first: int, stop: int) -> bool:
    """Whether the bars from ``first`` up to ``stop`` stand at another scale than those around them, seen later.

    Both ways are judged by the 21 sessions before and the 21 after, which allows more than a jump by itself: a
    factor from 1.4 on, and money that seems to grow with the scale. Needed is that the way back undoes the first
    jump, that every close between lies nearer to the other scale, that no bar on either side of the two jumps
    touches the other scale, and that the first bars trade no more than usual, by money or by shares. The jump must
    be ten ordinary moves, below a factor of 1.8 twenty; without ranges or volumes it must be sixty, and the factor
    a common one.

    Args:
        bars: The panel, one bar a session.
        column: The asset.
        sessions: (N,) its sessions with a close.
        first: Position of the first session of the detour in ``sessions``, above 0.
        stop: Position of the first session after it.
    """
    closes = np.log(bars.close[sessions, column])
    around = [np.arange(max(0, first - WINDOW), first), np.arange(stop, min(len(sessions), stop + WINDOW))]
    moves = np.abs(np.concatenate([np.diff(closes[part]) for part in around]))
    moves = moves[moves > 1e-12]
    if len(moves) < FEWEST - 1:
        return False
    ordinary, away, back = float(np.median(moves)), closes[first] - closes[first - 1], closes[stop] - closes[stop - 1]
    distance = np.sign(away) * (closes[first:stop] - closes[first - 1])
    if abs(away + back) > _tolerance(away, ordinary) or not (distance > abs(away) / 2).all():
        return False
    reference = sessions[np.concatenate(around)]
    ends = [_end(bars, column, reference, sessions[bar - 1], sessions[bar]) for bar in (first, stop)]
    if any(False in end for end in ends):
        return False
    round_size = np.abs(abs(away) - np.log(NEW_FOR_OLD)).min() <= RATIO_ERROR
    if any(None in end for end in ends):
        return bool(abs(away) >= _MOVES_BLIND * ordinary and round_size)
    needed = _MOVES if abs(away) >= SMALLEST else _MOVES_SMALL
    return bool(abs(away) >= needed * ordinary)


def _tolerance(change: float, ordinary_move: float) -> float:
    """Return how far a way back may miss: the prices moved by themselves on both days, as on any other."""
    return max(RATIO_ERROR, abs(change) / 10, min(_BACK_MOVES * ordinary_move, abs(change) / 4))


def _end(
    bars: SessionBars, column: int, reference: np.ndarray, before: int, after: int
) -> tuple[bool | None, bool | None]:
    """Return whether bars around a jump lie apart, and whether money is ordinary; None where it cannot be seen."""
    size = float(np.log(bars.close[after, column] / bars.close[before, column]))
    apart = ordinary_money = None
    if bars.high is not None and bars.low is not None:
        prices = np.array([[field[row, column] for field in (bars.high, bars.low)] for row in (before, after)])
        if np.isfinite(prices).all():
            way = np.sign(size) * (np.log(prices) - np.log(bars.close[before, column]) - size / 2)
            apart = bool((way[0] < 0).all() and (way[1] > 0).all())
    if bars.volume is not None:
        usual = bars.volume[reference, column]
        usual = usual[usual > 0]
        if len(usual) >= FEWEST and bars.volume[after, column] > 0:
            shares = float(np.log(bars.volume[after, column] / np.median(usual)))
            ordinary_money = bool(min(shares, shares + size) <= MANY_TIMES_USUAL_MONEY)
    return apart, ordinary_money
