from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.card import IntradayBars
from quantdl.market.reading.axis import place_bars
from quantdl.market.reading.bars import read_bars
from quantdl.market.reading.row_faults import Place


@pytest.fixture
def place(declaration):
    def of(dates, **changes):
        about = replace(declaration, **changes)
        frame = pd.DataFrame({"date": dates, "close": 1.0})
        return place_bars(read_bars(frame, Place("x"), about, "A"), trading_calendar(about.calendar), about)

    return of


HOURS = {"frequency": "60min", "intraday": IntradayBars("end", "open", "America/New_York")}


def test_a_day_has_the_place_of_its_session(place):
    placement = place(["2024-01-02", "2024-01-06", "2024-01-08"])
    assert placement.slot.tolist() == [0, -1, 4]
    assert placement.axis.sessions[4] == np.datetime64("2024-01-08")
    assert str(placement.axis.known_at[4]).startswith("2024-01-08T21:00")


def test_a_time_has_the_place_of_its_bar(place):
    placement = place(["2024-07-02 10:30", "2024-07-02 10:31", "2024-07-02 16:00", "2024-07-02 16:30"], **HOURS)
    begins = placement.axis.known_at[placement.slot]
    assert placement.slot[1] == -1
    assert placement.slot[2] == placement.slot[3] == placement.slot[0] + 6  # nominal or actual end of the last bar
    assert placement.order[2] == placement.order[3]
    assert str(begins[0]).startswith("2024-07-02T14:30")


def test_an_axis_begins_and_ends_with_whole_sessions(place, declaration):
    placement = place(["2024-07-02 12:30", "2024-07-05 12:30"], **HOURS)
    axis = placement.axis
    start, stop = axis.between(placement.slot[0], placement.slot[1], declaration)
    assert np.unique(axis.sessions[start:stop], return_counts=True)[1].tolist() == [7, 4, 7]
    last_day = replace(declaration, as_of=date(2024, 7, 5))
    assert axis.between(placement.slot[0], placement.slot[1], last_day) == (start, placement.slot[1] + 1)


@pytest.mark.parametrize("dates", [["1790-01-04"], ["9999-12-31"], ["2025-01-02"]])
def test_days_beyond_the_calendar_or_the_source_have_no_place(place, dates):
    assert place(dates).slot.tolist() == [-1]


def test_a_weekly_bar_stands_at_the_last_session_of_its_week_whatever_day_it_is_dated_by(place):
    """Monday; the Sunday after; Tuesday of the week before Good Friday, 29 March 2024, which ends on Thursday."""
    placement = place(["2024-03-11", "2024-03-24", "2024-03-26"], frequency="1W")
    ends = placement.axis.sessions[placement.slot].astype(str).tolist()
    assert ends == ["2024-03-15", "2024-03-22", "2024-03-28"]
    assert str(placement.axis.known_at[2]).startswith("2024-03-28T20:00")  # the close, in summer time


def test_a_month_without_a_bar_keeps_its_place(place):
    placement = place(["2024-01-01", "2024-03-31"], frequency="1M")
    assert placement.axis.sessions.astype(str).tolist() == ["2024-01-31", "2024-02-29", "2024-03-28"]
    assert placement.slot.tolist() == [0, 2]


def test_a_week_of_tel_aviv_ends_on_thursday(place):
    placement = place(["2024-06-02", "2024-06-09"], frequency="1W", calendar="TASE", timezone="Asia/Jerusalem")
    assert placement.axis.sessions.astype(str).tolist() == ["2024-06-06", "2024-06-13"]
