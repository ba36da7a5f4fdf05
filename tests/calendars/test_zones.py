from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from quantdl.calendars.zones import listed_for, same_zone, zone_names

# Links of the file `backward` of the tz database (release 2024a and later), new name last.
ALIASES = [
    ("Asia/Calcutta", "Asia/Kolkata"),
    ("US/Eastern", "America/New_York"),
    ("US/Central", "America/Chicago"),
    ("Canada/Eastern", "America/Toronto"),
    ("Japan", "Asia/Tokyo"),
    ("ROK", "Asia/Seoul"),
    ("PRC", "Asia/Shanghai"),
    ("Hongkong", "Asia/Hong_Kong"),
    ("Singapore", "Asia/Singapore"),
    ("Israel", "Asia/Jerusalem"),
    ("Asia/Tel_Aviv", "Asia/Jerusalem"),
    ("GB", "Europe/London"),
    ("Eire", "Europe/Dublin"),
    ("Europe/Kiev", "Europe/Kyiv"),
    ("Etc/UTC", "UTC"),
    ("Zulu", "UTC"),
    ("NZ", "Pacific/Auckland"),
    ("Australia/ACT", "Australia/Sydney"),
    ("America/Buenos_Aires", "America/Argentina/Buenos_Aires"),
]


@pytest.mark.parametrize(("old", "new"), ALIASES)
def test_an_old_name_and_its_new_one_are_the_same_zone(old, new):
    assert same_zone(old, new)
    assert same_zone(new, old)


# An instant at which the two differ, from the rules: India and Sri Lanka were at +5:30 and +6:30 in 1997 and agree
# since 2006; Singapore was at +7:30 in 1980 and shares +8 with Shanghai since; London is an hour before UTC in summer;
# Ontario kept standard time in January 1974, when the United States went to daylight time for the oil crisis; Phoenix
# has no summer time; Turkey keeps summer time since 2016.
DIFFERENT = [
    ("Asia/Kolkata", "Asia/Colombo", datetime(1997, 6, 1, tzinfo=UTC)),
    ("Asia/Singapore", "Asia/Shanghai", datetime(1980, 1, 1, tzinfo=UTC)),
    ("UTC", "Europe/London", datetime(2024, 7, 1, tzinfo=UTC)),
    ("America/Toronto", "America/New_York", datetime(1974, 2, 1, tzinfo=UTC)),
    ("America/Denver", "America/Phoenix", datetime(2024, 7, 1, tzinfo=UTC)),
    ("Europe/Istanbul", "Europe/Athens", datetime(2024, 1, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(("one", "other", "when"), DIFFERENT)
def test_zones_that_differed_at_one_instant_are_two(one, other, when):
    assert when.astimezone(ZoneInfo(one)).utcoffset() != when.astimezone(ZoneInfo(other)).utcoffset()
    assert not same_zone(one, other)


def test_a_fixed_offset_is_the_zone_that_never_left_it_and_no_other():
    assert same_zone("Etc/GMT-9", "Asia/Tokyo")  # Japan ended daylight saving in 1951; the sign of Etc is inverted
    assert not same_zone("Etc/GMT+5", "America/New_York")


class OneChange(tzinfo):
    """An hour more from a UTC instant on."""

    def __init__(self, change):
        self.change = change

    def utcoffset(self, local):
        return timedelta(hours=local.replace(tzinfo=None) >= self.change)

    def fromutc(self, instant):
        return instant + timedelta(hours=instant.replace(tzinfo=None) >= self.change)


def test_clocks_that_change_on_one_day_at_different_hours_are_two(monkeypatch):
    made = {f"at {hour}": OneChange(datetime(2000, 3, 26, hour)) for hour in (1, 2)} | {
        "again at 1": OneChange(datetime(2000, 3, 26, 1))
    }
    monkeypatch.setattr("quantdl.calendars.zones.ZoneInfo", made.__getitem__)
    assert not same_zone("at 1", "at 2")
    assert same_zone("at 1", "again at 1")


def test_data_before_1970_are_compared_from_their_first_year():
    """Tokyo had summer time from 1948 to 1951."""
    assert same_zone("Etc/GMT-9", "Asia/Tokyo", first_year=1960)
    assert not same_zone("Etc/GMT-9", "Asia/Tokyo", first_year=1948)
    assert same_zone("Japan", "Asia/Tokyo", first_year=1)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "America"])
def test_what_is_no_zone_equals_nothing_but_itself(name):
    assert same_zone(name, name)
    assert not same_zone(name, "America/New_York")


def test_both_names_of_a_zone_are_names_and_a_place_on_mars_is_none():
    assert {"Asia/Kolkata", "Asia/Calcutta", "UTC"} <= zone_names()
    assert not {"Mars/Olympus", "", "America"} & zone_names()


def test_a_mapping_by_zone_is_read_under_every_name():
    listed = {"America/New_York": ["2001-09-11"]}
    assert listed_for("US/Eastern", listed) == ["2001-09-11"]
    assert not listed_for("America/Toronto", listed)
