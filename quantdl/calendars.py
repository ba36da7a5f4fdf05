"""Trading calendars: which days an exchange trades, from when to when, and how far apart two sessions are in bars.

Names are those of pandas-market-calendars, ISO 10383 codes first: ``XNYS``, ``XTKS``, ``XLON``, ``24/7``. Some
exchanges have a second calendar under a trading name, kept by others from other sources, and the two differ. ``NYSE``
has halts and late opens (1997-10-27 ended at 15:30, 1996-01-08 opened at 11:00) but no early close on 1999-12-31,
``XNYS`` the reverse; their sessions agree since 1990. Use the ISO name unless minutes on such days matter.

A session is a tz-naive date label; an instant is tz-aware UTC. Sessions in the future are projections of today's rules.
"""

import difflib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pandas_market_calendars as market_calendars

from quantdl.errors import CalendarError

Day = pd.Timestamp | date | str

# pandas' rule-based holidays begin in 1970: earlier, a calendar without a stated bound trades through every holiday.
# The two New York calendars carry their own rules from 1885 (pandas_market_calendars/calendars/mirror.py and nyse.py).
_RULES_BEGIN = pd.Timestamp("1970-01-01")
_NEW_YORK_RULES_BEGIN = pd.Timestamp("1885-01-01")
_RULES_END = pd.Timestamp("2099-12-31")

# ISO codes that pandas-market-calendars keeps under a trading name only.
_TRADING_NAMES = {"XNAS": "NASDAQ", "XCBO": "CBOE_Equity_Options", "XCME": "CME_Equity", "IEXG": "IEX"}

# Closures that nobody could expect at the close before them; a scheduled holiday is known years ahead.
_UNFORESEEN = {
    "America/New_York": "1985-09-27 2001-09-11 2001-09-12 2001-09-13 2001-09-14 2012-10-29 2012-10-30".split(),
    "Asia/Tokyo": ["2020-10-01"],
}


def trading_calendar(name: str) -> "TradingCalendar":
    """Return the calendar of an exchange.

    Args:
        name: ISO code (``"XNYS"``), ``"24/7"``, or any other name that pandas-market-calendars knows.

    Raises:
        CalendarError: If the name is unknown; the message says which one may have been meant.

    Example:
        >>> trading_calendar("XNYS").is_session("2025-01-09")
        False
    """
    return TradingCalendar(name)


@dataclass(frozen=True)
class _Held:
    """The part of a schedule that a calendar has read already."""

    first: pd.Timestamp
    last: pd.Timestamp
    schedule: pd.DataFrame


