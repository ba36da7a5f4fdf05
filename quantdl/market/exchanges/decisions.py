"""When decisions are made: one instant a session of one calendar."""

from dataclasses import dataclass
from datetime import time

import numpy as np
import pandas as pd

from quantdl.calendars import CalendarCorrection, trading_calendar
from quantdl.errors import DataError


@dataclass(frozen=True)
class DecisionTimes:
    """One decision in each session of a calendar.

    Attributes:
        calendar: Name of the calendar whose sessions decide, ISO code first.
        at: ``"close"`` or ``"open"`` of the session, early closes and late opens respected, or a local time of the
            calendar's zone on the session's date, ``"15:15"``.
        corrections: Sessions that the calendar has wrong.

    Raises:
        DataError: If ``at`` is anything else.
        CalendarError: If the calendar is unknown.

    Example:
        >>> sessions, instants = DecisionTimes("XTKS", "15:15").between("2024-11-01", "2024-11-05")
        >>> [f"{instant:%m-%d %H:%M}" for instant in instants]
        ['11-01 06:15', '11-05 06:15']
    """

    calendar: str
    at: str = "close"
    corrections: tuple[CalendarCorrection, ...] = ()

    def __post_init__(self) -> None:
        """Check both."""
        trading_calendar(self.calendar, self.corrections)
        if self.at in ("close", "open"):
            return
        try:
            clock = time.fromisoformat(self.at)
        except ValueError as error:
            raise DataError(
                f"A decision is made at 'close', 'open' or a time such as '15:15', got {self.at!r}."
            ) from error
        if clock.tzinfo is not None:
            raise DataError(f"The time of a decision is the local one of {self.calendar}, got {self.at!r}.")

    @property
    def timezone(self) -> str:
        """IANA name of the calendar's zone."""
        return trading_calendar(self.calendar, self.corrections).timezone

    def between(self, start: pd.Timestamp | str, end: pd.Timestamp | str) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
        """Return session labels and UTC instants of the decisions from ``start`` to ``end``, both inclusive.

        Raises:
            CalendarError: If the calendar does not know all of the span.
        """
        exchange = trading_calendar(self.calendar, self.corrections)
        sessions = exchange.sessions(start, end)
        if self.at == "close":
            return sessions, exchange.closes(sessions)
        if self.at == "open":
            return sessions, exchange.opens(sessions)
        clock = time.fromisoformat(self.at)
        local = sessions + pd.Timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
        earlier = np.ones(len(local), dtype=bool)  # of two instants with one name: it knows less
        instants = local.tz_localize(exchange.timezone, ambiguous=earlier, nonexistent="shift_backward")
        return sessions, pd.DatetimeIndex(instants.tz_convert("UTC"), name=None)
