"""The bars within sessions: where each begins, where it ends, and which one a time in a file means.

A bar never reaches over a lunch break or a close: the last one before either may be shorter and counts as one. Bars are
cut from instants, never from times of day, so a change of the clocks moves no bar and makes none.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.calendars import TradingCalendar
from quantdl.errors import DataError
from quantdl.market.card import Anchor, Label
from quantdl.market.reading.times import on_the_clock


@dataclass(frozen=True, eq=False)
class BarGrid:
    """Every bar that a calendar expects, in order.

    Attributes:
        session: (T,) session of each bar, datetime64[D].
        begin: (T,) nominal start, UTC, datetime64[us]: a whole number of lengths after the anchor.
        end: (T,) nominal end: one length later.
        opened: (T,) first instant of trading in the bar; later than ``begin`` where the session opens within it.
        complete: (T,) last instant of trading in the bar, when it is known; before ``end`` at a break or a close.
    """

    session: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    opened: np.ndarray
    complete: np.ndarray

    def place(self, times: np.ndarray, labelled: Label) -> np.ndarray:
        """Return (N,) int64: the bar that each time means, -1 for a time that is no bar's.

        A start may be written as the nominal one or as the first instant of trading (09:00 or 09:30 where bars are
        anchored to the clock), an end likewise; nothing in between.

        Args:
            times: (N,) UTC instants as the source labels its bars, datetime64[us]; NaT is no bar's.
            labelled: Whether they are starts or ends.
        """
        found = np.full(len(times), -1, dtype=np.int64)
        for labels in (self.begin, self.opened) if labelled == "start" else (self.end, self.complete):
            position = np.searchsorted(labels, times)
            position[position == len(labels)] = 0
            found = np.where(labels[position] == times, position, found) if len(labels) else found
        return found


def bar_grid(
    calendar: TradingCalendar, first: pd.Timestamp, last: pd.Timestamp, seconds: int, anchored: Anchor
) -> BarGrid:
    """Return every bar of every session from ``first`` to ``last``, both inclusive.

    Args:
        calendar: The sessions, with their breaks and early closes.
        first: First day.
        last: Last day.
        seconds: Length of a bar.
        anchored: See `quantdl.market.card.IntradayBars`.

    Raises:
        DataError: If one bar would hold the end of a session and the beginning of the next.

    Example:
        >>> from quantdl.calendars import trading_calendar
        >>> days = pd.Timestamp("2024-07-03"), pd.Timestamp("2024-07-05")
        >>> grid = bar_grid(trading_calendar("XNYS"), *days, seconds=3600, anchored="open")
        >>> len(grid.session), str(grid.complete[3])
        (11, '2024-07-03T17:00:00.000000')
    """
    session, start, stop = _stretches(calendar.schedule(first, last))
    length = np.timedelta64(seconds, "s")
    anchor = start if anchored == "open" else start - _past_the_mark(calendar, start, stop, length)
    n_bars = -((anchor - stop) // length)
    stretch = np.repeat(np.arange(len(session)), n_bars)
    number = np.arange(len(stretch)) - np.repeat(np.cumsum(n_bars) - n_bars, n_bars)
    begin = anchor[stretch] + number * length
    grid = BarGrid(
        session=session[stretch],
        begin=begin,
        end=begin + length,
        opened=np.maximum(begin, start[stretch]),
        complete=np.minimum(begin + length, stop[stretch]),
    )
    return _joined_over_breaks(grid, calendar, length)


def _stretches(schedule: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return session, start and stop of every stretch of trading without a break, in order."""
    session = schedule.index.to_numpy().astype("datetime64[D]")
    opens, closes, rest, back = (_instants(schedule[name]) for name in ("open", "close", "break_start", "break_end"))
    broken = rest < closes  # NaT compares as False; a half-day may close before its break
    morning = np.where(broken, rest, closes)
    again = broken & (back < closes)
    sessions, starts = np.concatenate([session, session[again]]), np.concatenate([opens, back[again]])
    stops = np.concatenate([morning, closes[again]])
    order = np.argsort(starts, kind="stable")
    return sessions[order], starts[order], stops[order]


def _instants(column: pd.Series) -> np.ndarray:
    return np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None), dtype="datetime64[us]")


def _past_the_mark(
    calendar: TradingCalendar, start: np.ndarray, stop: np.ndarray, length: np.timedelta64
) -> np.ndarray:
    """Return how long before each start the last whole multiple of ``length`` on the local clock was."""
    local = on_the_clock(start, calendar.timezone)
    change = on_the_clock(stop, calendar.timezone) - stop - (local - start)
    moved = change % length != np.timedelta64(0)
    if moved.any():
        day = local[moved][0].astype("datetime64[D]")
        raise DataError(
            f"{calendar.name}: the clocks change within the session that begins on {day}, and bars of "
            f"{length.astype('timedelta64[m]')} anchored to the clock move with them. Fix: anchor bars to the open."
        )
    return np.asarray((local - local.astype("datetime64[D]")) % length)


def _joined_over_breaks(grid: BarGrid, calendar: TradingCalendar, length: np.timedelta64) -> BarGrid:
    """Make one bar of the two parts of a clock bar with a lunch break inside; refuse one with a night inside."""
    again = np.r_[False, np.diff(grid.begin) <= np.timedelta64(0)]
    if not again.any():
        return grid
    later = np.flatnonzero(again)
    if (grid.session[later] != grid.session[later - 1]).any():
        day = grid.session[later[grid.session[later] != grid.session[later - 1]][0]]
        raise DataError(
            f"{calendar.name}: a bar of {length.astype('timedelta64[m]')} anchored to the clock would hold the end of "
            f"one session and the beginning of {day}. Fix: anchor bars to the open, or take shorter ones."
        )
    complete = grid.complete.copy()
    complete[later - 1] = grid.complete[later]
    once = ~again
    return BarGrid(grid.session[once], grid.begin[once], grid.end[once], grid.opened[once], complete[once])
