"""What is declared of a series beside the prices: where it stands, what it is, and when a value became known."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from quantdl.calendars.names import is_calendar, shipped_names, unknown_calendar
from quantdl.errors import DataError, DataSettingsError
from quantdl.market.card import empty_texts, local_time, zone_faults
from quantdl.records import OMIT_DEFAULT

if TYPE_CHECKING:
    import pandas as pd

Period = Literal["day", "week", "month", "quarter", "year"]
_OFFSETS = {"week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}
# Sessions of two periods, so that one release may be missed, and never fewer than two weeks.
_LONGEST_AGE = {"day": 10, "week": 15, "month": 45, "quarter": 135, "year": 520}


@dataclass(frozen=True)
class ReleaseRule:
    """When a value became known, counted from the last day that it measures.

    Attributes:
        period: What a value dated d measures: that ``"day"``, or the whole ``"week"`` (to its Sunday), ``"month"``,
            ``"quarter"`` or ``"year"`` that d lies in, whichever of its days d is.
        days_after: Days from the end of the period to the release, zero or more. With a calendar they are sessions: 1
            is the first session after the period, 0 its last day, or the first session after it where that is none.
        at: Local time of the release, ``"16:15"``.
        timezone: IANA zone of ``at``. A time that the clock shows twice is the later of the two, and one that it skips
            is the first instant after the gap, so that daylight saving never makes a value known too early.
        calendar: Name of the trading calendar that counts ``days_after``; None for days of the week and weekends alike.

    Raises:
        DataSettingsError: If a word, the time, the zone, the count or the calendar is invalid; all of them at
            once.

    Example:
        >>> import pandas as pd
        >>> ReleaseRule("month", 1, "09:00", "America/New_York", "XNYS").known_at(pd.DatetimeIndex(["2024-05-01"]))
        DatetimeIndex(['2024-06-03 13:00:00+00:00'], dtype='datetime64[us, UTC]', freq=None)
    """

    period: Period
    days_after: int
    at: str
    timezone: str
    calendar: str | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that cannot be followed."""
        faults = [*self._faults()]
        if faults:
            raise DataSettingsError(*faults)

    def _faults(self) -> Iterator[tuple[str, str]]:
        if self.period not in get_args(Period):
            yield "period", f"given {self.period!r}; expected one of {', '.join(map(repr, get_args(Period)))}"
        if self.days_after < 0:
            yield "days_after", f"given {self.days_after!r}; expected a whole number of zero or more"
        if local_time(self.at) is None:
            yield "at", f"given {self.at!r}; expected a local time such as '16:15'"
        yield from zone_faults("timezone", self.timezone)
        if self.calendar is not None and not is_calendar(self.calendar):
            yield "calendar", unknown_calendar(self.calendar, shipped_names())

    def known_at(self, dated: "pd.DatetimeIndex") -> "pd.DatetimeIndex":
        """Return the UTC instants at which values of the given dates became known.

        Args:
            dated: (N,) tz-naive dates, in any order.

        Raises:
            CalendarError: If a release lies outside the rule's calendar.
        """
        import numpy as np
        import pandas as pd

        ends = dated if self.period == "day" else dated.to_period(_OFFSETS[self.period]).end_time.normalize()
        days = (ends.as_unit("us") + pd.Timedelta(days=self.days_after)) if self.calendar is None else self._roll(ends)
        clock = time.fromisoformat(self.at)
        local = days + pd.Timedelta(hours=clock.hour, minutes=clock.minute)
        standard = np.zeros(len(local), dtype=bool)  # of two instants with the same name, the later
        known = local.tz_localize(self.timezone, ambiguous=standard, nonexistent="shift_forward").tz_convert("UTC")
        shown = known.tz_convert(self.timezone).tz_localize(None)
        missing = local - shown  # pandas shifts over a gap of two hours short
        return known + missing.where(missing > pd.Timedelta(0), pd.Timedelta(0))

    def _roll(self, ends: "pd.DatetimeIndex") -> "pd.DatetimeIndex":
        """Return the session on or after each end, or the ``days_after``-th one after it."""
        import pandas as pd

        from quantdl.calendars import trading_calendar

        if not len(ends):
            return ends.as_unit("us")
        calendar = trading_calendar(str(self.calendar))
        reach = pd.Timedelta(days=30 + 3 * self.days_after)
        sessions = calendar.sessions(ends.min(), min(ends.max() + reach, calendar.last_day))
        position = sessions.searchsorted(ends) if not self.days_after else sessions.searchsorted(ends, side="right")
        position = position + max(self.days_after - 1, 0)
        if position.max() >= len(sessions):
            raise DataError(
                f"{self.calendar}: no session is known {self.days_after} sessions after {ends.max():%Y-%m-%d}."
            )
        return sessions[position].as_unit("us").rename(None)


@dataclass(frozen=True, kw_only=True)
class SeriesDeclaration:
    """What only the person who brings the series can say. No loader guesses any of it.

    Attributes:
        name: What the series is called in features, figures and reports.
        source: Who published the values, and through what they were read.
        timezone: IANA name of the zone whose dates the file uses, ``"UTC"`` where it writes midnight UTC for a date.
        unit: What a value of 1 means: ``"percent a year"`` and ``"fraction a year"`` can serve as a risk-free rate.
        as_of: Day on which the source stated the values.
        licence: Terms under which they may be used.
        release: When a value became known.
        notes: Further facts for the card.
        longest_age_sessions: How many sessions a value may have been known for and still count, one or more. The
            sessions are those of ``release.calendar``, or of the prices where that is None. None for a default by the
            period of the release: 10 for daily values, 15 for weekly, 45 for monthly, 135 for quarterly and 520 for
            yearly ones.

    Raises:
        DataSettingsError: If a text is empty, the zone unknown or the age too small; all of them at once.
    """

    name: str
    source: str
    timezone: str
    unit: str
    as_of: date
    licence: str
    release: ReleaseRule
    notes: tuple[str, ...] = ()
    longest_age_sessions: int | None = field(default=None, metadata=OMIT_DEFAULT)

    @property
    def longest_age(self) -> int:
        """Sessions for which a value counts: as declared, or by the period of the release."""
        given = self.longest_age_sessions
        return _LONGEST_AGE[self.release.period] if given is None else given

    def __post_init__(self) -> None:
        """Refuse invalid values."""
        faults = [*empty_texts(self, ("name", "source", "unit", "licence")), *zone_faults("timezone", self.timezone)]
        if self.longest_age_sessions is not None and self.longest_age_sessions < 1:
            faults.append(
                (
                    "longest_age_sessions",
                    f"given {self.longest_age_sessions}; expected a whole number of sessions, one or more",
                )
            )
        if faults:
            raise DataSettingsError(*faults)


@dataclass(frozen=True, kw_only=True)
class SeriesFile(SeriesDeclaration):
    """A series in a file: what is declared of it, and where its values stand.

    Attributes:
        path: CSV or Parquet file.
        column: Column of the values.
        date_column: Column of the dates.
    """

    path: Path
    column: str
    date_column: str = "date"
