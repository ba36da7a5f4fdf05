"""Folders are tried by writing, and nothing is left in them."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from quantdl.cli.checkup.places import places, refusal, standing

Room = namedtuple("Room", "total used free")


def test_a_folder_that_is_not_there_is_tried_where_it_would_be_made(tmp_path: Path) -> None:
    assert standing(tmp_path / "a" / "b") == tmp_path
    assert refusal(tmp_path / "a" / "b") == ""
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refusal(tmp_path / "file" / "runs") == "Not a directory"


@pytest.mark.parametrize(("free", "state"), [(1e8, "broken"), (1e9, "note"), (1e11, "ok")])
def test_room_is_judged_by_what_a_run_takes(monkeypatch, root: Path, free: float, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Room(2e11, 0, free))
    found = next(iter(places(root)))
    assert found.state == state and "2 runs" in found.detail


def test_a_folder_of_runs_that_cannot_be_written_is_broken_and_such_a_cache_slow(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QUANTDL_CACHE", str(tmp_path / "file" / "cache"))
    assert [one.state for one in places(tmp_path / "file" / "runs")] == ["broken", "slow"]
