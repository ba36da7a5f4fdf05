"""Columns from the exchange's calendar, which is published ahead: using it at a close looks at no future price."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.calendars import TradingCalendar
from quantdl.calendars.bars import is_intraday
from quantdl.calendars.zones import listed_for
from quantdl.features.columns import Columns, Feature
from quantdl.market.panel import Panel

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
_FIRST_SESSIONS = 3
_WITHIN_A_SESSION = -1.0  # below the logarithm of every gap

# Early closes that could not be known at the close before, as the calendars under trading names (NYSE,
# NASDAQ) list them: snow in 1975, 1978, 1994 and 1996, hurricane Belle in 1976, the attack on Reagan and a power
# failure in 1981, the days after the crash of 1987, the circuit breaker of 1997, a failure of systems in 2005.
_UNFORESEEN_EARLY_CLOSES = {
    "America/New_York": (
        "1975-02-12 1976-08-09 1978-02-06 1981-03-30 1981-09-09 1987-10-23 1994-02-11 1996-01-08 1997-10-27 2005-06-01"
    ).split(),
}


@dataclass(frozen=True, eq=False)
class _Schedule:
    """The sessions of a panel, each once, beside its calendar.

    Attributes:
        calendar: Of the panel.
        sessions: (S,) labels, unique.
        bars: (T,) number of the session of each bar.
    """

    calendar: TradingCalendar
    sessions: pd.DatetimeIndex
    bars: np.ndarray

    @staticmethod
    def of(panel: Panel) -> "_Schedule":
        numbers, sessions = pd.factorize(panel.sessions)
        return _Schedule(panel.card.declaration.trading_calendar(), pd.DatetimeIndex(sessions), numbers)

    @property
    def expected_next(self) -> pd.DatetimeIndex:
        """(S,) the session that is expected next at the close of each."""
        return self.sessions + pd.to_timedelta(self.calendar.next_gap_days(self.sessions), unit="D")

    def around(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """The whole months of the panel and the one after, as far as the calendar goes."""
        first = pd.Timestamp(self.sessions[0].year, self.sessions[0].month, 1)
        last = self.sessions[-1] + pd.Timedelta(days=62)
        return max(first, self.calendar.first_day), min(last, self.calendar.last_day)


def days_closed_columns(panel: Panel) -> Columns:
    """The group ``days_closed``: logarithm of the calendar days to the session that is expected next.

    Exchanges publish their holidays ahead, so it is known at the close. The gap lies ahead of the last bar of a session
    only; the other bars of a session hold -1, below every gap. The last bar of a session is the one that
    is known at the calendar's close or after it, whichever bars follow in the data.
    """
    gaps = days_to_next_session(panel)
    ahead = np.where(gaps > 0, np.log(np.maximum(gaps, 1)), _WITHIN_A_SESSION)
    yield Feature("days_closed_ahead", look_back_bars=0), ahead[:, None]


def days_to_next_session(panel: Panel) -> np.ndarray:
    """Return (T,) int64: calendar days to the session of the bar that is expected next; 0 if it is the same one."""
    schedule = _Schedule.of(panel)
    ahead = schedule.calendar.next_gap_days(schedule.sessions)[schedule.bars]
    if is_intraday(panel.card.declaration.frequency):
        closes = schedule.calendar.closes(schedule.sessions)[schedule.bars]
        ahead = np.where(panel.known_at >= closes, ahead, 0)
    return np.asarray(ahead, dtype=np.int64)


def scheduled_early_close(panel: Panel, sessions_ahead: int = 0) -> np.ndarray:
    """Return (T,) bool: whether the session closes early, as published before it began.

    Early closes that could not be foreseen (snow, a circuit breaker) are not among them.

    Args:
        panel: Prices.
        sessions_ahead: 0 for the session of the bar, 1 for the one that is expected next.

    Raises:
        ValueError: If ``sessions_ahead`` is neither.
    """
    schedule = _Schedule.of(panel)
    early = schedule.calendar.early_closes(*schedule.around())
    unforeseen = pd.DatetimeIndex(list(listed_for(schedule.calendar.timezone, _UNFORESEEN_EARLY_CLOSES)))
    days = _days(schedule, sessions_ahead)
    return np.asarray((days.isin(early) & ~days.isin(unforeseen))[schedule.bars])


def session_of_month(panel: Panel, sessions_ahead: int = 0) -> np.ndarray:
    """Return (T,) int64: 1 for the first session of a month, 2 for the second, ...; -1 for the last one.

    Which session is the last one follows from the holidays published ahead. Arguments and error are those of
    `scheduled_early_close`.
    """
    schedule = _Schedule.of(panel)
    days = _days(schedule, sessions_ahead)
    sessions = schedule.calendar.sessions(*schedule.around())  # an expected one that did not take place is not counted
    month_begins = days - pd.to_timedelta(days.day - 1, unit="D")
    numbers = sessions.searchsorted(days) - sessions.searchsorted(month_begins) + 1
    after = np.minimum(sessions.searchsorted(days, side="right"), len(sessions) - 1)
    following = schedule.expected_next if sessions_ahead == 0 else sessions[after]
    last = (following.year * 12 + following.month) != (days.year * 12 + days.month)
    return np.asarray(np.where(last, -1, numbers)[schedule.bars], dtype=np.int64)


def calendar_columns(panel: Panel) -> Columns:
    """The group ``calendar``: the day of the week, early closes and the turn of the month, each 1 or 0.

    A column for each day from Monday to Friday; an early close of this session and of the next one; whether this
    session and the next one belong to the turn of the month, its last and its first three sessions.

    References:
        | Are seasonal anomalies real? A ninety-year perspective (Lakonishok and Smidt, 1988)
    """
    weekday = panel.sessions.day_of_week.to_numpy()
    for number, name in enumerate(_WEEKDAYS):
        yield _indicator(name, weekday == number)
    for name, ahead in (("", 0), ("_ahead", 1)):
        yield _indicator(f"early_close{name}", scheduled_early_close(panel, ahead))
        number_of = session_of_month(panel, ahead)
        yield _indicator(f"turn_of_month{name}", (number_of == -1) | (number_of <= _FIRST_SESSIONS))


def _indicator(name: str, true: np.ndarray) -> tuple[Feature, np.ndarray]:
    return Feature(name, look_back_bars=0), true.astype(np.float64)[:, None]


def _days(schedule: _Schedule, sessions_ahead: int) -> pd.DatetimeIndex:
    if sessions_ahead not in (0, 1):
        raise ValueError(f"sessions_ahead must be 0 (this session) or 1 (the next one), got {sessions_ahead}.")
    return schedule.expected_next if sessions_ahead else schedule.sessions
