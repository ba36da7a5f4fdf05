"""How days are written."""

from datetime import date

import pandas as pd
import pytest

from quantdl.calendars.labels import as_day, neighbours
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