@dataclass(frozen=True)
class TradingCalendar:
    """The sessions of one exchange. Two calendars are equal when their names are."""

    name: str
    _source: Any = field(init=False, repr=False, compare=False)
    _held: list["_Held"] = field(init=False, repr=False, compare=False, default_factory=list)

    def __post_init__(self) -> None:
        """Find the calendar of that name."""
        names = market_calendars.get_calendar_names()
        if self.name not in names:
            raise CalendarError(_unknown(self.name, names))
        with _quiet():
            object.__setattr__(self, "_source", market_calendars.get_calendar(self.name))

    @property
    def timezone(self) -> str:
        """IANA name of the exchange's zone."""
        return str(self._source.tz)

    @property
    def first_day(self) -> pd.Timestamp:
        """First day that the calendar vouches for."""
        rules_begin = _NEW_YORK_RULES_BEGIN if self.name in ("XNYS", "NYSE") else _RULES_BEGIN
        return max(rules_begin, self._bound("bound_min", rules_begin))

    @property
    def last_day(self) -> pd.Timestamp:
        """Last day that the calendar can project to."""
        return min(_RULES_END, self._bound("bound_max", _RULES_END))

    def schedule(self, start: Day, end: Day) -> pd.DataFrame:
        """Return open, close, break_start and break_end (UTC, NaT without a break) of every session of the span.

        Args:
            start: First day, inclusive.
            end: Last day, inclusive.

        Raises:
            CalendarError: If the span is reversed or leaves the days that the calendar knows.
        """
        first, last = self._days(start, end)
        covered = self._held and self._held[0].first <= first and last <= self._held[0].last
        schedule = self._held[0].schedule if covered else self._read(first, last)
        days = pd.DatetimeIndex(schedule.index)
        return schedule.iloc[days.searchsorted(first) : days.searchsorted(last, side="right")].copy()

    def sessions(self, start: Day, end: Day) -> pd.DatetimeIndex:
        """Return the tz-naive labels of all sessions of the span, both ends inclusive.

        Example:
            >>> len(trading_calendar("XNYS").sessions("2001-01-01", "2001-12-31"))
            248
        """
        return pd.DatetimeIndex(self.schedule(start, end).index)

    def opens(self, sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the UTC instants at which the given sessions open."""
        return pd.DatetimeIndex(self._rows(sessions)["open"])

    def closes(self, sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the UTC instants at which the given sessions close, early closes included."""
        return pd.DatetimeIndex(self._rows(sessions)["close"])

    def early_closes(self, start: Day, end: Day) -> pd.DatetimeIndex:
        """Return the sessions that close before the exchange's regular time of that day."""
        schedule = self.schedule(start, end)
        with _quiet():
            early = self._source.is_different(schedule["close"].rename("market_close"), pd.Series.lt)
        return pd.DatetimeIndex(schedule.index[np.asarray(early, dtype=bool)])

    def is_session(self, day: Day) -> bool:
        """Return whether the exchange trades on that day."""
        return len(self.schedule(day, day)) == 1

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
        return len(self.schedule(first, last)) - 1

    def bars_per_year(self, start: Day, end: Day, bar: str = "1D") -> float:
        """Return the mean number of bars a year over the calendar years that the span touches, each taken whole.

        An intraday bar does not reach over a break or a close: a last, shorter bar counts as one, and an early close
        has fewer of them.

        Args:
            start: First day of the span.
            end: Last day of the span.
            bar: ``"1D"`` for one bar a session, or an intraday length such as ``"60min"``.

        Raises:
            CalendarError: If no whole year of the span is in the calendar or ``bar`` is not such a length.

        Example:
            >>> trading_calendar("XNYS").bars_per_year("2019-01-02", "2022-12-28")
            252.0
        """
        first, last = self._days(start, end)
        years = [
            year
            for year in range(first.year, last.year + 1)
            if pd.Timestamp(year, 1, 1) >= self.first_day and pd.Timestamp(year, 12, 31) <= self.last_day
        ]
        if not years:
            raise CalendarError(f"{self.name}: no whole year from {first.year} to {last.year} ({self._span()}).")
        schedule = self.schedule(date(years[0], 1, 1), date(years[-1], 12, 31))
        bars = len(schedule) if _is_daily(bar) else _intraday_bars(schedule, _bar_length(bar))
        return bars / len(years)

    def next_gap_days(self, sessions: pd.DatetimeIndex) -> np.ndarray:
        """Return (T,) int64: calendar days from each session to the next one *expected* at its close.

        Closures that nobody could foresee at the close before (2001-09-11, 2012-10-29, Tokyo's outage of 2020-10-01)
        count as sessions here: a gap that was not yet known would be knowledge of the future.

        Args:
            sessions: (T,) increasing session labels.
        """
        if not len(sessions):
            return np.zeros(0, dtype=np.int64)
        known = self.sessions(sessions[0], min(sessions[-1] + timedelta(days=30), self.last_day))
        unforeseen = pd.DatetimeIndex(_UNFORESEEN.get(self.timezone, [])).as_unit(known.unit)
        expected = known.union(unforeseen[(unforeseen > known[0]) & (unforeseen < known[-1])])
        following = expected.searchsorted(self._rows(sessions).index, side="right")
        if following[-1] == len(expected):
            raise CalendarError(f"{self.name}: no session after {sessions[-1]:%Y-%m-%d} is known ({self._span()}).")
        return np.asarray((expected[following] - sessions).days, dtype=np.int64)

    def _bound(self, which: str, default: pd.Timestamp) -> pd.Timestamp:
        """Return the stated bound of the exchange_calendars class behind an ISO calendar.

        Its public door, ``.ec``, first computes twenty years of schedule (0.13 s), so the class is asked directly.
        """
        exchange = getattr(self._source, "_ec", None)
        bound = None if exchange is None else getattr(exchange, which)()
        return default if bound is None else pd.Timestamp(bound)

    def _span(self) -> str:
        return f"it knows {self.first_day:%Y-%m-%d}..{self.last_day:%Y-%m-%d}"

    def _days(self, start: Day, end: Day) -> tuple[pd.Timestamp, pd.Timestamp]:
        first, last = _day(start), _day(end)
        if last < first:
            raise CalendarError(f"{self.name}: the span ends ({last:%Y-%m-%d}) before it starts ({first:%Y-%m-%d}).")
        if first < self.first_day or last > self.last_day:
            given = f"{first:%Y-%m-%d}..{last:%Y-%m-%d}"
            raise CalendarError(f"{self.name} has no sessions for all of {given}: {self._span()}. Shorten the span.")
        return first, last

    def _read(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Read whole years around the span, together with what is held already, and hold the result."""
        if self._held:
            first, last = min(first, self._held[0].first), max(last, self._held[0].last)
        first = max(pd.Timestamp(first.year, 1, 1), self.first_day)
        last = min(pd.Timestamp(last.year, 12, 31), self.last_day)
        try:
            with _quiet():
                raw: pd.DataFrame = self._source.schedule(first, last)
        except (NotImplementedError, ValueError) as error:  # some listed names are not implemented upstream
            raise CalendarError(
                f"pandas-market-calendars lists {self.name!r} but cannot compute it: {error}."
            ) from error
        schedule = raw.rename(columns={"market_open": "open", "market_close": "close"})
        schedule = schedule.reindex(columns=["open", "close", "break_start", "break_end"])
        for name in ("break_start", "break_end"):
            schedule[name] = schedule[name].astype(schedule["close"].dtype)
        for name, end in self._source.discontinued_market_times.items():
            if name in schedule:  # Seoul has had no lunch break since 2000-05-22
                schedule[name] = schedule[name].where(schedule.index < end)
        schedule.index.name = "session"
        self._held[:] = [_Held(first, last, schedule)]
        return schedule

    def _session(self, day: Day) -> pd.Timestamp:
        label = _day(day)
        if not self.is_session(label):
            around = self.sessions(
                max(label - timedelta(days=14), self.first_day), min(label + timedelta(days=14), self.last_day)
            )
            near = [f"{neighbour:%Y-%m-%d}" for neighbour in _neighbours(around, label)]
            raise CalendarError(f"{label:%Y-%m-%d} is not a session of {self.name}. Nearest: {' and '.join(near)}.")
        return label

    def _rows(self, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        if not len(sessions):
            return self.schedule(self.last_day, self.last_day).iloc[:0]
        schedule = self.schedule(sessions.min(), sessions.max())
        strangers = sessions[~sessions.isin(schedule.index)]
        if len(strangers):
            days = ", ".join(f"{day:%Y-%m-%d}" for day in strangers[:10])
            raise CalendarError(f"{len(strangers)} days are not sessions of {self.name}: {days}.")
        return schedule.loc[sessions]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what users can do nothing about: pandas' deprecations, and a warning that is heeded in `_read`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=pd.errors.Pandas4Warning)
        warnings.filterwarnings("ignore", message=".*are discontinued, the dictionary", category=UserWarning)
        yield


def _unknown(name: str, names: Sequence[str]) -> str:
    by_lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)
    meant = [_TRADING_NAMES[name]] if name in _TRADING_NAMES else [by_lower[key] for key in close]
    hint = f"Did you mean {' or '.join(repr(known) for known in meant)}? " if meant else ""
    return f"Unknown calendar {name!r}. {hint}Names are ISO codes such as 'XNYS', 'XTKS', 'XLON', or '24/7'."


def _day(day: Day) -> pd.Timestamp:
    try:
        label: object = pd.Timestamp(day)
    except ValueError as error:
        raise CalendarError(f"Expected a date such as 2024-12-31, got {day!r}.") from error
    if not isinstance(label, pd.Timestamp) or label.tzinfo or label != label.normalize():  # NaT is no Timestamp
        raise CalendarError(f"A session is a date without time and zone, got {day!r}. Pass the exchange's local date.")
    return label


def _neighbours(sessions: pd.DatetimeIndex, label: pd.Timestamp) -> pd.DatetimeIndex:
    position = int(sessions.searchsorted(label))
    return sessions[max(position - 1, 0) : position + 1]


def _is_daily(bar: str) -> bool:
    return bar.strip().lower() in ("1d", "d")


def _bar_length(bar: str) -> pd.Timedelta:
    try:
        length = pd.Timedelta(bar)
    except ValueError as error:
        raise CalendarError(f"Expected a bar such as '1D', '60min' or '5min', got {bar!r}.") from error
    if not pd.Timedelta(0) < length < pd.Timedelta(days=1):
        raise CalendarError(f"A bar is one session ('1D') or shorter than a day ('60min'), got {bar!r}.")
    return length


def _intraday_bars(schedule: pd.DataFrame, length: pd.Timedelta) -> int:
    """Count bars in the stretches open..break and break..close; a half-day's break after its close counts nothing."""
    rest = schedule["break_start"].notna() & (schedule["break_start"] < schedule["close"])
    morning_end = schedule["close"].mask(rest, schedule["break_start"])
    afternoon = (schedule["close"] - schedule["break_end"]).where(rest, pd.Timedelta(0))
    stretches = pd.concat([morning_end - schedule["open"], afternoon]).to_numpy(dtype="timedelta64[ns]")
    return int(np.ceil(stretches / length.to_timedelta64()).clip(min=0).sum())
