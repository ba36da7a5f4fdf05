"""Write the calendar tables that ship with the package, in an environment of their own.

    python -m venv /tmp/calendars
    /tmp/calendars/bin/python -m pip install -r data/calendars/constraints-pandas2.txt
    /tmp/calendars/bin/python data/calendars/build_tables.py

Under pandas 3, exchange_calendars 4.13.2 drops the sessions of special week masks (Saturdays in Seoul and Moscow, the
Mumbai session of 2024-01-20) and the mirrors of pandas-market-calendars lose them under any pandas; so ISO codes are
read from exchange_calendars itself, under pandas 2. What that library has wrong is put right from corrections.csv,
where each line names who says so. The sessions are then compared with `second_sources`, and the table says with which
of them and through which day. The same lock gives the same bytes.
"""

import argparse
import csv
import hashlib
import json
import sys
import warnings
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from exchange_calendars.calendar_utils import _default_calendar_factories as exchanges  # noqa: E402
from second_sources import OWN_CALENDARS, Answer, answers, disputed  # noqa: E402

from quantdl.calendars.corrections import CalendarCorrection, corrected  # noqa: E402
from quantdl.calendars.labels import RULES_END  # noqa: E402
from quantdl.calendars.library import LibraryCalendar, listed_names  # noqa: E402
from quantdl.calendars.names import FILE, FORMAT  # noqa: E402
from quantdl.calendars.tables import encoded  # noqa: E402
from quantdl.errors import CalendarError  # noqa: E402

TABLES = HERE.parents[1] / "quantdl" / "calendars" / FILE
_THROUGH = pd.Timestamp("2030-12-31")  # so far, the days are independent of the installed libraries
_RULES_BEGIN = pd.Timestamp("1970-01-01")  # pandas' rule-based holidays begin; earlier, many are missing
_ALWAYS_OPEN = ("24/7", "24/5")  # nothing to compare
_MIRRORED = ("XNYS",)  # its rules reach back to 1885 through the mirror alone, which equals the original from 1970
# Calendars of pandas-market-calendars that are another name of an exchange with an ISO code.
_SAME_EXCHANGE = {
    **{own: iso for iso, own in OWN_CALENDARS.items()},
    **dict.fromkeys("NASDAQ BATS DJIA DOW IEX Investors_Exchange stock CBOE_Equity_Options".split(), "XNYS"),
    **{"BMF": "BVMF", "TSXV": "XTSE", "NSE": "XBOM", "XNSE": "XBOM", "XJPX": "XTKS"},
}
# The two exchanges of Mumbai announce the same days and hours; pandas-market-calendars keeps the second one badly.
_READ_AS = {"XNSE": "XBOM", "NSE": "XBOM"}
_EDGE = pd.DateOffset(years=1)  # exchange_calendars opens the last session of a span in Seoul late
_COMPARED_FROM = pd.Timestamp("1990-01-01")
_RELEASED = pd.Timestamp("2026-03-10")  # exchange_calendars 4.13.2
_COLUMNS = ["open", "close", "break_start", "break_end"]


def main() -> None:
    """Write the tables and say how many there are."""
    parser = argparse.ArgumentParser(description="Write the calendar tables.")
    parser.add_argument("--output", type=Path, default=TABLES, help="file to write")
    path = parser.parse_args().output
    warnings.simplefilter("ignore")  # what the libraries say of their own code
    if version("pandas").split(".")[0] != "2":
        raise SystemExit(f"pandas {version('pandas')} drops sessions. Fix: install constraints-pandas2.txt.")
    print(f"{write_tables(path)} calendars in {path} ({path.stat().st_size:,} bytes)")


def write_tables(path: Path) -> int:
    """Write every calendar that the libraries can compute to ``path`` and return their number."""
    corrections = read_corrections(HERE / "corrections.csv")
    members: dict[str, np.ndarray] = {}
    calendars: list[dict[str, Any]] = []
    schedules: dict[str, pd.DataFrame] = {}
    for name in sorted({*listed_names(), *exchanges}):
        try:
            facts, schedule = read(name)
        except CalendarError:
            continue  # listed and never implemented
        schedule = corrected(schedule, facts["timezone"], corrections.get(name, []))
        schedules[name] = schedule
        rows = encoded(schedule, pd.Timestamp(facts["first_day"]))
        digest = hashlib.sha256(rows.tobytes()).hexdigest()
        member = f"rows-{digest[:16]}"
        members[member] = rows
        calendars.append({"name": name, **facts, "member": member, "digest": digest})
    asked: dict[str, list[Answer]] = {}
    for entry in calendars:
        settled = {str(item.day): item.source for item in corrections.get(entry["name"], [])}
        entry.update(compared(entry["name"], schedules, settled, asked))
    listing = json.dumps({"format": FORMAT, "calendars": calendars}, sort_keys=True)
    _write(path, {"listing": np.frombuffer(listing.encode(), dtype=np.uint8), **members})
    return len(calendars)


