"""Settlement dates against the schedules that the NASD and FINRA printed, trade date by trade date."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from quantdl.calendars import CalendarCorrection, trading_calendar
from quantdl.errors import CalendarError, DataError
from quantdl.market.exchanges.settlement import (
    Settlements,
    is_bank_holiday,
    settlement_cycle,
    settlement_date,
    settlements,
)

NEW_YORK = trading_calendar("XNYS")

# Year, then trade date and settlement date, month-day.
SCHEDULES = {
    "NASD 95-77, Columbus Day": (
        1995,
        "10-02:10-05 10-03:10-06 10-04:10-10 10-05:10-11 10-06:10-12 10-09:10-12 10-10:10-13",
    ),
    "NASD 97-93, King Day": (1998, "01-12:01-15 01-13:01-16 01-14:01-20 01-15:01-21 01-16:01-22 01-20:01-23"),
    "NASD 97-93, Good Friday": (
        1998,
        "04-02:04-07 04-03:04-08 04-06:04-09 04-07:04-13 04-08:04-14 04-09:04-15 04-13:04-16",
    ),
    "NASD 97-93, Memorial Day": (1998, "05-18:05-21 05-19:05-22 05-20:05-26 05-21:05-27 05-22:05-28 05-26:05-29"),
    "NASD 99-83, Columbus Day": (1999, "10-05:10-08 10-06:10-12 10-07:10-13 10-08:10-14 10-11:10-14 10-12:10-15"),
    "NASD 00-82, Christmas": (2000, "12-19:12-22 12-20:12-26 12-21:12-27 12-22:12-28 12-26:12-29"),
    "SEC, from three days to two": (2017, "08-31:09-06 09-01:09-07 09-05:09-07 09-06:09-08"),
    "SEC, from two days to one": (2024, "05-23:05-28 05-24:05-29 05-28:05-29 05-29:05-30"),
    "DTCC, day of mourning": (2025, "01-07:01-08 01-08:01-09 01-10:01-13"),
}
ROWS = [
    (notice, date.fromisoformat(f"{year}-{trade}"), date.fromisoformat(f"{year}-{settled}"))
    for notice, (year, pairs) in SCHEDULES.items()
    for trade, settled in (pair.split(":") for pair in pairs.split())
]


@pytest.mark.parametrize(("notice", "traded", "settled"), ROWS, ids=lambda value: str(value))
def test_trades_settle_as_the_notices_say(notice, traded, settled):
    assert settlement_date(traded, "XNYS") == settled == settlement_date(traded, "NASDAQ")


def test_trades_settle_over_the_end_of_a_year():
    assert settlement_date("2000-12-27", "XNYS") == date(2001, 1, 2)  # NASD 00-82
    assert settlement_date("2000-12-29", "XNYS") == date(2001, 1, 4)


@pytest.mark.parametrize(
    ("traded", "days"), [("2017-09-04", 3), ("2017-09-05", 2), ("2024-05-27", 2), ("2024-05-28", 1)]
)
def test_the_cycle_goes_by_the_trade_date(traded, days):
    assert settlement_cycle(traded) == days


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        ("2024-10-14", True),  # Columbus Day
        ("2024-11-11", True),  # Veterans Day
        ("2018-11-12", True),  # the Monday after a Sunday
        ("2017-11-10", False),  # a Saturday moves nothing
        ("1997-01-20", True),  # Martin Luther King Day, traded for the last time
        ("2024-10-15", False),
        ("2024-07-01", False),
    ],
)
def test_banks_are_closed_on_days_that_trade(day, closed):
    assert is_bank_holiday(day) == closed
    assert NEW_YORK.is_session(day)


@given(position=st.integers(0, 7000))
def test_a_later_trade_never_settles_earlier(position):
    sessions = NEW_YORK.sessions("1995-06-07", "2026-11-30")
    first, second = sessions[position], sessions[position + 1]
    settled = settlement_date(first, NEW_YORK)
    assert first.date() < settled <= settlement_date(second, NEW_YORK)
    assert not is_bank_holiday(settled)


def test_a_day_without_trading_has_no_settlement():
    with pytest.raises(CalendarError, match="2025-01-09 is not a session of XNYS. Nearest: 2025-01-08 and 2025-01-10"):
        settlement_date("2025-01-09", "XNYS")


def test_another_market_is_refused_with_the_way_out():
    with pytest.raises(DataError, match="trades on XLON is not known here.*State the settlement dates"):
        settlement_date("2024-01-03", "XLON")


def test_a_trade_before_the_three_day_cycle_is_refused():
    with pytest.raises(DataError, match="from 1995-06-07 on, got a trade of 1995-06-06"):
        settlement_date("1995-06-06", "XNYS")


def test_the_settlements_of_a_book_are_those_of_its_sessions_in_order():
    days = pd.DatetimeIndex(["2024-05-28", "2024-05-24", "2024-05-24"])
    dates = {"2024-05-24": date(2024, 5, 29), "2024-05-28": date(2024, 5, 29)}
    assert settlements(days, "XNYS") == Settlements("XNYS", dates)
    assert list(settlements(days, "XNYS").dates) == list(dates)


@pytest.mark.parametrize(
    ("day", "calendar", "words"),
    [("2024-05-24", "XLON", "Settlement of trades on XLON is not known"), ("1990-01-02", "XNYS", "from 1995-06-07 on")],
)
def test_what_is_not_known_is_said(day, calendar, words):
    found = settlements(pd.DatetimeIndex([day]), calendar)
    assert found.dates == {}
    assert words in found.unknown


def test_a_struck_session_settles_nothing():
    """T+1: a trade of Wednesday 2024-05-29 settles on Thursday, or on Friday where Thursday is struck."""
    corrected = trading_calendar("XNYS", [CalendarCorrection(source="a notice", strike=date(2024, 5, 30))])
    traded = pd.DatetimeIndex(["2024-05-29"])
    assert settlements(traded, NEW_YORK).dates == {"2024-05-29": date(2024, 5, 30)}
    assert settlements(traded, corrected) == Settlements("XNYS", {"2024-05-29": date(2024, 5, 31)})
