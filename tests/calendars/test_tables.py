"""The tables that ship are what the libraries say today, and nothing damaged is read."""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import names as names_module, trading_calendar
from quantdl.calendars.library import LibraryCalendar
from quantdl.calendars.tables import decoded, encoded, tables
from quantdl.errors import IntegrityError

# Thirty years in a fresh process and a fresh object; the time of imports is not counted.
MEASURE = """
import sys, time, numpy, pandas
from quantdl.calendars import TradingCalendar
started = time.process_time()
schedule = TradingCalendar(sys.argv[1]).schedule(sys.argv[2], sys.argv[3])
print(len(schedule), time.process_time() - started, "pandas_market_calendars" in sys.modules)
"""
EXCHANGES = (
    "XNYS NYSE NASDAQ XLON LSE JPX XHKG XSHG XKRX XASX ASX XETR XPAR XAMS XSWX XTSE TSX XBOM BVMF CME_Equity 24/7 "
    "XTAI XSES XMIL XMAD"
).split()


def measured(name, start, end):
    command = [sys.executable, "-c", MEASURE, name, start, end]
    sessions, seconds, library = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(sessions), float(seconds), library == "True"


def test_thirty_years_of_seoul_take_no_library_and_no_computing():
    sessions, seconds, library = measured("XKRX", "1990-01-01", "2019-12-31")
    assert sessions > 7000
    assert not library
    assert seconds < 1.0  # 0.02 s; 2 s when they are computed


@pytest.mark.slow
@pytest.mark.parametrize("name", EXCHANGES)
def test_thirty_years_of_any_exchange_are_not_computed(name):
    first = "1991-01-01" if name == "XSHG" else "1990-01-01"
    for start, end in ((first, "2019-12-31"), ("1995-01-01", "2024-12-31")):
        sessions, seconds, _ = measured(name, start, end)
        assert sessions > 6900
        assert seconds < 1.0  # 0.02 s; 2 s when they are computed


@pytest.mark.parametrize("name", ["XNYS", "XHKG", "CME_Equity", "24/7"])
def test_a_table_is_what_the_installed_libraries_compute(name):
    start, end = pd.Timestamp("2004-01-01"), pd.Timestamp("2025-12-31")
    pd.testing.assert_frame_equal(tables()[name].read()[start:end], LibraryCalendar(name).read(start, end))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(tables()))
def test_every_table_is_what_the_installed_libraries_compute(name):
    table = tables()[name]
    pd.testing.assert_frame_equal(table.read(), LibraryCalendar(name).read(table.first_day, table.through))


def test_days_after_the_table_come_from_the_library_and_join_without_a_seam():
    calendar = trading_calendar("XNYS")
    through = tables()["XNYS"].through
    schedule = calendar.schedule("2026-12-01", "2027-01-31")
    assert schedule.index.is_monotonic_increasing
    assert schedule.index.is_unique
    assert set(schedule.index) >= set(calendar.sessions("2026-12-01", through))
    library = LibraryCalendar("XNYS").read(pd.Timestamp("2027-01-01"), pd.Timestamp("2027-01-31"))
    pd.testing.assert_frame_equal(schedule["2027":], library.drop(columns="early"))


def test_a_calendar_kept_year_by_year_says_where_it_ends():
    assert trading_calendar("XSHG").last_day >= tables()["XSHG"].through


@pytest.fixture
def schedule():
    sessions = pd.DatetimeIndex(["2024-01-02", "2024-01-05"], name="session").as_unit("us")
    instants = pd.DatetimeIndex(["2024-01-01 23:00", "2024-01-05 01:30"], tz="UTC").as_unit("us")
    rest = pd.DatetimeIndex(["NaT", "2024-01-05 02:30"], tz="UTC").as_unit("us")
    return pd.DataFrame(
        {
            "open": instants,
            "close": instants + pd.Timedelta(hours=6),
            "break_start": rest,
            "break_end": rest + pd.Timedelta(minutes=60),
            "early": [False, True],
        },
        index=sessions,
    )


def test_a_schedule_survives_its_table(schedule):
    first = pd.Timestamp("2024-01-01")
    rows = encoded(schedule, first)
    assert rows.dtype == np.int16
    assert rows.shape == (6, 2)
    pd.testing.assert_frame_equal(decoded(rows, first), schedule)


def test_a_schedule_that_needs_seconds_is_refused(schedule):
    schedule["close"] += pd.Timedelta(seconds=1)
    with pytest.raises(IntegrityError, match="whole minutes"):
        encoded(schedule, pd.Timestamp("2024-01-01"))


def test_changed_rows_are_refused():
    table = replace(tables()["XNYS"], digest="0" * 64)
    with pytest.raises(IntegrityError, match="calendar table of XNYS.*was changed.*reinstall"):
        table.read()


class Folder:
    """In place of the package's folder."""

    def __init__(self, content):
        self.content = content

    def joinpath(self, name):
        return self

    def open(self, mode):
        if self.content is None:
            raise FileNotFoundError("no such file")
        return io.BytesIO(self.content)


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name, content in members.items():
            buffer = io.BytesIO()
            np.save(buffer, np.frombuffer(content, dtype=np.uint8))
            target.writestr(f"{name}.npy", buffer.getvalue())
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [None, b"", b"no archive", archive(other=b"x"), archive(listing=b"x")[:-30]],
    ids=["missing", "empty", "text", "without a listing", "truncated"],
)
def test_a_damaged_file_is_named_with_the_fix(monkeypatch, content):
    monkeypatch.setattr(names_module, "files", lambda package: Folder(content))
    with pytest.raises(IntegrityError, match="cannot be read.*reinstall"):
        tables.__wrapped__()


def test_a_table_of_another_format_is_refused(monkeypatch):
    listing = json.dumps({"format": 99, "calendars": []}).encode()
    monkeypatch.setattr(names_module, "files", lambda package: Folder(archive(listing=listing)))
    with pytest.raises(IntegrityError, match="format 99.*reads 1"):
        tables.__wrapped__()
