"""Bars within a session: how long they are, and how many a schedule holds."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from quantdl.errors import CalendarError

if TYPE_CHECKING:
    import pandas as pd

_LENGTH = re.compile(r"([1-9]\d{0,5})(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_DAY = timedelta(days=1)


def is_daily(bar: str) -> bool:
    """Return whether a bar is one session, ``"1D"``."""
    return bar.strip().lower() in ("1d", "d")


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
            "'30s'"
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
