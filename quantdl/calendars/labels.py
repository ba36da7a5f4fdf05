"""Names of calendars and days of sessions as people write them, and what nobody could have written in advance."""

import difflib
from collections.abc import Sequence
from datetime import date

import pandas as pd

from quantdl.errors import CalendarError

Day = pd.Timestamp | date | str

# ISO codes that pandas-market-calendars keeps under a trading name only.
_TRADING_NAMES = {"XNAS": "NASDAQ", "XCBO": "CBOE_Equity_Options", "XCME": "CME_Equity", "IEXG": "IEX"}

# Closures that nobody could expect at the close before them; a scheduled holiday is known years ahead.
UNFORESEEN = {
    "America/New_York": "1985-09-27 2001-09-11 2001-09-12 2001-09-13 2001-09-14 2012-10-29 2012-10-30".split(),
    "Asia/Tokyo": ["2020-10-01"],
}


def unknown_calendar(name: str, names: Sequence[str]) -> str:
    """Return the objection to a calendar name, with the one that was meant."""
    by_lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)
    meant = [_TRADING_NAMES[name]] if name in _TRADING_NAMES else [by_lower[key] for key in close]
    hint = f"Did you mean {' or '.join(repr(known) for known in meant)}? " if meant else ""
    return f"Unknown calendar {name!r}. {hint}Names are ISO codes such as 'XNYS', 'XTKS', 'XLON', or '24/7'."


def as_day(day: Day) -> pd.Timestamp:
    """Return a session label.

    Raises:
        CalendarError: If it is no date, or an instant.
    """
    try:
        label: object = pd.Timestamp(day)
    except ValueError as error:
        raise CalendarError(f"Expected a date such as 2024-12-31, got {day!r}.") from error
    if not isinstance(label, pd.Timestamp) or label.tzinfo or label != label.normalize():  # NaT is no Timestamp
        raise CalendarError(f"A session is a date without time and zone, got {day!r}. Pass the exchange's local date.")
    return label


def neighbours(sessions: pd.DatetimeIndex, label: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the sessions before and after a day that is none."""
    position = int(sessions.searchsorted(label))
    return sessions[max(position - 1, 0) : position + 1]
