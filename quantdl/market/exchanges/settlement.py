"""When a trade in US equities is settled: money against shares, a number of settlement days after the trade.

"Regular way" took three days from 1995-06-07, two from 2017-09-05 and takes one since 2024-05-28 (SEC rule 15c6-1(a)
and its amendments, by trade date). A settlement day is a session of the exchange on which banks are open too. On
Columbus Day and Veterans Day, and until 1997 on Martin Luther King Day, the exchanges trade and most banks are closed:
trades are made, none is settled (NASD Notices to Members 95-77 and 99-83, for example). The days of mourning of
2018-12-05 and 2025-01-09 are the reverse: no trading, but the Depository Trust & Clearing Corporation announced that it
would settle. What it did on other days that closed the exchange unforeseen (2001-09-11, 2012-10-29) is not known here;
they count as no settlement days, as Good Friday does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from quantdl.calendars import TradingCalendar, trading_calendar
from quantdl.errors import DataError

US_EQUITY_CALENDARS = ("XNYS", "NYSE", "NASDAQ", "BATS", "IEX")

# First trade date and days to settlement.
_CYCLES = ((date(1995, 6, 7), 3), (date(2017, 9, 5), 2), (date(2024, 5, 28), 1))
_SETTLED_WITHOUT_TRADING = (date(2018, 12, 5), date(2025, 1, 9))
_KING_DAY_TRADED_UNTIL = 1997
_MONDAY, _JANUARY, _OCTOBER = 0, 1, 10


def settlement_date(trade_date: pd.Timestamp | date | str, calendar: str | TradingCalendar) -> date:
    """Return the day on which a regular-way trade is settled.

    Args:
        trade_date: A session of the calendar, 1995-06-07 or later.
        calendar: A calendar of US equities, ``"XNYS"`` or ``"NASDAQ"`` for instance: its name, or the calendar itself,
            which saves reading it for every trade.

    Raises:
        DataError: If the calendar is that of another market, or the trade older than the three-day cycle.
        CalendarError: If the trade date is not a session.

    Example:
        >>> settlement_date("2024-05-24", "XNYS"), settlement_date("2024-05-28", "XNYS")
        (datetime.date(2024, 5, 29), datetime.date(2024, 5, 29))
    """
    exchange = trading_calendar(calendar)
    if exchange.name not in US_EQUITY_CALENDARS:
        raise DataError(
            f"Settlement of trades on {exchange.name} is not known here, only that of US equities "
            f"({', '.join(US_EQUITY_CALENDARS)}). State the settlement dates with the trades instead."
        )
    session = exchange.advance(trade_date, 0)  # refuses a day without trading
    days = settlement_cycle(session)
    reach = exchange.sessions(session, session + pd.Timedelta(days=21))
    closed = {label.date() for label in reach if is_bank_holiday(label)}
    settling = {label.date() for label in reach} - closed | set(_SETTLED_WITHOUT_TRADING)
    later = sorted(day for day in settling if day > session.date())
    return later[days - 1]


@dataclass(frozen=True)
class Settlements:
    """When the trades of some sessions are settled.

    Attributes:
        calendar: The exchange's calendar.
        dates: Settlement date by trade date, ISO text, in order; empty where none is known.
        unknown: Why none is known, in a sentence; None where they are.
    """

    calendar: str
    dates: Mapping[str, date]
    unknown: str | None = None


def settlements(sessions: pd.DatetimeIndex, calendar: str | TradingCalendar) -> Settlements:
    """Return the settlement dates of trades made in the given sessions, or why they are not known.

    Args:
        sessions: (N,) trade dates, in any order; each counts once.
        calendar: The calendar that all of the trades were made on, or its name.

    Raises:
        CalendarError: If a trade date is not a session.
    """
    exchange = trading_calendar(calendar)
    try:
        dates = {f"{day:%Y-%m-%d}": settlement_date(day, exchange) for day in sessions.unique().sort_values()}
    except DataError as error:
        return Settlements(exchange.name, {}, str(error))
    return Settlements(exchange.name, dates)


def settlement_cycle(trade_date: pd.Timestamp | date | str) -> int:
    """Return how many settlement days after a trade in US equities it is settled.

    Raises:
        DataError: If the trade is older than the three-day cycle.
    """
    traded = pd.Timestamp(trade_date).date()
    days = [days for start, days in _CYCLES if start <= traded]
    if not days:
        raise DataError(f"Settlement is known for trades from {_CYCLES[0][0]} on, got a trade of {traded}.")
    return days[-1]


def is_bank_holiday(day: pd.Timestamp | date | str) -> bool:
    """Return whether US banks are closed on a day on which the stock exchanges trade.

    Columbus Day (second Monday of October), Veterans Day (November 11; the Monday after where that is a Sunday, no
    other day where it is a Saturday: Federal Reserve Banks, holiday schedules), and Martin Luther King Day (third
    Monday of January) through 1997, the last year in which the exchanges traded on it.
    """
    label = pd.Timestamp(day)
    week = (label.day - 1) // 7 + 1
    if label.weekday() == _MONDAY and label.month == _OCTOBER and week == 2:
        return True
    if label.weekday() == _MONDAY and label.month == _JANUARY and week == 3:
        return bool(label.year <= _KING_DAY_TRADED_UNTIL)
    veterans = pd.Timestamp(label.year, 11, 11)
    observed = veterans + pd.Timedelta(days=int(veterans.weekday() == 6))
    return bool(label == observed and veterans.weekday() != 5)
