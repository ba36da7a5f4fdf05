"""Answers typed from exchanges' notices (tests/fixtures/calendars), not computed by the library that is tested."""

import csv
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pandas_market_calendars as market_calendars
import pytest
from hypothesis import given, strategies as st

from quantdl.calendars import trading_calendar
from quantdl.errors import CalendarError

ANSWERS = Path(__file__).parents[1] / "fixtures" / "calendars"


def answers(name):
    with (ANSWERS / name).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


@cache
def new_york():
    return trading_calendar("XNYS")


@pytest.fixture
def xnys():
    return new_york()


@pytest.mark.parametrize("answer", answers("nyse_full_closures.csv"), ids=lambda answer: answer["day"])
def test_new_york_was_closed(xnys, answer):
    assert not xnys.is_session(answer["day"]), answer["reason"]


@pytest.mark.parametrize("answer", answers("nyse_open_days.csv"), ids=lambda answer: answer["day"])
def test_new_york_was_open(xnys, answer):
    assert xnys.is_session(answer["day"]), answer["reason"]


@pytest.mark.parametrize("answer", answers("nyse_sessions_per_year.csv"), ids=lambda answer: answer["year"])
def test_sessions_of_a_year(xnys, answer):
    assert len(xnys.sessions(f"{answer['year']}-01-01", f"{answer['year']}-12-31")) == int(answer["sessions"])


@pytest.mark.parametrize("answer", answers("nyse_early_closes.csv"), ids=lambda answer: answer["year"])
def test_early_closes_of_a_year(xnys, answer):
    found = xnys.early_closes(f"{answer['year']}-01-01", f"{answer['year']}-12-31")
    assert list(found.strftime("%m-%d")) == answer["days"].split()


def test_2025_12_26_is_a_full_day(xnys):
    assert xnys.closes(xnys.sessions("2025-12-26", "2025-12-26"))[0] == pd.Timestamp("2025-12-26 21:00", tz="UTC")


@pytest.mark.parametrize(
    "answer", answers("instants.csv"), ids=lambda answer: f"{answer['calendar']}-{answer['session']}"
)
def test_instants_follow_daylight_saving_and_moved_hours(answer):
    calendar = trading_calendar(answer["calendar"])
    session = calendar.sessions(answer["session"], answer["session"])
    instants = calendar.opens(session) if answer["moment"] == "open" else calendar.closes(session)
    assert instants[0] == pd.Timestamp(answer["utc"], tz="UTC"), answer["reason"]


@pytest.mark.parametrize(
    "answer", answers("other_exchanges.csv"), ids=lambda answer: f"{answer['calendar']}-{answer['day']}"
)
def test_other_exchanges(answer):
    assert trading_calendar(answer["calendar"]).is_session(answer["day"]) == (answer["is_session"] == "True")


def test_the_exchange_is_always_open_around_the_clock():
    calendar = trading_calendar("24/7")
    schedule = calendar.schedule("2024-02-28", "2024-03-01")
    assert len(schedule) == 3
    assert (schedule["close"] - schedule["open"] == pd.Timedelta(days=1)).all()
    assert calendar.timezone == "UTC"


def test_nyse_and_xnys_agree_on_sessions_but_not_on_minutes():
    iso, trading = trading_calendar("XNYS"), trading_calendar("NYSE")
    span = "1990-01-01", "2024-12-31"
    assert iso.sessions(*span).equals(trading.sessions(*span))
    assert pd.Timestamp("1999-12-31") in iso.early_closes(*span)
    assert pd.Timestamp("1999-12-31") not in trading.early_closes(*span)
    assert pd.Timestamp("1997-10-27") in trading.early_closes(*span)
    assert pd.Timestamp("1997-10-27") not in iso.early_closes(*span)


def test_sessions_are_naive_labels_and_instants_are_utc(xnys):
    sessions = xnys.sessions("2024-01-01", "2024-12-31")
    assert sessions.tz is None
    assert str(xnys.opens(sessions).tz) == str(xnys.closes(sessions).tz) == "UTC"
    assert (xnys.opens(sessions) < xnys.closes(sessions)).all()


def test_tokyo_rests_for_lunch_and_new_york_does_not(xnys):
    tokyo = trading_calendar("XTKS").schedule("2024-06-03", "2024-06-03").iloc[0]
    assert tokyo["break_start"] == pd.Timestamp("2024-06-03 02:30", tz="UTC")
    assert tokyo["break_end"] == pd.Timestamp("2024-06-03 03:30", tz="UTC")
    assert xnys.schedule("2024-06-03", "2024-06-03")[["break_start", "break_end"]].isna().all(axis=None)


