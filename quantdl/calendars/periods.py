"""Weeks and months of an exchange: to which of them a day belongs.

A week runs from one weekend of the exchange to the next. In New York it is Monday to Sunday, in a market that trades
Sunday to Thursday it is Sunday to Saturday.
"""

from typing import Literal

import numpy as np
import pandas as pd

from quantdl.calendars.exchange import TradingCalendar

Period = Literal["week", "month"]

_LOOK_BACK_DAYS = 56  # eight weeks: longer than any row of holidays, shorter than it takes to forget a moved weekend
_FEWEST_SESSIONS = 3  # on one weekday within them; fewer are special sessions, as on a Sunday in Mumbai
_MONDAY, _SUNDAY = 0, 6


def period_starts(days: pd.DatetimeIndex, period: Period, calendar: TradingCalendar) -> pd.DatetimeIndex:
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
        >>> [list(period_starts(days, "week", trading_calendar(name)).day_name()) for name in ("XNYS", "TASE")]
        [['Monday', 'Monday'], ['Sunday', 'Sunday']]
        >>> period_starts(days, "week", trading_calendar("TASE")).nunique()
        2
    """
    if period == "month":
        return pd.DatetimeIndex(days - pd.to_timedelta(days.day - 1, unit="D"))
    if not len(days):
        return days
    into_week = (days.day_of_week.to_numpy() - _first_weekdays(days, calendar)) % 7
    return pd.DatetimeIndex(days - pd.to_timedelta(into_week, unit="D"))


def _first_weekdays(days: pd.DatetimeIndex, calendar: TradingCalendar) -> np.ndarray:
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
