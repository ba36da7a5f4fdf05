"""Sessions that a user strikes, adds or holds at other hours."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.calendars import CalendarCorrection, trading_calendar
from quantdl.errors import CalendarError, DataSettingsError

NOTICE = "the exchange's notice"
STRIKE = CalendarCorrection(source=NOTICE, strike=date(2024, 5, 30))
ADD = CalendarCorrection(source=NOTICE, add=date(2024, 6, 1), opens="09:30", closes="12:30")
CHANGE = CalendarCorrection(source=NOTICE, change=date(2024, 6, 4), opens="11:00", closes="16:00")


def test_a_corrected_calendar_differs_on_its_days_and_on_no_other():
    plain, corrected = (trading_calendar("XNYS", items) for items in ((), (STRIKE, ADD, CHANGE)))
    before, after = (calendar.schedule("2024-01-01", "2024-12-31") for calendar in (plain, corrected))
    assert list(after.index.symmetric_difference(before.index)) == [
        pd.Timestamp("2024-05-30"),
        pd.Timestamp("2024-06-01"),
    ]
    same = after.index.intersection(before.index).drop(pd.Timestamp("2024-06-04"))
    pd.testing.assert_frame_equal(after.loc[same], before.loc[same])
    assert after.index.is_monotonic_increasing
    assert corrected.advance("2024-05-29", 2) == pd.Timestamp("2024-06-01")  # a Saturday
    # New York is on daylight saving time, four hours behind UTC.
    assert after.loc["2024-06-01", "open"] == pd.Timestamp("2024-06-01 13:30", tz="UTC")
    assert after.loc["2024-06-04", "open"] == pd.Timestamp("2024-06-04 15:00", tz="UTC")
    assert after.loc["2024-06-04", "close"] == pd.Timestamp("2024-06-04 20:00", tz="UTC")
    early = corrected.early_closes("2024-05-01", "2024-06-30")
    assert list(early) == [pd.Timestamp("2024-06-01")]  # 12:30 is before the usual 16:00, and 16:00 is not


def test_a_session_in_two_parts_has_its_break():
    item = CalendarCorrection(
        source=NOTICE, add=date(2024, 6, 1), opens="09:30", closes="13:00", break_start="10:00", break_end="12:00"
    )
    session = trading_calendar("XNYS", [item]).schedule("2024-06-01", "2024-06-01").iloc[0]
    assert session["break_end"] - session["break_start"] == pd.Timedelta(hours=2)


def test_a_week_with_a_struck_session_has_the_longer_gap():
    """Wednesday to Friday, two calendar days, where Thursday is struck."""
    sessions = pd.DatetimeIndex(["2024-05-28", "2024-05-29"])
    assert trading_calendar("XNYS", [STRIKE]).next_gap_days(sessions).tolist() == [1, 2]
    assert trading_calendar("XNYS").next_gap_days(sessions).tolist() == [1, 1]


def test_corrections_are_part_of_a_calendar():
    assert trading_calendar("XNYS", [STRIKE]) == trading_calendar("XNYS", [STRIKE]) != trading_calendar("XNYS")
    corrected = trading_calendar(trading_calendar("XNYS", [STRIKE]))
    assert not corrected.is_session("2024-05-30")
    assert trading_calendar("XNYS").is_session("2024-05-30")  # nothing is kept outside the calendar that was asked for


def test_the_caveat_names_what_was_corrected_and_who_says_so():
    caveat = trading_calendar("XNYS", [STRIKE, ADD]).caveat("2024-01-01", "2024-12-31")
    assert "2024-05-30: no session (the exchange's notice)" in caveat
    assert "2024-06-01: a session added 09:30 to 12:30" in caveat
    assert trading_calendar("XNYS", [STRIKE, ADD]).caveat("2023-01-01", "2023-12-31") is None


def test_a_correction_settles_a_disputed_day():
    day = trading_calendar("XMOS").disputed("2012-01-01", "2026-01-01")[0].date()
    is_session = trading_calendar("XMOS").is_session(day)
    item = CalendarCorrection(
        source=NOTICE, **({"strike": day} if is_session else {"add": day, "opens": "10:00", "closes": "18:45"})
    )
    assert pd.Timestamp(day) not in trading_calendar("XMOS", [item]).disputed("2012-01-01", "2026-01-01")


def test_corrections_that_say_nothing_new_are_refused_all_at_once():
    closed = CalendarCorrection(source=NOTICE, strike=date(2024, 7, 4))
    known = CalendarCorrection(source=NOTICE, add=date(2024, 7, 3), opens="09:30", closes="13:00")
    shut = CalendarCorrection(source=NOTICE, change=date(2024, 7, 6), opens="09:30", closes="13:00")
    outside = CalendarCorrection(source=NOTICE, strike=date(1800, 1, 2))
    with pytest.raises(CalendarError) as refused:
        trading_calendar("XNYS", [closed, known, shut, outside, STRIKE, STRIKE])
    for words in (
        "2024-07-04: is no session of XNYS",
        "2024-07-03: is a session of XNYS already",
        "2024-07-06: is no session of XNYS",
        "1800-01-02: outside the calendar",
        "2024-05-30: corrected twice",
    ):
        assert words in str(refused.value)


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"source": " ", "strike": date(2024, 5, 30)}, "source", "who says so"),
        ({"source": NOTICE}, "strike", "exactly one"),
        ({"source": NOTICE, "strike": date(2024, 5, 30), "add": date(2024, 6, 1)}, "strike", "exactly one"),
        ({"source": NOTICE, "strike": "30.5.2024"}, "strike", "a date such as"),
        ({"source": NOTICE, "strike": date(2024, 5, 30), "opens": "09:30"}, "opens", "no hours"),
        ({"source": NOTICE, "add": date(2024, 6, 1), "closes": "12:30"}, "opens", "local time of that day"),
        (
            {"source": NOTICE, "add": date(2024, 6, 1), "opens": "9 am", "closes": "12:30"},
            "opens",
            "local time such as",
        ),
        ({"source": NOTICE, "add": date(2024, 6, 1), "opens": "12:30", "closes": "09:30"}, "closes", "in this order"),
        (
            {"source": NOTICE, "add": date(2024, 6, 1), "opens": "09:30", "closes": "12:30", "break_start": "10:00"},
            "break_end",
            "both ends",
        ),
    ],
)
def test_a_correction_that_is_not_complete_is_refused_by_field(given, field, words):
    with pytest.raises(DataSettingsError) as refused:
        CalendarCorrection(**given)
    assert any(name == field and words in message for name, message in refused.value.faults)


@settings(max_examples=40)
@given(picked=st.lists(st.integers(0, 250), min_size=1, max_size=6, unique=True))
def test_striking_sessions_leaves_exactly_the_others(picked):
    sessions = trading_calendar("XLON").sessions("2022-01-01", "2022-12-31")
    struck = sessions[[position % len(sessions) for position in picked]].unique()
    items = [CalendarCorrection(source=NOTICE, strike=day.date()) for day in struck]
    left = trading_calendar("XLON", items).sessions("2022-01-01", "2022-12-31")
    assert np.array_equal(left, sessions.drop(struck))
