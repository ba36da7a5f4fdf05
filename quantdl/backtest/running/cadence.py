"""When new positions may be decided: every so many bars, or at the end of each week or month."""

from typing import Literal

import numpy as np
import pandas as pd

from quantdl.calendars import trading_calendar

_PERIODS = {"week": "W", "month": "M"}


def every_bars(n_sessions: int, first: int, bars: int) -> np.ndarray:
    """Return (T,) bool: whether a rebalance is due, every ``bars`` bars from the run's first session on.

    Example:
        >>> every_bars(6, 1, 2).tolist()
        [False, True, False, True, False, True]
    """
    offsets = np.arange(n_sessions) - first
    return np.asarray((offsets >= 0) & (offsets % bars == 0))


def period_ends(sessions: pd.DatetimeIndex, first: int, period: Literal["week", "month"], calendar: str) -> np.ndarray:
    """Return (T,) bool: whether a rebalance is due at each session, the last of every week or month.

    The first session of the run is always due: a book has to start. A session ends a week or month when the next
    session *expected* at its close lies in another one. Where that session then fails to come (an unforeseen closure, a
    hole in the data), the first session after it is due.

    Args:
        sessions: (T,) labels of the data.
        first: Position of the run's first session.
        period: What ends.
        calendar: Name of the trading calendar.
    """
    code = _PERIODS[period]
    periods = np.asarray(sessions.to_period(code).asi8)
    at_end = _expected_next(sessions, calendar).to_period(code).asi8 != periods
    due = at_end | np.concatenate([[False], (periods[1:] != periods[:-1]) & ~at_end[:-1]])
    due[:first] = False
    due[first] = True
    return np.asarray(due)


def _expected_next(sessions: pd.DatetimeIndex, calendar: str) -> pd.DatetimeIndex:
    """Return the session expected after each; a day that is no session of the calendar expects itself."""
    exchange = trading_calendar(calendar)
    known = np.asarray(sessions.isin(exchange.sessions(sessions[0], sessions[-1])))
    gaps = np.zeros(len(sessions), dtype=np.int64)
    gaps[known] = exchange.next_gap_days(sessions[known])
    return pd.DatetimeIndex(sessions + pd.to_timedelta(gaps, unit="D"))
