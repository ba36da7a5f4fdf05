"""The calendars that ship with the package: schedules as they were computed and checked once, read in milliseconds.

``data/calendars/build_tables.py`` writes them to ``schedules.npz``: for each calendar int16 rows (6, N) of days since
the session before, minutes from the session's midnight UTC to open, close, break start and break end, and whether the
close is early; and one JSON text with names, zones, spans and the sha256 of every array.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from quantdl.calendars.names import FILE, listing, member
from quantdl.errors import IntegrityError

NO_BREAK = -32768  # in place of minutes
_COLUMNS = ("open", "close", "break_start", "break_end")
_DAY, _MINUTE = 86_400_000_000, 60_000_000  # microseconds


@dataclass(frozen=True)
class Comparison:
    """A second source that the sessions of a calendar were compared with.

    Attributes:
        source: Its name and version.
        first: First day of the comparison.
        last: Last day of the comparison: the source was published on it, or ends there.
    """

    source: str
    first: pd.Timestamp
    last: pd.Timestamp


@dataclass(frozen=True)
class Table:
    """One calendar as it ships.

    Attributes:
        name: Name of the calendar.
        timezone: IANA name of the exchange's zone.
        first_day: First day of the table and of the calendar.
        through: Last day of the table. Later days come from the installed library.
        last_day: Last day that the library could project to when the table was made.
        compared: What the sessions were compared with: the source and the first and last day of the comparison.
        origin: The library and version that the days come from.
        member: Name of its rows in the file; calendars that agree on everything share them.
        digest: sha256 of its rows, as hex.
        disputed: Days within the comparisons on which at least as many sources contradict the table as confirm it,
            the table itself counted as one, and which no correction with a source of its own has settled.
    """

    name: str
    timezone: str
    first_day: pd.Timestamp
    through: pd.Timestamp
    last_day: pd.Timestamp
    origin: str
    member: str
    digest: str
    compared: tuple["Comparison", ...] = ()
    disputed: tuple[str, ...] = ()

    def read(self) -> pd.DataFrame:
        """Return open, close, break_start, break_end (UTC, NaT without a break) and early (bool) by session.

        Raises:
            IntegrityError: If the rows are not what was written.
        """
        rows = member(self.member)
        if hashlib.sha256(rows.tobytes()).hexdigest() != self.digest:
            raise IntegrityError(f"The calendar table of {self.name} in {FILE} was changed. Fix: reinstall quantdl.")
        return decoded(rows, self.first_day)


def encoded(schedule: pd.DataFrame, first_day: pd.Timestamp) -> np.ndarray:
    """Return the rows (7, N) int16 of a schedule with the columns of `Table.read`.

    Raises:
        IntegrityError: If the schedule does not fit: reading the rows back gives something else.
    """
    day = schedule.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    rows = [np.diff(day, prepend=first_day.to_numpy().astype("datetime64[D]").astype(np.int64))]
    for name in _COLUMNS:
        instants = pd.DatetimeIndex(schedule[name]).as_unit("us")
        minutes = (instants.asi8 - day * _DAY) // _MINUTE
        rows.append(np.where(instants.isna(), NO_BREAK, minutes))
    rows.append(schedule["early"].to_numpy(dtype=np.int64))
    table = np.stack([row.astype("<i2") for row in rows])
    if not decoded(table, first_day).equals(schedule):
        raise IntegrityError("The schedule does not fit into a table of whole minutes.")
    return table


def decoded(rows: np.ndarray, first_day: pd.Timestamp) -> pd.DataFrame:
    """Return the schedule that `encoded` wrote."""
    step, *minutes, early = rows.astype(np.int64)
    midnight = (first_day.to_numpy().astype("datetime64[D]").astype(np.int64) + np.cumsum(step)) * _DAY
    columns: dict[str, pd.DatetimeIndex | np.ndarray] = {}
    for name, offset in zip(_COLUMNS, minutes, strict=True):
        instants = np.where(offset == NO_BREAK, np.iinfo(np.int64).min, midnight + offset * _MINUTE)
        columns[name] = pd.DatetimeIndex(instants.view("datetime64[us]")).tz_localize("UTC")
    columns["early"] = early.astype(bool)
    return pd.DataFrame(columns, index=pd.DatetimeIndex(midnight.view("datetime64[us]"), name="session"))


@cache
def shipped_schedule(name: str) -> pd.DataFrame:
    """Return `Table.read` of a calendar that ships, read and checked once a process; shared, so never changed."""
    return tables()[name].read()


@cache
def tables() -> Mapping[str, Table]:
    """Return every calendar that ships with the package, by name.

    Raises:
        IntegrityError: If the file is missing, damaged or of another version.
    """
    return MappingProxyType({entry["name"]: _table(entry) for entry in listing()})


def _table(entry: Mapping[str, Any]) -> Table:
    return Table(
        name=entry["name"],
        timezone=entry["timezone"],
        first_day=pd.Timestamp(entry["first_day"]),
        through=pd.Timestamp(entry["through"]),
        last_day=pd.Timestamp(entry["last_day"]),
        origin=entry["origin"],
        member=entry["member"],
        digest=entry["digest"],
        compared=tuple(
            Comparison(source, pd.Timestamp(first), pd.Timestamp(last)) for source, first, last in entry["compared"]
        ),
        disputed=tuple(entry["disputed"]),
    )