def test_a_week_without_trading_is_one_bar(xnys):
    assert xnys.advance("2001-09-10", 1) == pd.Timestamp("2001-09-17")
    assert xnys.advance("2001-09-17", -1) == pd.Timestamp("2001-09-10")
    assert xnys.bars_between("2001-09-10", "2001-09-17") == 1
    assert xnys.bars_between("2001-09-17", "2001-09-10") == -1


@given(start=st.integers(0, 8000), bars=st.integers(-300, 300))
def test_advancing_and_counting_are_inverse(start, bars):
    calendar = new_york()
    session = calendar.sessions("1990-01-02", "2022-12-28")[start]
    assert calendar.bars_between(session, calendar.advance(session, bars)) == bars


def test_bars_a_year_are_those_of_whole_years(xnys):
    assert xnys.bars_per_year("2019-01-02", "2022-12-28") == (252 + 253 + 252 + 251) / 4
    assert xnys.bars_per_year("2001-06-01", "2001-06-30") == 248
    assert trading_calendar("24/7").bars_per_year("2023-01-01", "2024-12-31") == (365 + 366) / 2


def test_intraday_bars_stop_at_breaks_and_early_closes(xnys):
    assert xnys.bars_per_year("2023-01-01", "2023-12-31", "60min") == 248 * 7 + 2 * 4  # 9:30-16:00, two days to 13:00
    tokyo = trading_calendar("XTKS")
    days = tokyo.bars_per_year("2023-01-01", "2023-12-31")
    assert tokyo.bars_per_year("2023-01-01", "2023-12-31", "60min") == days * (3 + 3)  # 9:00-11:30 and 12:30-15:00
    assert trading_calendar("24/7").bars_per_year("2023-01-01", "2023-12-31", "60min") == 365 * 24
    assert xnys.bars_per_year("2023-01-01", "2023-12-31", "1min") == 248 * 390 + 2 * 210


def test_a_half_day_in_hong_kong_has_no_afternoon():
    calendar = trading_calendar("XHKG")  # 2019 had half-days on 02-04, 12-24 and 12-31: 9:30-12:00 only
    half_days = calendar.early_closes("2019-01-01", "2019-12-31")
    assert list(half_days.strftime("%m-%d")) == ["02-04", "12-24", "12-31"]
    days = calendar.bars_per_year("2019-01-01", "2019-12-31")
    assert calendar.bars_per_year("2019-01-01", "2019-12-31", "30min") == (days - 3) * (5 + 6) + 3 * 5


def test_gaps_count_weekends_and_holidays(xnys):
    gaps = xnys.next_gap_days(xnys.sessions("2024-12-20", "2024-12-27"))
    assert gaps.tolist() == [3, 1, 2, 1, 3]


def test_unforeseen_closures_do_not_lengthen_a_gap(xnys):
    assert xnys.next_gap_days(pd.DatetimeIndex(["2001-09-07", "2001-09-10"])).tolist() == [3, 1]
    assert xnys.next_gap_days(pd.DatetimeIndex(["2012-10-26"])).tolist() == [3]
    assert xnys.next_gap_days(pd.DatetimeIndex(["2018-12-04"])).tolist() == [2]  # announced four days before


def test_no_gaps_without_sessions(xnys):
    assert xnys.next_gap_days(pd.DatetimeIndex([])).shape == (0,)


def test_a_schedule_does_not_depend_on_what_was_asked_before(xnys):
    fresh = trading_calendar("XNYS")
    fresh.schedule("2010-01-01", "2010-12-31")
    fresh.schedule("1990-05-05", "2022-02-02")
    pd.testing.assert_frame_equal(fresh.schedule("2009-06-01", "2011-06-01"), xnys.schedule("2009-06-01", "2011-06-01"))


def test_what_is_returned_can_be_changed_without_harm():
    calendar = trading_calendar("XNYS")
    schedule = calendar.schedule("2020-01-01", "2020-12-31")
    schedule.iloc[:] = pd.NaT
    assert calendar.schedule("2020-01-01", "2020-12-31")["open"].notna().all()


def test_no_warning_reaches_the_user():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("XNYS", "NYSE", "XHKG", "XTKS", "CME_Equity"):
            trading_calendar(name).early_closes("2000-01-01", "2020-12-31")


