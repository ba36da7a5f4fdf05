"""A series shows at an instant what was known then, and nothing else."""

from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from quantdl.errors import DataError
from quantdl.market.series.declaration import ReleaseRule
from quantdl.market.series.exogenous import series_fingerprint
from tests.panels import exogenous_series

NEXT_MORNING = ReleaseRule("day", 1, "09:00", "America/New_York", "XNYS")


def instants(*texts, zone="UTC"):
    return pd.DatetimeIndex(texts, tz=zone)


def series(days, values, rule=NEXT_MORNING):
    return exogenous_series("index", pd.DatetimeIndex(days), np.asarray(values, dtype=np.float64), rule)


@pytest.mark.parametrize(
    ("rule", "dated", "known"),
    [
        (ReleaseRule("day", 0, "16:15", "America/New_York", "XNYS"), "2024-01-05", "2024-01-05 21:15"),
        (ReleaseRule("day", 0, "16:15", "America/New_York", "XNYS"), "2024-01-06", "2024-01-08 21:15"),
        (NEXT_MORNING, "2024-03-08", "2024-03-11 13:00"),  # the clocks changed over the weekend
        (NEXT_MORNING, "2024-03-28", "2024-04-01 13:00"),  # Good Friday
        (ReleaseRule("day", 1, "09:00", "UTC", None), "2024-03-28", "2024-03-29 09:00"),
        (ReleaseRule("week", 0, "00:00", "UTC", None), "2024-05-01", "2024-05-05 00:00"),
        (ReleaseRule("month", 1, "09:00", "UTC", None), "2024-02-01", "2024-03-01 09:00"),
        (ReleaseRule("month", 0, "09:00", "UTC", "XNYS"), "2024-06-01", "2024-07-01 09:00"),  # June 30 was a Sunday
        (ReleaseRule("month", 1, "09:00", "UTC", "XNYS"), "2024-06-15", "2024-07-01 09:00"),
        (ReleaseRule("month", 2, "09:00", "UTC", "XNYS"), "2024-06-30", "2024-07-02 09:00"),
        (ReleaseRule("quarter", 30, "08:30", "America/New_York", None), "2024-01-01", "2024-04-30 12:30"),
        (ReleaseRule("year", 0, "23:59", "UTC", None), "2024-01-01", "2024-12-31 23:59"),
    ],
)
def test_a_value_becomes_known_when_its_rule_says(rule, dated, known):
    assert rule.known_at(pd.DatetimeIndex([dated]))[0] == pd.Timestamp(known, tz="UTC")


def test_an_hour_that_the_clocks_repeat_is_the_later_one():
    rule = ReleaseRule("day", 0, "01:30", "America/New_York", None)
    assert rule.known_at(pd.DatetimeIndex(["2024-11-03"]))[0] == pd.Timestamp("2024-11-03 06:30", tz="UTC")


def test_an_hour_that_the_clocks_skip_is_the_end_of_the_gap():
    rule = ReleaseRule("day", 0, "02:30", "America/New_York", None)
    assert rule.known_at(pd.DatetimeIndex(["2024-03-10"]))[0] == pd.Timestamp("2024-03-10 07:00", tz="UTC")


@pytest.mark.parametrize("zone", sorted(available_timezones())[::40] + ["America/Argentina/Catamarca"])
def test_no_change_of_clocks_makes_a_value_known_before_its_day(zone):
    days = pd.date_range("1990-01-01", "2030-12-31", freq="D")
    for at in ("00:00", "01:30", "02:30"):
        known = ReleaseRule("day", 0, at, zone, None).known_at(days)
        local = known.tz_convert(zone).tz_localize(None)
        assert known.is_monotonic_increasing
        assert (local >= days + pd.Timedelta(f"{at}:00")).all()


def test_only_what_was_known_is_seen():
    rate = series(["2024-01-02", "2024-01-03", "2024-01-05"], [1.0, 2.0, 3.0])
    asked = instants("2024-01-02 23:00", "2024-01-03 13:59", "2024-01-03 14:00", "2024-01-08 14:00", "2024-01-09 14:00")
    values, ages = rate.as_of(asked)
    np.testing.assert_array_equal(values, [np.nan, np.nan, 1.0, 3.0, 3.0])
    np.testing.assert_array_equal(ages, [np.nan, np.nan, 0.0, 0.0, 1.0])
    assert rate.positions(asked).tolist() == [-1, -1, 0, 2, 2]


def test_a_mean_over_a_month_is_unknown_within_it():
    monthly = ReleaseRule("month", 1, "09:00", "America/New_York", None)
    rate = series(["2024-05-01", "2024-06-01"], [4.5, 4.3], monthly)
    values, _ = rate.as_of(instants("2024-06-03 20:00", "2024-06-28 20:00", "2024-07-01 20:00"))
    np.testing.assert_array_equal(values, [4.5, 4.5, 4.3])