def read_corrections(path: Path) -> dict[str, list[CalendarCorrection]]:
    """Return the corrections by calendar; a line without hours strikes the day, one with hours puts it so."""
    found: dict[str, list[CalendarCorrection]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            hours = {key: line[key] or None for key in ("opens", "closes", "break_start", "break_end")}
            day = {"change" if line["opens"] else "strike": line["day"]}
            for name in line["calendars"].split():
                found.setdefault(name, []).append(CalendarCorrection(source=line["source"], **day, **hours))
    return found


def read(name: str) -> tuple[dict[str, str], pd.DataFrame]:
    """Return zone, span and origin of a calendar, and its schedule before any correction.

    Raises:
        CalendarError: If a library lists it and cannot compute it.
    """
    name = _READ_AS.get(name, name)
    if name not in exchanges or name in _MIRRORED:
        calendar = LibraryCalendar(name)
        origin = "exchange-calendars" if name in exchanges else "pandas-market-calendars"
        first, last, timezone = calendar.first_day, calendar.last_day, calendar.timezone
        through = min(last, _THROUGH)
        schedule = calendar.read(first, through)
        if name in _MIRRORED:
            _same(schedule[_RULES_BEGIN:], _exchange(name, _RULES_BEGIN, through), name)
    else:
        origin = "exchange-calendars"
        source = exchanges[name]
        first = max(_RULES_BEGIN, source.bound_min() or _RULES_BEGIN)
        last = min(RULES_END, source.bound_max() or RULES_END)
        through = min(last, _THROUGH)
        schedule = _exchange(name, first, through)
        timezone = str(source(start=through - pd.Timedelta(days=30), end=through).tz)
    days = {"first_day": first, "through": through, "last_day": last}
    facts = {"timezone": timezone, "origin": f"{origin} {version(origin)}"}
    return {**facts, **{key: f"{value:%Y-%m-%d}" for key, value in days.items()}}, schedule


def _exchange(name: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    source = exchanges[name]
    calendar = source(start=first, end=min(last + _EDGE, source.bound_max() or RULES_END))
    schedule = calendar.schedule[:last].reindex(columns=_COLUMNS).astype("datetime64[us, UTC]")
    rests = (schedule["break_start"] < schedule["break_end"]) & (schedule["break_end"] < schedule["close"])
    for column in ("break_start", "break_end"):  # a half-day has no afternoon, and a break of no length is no break
        schedule[column] = schedule[column].where(rests)
    schedule["early"] = schedule.index.isin(calendar.early_closes)
    schedule.index = pd.DatetimeIndex(schedule.index.to_numpy().astype("datetime64[us]"), name="session")
    return pd.DataFrame(schedule)


def _same(mirrored: pd.DataFrame, original: pd.DataFrame, name: str) -> None:
    if not mirrored[_COLUMNS].equals(original[_COLUMNS]):
        raise CalendarError(f"{name}: the mirror differs from exchange_calendars.")


def compared(
    name: str,
    schedules: Mapping[str, pd.DataFrame],
    settled: Mapping[str, str],
    asked: dict[str, list[Answer]],
) -> dict[str, Any]:
    """Return with what a calendar was compared, and the days that stay doubtful."""
    if name in _ALWAYS_OPEN:
        return {"compared": [["its definition", f"{_RULES_BEGIN:%Y-%m-%d}", f"{RULES_END:%Y-%m-%d}"]], "disputed": []}
    iso = _SAME_EXCHANGE.get(name, name)
    if iso not in asked:
        asked[iso] = answers(iso)
    given = [item for item in asked[iso] if name == iso or "pandas_market_calendars" not in item.source]
    sessions = pd.DatetimeIndex(schedules[name].index).as_unit("ns")
    if name != iso and name not in _READ_AS:
        other = pd.DatetimeIndex(schedules[iso].index).as_unit("ns")
        source = f"exchange-calendars {version('exchange-calendars')} ({iso}, corrected)"
        given = [Answer(source, max(other[0], _COMPARED_FROM), _RELEASED, other), *given]
    given = [item.cut(sessions[0], sessions[-1]) for item in given]
    spans = [[item.source, f"{item.first:%Y-%m-%d}", f"{item.last:%Y-%m-%d}"] for item in given]
    return {"compared": spans, "disputed": disputed(sessions, given, settled)}


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