@pytest.mark.parametrize(
    ("name", "meant"), [("xnys", "XNYS"), ("XNYSE", "XNYS"), ("XNAS", "NASDAQ"), ("NYS", "NYSE"), ("24-7", "24/7")]
)
def test_an_unknown_calendar_is_named_with_the_one_meant(name, meant):
    with pytest.raises(CalendarError, match=f"Unknown calendar '{name}'.*Did you mean.*'{meant}'"):
        trading_calendar(name)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda calendar: calendar.advance("2001-09-11", 1),
            "not a session of XNYS. Nearest: 2001-09-10 and 2001-09-17",
        ),
        (lambda calendar: calendar.bars_between("2001-09-10", "2001-09-12"), "2001-09-12 is not a session"),
        (lambda calendar: calendar.sessions("2020-02-01", "2020-01-01"), "ends .2020-01-01. before it starts"),
        (lambda calendar: calendar.sessions("1800-01-01", "1900-01-01"), "it knows 1885-01-01"),
        (lambda calendar: calendar.advance("2099-12-31", 5), "leave the calendar"),
        (lambda calendar: calendar.is_session("2020-01-02 10:00"), "without time and zone"),
        (lambda calendar: calendar.is_session(pd.Timestamp("2020-01-02", tz="UTC")), "without time and zone"),
        (lambda calendar: calendar.is_session("soon"), "Expected a date"),
        (lambda calendar: calendar.is_session("NaT"), "without time and zone"),
        (
            lambda calendar: calendar.closes(pd.DatetimeIndex(["2024-01-01"])),
            "1 days are not sessions of XNYS: 2024-01-01",
        ),
        (
            lambda calendar: calendar.bars_per_year("2020-01-01", "2020-12-31", "2D"),
            "given '2D'; expected .* below a day",
        ),
        (
            lambda calendar: calendar.bars_per_year("2020-01-01", "2020-12-31", "hourly"),
            "given 'hourly'; expected '1D' for one bar a session",
        ),
        (lambda calendar: calendar.next_gap_days(pd.DatetimeIndex(["2099-12-31"])), "no session after 2099-12-31"),
    ],
)
def test_a_day_outside_the_calendar_is_refused(xnys, call, words):
    with pytest.raises(CalendarError, match=words):
        call(xnys)


def test_tokyo_is_not_known_before_1997():
    with pytest.raises(CalendarError, match="it knows 1997-01-01"):
        trading_calendar("XTKS").sessions("1990-01-01", "2000-01-01")


def test_a_break_that_was_abolished_is_gone():
    seoul = trading_calendar("XKRX")  # no lunch break since 2000-05-22, says exchange_calendars
    assert seoul.schedule("2000-05-19", "2000-05-19")["break_start"].notna().all()
    assert seoul.schedule("2000-05-22", "2001-05-22")["break_start"].isna().all()


def test_a_calendar_that_is_listed_but_not_implemented_is_named():
    with pytest.raises(CalendarError, match="lists 'XSGO' but cannot compute it"):
        trading_calendar("XSGO").is_session("2031-01-02")  # after the table
    assert trading_calendar("XSGO").is_session("2030-01-02")  # a Wednesday


@pytest.mark.slow
def test_every_listed_calendar_answers_without_a_warning():
    unknown = []
    for name in market_calendars.get_calendar_names():
        try:
            schedule = trading_calendar(name).schedule("2019-01-01", "2019-12-31")
        except CalendarError:
            unknown.append(name)
        else:
            assert (schedule["open"] < schedule["close"]).all()
            assert schedule.index.is_unique
    assert unknown == ["XSAU"]  # known from 2021 on


def test_calendars_are_equal_by_name():
    assert trading_calendar("XNYS") == trading_calendar("XNYS") != trading_calendar("NYSE")


def test_gaps_are_positive_whole_days(xnys):
    sessions = xnys.sessions("1990-01-02", "2022-12-28")
    gaps = xnys.next_gap_days(sessions)
    assert gaps.dtype == np.int64
    assert gaps.min() == 1
    assert sessions[gaps == gaps.max()] == pd.DatetimeIndex(["2006-12-29"])  # New Year, then President Ford's funeral
    assert gaps.max() == 5


@pytest.mark.parametrize(
    ("name", "bar", "expected"),
    [
        ("XNYS", "1M", 12.0),
        ("XNYS", "1W", 209 / 4),  # Fridays or Thursdays of 2019 to 2022: 52, 52, 53 (a Friday, 1 January 2021), 52
        ("24/7", "1W", 52.0),  # of 2019 to 2022: the 208 Sundays
    ],
)
def test_a_year_has_so_many_weeks_and_months(name, bar, expected):
    assert trading_calendar(name).bars_per_year("2019-03-01", "2022-10-31", bar) == expected
