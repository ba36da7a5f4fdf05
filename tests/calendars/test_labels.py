"""How days are written."""

from datetime import date, datetime

import pandas as pd
import pytest

from quantdl.calendars.labels import as_day, bar_date, bar_text, neighbours
from quantdl.errors import CalendarError


@pytest.mark.parametrize("day", ["2024-12-31", date(2024, 12, 31), pd.Timestamp("2024-12-31")])
def test_a_day_is_a_date_however_it_is_written(day):
    assert as_day(day) == pd.Timestamp("2024-12-31")


@pytest.mark.parametrize("day", ["2024-12-31 16:00", pd.Timestamp("2024-12-31", tz="UTC"), "soon", pd.NaT])
def test_an_instant_is_no_day(day):
    with pytest.raises(CalendarError, match="date"):
        as_day(day)


def test_the_neighbours_of_a_holiday_are_the_sessions_around_it():
    sessions = pd.DatetimeIndex(["2024-12-24", "2024-12-26"])
    assert neighbours(sessions, pd.Timestamp("2024-12-25")).equals(sessions)
    assert neighbours(sessions, pd.Timestamp("2024-12-20")).equals(sessions[:1])


def test_a_bar_within_a_session_is_told_with_its_time_of_day():
    within, session = pd.Timestamp("2024-12-31 10:30"), pd.Timestamp("2024-12-31")
    assert (bar_text(within), bar_text(session)) == ("2024-12-31 10:30", "2024-12-31")
    assert (bar_date(within), bar_date(session)) == (datetime(2024, 12, 31, 10, 30), date(2024, 12, 31))
    assert not isinstance(bar_date(session), datetime)
