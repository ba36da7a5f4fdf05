import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from quantdl.market.reading.times import on_the_clock, read_days, read_times

ZONE = "America/New_York"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2017-12-08", "2017-12-08"),
        ("2017-12-08 00:00:00", "2017-12-08"),
        ("2017-12-08 16:00:00-05:00", "2017-12-08"),
        ("2017-12-08T21:00:00Z", "2017-12-08"),
        ("2017-12-09T01:00:00+00:00", "2017-12-08"),  # 20:00 the evening before in New York
        ("2017-12-08 00:00:00-05:00", "2017-12-08"),
        ("2017-12-08 16:00:00-05", "2017-12-08"),
        ("2017-12-08 16:00:00.250-0500", "2017-12-08"),
    ],
)
def test_dates_and_instants_become_sessions(text, day):
    days, objections = read_days(pd.Series([text]), ZONE)
    assert days[0] == np.datetime64(day)
    assert not objections


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12/08/2017", "a date"),
        ("20171208", "a date"),
        ("2017", "a date"),
        ("2017-13-01", "a date"),
        ("", "a date"),
        ("today", "a date"),
        ("2017-12-08 16:00:00", "an instant with its offset from UTC"),
        ("2017-13-08 16:00:00-05:00", "an instant"),
        ("2017-12-08T00:00:00Z", "midnight UTC is the evening before there"),
    ],
)
def test_what_is_neither_date_nor_instant_is_objected_to(text, expected):
    days, objections = read_days(pd.Series(["2017-12-07", text]), ZONE)
    assert days[0] == np.datetime64("2017-12-07")
    assert np.isnat(days[1])
    assert [objection.rows.tolist() for objection in objections] == [[1]]
    assert expected in objections[0].expected


def test_midnight_utc_is_a_date_where_the_exchange_lives_by_utc():
    assert read_days(pd.Series(["2017-12-08T00:00:00Z"]), "UTC")[0][0] == np.datetime64("2017-12-08")


def test_typed_dates_are_read_like_text():
    labels = pd.to_datetime(pd.Series(["2017-12-07", "2017-12-08"]))
    assert read_days(labels, ZONE)[0].tolist() == read_days(labels.astype(str), ZONE)[0].tolist()
    instants = labels.dt.tz_localize(ZONE) + pd.Timedelta(hours=16)
    assert read_days(instants, ZONE)[0].tolist() == read_days(labels, ZONE)[0].tolist()


def test_far_dates_do_not_overflow():
    assert [day.year for day in read_days(pd.Series(["9999-12-31", "0001-01-01"]), ZONE)[0].tolist()] == [9999, 1]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_a_year_that_no_calendar_has_is_objected_to(unit):
    column = pd.Series(np.array(["12017-12-08", "2017-12-08"], dtype=f"datetime64[{unit}]"))
    days, objections = read_days(column, ZONE)
    assert objections[0].rows.tolist() == [0]
    assert days[1] == np.datetime64("2017-12-08")


@given(st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2030-01-01"), timezones=st.just(None)))
def test_an_instant_is_the_same_in_every_zone_it_is_written_in(moment):
    instant = pd.Timestamp(moment, tz="UTC").floor("s")
    zones = ["UTC", ZONE, "Asia/Tokyo", "Asia/Kolkata", "Europe/London", "Australia/Lord_Howe"]
    for column in (
        pd.Series([str(instant.tz_convert(zone)) for zone in zones]),
        *(pd.Series([instant.tz_convert(zone)]) for zone in zones),
    ):
        times, objections = read_times(column, None)
        assert not objections
        assert set(times) == {instant.asm8.astype("datetime64[us]")}


@pytest.mark.parametrize("typed", [True, False])
def test_a_time_without_offset_is_meant_in_the_stated_zone(typed):
    column = pd.Series(["2024-07-02 09:30:00", "2024-01-02 09:30:00"])
    times, objections = read_times(pd.to_datetime(column) if typed else column, ZONE)
    assert not objections
    assert times.tolist() == [pd.Timestamp("2024-07-02 13:30"), pd.Timestamp("2024-01-02 14:30")]


@pytest.mark.parametrize("zone", [ZONE, "Europe/London", "Europe/Berlin", "Australia/Sydney", "Asia/Tokyo", "UTC"])
def test_every_local_hour_of_thirty_years_is_one_instant_or_named(zone):
    hours = pd.date_range("1995-01-01", "2024-12-31", freq="h")
    times, objections = read_times(pd.Series(hours), zone)
    known = ~np.isnat(times)
    assert known.sum() + sum(len(objection.rows) for objection in objections) == len(hours)
    assert (on_the_clock(times[known], zone) == hours.to_numpy("datetime64[us]")[known]).all()
    changes = 0 if zone in ("UTC", "Asia/Tokyo") else 30
    assert [len(objection.rows) for objection in objections] == ([changes] * 2 if changes else [])


def test_a_time_without_offset_or_zone_is_objected_to():
    times, objections = read_times(pd.Series(["2024-07-02 09:30:00", "2024-07-02 09:30:00-04:00"]), None)
    assert objections[0].rows.tolist() == [0]
    assert np.isnat(times[0]) and not np.isnat(times[1])


def test_midnight_is_no_date_among_the_hours_of_a_day():
    hours = pd.Series(pd.date_range("2017-12-07", periods=48, freq="h"))
    days, objections = read_days(hours, ZONE)
    assert np.isnat(days).all()
    assert objections[0].rows.tolist() == list(range(48))
    assert "declare their frequency" in objections[0].fix
    few = hours.dt.normalize().where(hours.index > 10, hours)  # ten stray times leave the dates what they are
    assert np.isnat(read_days(few, ZONE)[0]).sum() == 10
