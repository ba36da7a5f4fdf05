"""What is asked of pandas-market-calendars, and what is made of its answers."""

from datetime import time

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from quantdl.calendars.library import LibraryCalendar, earliest_closes


class Rule:
    """Special closes on given days, as the library states them."""

    def __init__(self, days):
        self.days = pd.DatetimeIndex(days)

    def holidays(self, start, end):
        return self.days[(self.days >= start) & (self.days <= end)]


def sundays_and_feast():
    days = pd.DatetimeIndex(["2020-04-08", "2020-04-12", "2020-04-13", "2020-04-19"]).as_unit("us")
    closes = pd.Series((days + pd.Timedelta(hours=17)).tz_localize("Asia/Jerusalem").tz_convert("UTC"), index=days)
    sundays = time(15, 40), Rule(["2020-04-12", "2020-04-19"])
    feast = time(14, 15), Rule(["2020-04-12", "2020-04-13"])
    return closes, sundays, feast


@given(swapped=st.booleans())
def test_the_earliest_of_two_special_closes_stands(swapped):
    closes, sundays, feast = sundays_and_feast()
    rules = [feast, sundays] if swapped else [sundays, feast]
    changed = earliest_closes(closes, rules, "Asia/Jerusalem")
    assert changed["2020-04-12"] == pd.Timestamp("2020-04-12 14:15", tz="Asia/Jerusalem")
    others = closes.index != pd.Timestamp("2020-04-12")
    pd.testing.assert_series_equal(changed[others], closes[others])  # one claim is the library's own business


def test_a_calendar_without_special_closes_is_left_alone():
    closes, _, _ = sundays_and_feast()
    pd.testing.assert_series_equal(earliest_closes(closes, [], "Asia/Jerusalem"), closes)


@pytest.mark.slow
def test_special_hours_that_the_mirror_loses_are_read_from_the_exchange_itself():
    schedule = LibraryCalendar("XKRX").read(pd.Timestamp("2019-01-01"), pd.Timestamp("2019-12-31"))
    assert schedule.loc["2019-11-14", "open"] == pd.Timestamp("2019-11-14 10:00", tz="Asia/Seoul")
    assert schedule.loc["2019-11-14", "close"] == pd.Timestamp("2019-11-14 16:30", tz="Asia/Seoul")
