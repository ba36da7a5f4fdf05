"""Weeks and months of an exchange."""

import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.calendars.periods import last_sessions, period_starts


def _weekday_names(name: str, first: str, last: str) -> set[str]:
    days = trading_calendar(name).sessions(first, last)
    return set(period_starts(days, "week", trading_calendar(name)).day_name())


@pytest.mark.parametrize(
    ("name", "first", "last", "weekday"),
    [
        ("XNYS", "2000-01-03", "2025-12-31", "Monday"),
        ("XNYS", "1968-06-10", "1968-12-31", "Monday"),  # closed on Wednesdays as well
        ("XTAE", "2010-03-01", "2025-12-31", "Sunday"),
        ("XSAU", "2021-01-03", "2023-12-28", "Sunday"),
        ("24/7", "2020-01-01", "2020-12-31", "Monday"),
        ("XBOM", "2015-01-01", "2023-12-29", "Monday"),  # with a Sunday session at Diwali
    ],
)
def test_week_begins_after_the_weekend_of_the_exchange(name: str, first: str, last: str, weekday: str) -> None:
    assert _weekday_names(name, first, last) == {weekday}


def test_weeks_of_a_moved_weekend_never_go_back() -> None:
    """Tel Aviv has traded Monday to Friday since 2026-01-05 (TASE, 2025)."""
    calendar = trading_calendar("XTAE")
    starts = period_starts(calendar.sessions("2025-10-01", "2026-06-30"), "week", calendar)
    assert starts.is_monotonic_increasing
    assert starts[-1].day_name() == "Monday"


def test_month_begins_on_its_first_day() -> None:
    days = pd.DatetimeIndex(["2024-02-29", "2024-03-01", "2024-03-31"])
    starts = period_starts(days, "month", trading_calendar("XNYS"))
    assert [f"{day:%Y-%m-%d}" for day in starts] == ["2024-02-01", "2024-03-01", "2024-03-01"]


def test_no_day_has_no_period() -> None:
    assert len(period_starts(pd.DatetimeIndex([]), "week", trading_calendar("XNYS"))) == 0


def test_days_of_a_week_have_its_last_session() -> None:
    """Good Friday of 2024 was 29 March; Saturday belongs to the week before it, a day of Golden Week to none."""
    days = pd.DatetimeIndex(["2024-03-25", "2024-03-30", "2024-04-01"])
    found = last_sessions(days, "week", trading_calendar("XNYS"))
    assert list(found.strftime("%m-%d")) == ["03-28", "03-28", "04-05"]
    closed = pd.DatetimeIndex(["2023-10-03"])
    assert list(last_sessions(closed, "week", trading_calendar("XSHG"))) == list(closed)
