"""Faults that calendars of other projects had, each shown to be absent here. Answers come from exchanges' notices."""

from functools import cache
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from quantdl.calendars import trading_calendar
from quantdl.errors import CalendarError

TWENTY = (
    "XNYS NASDAQ XLON XTKS XHKG XSHG XKRX XASX XETR XPAR XAMS XSWX XTSE XBOM BVMF CME_Equity 24/7 XTAI XSES XMIL"
).split()


@cache
def calendar_of(name):
    return trading_calendar(name)


@cache
def local_closes(name, start, end):
    calendar = calendar_of(name)
    sessions = calendar.sessions(start, end)
    return pd.Series(calendar.closes(sessions).tz_convert(calendar.timezone).strftime("%H:%M"), index=sessions)


@pytest.mark.parametrize("name", ["XNYS", "NYSE", "NASDAQ"])
def test_president_carters_day_of_mourning_is_no_session_and_verified(name):
    calendar = calendar_of(name)
    assert not calendar.is_session("2025-01-09")
    assert calendar.verified_through >= pd.Timestamp("2025-01-09")
    assert calendar.caveat("1990-01-01", "2025-12-31") is None


def test_a_projected_session_is_said_to_be_one():
    calendar = calendar_of("XNYS")
    late = calendar.verified_through + pd.Timedelta(days=1)
    assert "projected" in calendar.caveat("2020-01-01", late)
    assert calendar.caveat("2020-01-01", calendar.verified_through) is None
    assert calendar_of("24/7").caveat("2010-01-01", "2090-01-01") is None


def test_days_on_which_sources_contradict_a_calendar_without_a_majority_are_named():
    # QuantLib's Russia(MOEX) has no session on this Monday, exchange_calendars has one, and nobody else was asked.
    assert pd.Timestamp("2023-11-06") in calendar_of("XMOS").disputed("2023-01-01", "2023-12-31")
    assert "QuantLib" in calendar_of("XMOS").caveat("2023-01-01", "2023-12-31")
    # pandas-market-calendars keeps no holidays of Tel Aviv before 2019: 2018-09-10 was Rosh Hashanah.
    assert pd.Timestamp("2018-09-10") in calendar_of("TASE").disputed("2018-01-01", "2018-12-31")
    for name in ("XNYS", "XLON", "XSHG", "XTSE", "XSWX", "XSTO", "XOSL"):
        assert not len(calendar_of(name).disputed("2004-01-01", "2025-12-31"))


def test_two_keepers_of_new_york_agree_on_sessions_and_since_2010_on_every_minute():
    iso, trading = calendar_of("XNYS"), calendar_of("NYSE")
    assert iso.sessions("1990-01-01", "2025-12-31").equals(trading.sessions("1990-01-01", "2025-12-31"))
    span = "2010-01-01", "2025-12-31"
    pd.testing.assert_frame_equal(iso.schedule(*span), trading.schedule(*span))


@pytest.mark.parametrize(
    ("day", "time"),
    [("2021-12-24", "14:10"), ("2024-12-24", "14:10"), ("2024-12-31", "14:10"), ("2022-12-23", "16:00")],
)
def test_sydney_closes_early_before_christmas_and_new_year(day, time):
    # ASX trading calendar: 14:10 on the last session before Christmas and of the year; not in 2022.
    assert local_closes("XASX", "2020-01-01", "2025-12-31")[day] == time


@pytest.mark.parametrize("day", ["2023-01-24", "2024-02-09"])
def test_a_new_year_that_moves_is_in_the_calendar_of_shanghai(day):
    assert not calendar_of("XSHG").is_session(day)  # State Council notices on the Spring Festivals of 2023 and 2024


@pytest.mark.parametrize("name", ["XNYS", "XLON", "XHKG", "XASX", "XTSE", "CME_Equity"])
def test_every_early_close_is_earlier_than_the_close_around_it(name):
    closes = local_closes(name, "1992-01-01", "2026-12-31")
    early = calendar_of(name).early_closes("1992-01-01", "2026-12-31")
    regular = closes.groupby(closes.index.year).agg(lambda times: times.mode()[0])
    assert len(early) >= 12
    assert (closes[early] < regular[early.year].to_numpy()).all()


def test_christmas_eve_of_1999_was_a_holiday():
    assert not calendar_of("XNYS").is_session("1999-12-24")


@pytest.mark.parametrize("zone", sorted(available_timezones())[::30])
def test_a_session_is_no_instant_in_whatever_zone(zone):
    with pytest.raises(CalendarError, match="without time and zone"):
        calendar_of("XNYS").is_session(pd.Timestamp("2024-07-01 12:00", tz=zone))


