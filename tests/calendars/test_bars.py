"""Lengths of bars, and how many of them make a year."""

from datetime import date

import pandas as pd
import pytest

from quantdl.calendars import bar_length, is_daily, trading_calendar
from quantdl.calendars.bars import bar_period, is_intraday, less_than_a_year
from quantdl.errors import CalendarError


@pytest.mark.parametrize(("bar", "daily"), [("1D", True), (" d ", True), ("60min", False), ("24h", False)])
def test_a_daily_bar_is_named_so(bar, daily):
    assert is_daily(bar) == daily


def test_a_length_is_read_as_pandas_writes_it():
    assert bar_length("60min") == bar_length("1h") == pd.Timedelta(hours=1)


@pytest.mark.parametrize(("bar", "seconds"), [("30s", 30), ("1min", 60), ("60min", 3600), ("2h", 7200)])
def test_a_length_is_a_number_of_seconds(bar, seconds):
    assert bar_length(bar).total_seconds() == seconds


@pytest.mark.parametrize("bar", ["2D", "0min", "-5min", "hourly", "1D", "1.5h", "60 min", "24h", ""])
def test_what_is_no_length_within_a_day_is_refused(bar):
    with pytest.raises(CalendarError, match="bar"):
        bar_length(bar)


@pytest.mark.parametrize(
    ("bars", "enough"), [(252, True), (253, True), (251, False), (10, False), (1, False), (0, False)]
)
def test_a_year_is_as_many_bars_as_an_average_year_has(bars, enough):
    """251 sessions in a row span 351 days, so they are no whole calendar year either."""
    last = date(2020, 1, 2) + pd.Timedelta(days=int(bars / 252 * 352))
    reason = less_than_a_year(bars, 252.0, date(2020, 1, 2), last)
    plural = "" if bars == 1 else "s"
    assert reason == ("" if enough else f"{bars} session{plural}; a year of 252 is needed to annualise")


@pytest.mark.parametrize("name", ["XNYS", "XTKS", "XSHG", "XHKG", "XTAE", "XLON"])
def test_a_whole_calendar_year_is_a_year_however_few_its_sessions(name):
    """New York traded on 248 days in 2001, Tokyo on 241 in 2019, Shanghai on fewer than 240 in 2008."""
    calendar = trading_calendar(name)
    average = calendar.bars_per_year("2000-01-03", "2023-12-29")
    for year in range(2001, 2024):
        before = calendar.sessions(f"{year - 1}-12-15", f"{year - 1}-12-31")[-1]
        sessions = calendar.sessions(f"{year}-01-01", f"{year}-12-31")
        assert less_than_a_year(len(sessions), average, before.date(), sessions[-1].date()) == "", year
        half = sessions[: len(sessions) // 2]
        assert "needed to annualise" in less_than_a_year(len(half), average, before.date(), half[-1].date()), year


def test_a_few_values_over_a_long_time_are_no_year_of_bars():
    assert less_than_a_year(10, 252.0, date(2020, 1, 2), date(2022, 1, 3)).startswith("10 sessions;")
    assert less_than_a_year(12, 12.0, date(2020, 1, 31), date(2021, 1, 31)) == ""


@pytest.mark.parametrize(
    ("bar", "period", "intraday"),
    [("1W", "week", False), ("1M", "month", False), ("1D", None, False), ("60min", None, True), ("1min", None, True)],
)
def test_a_week_and_a_month_are_lengths_of_their_own(bar, period, intraday):
    assert bar_period(bar) == period
    assert is_intraday(bar) == intraday
