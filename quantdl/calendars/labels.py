"""Days of sessions as people write them, and the closures that no calendar could hold in advance."""

from datetime import date

import pandas as pd

from quantdl.errors import CalendarError

Day = pd.Timestamp | date | str

RULES_END = pd.Timestamp("2099-12-31")  # no calendar is projected further

# Closures that were not announced at the close before them; a scheduled holiday is known years ahead.
UNFORESEEN = {
    "America/New_York": "1985-09-27 2001-09-11 2001-09-12 2001-09-13 2001-09-14 2012-10-29 2012-10-30".split(),
    "Asia/Tokyo": ["2020-10-01"],
}


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


def bar_text(label: pd.Timestamp) -> str:
    """Return the label of a bar as text: a date, with the time of day where it ended within a session.

    Example:
        >>> bar_text(pd.Timestamp("2024-01-02")), bar_text(pd.Timestamp("2024-01-02 10:30"))
        ('2024-01-02', '2024-01-02 10:30')
    """
    return f"{label:%Y-%m-%d}" if label == label.normalize() else f"{label:%Y-%m-%d %H:%M}"


def bar_date(label: pd.Timestamp) -> date:
    """Return the label of a bar as a date, with the time of day (a `datetime`) where it ended within a session."""
    return label.date() if label == label.normalize() else label.to_pydatetime()


def neighbours(sessions: pd.DatetimeIndex, label: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the sessions before and after a day that is no session."""
    position = int(sessions.searchsorted(label))
    return sessions[max(position - 1, 0) : position + 1]