def test_a_value_that_is_too_old_counts_as_not_known():
    rate = series(["2024-01-02"], [1.0])
    asked = instants("2024-01-04 14:00", "2024-01-10 14:00")
    values, ages = rate.as_of(asked, longest_age_days=5.0)
    np.testing.assert_array_equal(values, [1.0, np.nan])
    np.testing.assert_array_equal(ages, [1.0, np.nan])


def test_the_zone_of_the_question_changes_nothing():
    rate = series(["2024-01-02", "2024-01-03"], [1.0, 2.0])
    asked = instants("2024-01-03 14:00", "2024-01-04 13:59:59")
    for zone in sorted(available_timezones())[::30]:
        np.testing.assert_array_equal(rate.as_of(asked.tz_convert(zone))[0], [1.0, 1.0])


def test_instants_without_a_zone_are_refused_with_the_fix():
    with pytest.raises(DataError, match=r"without a time zone.*Pass panel.known_at"):
        series(["2024-01-02"], [1.0]).as_of(pd.DatetimeIndex(["2024-01-03 14:00"]))


DAYS = pd.date_range("2023-01-01", periods=120, freq="D")


@given(
    seed=st.integers(0, 1000),
    cut=st.integers(0, 130),
    days_after=st.integers(0, 9),
    calendar=st.sampled_from([None, "XNYS", "XTKS"]),
)
def test_what_becomes_known_later_changes_nothing_before(seed, cut, days_after, calendar):
    values, noise = np.random.default_rng(seed).normal(size=(2, len(DAYS)))
    rule = ReleaseRule("day", days_after, "16:15", "America/New_York", calendar)
    rate = series(DAYS, values, rule)
    now = pd.Timestamp("2023-01-01 21:30", tz="UTC") + pd.Timedelta(days=cut)
    other = series(DAYS, np.where(rate.known_at > now, noise, values), rule)
    asked = pd.date_range(pd.Timestamp("2022-12-30", tz="UTC"), now, freq="7h")
    for found, expected in zip(other.as_of(asked), rate.as_of(asked), strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(rate.until(now).as_of(asked), rate.as_of(asked), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_view_physically_ends():
    rate = series(["2024-01-02", "2024-01-03", "2024-01-05"], [1.0, 2.0, 3.0])
    view = rate.until(pd.Timestamp("2024-01-04 14:00", tz="UTC"))
    assert view.values.tolist() == [1.0, 2.0]
    assert view.values.base is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"period": "fortnight"}, "period: given 'fortnight'; expected one of 'day'"),
        ({"days_after": -1}, "days_after: given -1; expected a whole number of zero or more"),
        ({"at": "25:00"}, "at: given '25:00'; expected a local time such as '16:15'"),
        ({"at": "16:15:30"}, "at: given .* expected a local time"),
        ({"at": "16:15+01:00"}, "at: given .* expected a local time"),
        ({"timezone": "New York"}, "timezone: given 'New York'; expected an IANA name"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(change, words):
    stated = {"period": "day", "days_after": 1, "at": "09:00", "timezone": "UTC", "calendar": None}
    with pytest.raises(DataError, match=words):
        ReleaseRule(**{**stated, **change})


def test_a_rule_with_an_unknown_calendar_names_the_one_meant():
    with pytest.raises(DataError, match="calendar: .*'xnys'.*'XNYS'"):
        ReleaseRule("day", 1, "09:00", "UTC", "xnys")


@pytest.mark.parametrize(
    ("days", "values", "words"),
    [
        (["2024-01-03", "2024-01-02"], [1.0, 2.0], "increasing and unique"),
        (["2024-01-02", "2024-01-02"], [1.0, 2.0], "increasing and unique"),
        (["2024-01-02", "2024-01-03"], [1.0, np.nan], "must be finite"),
        (["2024-01-02", "2024-01-03"], [1.0], "as many dates"),
    ],
)
def test_a_series_that_contradicts_itself_is_refused(days, values, words):
    with pytest.raises(DataError, match=words):
        series(days, values)


def test_values_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        series(["2024-01-02"], [1.0]).values[0] = 2.0


def test_a_changed_value_or_date_changes_the_fingerprint():
    days = pd.DatetimeIndex(["2024-01-02", "2024-01-03"])
    prints = {
        series_fingerprint(days, np.array([1.0, 2.0])),
        series_fingerprint(days, np.array([1.0, 2.5])),
        series_fingerprint(days + pd.Timedelta(days=1), np.array([1.0, 2.0])),
    }
    assert len(prints) == 3
    assert series_fingerprint(days.as_unit("ns"), np.array([1.0, 2.0])) in prints
