"""Trading calendars: which days an exchange trades, from when to when, and how far apart two sessions are in bars.

Names are those of pandas-market-calendars, ISO 10383 codes first: ``XNYS``, ``XTKS``, ``XLON``, ``24/7``. Some
exchanges have a second calendar under a trading name, kept by others from other sources, and the two differ. ``NYSE``
has halts and late opens (1997-10-27 ended at 15:30, 1996-01-08 opened at 11:00) but no early close on 1999-12-31,
``XNYS`` the reverse; their sessions agree since 1990. Use the ISO name unless minutes on such days matter.

A session is a tz-naive date label; an instant is tz-aware UTC. The days come from tables that ship with the package
(`quantdl.calendars.tables`), so an answer does not change with an installed library; `TradingCalendar.compared_with`
says which second sources a table was compared with, and `TradingCalendar.verified_through` up to which day. Later days
are projections. What a calendar has wrong for the prices at hand is corrected where it is asked for
(`quantdl.calendars.corrections`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from quantdl.calendars.bars import bar_length, bar_period, intraday_bars, is_daily
from quantdl.calendars.corrections import CalendarCorrection, corrected, misfits
from quantdl.calendars.labels import UNFORESEEN, Day, as_day, neighbours
from quantdl.calendars.names import unknown_calendar
from quantdl.calendars.periods import sessions_by_period
from quantdl.calendars.tables import Comparison, Table, shipped_schedule, tables
from quantdl.calendars.zones import listed_for
from quantdl.errors import CalendarError

if TYPE_CHECKING:
    from quantdl.calendars.library import LibraryCalendar


def trading_calendar(
    name: "str | TradingCalendar", corrections: Sequence[CalendarCorrection] = ()
) -> "TradingCalendar":
    """Return the calendar of an exchange.

    Args:
        name: ISO code (``"XNYS"``), ``"24/7"``, or any other name that pandas-market-calendars knows. A calendar is
            returned as it is, with the corrections added.
        corrections: Sessions that are struck, added or held at other hours.

    Raises:
        CalendarError: If the name is unknown; the message says which one may have been meant. If a correction strikes
            or changes a day that is no session, or adds one that is; all of them at once.

    Example:
        >>> trading_calendar("XNYS").is_session("2025-01-09")
        False
    """
    if isinstance(name, str):
        return TradingCalendar(name, tuple(corrections))
    return TradingCalendar(name.name, (*name.corrections, *corrections)) if corrections else name


@dataclass(frozen=True)
class _Held:
    """The part of a schedule that a calendar has read already."""

    first: pd.Timestamp
    last: pd.Timestamp
    schedule: pd.DataFrame


@dataclass(frozen=True)
class TradingCalendar:
    """The sessions of one exchange. Two calendars are equal when their names and their corrections are."""

    name: str
    corrections: tuple[CalendarCorrection, ...] = ()
    _held: list["_Held"] = field(init=False, repr=False, compare=False, default_factory=list)

    def __post_init__(self) -> None:
        """Find the calendar of that name."""
        if self.name not in tables():
            from quantdl.calendars.library import listed_names  # half a second of imports that a table need not pay

            names = listed_names()
            if self.name not in names:
                raise CalendarError(unknown_calendar(self.name, names))
        if self.corrections:
            self._check_corrections()

    @property
    def timezone(self) -> str:
        """IANA name of the exchange's zone."""
        return self._table.timezone if self._table else self._library.timezone

    @property
    def first_day(self) -> pd.Timestamp:
        """First day that the calendar vouches for."""
        return self._table.first_day if self._table else self._library.first_day

    @property
    def last_day(self) -> pd.Timestamp:
        """Last day that the calendar can project to."""
        if self._table and self._table.last_day > self._table.through:
            return self._table.last_day
        return self._library.last_day  # a calendar that is kept year by year: the installed library may know more

    @property
    def compared_with(self) -> tuple[Comparison, ...]:
        """The second sources that the sessions were compared with; empty for a calendar that only one source keeps."""
        return self._table.compared if self._table else ()

    @property
    def verified_through(self) -> pd.Timestamp | None:
        """Last day on which the sessions were compared with a second source; None where they never were.

        Later sessions are answered as well. They are projections of the holidays that were known when the table was
        made, so a closure declared since (a day of mourning, a storm, a holiday moved by a government) is not among
        them.
        """
        return max((item.last for item in self.compared_with), default=None)

    def disputed(self, start: Day, end: Day) -> pd.DatetimeIndex:
        """Return the days on which the sources contradict each other and no majority confirms this calendar.

        A day that a correction settles is not among them.

        Example:
            >>> len(trading_calendar("XNYS").disputed("1990-01-01", "2025-12-31"))
            0
        """
        days = pd.DatetimeIndex(self._table.disputed if self._table else [])
        settled = [pd.Timestamp(item.day) for item in self.corrections]
        return days[(days >= as_day(start)) & (days <= as_day(end)) & ~days.isin(settled)]

    def caveat(self, start: Day, end: Day) -> str | None:
        """Return what a reader of data from ``start`` to ``end`` has to know about this calendar, or None.

        Example:
            >>> trading_calendar("XNYS").caveat("1990-01-01", "2019-12-31") is None
            True
        """
        words = [*self._provenance(as_day(start), as_day(end)), *self._stated_corrections(as_day(start), as_day(end))]
        return " ".join(words) or None

    def _provenance(self, start: pd.Timestamp, end: pd.Timestamp) -> Iterator[str]:
        if self._table is None:
            yield f"The sessions of {self.name} come from the installed library and were not checked."
            return
        through = self.verified_through
        if through is None:
            yield f"The sessions of {self.name} come from {self._table.origin} and were compared with no second source."
            return
        sources = ", ".join(item.source for item in self.compared_with)
        first = min(item.first for item in self.compared_with)
        if start < first:
            yield f"Sessions of {self.name} before {first:%Y-%m-%d} were compared with no second source."
        if end > through:
            yield (
                f"Sessions of {self.name} after {through:%Y-%m-%d} are projected from what {self._table.origin} knew "
                f"and were not compared with {sources}: a closure declared since is not among them."
            )
        doubtful = len(self.disputed(start, end))
        if doubtful:
            days = f"{doubtful} day{'s' * (doubtful > 1)}"
            yield f"On {days} of the span {self.name} is contradicted by {sources}, and no majority confirms it."

    def _stated_corrections(self, start: pd.Timestamp, end: pd.Timestamp) -> Iterator[str]:
        inside = [item for item in self.corrections if start <= pd.Timestamp(item.day) <= end]
        if inside:
            yield f"Corrected in the calendar {self.name} by declaration: {'; '.join(map(str, inside))}."

    def schedule(self, start: Day, end: Day) -> pd.DataFrame:
        """Return open, close, break_start and break_end (UTC, NaT without a break) of every session of the span.

        Args:
            start: First day, inclusive.
            end: Last day, inclusive.

        Raises:
            CalendarError: If the span is reversed or leaves the days that the calendar knows.
        """
        return self._rows_of(start, end).drop(columns="early")

    def sessions(self, start: Day, end: Day) -> pd.DatetimeIndex:
        """Return the tz-naive labels of all sessions of the span, both ends inclusive.

        Example:
            >>> len(trading_calendar("XNYS").sessions("2001-01-01", "2001-12-31"))
            248
        """
        return pd.DatetimeIndex(self._rows_of(start, end).index)

    def opens(self, sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the UTC instants at which the given sessions open."""
        return pd.DatetimeIndex(self._rows(sessions)["open"])

    def closes(self, sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the UTC instants at which the given sessions close, early closes included."""
        return pd.DatetimeIndex(self._rows(sessions)["close"])

    def early_closes(self, start: Day, end: Day) -> pd.DatetimeIndex:
        """Return the sessions that close before the exchange's regular time of that day."""
        schedule = self._rows_of(start, end)
        return pd.DatetimeIndex(schedule.index[schedule["early"].to_numpy()])

    def is_session(self, day: Day) -> bool:
        """Return whether the exchange trades on that day."""
        return len(self._rows_of(day, day)) == 1

    def advance(self, session: Day, bars: int) -> pd.Timestamp:
        """Return the session that lies ``bars`` sessions after the given one, or before it when negative.

        Raises:
            CalendarError: If ``session`` is not a session or the answer lies outside the calendar.

        Example:
            >>> trading_calendar("XNYS").advance("2001-09-10", 1)
            Timestamp('2001-09-17 00:00:00')
        """
        label = self._session(session)
        reach = timedelta(days=10 + 3 * abs(bars))  # no exchange rests more than two thirds of a year
        span = (label, min(label + reach, self.last_day)) if bars >= 0 else (max(label - reach, self.first_day), label)
        sessions = self.sessions(*span)
        position = int(sessions.searchsorted(label)) + bars
        if not 0 <= position < len(sessions):
            raise CalendarError(f"{self.name}: {bars} bars from {label:%Y-%m-%d} leave the calendar ({self._span()}).")
        return pd.Timestamp(sessions[position])

    def bars_between(self, start: Day, end: Day) -> int:
        """Return how many bars ``end`` lies after ``start``; both are sessions, negative when it lies before.

        Raises:
            CalendarError: If either day is not a session.

        Example:
            >>> trading_calendar("XNYS").bars_between("2001-09-10", "2001-09-17")
            1
        """
        first, last = self._session(start), self._session(end)
        if last < first:
            return -self.bars_between(last, first)
        return len(self._rows_of(first, last)) - 1

    def bars_per_year(self, start: Day, end: Day, bar: str = "1D") -> float:
        """Return the mean number of bars a year over the calendar years that the span touches, each taken whole.

        An intraday bar does not reach over a break or a close: a last, shorter bar counts as one, and an early close
        has fewer of them.

        Args:
            start: First day of the span.
            end: Last day of the span.
            bar: ``"1D"`` for one bar a session, ``"1W"`` or ``"1M"`` for one a week or month that has a session, or an
                intraday length such as ``"60min"``.

        Raises:
            CalendarError: If no whole year of the span is in the calendar or ``bar`` is not such a length.

        Example:
            >>> trading_calendar("XNYS").bars_per_year("2019-01-02", "2022-12-28")
            252.0
        """
        first, last = self._span_of(start, end)
        years = [
            year
            for year in range(first.year, last.year + 1)
            if pd.Timestamp(year, 1, 1) >= self.first_day and pd.Timestamp(year, 12, 31) <= self.last_day
        ]
        if not years:
            raise CalendarError(f"{self.name}: no whole year from {first.year} to {last.year} ({self._span()}).")
        begin, finish = pd.Timestamp(years[0], 1, 1), pd.Timestamp(years[-1], 12, 31)
        period = bar_period(bar)
        if period is not None:
            _, labels = sessions_by_period(begin, finish, period, self)
            return int(((labels >= begin) & (labels <= finish)).sum()) / len(years)
        schedule = self.schedule(begin, finish)
        bars = len(schedule) if is_daily(bar) else intraday_bars(schedule, bar_length(bar))
        return bars / len(years)

    def next_gap_days(self, sessions: pd.DatetimeIndex) -> np.ndarray:
        """Return (T,) int64: calendar days from each session to the next one *expected* at its close.

        Closures that could not be foreseen at the close before (2001-09-11, 2012-10-29, Tokyo's outage of 2020-10-01)
        count as sessions here: a gap that was not yet known would be knowledge of the future.

        Args:
            sessions: (T,) increasing session labels.
        """
        if not len(sessions):
            return np.zeros(0, dtype=np.int64)
        known = self.sessions(sessions[0], min(sessions[-1] + timedelta(days=30), self.last_day))
        unforeseen = pd.DatetimeIndex(list(listed_for(self.timezone, UNFORESEEN))).as_unit(known.unit)
        expected = known.union(unforeseen[(unforeseen > known[0]) & (unforeseen < known[-1])])
        following = expected.searchsorted(self._rows(sessions).index, side="right")
        if following[-1] == len(expected):
            raise CalendarError(f"{self.name}: no session after {sessions[-1]:%Y-%m-%d} is known ({self._span()}).")
        return np.asarray((expected[following] - sessions).days, dtype=np.int64)

    def _span(self) -> str:
        return f"it knows {self.first_day:%Y-%m-%d}..{self.last_day:%Y-%m-%d}"

    def _span_of(self, start: Day, end: Day) -> tuple[pd.Timestamp, pd.Timestamp]:
        first, last = as_day(start), as_day(end)
        if last < first:
            raise CalendarError(f"{self.name}: the span ends ({last:%Y-%m-%d}) before it starts ({first:%Y-%m-%d}).")
        inside = self._table and self._table.first_day <= first and last <= self._table.through
        if not inside and (first < self.first_day or last > self.last_day):
            given = f"{first:%Y-%m-%d}..{last:%Y-%m-%d}"
            raise CalendarError(f"{self.name} has no sessions for all of {given}: {self._span()}. Shorten the span.")
        return first, last

    @cached_property
    def _table(self) -> Table | None:
        return tables().get(self.name)

    @cached_property
    def _library(self) -> "LibraryCalendar":
        from quantdl.calendars.library import LibraryCalendar

        return LibraryCalendar(self.name)

    def _rows_of(self, start: Day, end: Day) -> pd.DataFrame:
        """Return a copy of the schedule of the span, and whether each close is early."""
        first, last = self._span_of(start, end)
        covered = self._held and self._held[0].first <= first and last <= self._held[0].last
        schedule = self._held[0].schedule if covered else self._read(first, last)
        days = pd.DatetimeIndex(schedule.index)
        return schedule.iloc[days.searchsorted(first) : days.searchsorted(last, side="right")].copy()

    def _read(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Read the table, or whole years of the library around the span, add what is held already, and hold it all."""
        if self._table is None:
            held = self._held[0] if self._held else _Held(first, last, pd.DataFrame())
            start = max(pd.Timestamp(min(first, held.first).year, 1, 1), self.first_day)
            end = min(pd.Timestamp(max(last, held.last).year, 12, 31), self.last_day)
            schedule = self._library.read(start, end)
        else:
            start, end = self._table.first_day, self._table.through
            schedule = shipped_schedule(self.name)
            if last > end:
                beyond = end + timedelta(days=1)
                end = min(pd.Timestamp(last.year, 12, 31), self.last_day)
                schedule = pd.concat([schedule, self._library.read(beyond, end)])
        inside = [item for item in self.corrections if start <= pd.Timestamp(item.day) <= end]
        schedule = corrected(schedule, self.timezone, inside)
        self._held[:] = [_Held(start, end, schedule)]
        return schedule

    def _check_corrections(self) -> None:
        """Refuse corrections that leave the calendar or say nothing new, all of them at once."""
        plain = TradingCalendar(self.name)
        known = [item for item in self.corrections if plain.first_day <= pd.Timestamp(item.day) <= plain.last_day]
        faults = [
            f"{item.day}: outside the calendar ({plain._span()})." for item in self.corrections if item not in known
        ]
        if known:
            days = [item.day for item in known]
            faults += misfits(plain.schedule(min(days), max(days)), known, self.name)
        if faults:
            raise CalendarError(f"Corrections of the calendar {self.name}: " + " ".join(faults))

    def _session(self, day: Day) -> pd.Timestamp:
        label = as_day(day)
        if not self.is_session(label):
            around = self.sessions(
                max(label - timedelta(days=14), self.first_day), min(label + timedelta(days=14), self.last_day)
            )
            near = [f"{neighbour:%Y-%m-%d}" for neighbour in neighbours(around, label)]
            raise CalendarError(f"{label:%Y-%m-%d} is not a session of {self.name}. Nearest: {' and '.join(near)}.")
        return label

    def _rows(self, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        if not len(sessions):
            return self._rows_of(self.first_day, self.first_day).iloc[:0]
        schedule = self._rows_of(sessions.min(), sessions.max())
        unknown = sessions[~sessions.isin(schedule.index)]
        if len(unknown):
            days = ", ".join(f"{day:%Y-%m-%d}" for day in unknown[:10])
            raise CalendarError(f"{len(unknown)} days are not sessions of {self.name}: {days}.")
        return schedule.loc[sessions]
