"""The door to pandas-market-calendars: slow and noisy, so it is used only for what the tables do not hold."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import time
from typing import Any

import numpy as np
import pandas as pd
import pandas_market_calendars as market_calendars

from quantdl.calendars.labels import RULES_END
from quantdl.errors import CalendarError

# pandas' rule-based holidays begin in 1970: earlier, a calendar without a stated bound trades through every holiday.
# The two New York calendars carry their own rules from 1885 (pandas_market_calendars/calendars/mirror.py and nyse.py).
_RULES_BEGIN = pd.Timestamp("1970-01-01")
_NEW_YORK_RULES_BEGIN = pd.Timestamp("1885-01-01")
_COLUMNS = ("open", "close", "break_start", "break_end")


def listed_names() -> list[str]:
    """Return every calendar name that the library lists; a few of them it cannot compute."""
    return list(market_calendars.get_calendar_names())


@dataclass(frozen=True)
class LibraryCalendar:
    """One calendar of the library, which must list its name."""

    name: str
    _source: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Build the library's calendar of that name."""
        with _quiet():
            object.__setattr__(self, "_source", market_calendars.get_calendar(self.name))

    @property
    def timezone(self) -> str:
        """IANA name of the exchange's zone."""
        return str(self._source.tz)

    @property
    def is_mirrored(self) -> bool:
        """Whether the days come from exchange_calendars, as those of ISO codes do, or from the library itself."""
        return hasattr(self._source, "_ec")

    @property
    def first_day(self) -> pd.Timestamp:
        """First day that the calendar vouches for."""
        rules_begin = _NEW_YORK_RULES_BEGIN if self.name in ("XNYS", "NYSE") else _RULES_BEGIN
        return max(rules_begin, self._bound("bound_min", rules_begin))

    @property
    def last_day(self) -> pd.Timestamp:
        """Last day that the calendar can project to."""
        return min(RULES_END, self._bound("bound_max", RULES_END))

    def read(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Return open, close, break_start, break_end (UTC) and ``early`` (bool) of every session of the span.

        Raises:
            CalendarError: If the library lists the calendar but cannot compute it.
        """
        try:
            with _quiet():
                exact = self.is_mirrored and first >= _RULES_BEGIN  # the mirror alone knows older holidays
                schedule = self._exchange(first, last) if exact else self._listed(first, last)
                early = self._source.is_different(schedule["close"].rename("market_close"), pd.Series.lt)
        except (KeyError, NotImplementedError, ValueError) as error:  # some listed names are not implemented upstream
            raise CalendarError(
                f"pandas-market-calendars lists {self.name!r} but cannot compute it: {error}."
            ) from error
        rests = (schedule["break_start"] < schedule["break_end"]) & (schedule["break_end"] < schedule["close"])
        for name in ("break_start", "break_end"):  # a half-day has no afternoon, and a break of no length is no break
            schedule[name] = schedule[name].where(rests)
        schedule["early"] = np.asarray(early, dtype=bool)
        schedule.index = pd.DatetimeIndex(schedule.index.to_numpy().astype("datetime64[us]"), name="session")
        return schedule

    def _exchange(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Ask the exchange_calendars class behind an ISO calendar.

        Its mirror loses special times that are no fixed rule: Seoul opens an hour late on the first session of the year
        and shifts the whole day by an hour when the college entrance examination is held.
        """
        try:
            own = type(self._source._ec)(start=first, end=last).schedule
        except ValueError:  # Tel Aviv, whose week moved in 2026; the mirror knows both weeks
            schedule = self._listed(first, last)
            schedule["close"] = earliest_closes(schedule["close"], self._source.special_closes, self.timezone)
            return schedule
        schedule = own.reindex(columns=list(_COLUMNS)).astype("datetime64[us, UTC]")
        return pd.DataFrame(schedule)

    def _listed(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Ask the library itself."""
        raw: pd.DataFrame = self._source.schedule(first, last)
        schedule = raw.rename(columns={"market_open": "open", "market_close": "close"})
        schedule = schedule.reindex(columns=list(_COLUMNS)).astype("datetime64[us, UTC]")
        for name, end in self._source.discontinued_market_times.items():
            if name in schedule:  # Seoul has had no lunch break since 2000-05-22
                schedule[name] = schedule[name].where(schedule.index < end)
        return schedule

    def _bound(self, which: str, default: pd.Timestamp) -> pd.Timestamp:
        """Return the stated bound of the exchange_calendars class behind an ISO calendar.

        Its public door, ``.ec``, first computes twenty years of schedule (0.13 s), so the class is read directly.
        """
        exchange = getattr(self._source, "_ec", None)
        bound = None if exchange is None else getattr(exchange, which)()
        return default if bound is None else pd.Timestamp(bound)


def earliest_closes(closes: pd.Series, special: Sequence[tuple[time, Any]], timezone: str) -> pd.Series:
    """Return the closes with the earliest of several special ones where rules contradict each other.

    A Sunday on which Tel Aviv would close at 15:40 closes at 14:15 when it lies within a holiday that does.

    Args:
        closes: UTC instants by session.
        special: Local time and rule of every special close; a rule has ``holidays(start, end)``.
        timezone: IANA name of the exchange's zone.
    """
    claims = []
    for clock, rule in special:
        days = pd.DatetimeIndex(rule.holidays(closes.index[0], closes.index[-1])).as_unit("us").unique()
        days = days[days.isin(closes.index)]
        local = days + pd.Timedelta(hours=clock.hour, minutes=clock.minute)
        claims.append(pd.Series(local.tz_localize(timezone).tz_convert("UTC"), index=days))
    if not claims:
        return closes
    every = pd.concat(claims)
    contested = every[every.index.duplicated(keep=False)].groupby(level=0).min()
    changed = closes.copy()
    changed[contested.index] = contested
    return changed


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what users can do nothing about: pandas' deprecations, and a warning that is heeded in `read`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=getattr(pd.errors, "Pandas4Warning", FutureWarning))  # pandas 3 or 2
        warnings.filterwarnings("ignore", message=".*are discontinued, the dictionary", category=UserWarning)
        yield
