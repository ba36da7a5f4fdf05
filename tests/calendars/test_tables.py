"""The tables that ship hold what was announced, say what they were compared with, and are never read damaged.

None of the answers comes from the libraries that the tables were built from under the pandas that is installed here:
those drop sessions. They were typed or taken from second sources, and each line of them says which.
"""

import csv
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import names as names_module, trading_calendar
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
ANSWERS = Path(__file__).parents[1] / "fixtures" / "calendars"
CORRECTIONS = Path(__file__).parents[2] / "data" / "calendars"
SATURDAYS_OF_SEOUL_SINCE_1990 = 442
EXCHANGES = (
    "XNYS NYSE NASDAQ XLON LSE JPX XHKG XSHG XKRX XASX ASX XETR XPAR XAMS XSWX XTSE TSX BVMF CME_Equity 24/7 "
    "XTAI XSES XMIL XMAD"
).split()


def answers(name, folder=ANSWERS):
    with (folder / name).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


@cache
def schedule_of(name):
    return tables()[name].read()


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


@pytest.mark.parametrize("answer", answers("sessions_per_year.csv"), ids=lambda one: f"{one['calendar']}-{one['year']}")
def test_a_year_has_as_many_sessions_as_the_second_source_counts(answer):
    days = pd.DatetimeIndex(schedule_of(answer["calendar"]).index)
    assert (days.year == int(answer["year"])).sum() == int(answer["sessions"]), answer["source"]


@pytest.mark.parametrize("answer", answers("odd_days.csv"), ids=lambda one: f"{one['calendar']}-{one['day']}")
def test_an_odd_day_is_as_it_was_announced(answer):
    schedule, zone = schedule_of(answer["calendar"]), tables()[answer["calendar"]].timezone
    assert (answer["day"] in schedule.index) == bool(answer["opens"]), answer["source"]
    for clock, column in (("opens", "open"), ("closes", "close")):
        if answer[clock]:
            assert f"{schedule.loc[answer['day'], column].tz_convert(zone):%H:%M}" == answer[clock], answer["source"]


@pytest.mark.parametrize(
    ("first", "last", "sessions"), [("2023-09-01", "2023-09-30", 19), ("2023-07-17", "2023-07-17", 0)]
)
def test_hong_kong_was_closed_by_storms_in_2023(first, last, sessions):
    # HKEX market communications 2309012news and 2309083news; issue 600 of exchange_calendars counts 19 in September.
    assert len(schedule_of("XHKG")[first:last]) == sessions


def test_seoul_traded_on_442_saturdays_until_december_1998():
    # Saturdays from 1990 on in the answer file of exchange_calendars (tests/resources/xkrx.csv).
    days = pd.DatetimeIndex(schedule_of("XKRX").index)
    saturdays = days[days.day_of_week == 5]
    assert saturdays[-1] == pd.Timestamp("1998-12-05")
    assert (saturdays >= "1990-01-01").sum() == SATURDAYS_OF_SEOUL_SINCE_1990


def test_tel_aviv_trades_from_sunday_and_since_2026_from_monday():
    # TASE moved its week on 2026-01-05 (exchange_calendars, issue 518).
    days = pd.DatetimeIndex(schedule_of("XTAE")["2004":"2026"].index)
    before, after = days[days < "2026-01-05"], days[days >= "2026-01-05"]
    assert set(before.day_name()) == {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday"}
    assert set(after.day_name()) == {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday"}


@pytest.mark.parametrize(
    "line", answers("corrections.csv", CORRECTIONS), ids=lambda one: f"{one['calendars']}-{one['day']}"
)
def test_every_correction_names_its_source_and_stands_in_the_tables(line):
    assert line["source"].strip()
    for name in line["calendars"].split():
        schedule, zone = schedule_of(name), tables()[name].timezone
        assert (line["day"] in schedule.index) == bool(line["opens"])
        if line["opens"]:
            hours = schedule.loc[line["day"], ["open", "break_start", "break_end", "close"]]
            shown = ["" if pd.isna(at) else f"{at.tz_convert(zone):%H:%M}" for at in hours]
            assert shown == [line[key] for key in ("opens", "break_start", "break_end", "closes")]


def test_what_was_compared_is_said_of_every_table():
    compared = {name for name, table in tables().items() if table.compared}
    assert {"XNYS", "XTAE", "XKRX", "XMOS", "XBOM", "XNSE", "XHKG", "XTAI", "XJSE", "XMEX"} <= compared
    assert not {"CME_Equity", "XWBO", "XLUX", "FOREX"} & compared
    for name in compared:
        table = tables()[name]
        assert all(table.first_day <= item.first <= item.last <= table.last_day for item in table.compared), name
        own = tables()[name].origin.split()[0]
        assert not any(item.source.startswith(own) for item in table.compared), name


def test_a_calendar_that_no_second_source_keeps_says_so_and_is_verified_through_no_day():
    calendar = trading_calendar("XWBO")
    assert calendar.verified_through is None
    assert calendar.compared_with == ()
    assert "compared with no second source" in calendar.caveat("2015-01-01", "2015-12-31")


def test_days_before_and_after_the_comparison_are_said_to_be_such():
    calendar = trading_calendar("XBOG")  # the holidays package lists Bogota from 2008
    assert [f"{item.first:%Y-%m-%d}" for item in calendar.compared_with] == ["2008-01-01"]
    assert "before 2008-01-01" in calendar.caveat("2005-01-01", "2010-12-31")
    assert "projected" in calendar.caveat("2010-01-01", calendar.verified_through + pd.Timedelta(days=1))
    assert calendar.caveat("2010-01-01", "2019-12-31") is None


def test_days_after_the_table_come_from_the_library_and_join_without_a_seam():
    calendar = trading_calendar("XNYS")
    through = tables()["XNYS"].through
    assert through == pd.Timestamp("2030-12-31")
    schedule = calendar.schedule("2030-12-01", "2031-01-31")
    assert schedule.index.is_monotonic_increasing
    assert schedule.index.is_unique
    # December 2030: 22 weekdays less Christmas. January 2031: 23 less New Year's Day and Martin Luther King Day.
    assert len(schedule[:"2030"]) == 21
    assert len(schedule["2031":]) == 21


def test_the_next_years_are_asked_of_no_library():
    for name, start in (("XTAE", "2027-01-01"), ("XKRX", "2027-01-01"), ("XNYS", "2027-01-01")):
        sessions, _, library = measured(name, start, "2030-12-31")
        assert sessions > 900
        assert not library


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


def test_what_one_caller_writes_into_a_schedule_no_other_sees():
    """The rows of a calendar are read once a process."""
    span = ("2024-01-02", "2024-01-31")
    before = trading_calendar("XNYS").schedule(*span)
    changed = trading_calendar("XNYS").schedule(*span)
    changed["close"] = changed["open"]
    pd.testing.assert_frame_equal(trading_calendar("XNYS").schedule(*span), before)


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
    with pytest.raises(IntegrityError, match="format 99.*reads 2"):
        tables.__wrapped__()
