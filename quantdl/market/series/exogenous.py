"""Series beside the prices (a volatility index, rates, a benchmark): what was known of them, and when.

A value has two dates. The one it is *dated* says what it measures; the instant at which it *became known* says who
could have used it. A mean over June that is dated the first of June became known in July, and a file of yesterday's
figures that appears in the morning was not known yesterday. No loader guesses the second date from the first: the
`ReleaseRule` states it.

A series is one vintage: the values as its source stated them on the card's ``as_of``. Statistics that are revised after
their first release (output, employment, prices) are therefore seen too early in their revised form, by any rule. For
them, bring the first release or the vintages themselves. Market rates and indices are not revised in that sense.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import date, time
from functools import cached_property
from typing import Literal, get_args
from zoneinfo import available_timezones

import numpy as np
import pandas as pd

from quantdl.calendars import trading_calendar
from quantdl.errors import DataError

Period = Literal["day", "week", "month", "quarter", "year"]
_OFFSETS = {"week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}
_DAY = 86_400_000_000  # microseconds


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
        DataError: If a word, the time, the zone or the count means nothing here, all of them at once.

    Example:
        >>> ReleaseRule("month", 1, "09:00", "America/New_York", "XNYS").known_at(pd.DatetimeIndex(["2024-05-01"]))
        DatetimeIndex(['2024-06-03 13:00:00+00:00'], dtype='datetime64[us, UTC]', freq=None)
    """

    period: Period
    days_after: int
    at: str
    timezone: str
    calendar: str | None

    def __post_init__(self) -> None:
        """Refuse a rule that cannot be followed."""
        wrong = []
        if self.period not in get_args(Period):
            wrong.append(f"period must be one of {', '.join(map(repr, get_args(Period)))}, got {self.period!r}.")
        if self.days_after < 0:
            wrong.append(f"days_after must be a whole number of zero or more, got {self.days_after!r}.")
        if _clock(self.at) is None:
            wrong.append(f"at must be a local time such as '16:15', got {self.at!r}.")
        if self.timezone not in available_timezones():
            wrong.append(f"timezone must be an IANA name such as 'America/New_York', got {self.timezone!r}.")
        if wrong:
            raise DataError(f"The release rule cannot be followed: {' '.join(wrong)}")
        if self.calendar is not None:
            trading_calendar(self.calendar)  # names the one that was meant

    def known_at(self, dated: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the UTC instants at which values of the given dates became known.

        Args:
            dated: (N,) tz-naive dates, in any order.

        Raises:
            CalendarError: If a release lies outside the rule's calendar.
        """
        ends = dated if self.period == "day" else dated.to_period(_OFFSETS[self.period]).end_time.normalize()
        days = (ends.as_unit("us") + pd.Timedelta(days=self.days_after)) if self.calendar is None else self._roll(ends)
        clock = time.fromisoformat(self.at)
        local = days + pd.Timedelta(hours=clock.hour, minutes=clock.minute)
        standard = np.zeros(len(local), dtype=bool)  # of two instants with the same name, the later
        known = local.tz_localize(self.timezone, ambiguous=standard, nonexistent="shift_forward").tz_convert("UTC")
        missing = local - known.tz_convert(self.timezone).tz_localize(
            None
        )  # pandas shifts over a gap of two hours short
        return known + missing.where(missing > pd.Timedelta(0), pd.Timedelta(0))

    def _roll(self, ends: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the session on or after each end, or the ``days_after``-th one after it."""
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


@dataclass(frozen=True)
class SeriesCard:
    """Where a series comes from and when its values became known.

    Attributes:
        source: Who published the values, and through what they were read.
        timezone: IANA name of the zone whose dates the series uses.
        unit: What a value of 1 means: ``"percent a year"``, ``"fraction a year"``, ``"index points"``.
        as_of: Day on which the source stated these values.
        licence: Terms under which they may be used.
        release: When a value became known.
        fingerprint: ``"sha256:<hex>"`` of dates and values, see `series_fingerprint`.
        notes: Further facts.
    """

    source: str
    timezone: str
    unit: str
    as_of: date
    licence: str
    release: ReleaseRule
    fingerprint: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ExogenousSeries:
    """One series: dated values, each with the instant at which it became known. Immutable.

    Attributes:
        name: What the series is called in features and reports.
        card: What is known about it.
        observed_on: (N,) tz-naive dates as the source gives them, increasing and unique.
        known_at: (N,) tz-aware UTC instants at which the values became known, never decreasing.
        values: (N,) float64, finite. A date without a value is left out, not filled.

    Raises:
        DataError: If the above is contradicted.
    """

    name: str
    card: SeriesCard
    observed_on: pd.DatetimeIndex
    known_at: pd.DatetimeIndex
    values: np.ndarray

    def __post_init__(self) -> None:
        """Take a read-only copy of the values, then check."""
        values = np.array(self.values, dtype=np.float64)
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        problems = _problems(self)
        if problems:
            raise DataError(
                f"The series {self.name!r} from {self.card.source} contradicts itself: {' '.join(problems)}"
            )

    def positions(self, instants: pd.DatetimeIndex) -> np.ndarray:
        """Return (K,) int64: for each instant, which observation was the latest known; -1 before the first.

        Known means known at or before the instant. Of observations that became known together, the latest dated counts.

        Args:
            instants: (K,) tz-aware instants in any zone and order, for instance ``panel.known_at``.

        Raises:
            DataError: If the instants have no time zone.
        """
        if instants.tz is None:
            raise DataError(
                f"The series {self.name!r} was asked for instants without a time zone. "
                "Pass panel.known_at, or add the zone: instants.tz_localize('America/New_York')."
            )
        asked = instants.tz_convert("UTC").as_unit("us").asi8
        return np.asarray(np.searchsorted(self._instants, asked, side="right") - 1, dtype=np.int64)

    def as_of(self, instants: pd.DatetimeIndex, longest_age_days: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the values known at each instant and how long they had been known.

        The same value serves until the next one is known; its age says for how long, so a series that has ended, or a
        monthly one, is not taken for a fresh figure.

        Args:
            instants: (K,) tz-aware instants in any zone and order.
            longest_age_days: Values known for more days than this count as not known; None for no limit.

        Returns:
            The values (K,) and their ages in days (K,), both float64, NaN where no value is known.

        Raises:
            DataError: If the instants have no time zone.
        """
        position = self.positions(instants)
        known = position >= 0
        values, ages = np.full(len(position), np.nan), np.full(len(position), np.nan)
        asked = instants.tz_convert("UTC").as_unit("us").asi8
        ages[known] = (asked[known] - self._instants[position[known]]) / _DAY
        if longest_age_days is not None:
            known &= ages <= longest_age_days  # NaN compares as False
            ages[~known] = np.nan
        values[known] = self.values[position[known]]
        return values, ages

    def until(self, instant: pd.Timestamp) -> "ExogenousSeries":
        """Return the series as it was known at ``instant``, physically ending there.

        The card stays: its fingerprint is that of the whole series.

        Raises:
            DataError: If the instant has no time zone.
        """
        stop = int(self.positions(pd.DatetimeIndex([instant]))[0]) + 1
        return replace(
            self,
            observed_on=self.observed_on[:stop].copy(deep=True),
            known_at=self.known_at[:stop].copy(deep=True),
            values=self.values[:stop],
        )

    @cached_property
    def _instants(self) -> np.ndarray:
        return self.known_at.as_unit("us").asi8


def series_fingerprint(observed_on: pd.DatetimeIndex, values: np.ndarray) -> str:
    """Return ``"sha256:<hex>"`` of the dates and the values, whatever file they came in."""
    digest = hashlib.sha256()
    digest.update(observed_on.to_numpy().astype("datetime64[D]").astype("<i8").tobytes())
    digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return f"sha256:{digest.hexdigest()}"


def _clock(text: str) -> time | None:
    try:
        clock = time.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return clock if clock.tzinfo is None and clock.replace(second=0, microsecond=0) == clock else None


def _problems(series: ExogenousSeries) -> list[str]:
    lengths = {len(series.observed_on), len(series.known_at), series.values.size}
    problems = []
    if len(lengths) != 1 or series.values.ndim != 1:
        problems.append("It needs as many dates as instants and values.")
    if series.observed_on.tz is not None:
        problems.append(f"observed_on must be tz-naive dates, got zone {series.observed_on.tz}.")
    if not (series.observed_on.is_monotonic_increasing and series.observed_on.is_unique):
        problems.append("observed_on must be increasing and unique.")
    if str(series.known_at.tz) != "UTC":
        problems.append(f"known_at must be tz-aware UTC instants, got zone {series.known_at.tz}.")
    elif not series.known_at.is_monotonic_increasing:
        problems.append("known_at must never decrease.")
    if not np.isfinite(series.values).all():
        problems.append("Every value must be finite; leave out the dates that have none.")
    return problems
