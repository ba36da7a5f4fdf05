"""When new positions may be decided: every so many bars, or at the end of each week or month.

Only a session in which some asset trades can be one. A bar on which nothing does is not counted, and what falls due on
it is due at the next one that trades.
"""

import numpy as np
import pandas as pd

from quantdl.backtest.book.tape import Tape
from quantdl.calendars.bars import CadencePeriod, bar_period, is_intraday
from quantdl.calendars.periods import last_sessions, period_starts


def every_bars(trades: np.ndarray, first: int, bars: int) -> np.ndarray:
    """Return (T,) bool: whether a rebalance is due, every ``bars`` bars with a trade from the run's first one on.

    Args:
        trades: (T,) whether any asset trades.
        first: Position of the run's first session.
        bars: Bars with a trade from one to the next.

    Example:
        >>> every_bars(np.array([True, True, False, True, True, True]), 1, 2).tolist()
        [False, True, False, False, True, False]
    """
    inside = trades & (np.arange(len(trades)) >= first)
    return np.asarray(inside & ((np.cumsum(inside) - 1) % bars == 0))


def period_ends(tape: Tape, first: int, period: CadencePeriod) -> np.ndarray:
    """Return (T,) bool: whether a rebalance is due at each bar, the last of every session, week or month.

    The first session of the run is always due: a book has to start. A session ends a week or month when the next
    bar *expected* at its close lies in another one. Where that bar then fails to come (an unforeseen closure, a hole in
    the data), the first session after it is due. A weekly bar is a week's end, and a month's end where the next ends in
    another month. Of bars within a session the last one ends it, which is known when it closes: the one that ends at
    the calendar's close of that day, be it an early one, or after it.

    Args:
        tape: Sessions, their calendar, and on which of them anything trades.
        first: Position of the run's first session.
        period: What ends.
    """
    at_end = _ends_session(tape)
    if period == "day":
        periods = tape.days
    else:
        periods = period_starts(tape.days, period, tape.calendar)
        at_end &= period_starts(_expected_next(tape), period, tape.calendar) != periods
    fell_due = at_end | np.concatenate([[False], (periods[1:] != periods[:-1]) & ~at_end[:-1]])
    fell_due[:first] = False
    fell_due[first] = True
    return _moved_to_trades(fell_due, tape.trades)


def _moved_to_trades(fell_due: np.ndarray, trades: np.ndarray) -> np.ndarray:
    """Return (T,) bool: the sessions that trade and are due, or the first that trade after one that was and did not."""
    so_far = np.cumsum(fell_due)
    handled = np.concatenate([[0], np.maximum.accumulate(np.where(trades, so_far, 0))[:-1]])
    return np.asarray(trades & (so_far > handled))


def _expected_next(tape: Tape) -> pd.DatetimeIndex:
    """Return the session expected after that of each bar; a day that is no session of the calendar expects itself."""
    numbers, days = pd.factorize(tape.days)
    sessions, calendar = pd.DatetimeIndex(days), tape.calendar
    known = np.asarray(sessions.isin(calendar.sessions(sessions[0], sessions[-1])))
    gaps = np.zeros(len(sessions), dtype=np.int64)
    gaps[known] = calendar.next_gap_days(sessions[known])
    following = pd.DatetimeIndex(sessions + pd.to_timedelta(gaps, unit="D"))
    period = bar_period(tape.frequency)
    expected = following if period is None else last_sessions(following, period, calendar)
    return expected[numbers]


def _ends_session(tape: Tape) -> np.ndarray:
    """Return (T,) bool: whether the session of each bar is over with it, as it is with a bar of a session or more."""
    if not is_intraday(tape.frequency):
        return np.ones(len(tape.days), dtype=bool)
    numbers, days = pd.factorize(tape.days)
    return np.asarray(tape.panel.known_at >= tape.calendar.closes(pd.DatetimeIndex(days))[numbers])
