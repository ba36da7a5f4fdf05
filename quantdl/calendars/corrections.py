"""What the libraries behind the tables have wrong, with who says so. Each goes when they have it right."""

from dataclasses import dataclass, replace

import pandas as pd

_EXAMINATION = "Korea Exchange: 10:00 to 16:30 on the day of the college entrance examination (Yonhap, en.yna.co.kr)"


@dataclass(frozen=True)
class Correction:
    """A session whose hours were others.

    Attributes:
        calendar: Name of the calendar.
        session: Its label.
        opens: Local time at which trading began, ``"10:00"``.
        closes: Local time at which it ended.
        source: Who says so.
    """

    calendar: str
    session: str
    opens: str
    closes: str
    source: str


_HONG_KONG = tuple(
    Correction("XHKG", session, "13:30", "16:00", f"Hong Kong Exchanges, trading resumed at 13:30: {notice}")
    for session, notice in (("2020-08-19", "market communication 2008192news"), ("2021-06-28", "2106283news"))
)
CORRECTIONS = (
    *(
        Correction("XKRX", session, "10:00", "16:30", _EXAMINATION)
        for session in ("2021-11-18", "2022-11-17", "2023-11-16", "2024-11-14", "2025-11-13")
    ),
    *_HONG_KONG,
    *(replace(item, calendar="HKEX") for item in _HONG_KONG),
)


def corrected(name: str, timezone: str, schedule: pd.DataFrame) -> pd.DataFrame:
    """Return the schedule of a calendar with its corrections; such a session has no break left."""
    schedule = schedule.copy()
    for item in CORRECTIONS:
        session = pd.Timestamp(item.session)
        if item.calendar == name and session in schedule.index:
            opens, closes = (
                pd.Timestamp(f"{item.session} {clock}", tz=timezone).tz_convert("UTC")
                for clock in (item.opens, item.closes)
            )
            schedule.loc[session, ["open", "close"]] = [opens, closes]
            schedule.loc[session, ["break_start", "break_end"]] = pd.NaT
    return schedule
