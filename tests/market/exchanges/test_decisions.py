"""Instants of decision."""

from datetime import date

import pandas as pd
import pytest

from quantdl.calendars import CalendarCorrection
from quantdl.errors import CalendarError, DataError
from quantdl.market.exchanges.decisions import DecisionTimes


def test_decisions_at_the_close_and_the_open_follow_the_calendar():
    sessions, closes = DecisionTimes("XNYS").between("2024-11-27", "2024-12-02")
    _, opens = DecisionTimes("XNYS", "open").between("2024-11-27", "2024-12-02")
    assert sessions.strftime("%m-%d").tolist() == ["11-27", "11-29", "12-02"]
    assert closes.strftime("%H:%M").tolist() == ["21:00", "18:00", "21:00"]
    assert opens.strftime("%H:%M").tolist() == ["14:30", "14:30", "14:30"]


def test_a_local_time_follows_the_clocks():
    _, instants = DecisionTimes("XNYS", "12:00").between("2024-03-08", "2024-03-11")
    assert instants.strftime("%H:%M").tolist() == ["17:00", "16:00"]
    assert str(instants.tz) == "UTC"


def test_a_time_that_the_clocks_repeat_is_the_earlier_one():
    # Around the clock there are no changes; Tel Aviv's clocks go back in the night to Sunday, once a session.
    _, instants = DecisionTimes("XTAE", "01:30").between("2024-10-27", "2024-10-27")
    assert instants[0] == pd.Timestamp("2024-10-26 22:30", tz="UTC")


@pytest.mark.parametrize(("at", "words"), [("noon", "'close', 'open' or a time"), ("12:00+02:00", "local one of XNYS")])
def test_a_time_that_means_nothing_is_refused(at, words):
    with pytest.raises(DataError, match=words):
        DecisionTimes("XNYS", at)


def test_an_unknown_calendar_is_refused():
    with pytest.raises(CalendarError, match="Unknown calendar 'NYS'"):
        DecisionTimes("NYS")


def test_nothing_is_decided_on_a_struck_session_and_something_on_an_added_one():
    """New York, Friday 2024-11-29 struck and Saturday the 30th added with other hours (winter time, UTC-5)."""
    corrections = (
        CalendarCorrection(source="a notice", strike=date(2024, 11, 29)),
        CalendarCorrection(source="a notice", add=date(2024, 11, 30), opens="10:00", closes="12:30"),
    )
    sessions, closes = DecisionTimes("XNYS", "close", corrections).between("2024-11-27", "2024-12-02")
    assert sessions.strftime("%m-%d").tolist() == ["11-27", "11-30", "12-02"]
    assert closes.strftime("%H:%M").tolist() == ["21:00", "17:30", "21:00"]
