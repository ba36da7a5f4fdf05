"""Columns of each asset's large moves that the market did not share: how long ago, how large, and whether one is due.

Companies report every quarter, most on the weekday of the quarter and of the year before, and move by several times
their usual size when they do. Prices tell the dates: a large move 13, 26, 39 or 52 weeks before the next session.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

from quantdl.features.columns import Columns, Feature
from quantdl.features.cross_section import row_mean
from quantdl.features.own_history import OwnHistory, tail_weight
from quantdl.features.schedule import days_to_next_session
from quantdl.market.panel import Panel

_LARGE = 3.5  # in units of the trailing volatility: some one in 200 moves of US stocks
_LARGEST = 6.0  # beyond, how large a past move was says little about the next one
_RECENT_BARS = 19
_OLDEST_BARS = 252
_QUARTER_BARS = 63
_LONG_HALF_LIFE = 500.0

_QUARTERS = tuple(91 * number for number in range(1, 9))
_YEARS = tuple(364 * number for number in range(1, 4))
_MARGIN_DAYS = 28  # more than any offset


@dataclass(frozen=True)
class _Anniversaries:
    """The largest move around some days before the next session, averaged over these days.

    Attributes:
        name: Of the column.
        days: Calendar days before the next session: whole quarters or years of weeks, so the weekday is the same.
        offsets: Days before them that count too; negative ones are after them.
    """

    name: str
    days: tuple[int, ...]
    offsets: tuple[int, ...] = (0,)


_ANNIVERSARIES = (
    _Anniversaries("move_13_weeks_before", (91,)),
    _Anniversaries("move_52_weeks_before", (364,)),
    _Anniversaries("quarterly_moves", _QUARTERS),
    _Anniversaries("quarterly_moves_within_a_day", _QUARTERS, (-1, 0, 1)),
    _Anniversaries("quarterly_moves_a_week_off", _QUARTERS, (-7, 7)),
    _Anniversaries("yearly_moves", _YEARS),
    _Anniversaries("yearly_moves_a_day_off", _YEARS, (-1, 1)),
    _Anniversaries("yearly_moves_a_week_off", _YEARS, (-7, 7)),
    _Anniversaries("quarterly_moves_in_the_next_week", _QUARTERS, tuple(range(-7, 0))),
    _Anniversaries("quarterly_moves_in_the_last_week", _QUARTERS, tuple(range(1, 8))),
    _Anniversaries("quarterly_moves_in_the_two_weeks_before", _QUARTERS, tuple(range(8, 22))),
)
_OF_THE_MARKET = "quarterly_moves_within_a_day"


def own_moves(history: OwnHistory, eligible: np.ndarray) -> np.ndarray:
    """Return (T, A) size of the part of each standardised return that the market did not share; 0 where there is none.

    The absolute standardised return less the mean of the eligible assets' standardised returns of the bar.
    """
    counted = history.valid & eligible
    standardised = history.on_grid(history.standardised)
    market = row_mean(np.where(counted, standardised, 0.0), counted)
    return np.asarray(np.where(history.valid, np.abs(standardised - market[:, None]), 0.0))


def large_move_columns(history: OwnHistory, eligible: np.ndarray) -> Columns:
    """The group ``large_moves``: the largest of 19 bars, age and size of the last large one, and the long tail weight.

    A move is large from 3.5 trailing volatilities on. Ages are in logarithms, a quarter (63 bars) being one, and end at
    252 bars.
    """
    moves = history.packing.pack(own_moves(history, eligible))
    yield Feature(f"largest_move_{_RECENT_BARS}"), history.on_grid(np.arcsinh(_largest_of_recent(moves)))
    bars = np.broadcast_to(np.arange(moves.shape[1]), moves.shape)
    last = np.maximum.accumulate(np.where(moves > _LARGE, bars, -_OLDEST_BARS), axis=1)
    age = np.minimum(bars - last, _OLDEST_BARS)
    yield Feature("age_of_large_move"), history.on_grid(np.log1p(age) / np.log1p(_QUARTER_BARS))
    size = np.where(last >= 0, np.take_along_axis(moves, np.maximum(last, 0), axis=1), 0.0)
    yield Feature("size_of_large_move"), history.on_grid(np.arcsinh(size))
    weight = tail_weight(history.standardised, _LONG_HALF_LIFE)
    yield Feature("standardised_tail_weight", _LONG_HALF_LIFE), history.on_grid(weight)


def quarterly_move_columns(history: OwnHistory, panel: Panel) -> Columns:
    """The group ``quarterly_moves``: moves of past quarters and years on the day of the next session and around it.

    Each is the logarithm of one plus the mean squared move, a move counting up to 6 volatilities; the mean is of the
    anniversaries on which the asset was there. Days are those of the calendar, so the columns suit bars of any length;
    of a session with several bars its largest move counts. The last column is the mean of the assets, which is high
    when companies report.

    References:
        | Being surprised by the unsurprising: earnings seasonality and stock returns (Chang, Hartzmark, Solomon and
          Soltes, 2017)
    """
    moves = np.minimum(own_moves(history, panel.eligible), _LARGEST) ** 2
    days = panel.sessions.to_numpy().astype("datetime64[D]").astype(np.int64)
    past = _PastDays.of(moves, history.valid, days, days_to_next_session(panel))
    counted = history.valid & panel.eligible
    market = np.zeros(len(days))
    for one in _ANNIVERSARIES:
        column = np.log1p(past.mean_of_largest(one.days, one.offsets))
        if one.name == _OF_THE_MARKET:
            market = row_mean(np.where(counted, column, 0.0), counted)
        yield Feature(one.name), column
    yield Feature(f"market_{_OF_THE_MARKET}"), market[:, None]


def _largest_of_recent(moves: np.ndarray) -> np.ndarray:
    """(A, N) largest of the moves at each bar and the 18 before it."""
    return np.asarray(maximum_filter1d(moves, _RECENT_BARS, axis=1, origin=_RECENT_BARS // 2, mode="constant"))


@dataclass(frozen=True, eq=False)
class _PastDays:
    """What happened on each calendar day, to be looked up by days before the next session.

    Attributes:
        on_day: (D, A) largest value on each day from ``first`` on, between margins of zeros; 0 on days without one.
        first: Number of the first day.
        known_from: (A,) numbers of the days from which on the values of each asset are known.
        days: (T,) numbers of the days of the bars.
        next_days: (T,) those of the session that is expected next.
    """

    on_day: np.ndarray
    first: int
    known_from: np.ndarray
    days: np.ndarray
    next_days: np.ndarray

    @staticmethod
    def of(values: np.ndarray, valid: np.ndarray, days: np.ndarray, ahead: np.ndarray) -> "_PastDays":
        first = int(days[0]) - 2 * _MARGIN_DAYS
        on_day = np.zeros((int(days[-1]) - first + 1 + 2 * _MARGIN_DAYS, values.shape[1]))
        np.maximum.at(on_day, days - first, values)
        known_from = np.where(valid.any(axis=0), days[valid.argmax(axis=0)], days[-1] + 1)
        return _PastDays(on_day, first, known_from, days, days + ahead)

    def mean_of_largest(self, days: tuple[int, ...], offsets: tuple[int, ...]) -> np.ndarray:
        """(T, A) mean over ``days`` before the next session of the largest value at the offsets before each.

        The mean is of the days on which the asset was known, and 0 where there is none. A day that is not over at the
        bar counts as none.
        """
        largest = self._largest_around(offsets)
        total = np.zeros((len(self.days), largest.shape[1]))
        count = np.zeros_like(total)
        for day in days:
            then = self.next_days - day
            over = then - min(offsets) < self.days
            known = over[:, None] & (then[:, None] >= self.known_from)
            rows = np.clip(then - self.first, 0, len(largest) - 1)
            total += np.where(known, largest[rows], 0.0)
            count += known
        return total / np.maximum(count, 1.0)

    def _largest_around(self, offsets: tuple[int, ...]) -> np.ndarray:
        """(D, A) largest value at the offsets before each day."""
        largest = np.zeros_like(self.on_day)
        inner = slice(_MARGIN_DAYS, len(largest) - _MARGIN_DAYS)
        for offset in offsets:
            moved = self.on_day[inner.start - offset : inner.stop - offset]
            np.maximum(largest[inner], moved, out=largest[inner])
        return largest
