"""Weeks and months of an exchange: to which of them a day belongs.

A week runs from one weekend of the exchange to the next. In New York it is Monday to Sunday, in a market that trades
Sunday to Thursday it is Sunday to Saturday.
"""

from datetime import timedelta
from typing import Protocol

import numpy as np
import pandas as pd

from quantdl.calendars.bars import Period
from quantdl.calendars.labels import Day

_LOOK_BACK_DAYS = 56  # eight weeks: longer than any row of holidays, shorter than it takes to forget a moved weekend
_FEWEST_SESSIONS = 3  # on one weekday within them; fewer are special sessions, as on a Sunday in Mumbai
_MONDAY, _SUNDAY = 0, 6
_LONGEST = timedelta(days=31)


class SessionDays(Protocol):
    """The sessions of an exchange, as `quantdl.calendars.exchange.TradingCalendar` knows them."""

    @property
    def first_day(self) -> pd.Timestamp:
        """First day that is known."""
        ...

    @property
    def last_day(self) -> pd.Timestamp:
        """Last day that is known."""
        ...

    def sessions(self, start: Day, end: Day) -> pd.DatetimeIndex:
        """Return the sessions of a span, both ends inclusive."""
        ...


def period_starts(days: pd.DatetimeIndex, period: Period, calendar: SessionDays) -> pd.DatetimeIndex:
    """Return the first day of the week or month that each day lies in; two days of one period have the same.

    Which days are a weekend is read from the sessions of the eight weeks up to each day, so a weekend that is moved
    (Saudi Arabia in 2013, Tel Aviv in 2026) moves the weeks after it and none before. A market without a weekend has
    weeks from Monday to Sunday (ISO 8601).

    Args:
        days: (N,) tz-naive days, in any order.
        period: Length.
        calendar: Whose weeks.

    Example:
        >>> from quantdl.calendars import trading_calendar
        >>> days = pd.DatetimeIndex(["2024-05-02", "2024-05-05"])  # a Thursday and the Sunday after it
        >>> [list(period_starts(days, "week", trading_calendar(name)).day_name()) for name in ("XNYS", "XTAE")]
        [['Monday', 'Monday'], ['Sunday', 'Sunday']]
        >>> period_starts(days, "week", trading_calendar("XTAE")).nunique()
        2
    """
    if period == "month":
        return pd.DatetimeIndex(days - pd.to_timedelta(days.day - 1, unit="D"))
    if not len(days):
        return days
    into_week = (days.day_of_week.to_numpy() - _first_weekdays(days, calendar)) % 7
    return pd.DatetimeIndex(days - pd.to_timedelta(into_week, unit="D"))


def sessions_by_period(
    start: pd.Timestamp, end: pd.Timestamp, period: Period, calendar: SessionDays
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Return the weeks or months that touch a span and hold a session: their first days, and their last sessions.

    Args:
        start: First day of the span.
        end: Last day of the span.
        period: Length.
        calendar: Whose sessions.

    Example:
        >>> from quantdl.calendars import trading_calendar
        >>> days = pd.Timestamp("2024-03-01"), pd.Timestamp("2024-04-02")
        >>> starts, last = sessions_by_period(*days, "month", trading_calendar("XNYS"))
        >>> [str(day.date()) for day in last]  # Good Friday was the 29th
        ['2024-03-28', '2024-04-30']
    """
    bounds = pd.DatetimeIndex([start, end])
    around = max(start - _LONGEST, calendar.first_day), min(end + _LONGEST, calendar.last_day)
    sessions = calendar.sessions(*around)
    of_session = period_starts(sessions, period, calendar)
    first, last = period_starts(bounds, period, calendar)
    inside = (of_session >= first) & (of_session <= last)
    starts, sessions = of_session[inside], sessions[inside]
    is_last = np.append(starts[1:] != starts[:-1], True)[: len(starts)]
    return starts[is_last], sessions[is_last]


def last_sessions(days: pd.DatetimeIndex, period: Period, calendar: SessionDays) -> pd.DatetimeIndex:
    """Return the last session of the week or month of each day, the day itself where that holds no session."""
    if not len(days):
        return days
    starts, last = sessions_by_period(days.min(), days.max(), period, calendar)
    own = period_starts(days, period, calendar)
    at = starts.searchsorted(own)
    found = (at < len(starts)) & (starts[np.minimum(at, len(starts) - 1)] == own) if len(starts) else at < 0
    return days.where(~found, last[np.minimum(at, len(starts) - 1)] if len(starts) else days)


def _first_weekdays(days: pd.DatetimeIndex, calendar: SessionDays) -> np.ndarray:
    """Return (N,) the weekday on which the week of each day begins, Monday as 0."""
    look_back = pd.Timedelta(days=_LOOK_BACK_DAYS)
    earliest = calendar.first_day + look_back  # the first eight weeks are read as one
    ends = days.where(days >= earliest, earliest)
    ends = ends.where(ends <= calendar.last_day, calendar.last_day)
    sessions = calendar.sessions(max(ends.min() - look_back, calendar.first_day), ends.max())
    traded = np.empty((len(days), 7), dtype=bool)
    for weekday in range(7):
        of_weekday = sessions[sessions.day_of_week == weekday]
        counts = of_weekday.searchsorted(ends, side="right") - of_weekday.searchsorted(ends - look_back, side="right")
        traded[:, weekday] = counts >= _FEWEST_SESSIONS
    patterns, number = np.unique(traded, axis=0, return_inverse=True)
    return np.array([_day_after_weekend(pattern) for pattern in patterns])[number.reshape(-1)]


def _day_after_weekend(traded: np.ndarray) -> int:
    """Return the weekday after the longest run of days without trade; of equal runs, after the one with a Sunday.

    Example:
        >>> _day_after_weekend(np.array([True, True, True, True, False, False, True]))
        6
    """
    if traded.all() or not traded.any():
        return _MONDAY
    runs = []
    for first in range(7):
        if not traded[first] and traded[first - 1]:
            length = next(step for step in range(1, 8) if traded[(first + step) % 7])
            has_sunday = (_SUNDAY - first) % 7 < length
            runs.append((length, has_sunday, (first + length) % 7))
    return max(runs)[-1]
