"""Time zones and their names, compared by clocks: ``Asia/Kolkata`` and ``Asia/Calcutta`` are two names of one zone."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_FIRST_YEAR = 1970
_LAST_YEAR = 2037
_DAY = timedelta(days=1)
_CLOSE_UP = timedelta(minutes=15)  # of the day of a change: no two zones differ for less and agree otherwise


@cache
def zone_names() -> frozenset[str]:
    """Return the IANA names that this machine's tz database lists, looked up on the disk once a process."""
    return frozenset(available_timezones())


def same_zone(one: str, other: str, first_year: int = _FIRST_YEAR) -> bool:
    """Return whether the clocks of two zones show the same time at every instant that matters.

    The instants are those from 1970 to 2037: the tz database gives places whose clocks agree since 1970 one zone under
    several names, and its compiled files list changes up to 2037. Zones that agree today and differed within these
    years (``Asia/Kolkata`` and ``Asia/Colombo`` up to 2006), or in one half of the year (``UTC`` and
    ``Europe/London``), are two.

    Args:
        one: IANA name. A name that the tz database lacks is the same zone as itself only.
        other: IANA name.
        first_year: First year of the data, where they begin before 1970.

    Example:
        >>> same_zone("US/Eastern", "America/New_York"), same_zone("UTC", "Europe/London")
        (True, False)
    """
    return one == other or _agree(*sorted((one, other)), min(first_year, _FIRST_YEAR))


def listed_for(timezone: str, listed: Mapping[str, list[str]]) -> list[str]:
    """Return what a mapping by zone holds for ``timezone`` under any name of it; nothing where it holds none."""
    return next((values for name, values in listed.items() if same_zone(name, timezone)), [])


@cache
def _agree(one: str, other: str, first_year: int) -> bool:
    try:
        first, second = ZoneInfo(one), ZoneInfo(other)
    except (KeyError, ValueError, OSError):  # no such zone, no such path, a folder of zones
        return False
    start, stop = datetime(max(first_year, 2), 1, 1, tzinfo=UTC), datetime(_LAST_YEAR + 1, 1, 1, tzinfo=UTC)
    before = _offset(start, first)
    for day in _steps(start, stop, _DAY):
        offset = _offset(day, first)
        if offset != _offset(day, second):
            return False
        if offset != before and any(
            _offset(at, first) != _offset(at, second) for at in _steps(day - _DAY, day, _CLOSE_UP)
        ):
            return False
        before = offset
    return True


def _steps(start: datetime, stop: datetime, step: timedelta) -> Iterator[datetime]:
    at = start
    while at < stop:
        yield at
        at += step


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()