@pytest.mark.parametrize("name", TWENTY)
def test_no_session_overlaps_the_next_across_any_change_of_clocks(name):
    calendar = calendar_of(name)
    schedule = calendar.schedule(max(calendar.first_day, pd.Timestamp("1990-01-01")), "2026-12-31")
    assert schedule[["open", "close"]].notna().all(axis=None)
    assert (schedule["open"] < schedule["close"]).all()
    assert (schedule["close"].to_numpy()[:-1] <= schedule["open"].to_numpy()[1:]).all()
    rest = schedule[schedule["break_start"].notna()]
    assert ((rest["open"] < rest["break_start"]) & (rest["break_start"] < rest["break_end"])).all()
    assert (rest["break_end"] < rest["close"]).all()


def clock_changes(zone):
    """Days from 1990 to 2026 on which the clocks of a zone change."""
    days = pd.date_range("1990-01-01", "2026-12-31", tz=zone)
    offset = np.array([day.utcoffset().total_seconds() for day in days])
    return days[1:][np.diff(offset) != 0].tz_localize(None)


@pytest.mark.parametrize(("name", "minutes"), [("XNYS", 390), ("XETR", 510), ("XLON", 510)])
def test_full_days_around_a_change_of_clocks_have_the_same_minutes(name, minutes):
    calendar = calendar_of(name)
    start = {"XNYS": "1990-01-01", "XETR": "2004-01-01", "XLON": "2001-01-01"}[name]  # since then at these hours
    changes = [day for day in clock_changes(calendar.timezone) if day >= pd.Timestamp(start)]
    assert len(changes) >= 40
    for change in changes:
        span = change - pd.Timedelta(days=4), change + pd.Timedelta(days=4)
        schedule = calendar.schedule(*span).drop(calendar.early_closes(*span))
        assert ((schedule["close"] - schedule["open"]) == pd.Timedelta(minutes=minutes)).all()


@pytest.mark.parametrize("year", range(2010, 2027))
def test_new_york_opens_an_hour_earlier_for_london_when_only_america_has_moved_its_clocks(year):
    sessions = calendar_of("XNYS").sessions(f"{year}-03-01", f"{year}-11-30")
    in_london = calendar_of("XNYS").opens(sessions).tz_convert("Europe/London").strftime("%H:%M")
    america, europe = clock_changes("America/New_York"), clock_changes("Europe/London")
    spring = [days[days.year == year][0] for days in (america, europe)]
    autumn = [days[days.year == year][1] for days in (europe, america)]
    apart = ((sessions >= spring[0]) & (sessions < spring[1])) | ((sessions >= autumn[0]) & (sessions < autumn[1]))
    assert 10 <= apart.sum() <= 21
    assert set(in_london[apart]) == {"13:30"}
    assert set(in_london[~apart]) == {"14:30"}


def test_tokyo_closes_half_an_hour_later_since_november_2024():
    closes = local_closes("XTKS", "2024-10-01", "2024-12-27")
    assert set(closes[:"2024-11-01"]) == {"15:00"}
    assert set(closes["2024-11-05":]) == {"15:30"}


@given(days=st.lists(st.integers(0, 9000), min_size=1, max_size=20, unique=True), bars=st.integers(1, 40))
def test_a_horizon_counts_sessions_whatever_holidays_lie_in_it(days, bars):
    calendar = calendar_of("XTKS")
    sessions = calendar.sessions("1997-01-01", "2026-12-31")
    for position in days:
        session = sessions[position % (len(sessions) - bars)]
        end = calendar.advance(session, bars)
        assert len(calendar.sessions(session, end)) == bars + 1


def test_a_week_cut_by_breaks_has_the_same_bars_every_day():
    tokyo = calendar_of("XTKS")
    years = [tokyo.bars_per_year(f"{year}-01-04", f"{year}-12-28", "30min") for year in (2021, 2022, 2023)]
    days = [tokyo.bars_per_year(f"{year}-01-04", f"{year}-12-28") for year in (2021, 2022, 2023)]
    assert years == [10 * number for number in days]


def test_seoul_moves_its_day_by_an_hour_for_the_college_entrance_examination():
    # Korea Exchange: 10:00 to 16:30 on 2022-11-17 and 2023-11-16, and a late open on the first session of a year.
    schedule = (
        calendar_of("XKRX").schedule("2022-01-01", "2023-12-31").map(lambda instant: instant.tz_convert("Asia/Seoul"))
    )
    for day in ("2022-11-17", "2023-11-16"):
        assert schedule.loc[day, "open"].strftime("%H:%M") == "10:00"
        assert schedule.loc[day, "close"].strftime("%H:%M") == "16:30"
    assert schedule.loc["2022-01-03", "open"].strftime("%H:%M") == "10:00"
    assert schedule.loc["2022-11-18", "open"].strftime("%H:%M") == "09:00"


def test_hong_kong_resumed_in_the_afternoon_after_a_typhoon():
    session = calendar_of("XHKG").schedule("2020-08-19", "2020-08-19").iloc[0]
    assert session["open"] == pd.Timestamp("2020-08-19 13:30", tz="Asia/Hong_Kong")
    assert pd.isna(session["break_start"])
