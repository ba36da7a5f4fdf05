"""Bars within a session: how long they are, and how many a schedule holds."""

import numpy as np
import pandas as pd

from quantdl.errors import CalendarError


def is_daily(bar: str) -> bool:
    """Return whether a bar is one session, ``"1D"``."""
    return bar.strip().lower() in ("1d", "d")


def bar_length(bar: str) -> pd.Timedelta:
    """Return the length of an intraday bar such as ``"60min"``.

    Raises:
        CalendarError: If it is no length, or not between zero and a day.
    """
    try:
        length = pd.Timedelta(bar)
    except ValueError as error:
        raise CalendarError(f"Expected a bar such as '1D', '60min' or '5min', got {bar!r}.") from error
    if not pd.Timedelta(0) < length < pd.Timedelta(days=1):
        raise CalendarError(f"A bar is one session ('1D') or shorter than a day ('60min'), got {bar!r}.")
    return length


def intraday_bars(schedule: pd.DataFrame, length: pd.Timedelta) -> int:
    """Count bars in the stretches open..break and break..close; a half-day's break after its close counts nothing."""
    rest = schedule["break_start"].notna() & (schedule["break_start"] < schedule["close"])
    morning_end = schedule["close"].mask(rest, schedule["break_start"])
    afternoon = (schedule["close"] - schedule["break_end"]).where(rest, pd.Timedelta(0))
    stretches = pd.concat([morning_end - schedule["open"], afternoon]).to_numpy(dtype="timedelta64[ns]")
    return int(np.ceil(stretches / length.to_timedelta64()).clip(min=0).sum())
