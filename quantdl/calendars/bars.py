"""Lengths of bars: within a session, one session, or a whole week or month of them."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantdl.errors import CalendarError

if TYPE_CHECKING:
    import pandas as pd

_LENGTH = re.compile(r"([1-9]\d{0,5})(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_DAY = timedelta(days=1)

Period = Literal["week", "month"]
_PERIODS: dict[str, Period] = {"1W": "week", "1M": "month"}


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
            f"given {bar!r}; expected '1D' for one bar a session, '1W' or '1M' for one a week or month, or a length "
            "below a day such as '60min', '15min' or '30s'"
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
