"""Write the calendar tables from the installed libraries: ``python -m quantdl.calendars.build``.

To be run by whoever maintains quantdl after a new version of pandas-market-calendars or exchange-calendars, together
with the release date of that version, which is the day up to which its calendars describe the past. The tests compare
the tables with the installed libraries and with what exchanges announced.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantdl.calendars.labels import RULES_END
from quantdl.calendars.library import LibraryCalendar, listed_names
from quantdl.calendars.names import FILE, FORMAT
from quantdl.calendars.tables import encoded
from quantdl.errors import CalendarError

# Release dates of the versions that were read: their makers could know every closure up to that day.
_RELEASED = {("exchange-calendars", "4.13.2"): "2026-03-10", ("pandas-market-calendars", "5.5.0"): "2026-10-05"}
_THROUGH = pd.Timestamp("2026-12-31")  # exchanges publish the holidays of a year before it begins
_NOTHING_TO_PROJECT = ("24/7", "24/5")

# One exchange kept twice, by exchange_calendars and by pandas-market-calendars itself: a check of one by the other.
_KEPT_TWICE = (
    ("XNYS", "NYSE"),
    ("XLON", "LSE"),
    ("XTKS", "JPX"),
    ("XHKG", "HKEX"),
    ("XSHG", "SSE"),
    ("XASX", "ASX"),
    ("XTSE", "TSX"),
    ("XBOM", "BSE"),
    ("XSWX", "SIX"),
    ("XEUR", "EUREX"),
    ("BVMF", "B3"),
    ("XTAE", "TASE"),
    ("XOSL", "OSE"),
)
_COMPARED_FROM = pd.Timestamp("1990-01-01")


def main() -> None:
    """Write the tables beside this file and say how many there are."""
    path = Path(__file__).with_name(FILE)
    print(f"{write_tables(path)} calendars in {path} ({path.stat().st_size:,} bytes)")


def write_tables(path: Path) -> int:
    """Write every calendar that the libraries can compute to ``path`` and return their number.

    The bytes are a function of the libraries alone.

    Raises:
        CalendarError: If the release date of an installed library is not entered above.
    """
    released = {name: _release(name) for name in ("exchange-calendars", "pandas-market-calendars")}
    members: dict[str, np.ndarray] = {}
    calendars: list[dict[str, Any]] = []
    sessions: dict[str, pd.DatetimeIndex] = {}
    for name in sorted(listed_names()):
        calendar = LibraryCalendar(name)
        try:
            first, through = calendar.first_day, min(calendar.last_day, _THROUGH)
            schedule = calendar.read(first, through)
        except CalendarError:
            continue  # listed and never implemented
        sessions[name] = pd.DatetimeIndex(schedule.index)
        rows = encoded(schedule, first)
        digest = hashlib.sha256(rows.tobytes()).hexdigest()
        member = f"rows-{digest[:16]}"
        members[member] = rows
        origin, day = released["exchange-calendars" if calendar.is_mirrored else "pandas-market-calendars"]
        days = {
            "first_day": first,
            "through": through,
            "last_day": calendar.last_day,
            "verified_through": RULES_END if name in _NOTHING_TO_PROJECT else pd.Timestamp(day),
        }
        stated = {"name": name, "timezone": calendar.timezone, "origin": origin, "member": member, "digest": digest}
        calendars.append({**stated, **{key: f"{value:%Y-%m-%d}" for key, value in days.items()}})
    for entry in calendars:
        entry["rival"], entry["disputed"] = _disputed(entry["name"], sessions)
    listing = json.dumps({"format": FORMAT, "calendars": calendars}, sort_keys=True)
    _write(path, {"listing": np.frombuffer(listing.encode(), dtype=np.uint8), **members})
    return len(calendars)


def _disputed(name: str, sessions: Mapping[str, pd.DatetimeIndex]) -> tuple[str, list[str]]:
    """Return the other calendar of the same exchange, and the days that only one of the two trades."""
    rival = {**dict(_KEPT_TWICE), **{trading: iso for iso, trading in _KEPT_TWICE}}.get(name, "")
    if not rival:
        return "", []
    start = max(_COMPARED_FROM, sessions[name][0], sessions[rival][0])
    end = min(sessions[name][-1], sessions[rival][-1])
    days = sessions[name].symmetric_difference(sessions[rival])
    return rival, [f"{day:%Y-%m-%d}" for day in days[(days >= start) & (days <= end)]]


def _release(library: str) -> tuple[str, str]:
    installed = version(library)
    if (library, installed) not in _RELEASED:
        known = ", ".join(f"{name} {number}" for name, number in _RELEASED)
        raise CalendarError(
            f"The release date of {library} {installed} is not known (known: {known}). "
            f"Fix: enter it in _RELEASED of {Path(__file__).name}."
        )
    return f"{library} {installed}", _RELEASED[library, installed]


def _write(path: Path, members: dict[str, np.ndarray]) -> None:
    """Write an ``.npz`` whose bytes do not depend on the clock."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as stream:
                np.lib.format.write_array(stream, members[name], allow_pickle=False)


if __name__ == "__main__":
    main()
