"""The script that makes the tables."""

from pathlib import Path

import pytest

from quantdl.calendars import build
from quantdl.calendars.names import FILE
from quantdl.calendars.tables import tables
from quantdl.errors import CalendarError


def test_a_library_without_a_release_date_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(build, "version", lambda library: "99.0")
    with pytest.raises(CalendarError, match="release date of exchange-calendars 99.0.*enter it in _RELEASED"):
        build.write_tables(tmp_path / FILE)


def test_the_tables_are_written_byte_for_byte_alike(monkeypatch, tmp_path):
    monkeypatch.setattr(build, "listed_names", lambda: ["24/7", "XLON", "LSE", "ASEX"])
    assert build.write_tables(tmp_path / "a.npz") == build.write_tables(tmp_path / "b.npz") == 3
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.slow
def test_the_tables_that_ship_are_those_of_the_installed_libraries(tmp_path):
    path = tmp_path / FILE
    assert build.write_tables(path) == len(tables())
    assert path.read_bytes() == Path(build.__file__).with_name(FILE).read_bytes()
