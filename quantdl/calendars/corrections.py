"""Corrections of a trading calendar: a session struck, added, or held at other hours.

What the libraries behind the shipped tables have wrong is corrected when the tables are built, from
``data/calendars/corrections.csv``, which names who says so. Here are the corrections that a user declares for prices of
an exchange whose calendar is wrong or has not heard of a closure yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Literal

from quantdl.errors import DataSettingsError

if TYPE_CHECKING:
    import pandas as pd

Action = Literal["strike", "add", "change"]
_PLURAL_OF_FIELDS = "strike, add or change"
_NEIGHBOURS = timedelta(days=30)  # sessions before and after, among which an early close is told


@dataclass(frozen=True)
class CalendarCorrection:
    """One day of a calendar put right. Exactly one of ``strike``, ``add`` and ``change`` names it.

    Attributes:
        source: Who says so: the exchange's notice, a newspaper, the file itself.
        strike: A session of the calendar on which the exchange was closed.
        add: A day without a session in the calendar on which the exchange traded.
        change: A session of the calendar that had other hours.
        opens: Local time at which trading begins, ``"09:15"``; stated with ``add`` and ``change``.
        closes: Local time at which it ends.
        break_start: Local time at which a break begins; None for a session without one.
        break_end: Local time at which it ends.

    Raises:
        DataSettingsError: Naming every field that is missing, superfluous or no time of day.

    Example:
        >>> item = CalendarCorrection(add="2024-01-20", opens="09:15", closes="15:30", source="BSE, 5 January 2024")
        >>> item.day, item.action
        (datetime.date(2024, 1, 20), 'add')
    """

    source: str
    strike: date | None = None
    add: date | None = None
    change: date | None = None
    opens: str | None = None
    closes: str | None = None
    break_start: str | None = None
    break_end: str | None = None

    def __post_init__(self) -> None:
        """Read days from their ISO text and refuse what does not fit together."""
        faults = []
        for name in ("strike", "add", "change"):
            given = getattr(self, name)
            if isinstance(given, str):
                try:
                    object.__setattr__(self, name, date.fromisoformat(given))
                except ValueError:
                    faults.append((name, f"given {given!r}; expected a date such as 2024-05-29"))
        faults += self._faults()
        if faults:
            raise DataSettingsError(*faults)

    @property
    def action(self) -> Action:
        """What is done to the day."""
        return "strike" if self.strike else "add" if self.add else "change"

    @property
    def day(self) -> date:
        """The day that is corrected."""
        day = self.strike or self.add or self.change
        assert day is not None  # __post_init__ refuses anything else
        return day

    def __str__(self) -> str:
        """Return the correction as one line of a data card."""
        words = {"strike": "no session", "add": "a session added", "change": "other hours"}[self.action]
        hours = "" if self.strike else f" {self.opens} to {self.closes}"
        rest = f" with a break {self.break_start} to {self.break_end}" if self.break_start else ""
        return f"{self.day}: {words}{hours}{rest} ({self.source})"

    def _faults(self) -> Iterator[tuple[str, str]]:
        if not self.source.strip():
            yield "source", "given no text; expected who says so, such as the exchange's notice"
        named = [name for name in ("strike", "add", "change") if getattr(self, name) is not None]
        if len(named) != 1:
            given = " and ".join(named) or "none"
            yield named[0] if named else "strike", f"given {given} of {_PLURAL_OF_FIELDS}; expected exactly one"
            return
        hours = {name: getattr(self, name) for name in ("opens", "closes", "break_start", "break_end")}
        if named == ["strike"]:
            for name, given in hours.items():
                if given is not None:
                    yield name, f"given {given!r} for a day that is struck; expected no hours"
            return
        clocks = {}
        for name, given in hours.items():
            if given is None:
                if name in ("opens", "closes"):
                    yield name, "not given; expected the local time of that day, such as '09:15'"
                continue
            clocks[name] = _minute_of_day(given)
            if clocks[name] is None:
                yield name, f"given {given!r}; expected a local time such as '09:15'"
        if (self.break_start is None) != (self.break_end is None):
            missing = "break_start" if self.break_start is None else "break_end"
            yield missing, "not given; expected both ends of the break, or neither"
        read = [clocks.get(name) for name in ("opens", "break_start", "break_end", "closes") if hours[name] is not None]
        stated = [clock for clock in read if clock is not None]
        if len(stated) == len(read) >= 2 and stated != sorted(set(stated)):
            yield "closes", f"given {self._order()}; expected times in this order, each later than the one before"

    def _order(self) -> str:
        return ", ".join(str(at) for at in (self.opens, self.break_start, self.break_end, self.closes) if at)


def _minute_of_day(text: str) -> time | None:
    try:
        clock = time.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return clock if clock.tzinfo is None and clock.replace(second=0, microsecond=0) == clock else None


def misfits(schedule: "pd.DataFrame", corrections: Sequence[CalendarCorrection], calendar: str) -> list[str]:
    """Return one line for each correction that says nothing new, or the same day twice.

    Args:
        schedule: Sessions before any correction, by label.
        corrections: What a user declared.
        calendar: Name of the calendar, for the words.
    """
    import pandas as pd  # settings that name a correction are read without it

    lines, seen = [], set()
    for item in corrections:
        is_session = pd.Timestamp(item.day) in schedule.index
        if item.day in seen:
            lines.append(f"{item.day}: corrected twice. State it once.")
        elif item.add and is_session:
            lines.append(f"{item.day}: is a session of {calendar} already. Use 'change' for its hours.")
        elif not item.add and not is_session:
            lines.append(f"{item.day}: is no session of {calendar}. Drop the line, or use 'add' for a session.")
        seen.add(item.day)
    return lines


def corrected(schedule: "pd.DataFrame", timezone: str, corrections: Sequence[CalendarCorrection]) -> "pd.DataFrame":
    """Return a schedule with the corrections of its days.

    Args:
        schedule: open, close, break_start, break_end (UTC) and early (bool) by session.
        timezone: IANA name of the exchange's zone, in which hours are stated.
        corrections: What is corrected. A day that is struck and absent, or added and present, does no harm.
    """
    import pandas as pd

    if not corrections:
        return schedule
    labels = pd.DatetimeIndex([pd.Timestamp(item.day) for item in corrections]).as_unit("us")
    kept = schedule.drop(index=schedule.index.intersection(labels))
    held = [(label, item) for label, item in zip(labels, corrections, strict=True) if not item.strike]
    if not held:
        return kept
    columns = {
        column: pd.DatetimeIndex([_instant(item, clock, timezone) for _, item in held], tz="UTC").as_unit("us")
        for column, clock in zip(
            ("open", "close", "break_start", "break_end"), ("opens", "closes", "break_start", "break_end"), strict=True
        )
    }
    index = pd.DatetimeIndex([label for label, _ in held], name=schedule.index.name).as_unit("us")
    early = [_closes_early(kept, label, item, timezone) for label, item in held]
    return pd.concat([kept, pd.DataFrame({**columns, "early": early}, index=index)]).sort_index()


def _instant(item: CalendarCorrection, field: str, timezone: str) -> "pd.Timestamp":
    import pandas as pd

    clock = getattr(item, field)
    moment = pd.NaT if clock is None else pd.Timestamp(f"{item.day} {clock}", tz=timezone).tz_convert("UTC")
    return moment  # type: ignore[return-value]  # NaT stands for no break


def _closes_early(schedule: "pd.DataFrame", label: "pd.Timestamp", item: CalendarCorrection, timezone: str) -> bool:
    """Return whether the session ends before the usual close of the month around it."""
    around = schedule[(schedule.index >= label - _NEIGHBOURS) & (schedule.index <= label + _NEIGHBOURS)]
    closes = around["close"][~around["early"]].dt.tz_convert(timezone)
    if not len(closes):
        return False
    usual = (closes.dt.hour * 60 + closes.dt.minute).mode().iloc[0]
    at = time.fromisoformat(str(item.closes))
    return bool(at.hour * 60 + at.minute < usual)
