"""Lengths of bars: within a session, one session, or a whole week or month of them."""

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantdl.errors import CalendarError

if TYPE_CHECKING:
    import pandas as pd

_LENGTH = re.compile(r"([1-9]\d{0,5})(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_DAY = timedelta(days=1)
Period = Literal["week", "month"]
CadencePeriod = Literal["day", "week", "month"]
"""What a rebalance may be due at the end of; a day is a session."""
_PERIODS: dict[str, Period] = {"1W": "week", "1M": "month"}
_WHOLE_YEAR_DAYS = 360  # from 2 January to 28 December: an exchange may open no earlier and close no later
_FEWEST_SESSIONS_A_YEAR, _DAYS_A_YEAR = 150, 366  # so many bars a year are sessions; fewer, weeks or months
_SHARE_OF_BARS = 0.9  # of an average year's bars that a calendar year with long holidays has at the least


def less_than_a_year(n_bars: int, bars_per_year: float, first: date, last: date) -> str:
    """Say why nothing can be annualised, or return an empty text: there is a year of bars.

    A year are as many bars as an average year has, or the bars of a whole calendar year, which may be a few less: in
    2001 New York traded on 248 days.

    Args:
        n_bars: Bars measured.
        bars_per_year: Bars of the calendar in an average year.
        first: Day of the value that the first bar is measured against.
        last: Day of the last bar.

    Example:
        >>> less_than_a_year(10, 252.0, date(2024, 1, 2), date(2024, 1, 16))
        '10 sessions; a year of 252 is needed to annualise'
        >>> less_than_a_year(10, 52.2, date(2024, 1, 5), date(2024, 3, 15))
        '10 bars; a year of 52 is needed to annualise'
        >>> less_than_a_year(248, 251.7, date(2000, 12, 29), date(2001, 12, 31))
        ''
    """
    whole = (last - first).days >= _WHOLE_YEAR_DAYS and n_bars >= _SHARE_OF_BARS * bars_per_year
    if whole or n_bars >= round(bars_per_year, 6):
        return ""
    unit = "session" if _FEWEST_SESSIONS_A_YEAR <= bars_per_year <= _DAYS_A_YEAR else "bar"
    return f"{n_bars} {unit}{'s' * (n_bars != 1)}; a year of {bars_per_year:.0f} is needed to annualise"


def is_daily(bar: str) -> bool:
    """Return whether a bar is one session, ``"1D"``."""
    return bar.strip().lower() in ("1d", "d")


def bar_period(bar: str) -> Period | None:
    """Return what a bar of ``"1W"`` or ``"1M"`` holds, a week or a month of sessions; None for any other bar.

    Example:
        >>> bar_period("1W"), bar_period("1D")
        ('week', None)
    """
    return _PERIODS.get(bar)


def is_intraday(bar: str) -> bool:
    """Return whether several bars may lie in one session: whether it is shorter than ``"1D"``."""
    return not is_daily(bar) and bar_period(bar) is None


def bar_unit(bar: str) -> str:
    """Return what is counted in data of bars of a length: ``"bar"`` within a session, else ``"session"``.

    Example:
        >>> bar_unit("60min"), bar_unit("1D")
        ('bar', 'session')
    """
    return "bar" if is_intraday(bar) else "session"


def bar_length(bar: str) -> timedelta:
    """Return the length of a bar shorter than a session.

    Args:
        bar: A whole number of ``s``, ``min`` or ``h`` below a day.

    Raises:
        CalendarError: If it is no such length.

    Example:
        >>> bar_length("60min")
        datetime.timedelta(seconds=3600)
    """
    match = _LENGTH.fullmatch(str(bar))
    length = timedelta(seconds=int(match[1]) * _SECONDS[match[2]]) if match else _DAY
    if length >= _DAY:
        raise CalendarError(
            f"given {bar!r}; expected '1D' for one bar a session, or a length below a day such as '60min', '15min' or "
            "'30s', or '1W' or '1M' for one bar a week or month"
        )
    return length


def intraday_bars(schedule: "pd.DataFrame", length: timedelta) -> int:
    """Count bars in the stretches open..break and break..close; a half-day's break after its close counts nothing."""
    import pandas as pd  # names and lengths of bars are read without it

    rest = schedule["break_start"].notna() & (schedule["break_start"] < schedule["close"])
    morning_end = schedule["close"].mask(rest, schedule["break_start"])
    afternoon = (schedule["close"] - schedule["break_end"]).where(rest, pd.Timedelta(0))
    stretches = pd.concat([morning_end - schedule["open"], afternoon]).to_numpy(dtype="timedelta64[ns]")
    return int(np.ceil(stretches / np.timedelta64(length)).clip(min=0).sum())
