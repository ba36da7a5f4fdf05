"""What a strategy opens by itself is noticed, and dated rows of later days are left out of it."""

import gzip
import socket
import sqlite3
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.audit.outside_reads import OutsideReads, rows_until

TEXT = "date,close\n2020-01-02,1.0\n2020-01-03,2.0\n2020-01-06,3.0\n"
DAY = date(2020, 1, 3)


def read_and_closed(path) -> str:
    with open(path) as file:
        return file.read()


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "closes.csv"
    file.write_text(TEXT)
    return file


def test_what_is_opened_is_noticed_however_it_is_opened(path):
    ways = (
        lambda: read_and_closed(path),
        lambda: path.read_text(),
        lambda: pd.read_csv(path),
        lambda: np.genfromtxt(path, delimiter=","),
    )
    for read in ways:
        reads = OutsideReads()
        with reads.watching():
            read()
        assert reads.opened == [str(path)]


def test_a_database_and_a_connection_are_noticed(tmp_path):
    reads = OutsideReads()
    with reads.watching():
        sqlite3.connect(tmp_path / "prices.db").close()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as line, pytest.raises(OSError):
            line.settimeout(0.2)
            line.connect(("127.0.0.1", 1))
    assert [name.split(":")[0] for name in reads.opened] == ["sqlite3.connect", "socket.connect"]


def test_what_is_written_and_what_the_program_itself_reads_is_no_data(tmp_path):
    reads = OutsideReads()
    with reads.watching():
        (tmp_path / "log.csv").write_text("x")
        read_and_closed(__file__)
        read_and_closed("/proc/uptime")
        read_and_closed(Path(pd.__file__).parent / "pyproject.toml")
    assert reads.opened == []


def test_nothing_is_noticed_before_and_after(path):
    original, reads = open, OutsideReads()
    path.read_text()
    with reads.watching():
        pass
    path.read_text()
    assert reads.opened == [] and open is original


def test_rows_of_later_days_are_left_out(path):
    reads = OutsideReads(DAY)
    with reads.watching():
        frame, text = pd.read_csv(path), path.read_text()
    assert list(frame["close"]) == [1.0, 2.0]
    assert text == "date,close\n2020-01-02,1.0\n2020-01-03,2.0\n"
    assert reads.opened == [str(path)] and reads.unchanged == []
    assert path.read_text() == TEXT


@pytest.mark.parametrize("written", ["20200103", '"2020-01-03"', "2020-01-03 16:00", "2020/01/03"])
def test_dates_are_understood_as_they_are_written(written):
    rows = [
        f"{written.replace('03', day, 1) if written[0] == '2' else written.replace('03', day)},1"
        for day in ("03", "06")
    ]
    assert rows_until("\n".join(rows).encode(), DAY).count(b",") == 1


def test_compressed_rows_stay_compressed():
    cut = rows_until(gzip.compress(TEXT.encode()), DAY)
    assert gzip.decompress(cut).decode().splitlines()[-1] == "2020-01-03,2.0"


def test_a_file_without_dates_is_left_as_it_is_and_named(tmp_path):
    file = tmp_path / "numbers.csv"
    file.write_text("1,2\n3,4\n")
    reads = OutsideReads(DAY)
    with reads.watching():
        assert file.read_text() == "1,2\n3,4\n"
    assert reads.unchanged == [str(file)]


def test_a_file_that_is_opened_past_open_is_named_as_unchanged(path):
    reads = OutsideReads(DAY)
    with reads.watching():
        assert len(np.genfromtxt(path, delimiter=",")) == 4
    assert reads.unchanged == [str(path)]
