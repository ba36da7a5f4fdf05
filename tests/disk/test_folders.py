"""Folders appear whole or not at all; leftovers of killed writers go, those of living ones stay."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

import quantdl.disk.folders as folders
from quantdl.disk.folders import (
    AlreadyStoredError,
    PartialFolder,
    partial_folders,
    publishing,
    remove_abandoned,
    remove_at_once,
    remove_unclaimed,
)
from quantdl.errors import RunError

_HOLDS = """
import sys, time
from pathlib import Path
from quantdl.disk.folders import publishing
with publishing(Path(sys.argv[1])) as partial:
    (partial / "data").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_folder_appears_only_when_the_block_ends(tmp_path):
    with publishing(tmp_path / "target") as partial:
        (partial / "data").write_text("whole")
        assert not (tmp_path / "target").exists()
    assert (tmp_path / "target" / "data").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_an_exception_removes_what_was_written(tmp_path):
    with pytest.raises(KeyboardInterrupt), publishing(tmp_path / "target") as partial:
        (partial / "data").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_second_of_two_publishers_is_told_and_changes_nothing(tmp_path):
    with pytest.raises(AlreadyStoredError, match="target: exists already"), publishing(tmp_path / "target") as slow:
        (slow / "data").write_text("slow")
        with publishing(tmp_path / "target") as fast:
            (fast / "data").write_text("fast")
    assert (tmp_path / "target" / "data").read_text() == "fast"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_disk_that_refuses_is_said_and_leaves_nothing(tmp_path, monkeypatch, code):
    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(folders.os, "fsync", refuse)
    with pytest.raises(RunError, match=os.strerror(code)), publishing(tmp_path / "target") as partial:
        (partial / "data").write_text("half")
    assert list(tmp_path.iterdir()) == []


def test_only_the_folders_of_the_dead_are_removed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", _HOLDS, tmp_path / "target"], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        assert remove_abandoned(tmp_path) == ()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert len(remove_abandoned(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_goes_only_when_no_process_holds_it(tmp_path):
    dead, living, gone = (tmp_path / name for name in ("dead", "living", "gone"))
    for folder in (dead, living):
        folder.mkdir()
        (folder / "piece").write_text("half")
    descriptor = os.open(living, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert remove_unclaimed([dead, gone, living]) == (dead,)
    assert not dead.exists() and (living / "piece").exists()
    os.close(descriptor)
    assert remove_unclaimed([living]) == (living,)


def test_a_folder_that_is_swept_away_before_its_writer_holds_it_is_made_again(tmp_path, monkeypatch):
    """The sweep of another process falls between making the folder and locking it."""
    lock, sweeps = fcntl.flock, []

    def swept_before_the_lock(descriptor, operation):
        if not sweeps:
            sweeps.append(os.rmdir(tmp_path / ".partial-x"))
        lock(descriptor, operation)

    monkeypatch.setattr(folders.fcntl, "flock", swept_before_the_lock)
    partial = PartialFolder(tmp_path, "x")
    assert len(sweeps) == 1 and partial.path.is_dir()
    assert remove_abandoned(tmp_path) == ()
    partial.close()
    assert not partial.path.exists()


def test_what_was_published_while_it_was_looked_at_stays(tmp_path, monkeypatch):
    """Between finding a partial folder and locking it, its writer publishes it and lets go."""
    lock = fcntl.flock
    (tmp_path / ".partial-x").mkdir()

    def published_before_the_lock(descriptor, operation):
        os.rename(tmp_path / ".partial-x", tmp_path / "x")
        lock(descriptor, operation)

    monkeypatch.setattr(folders.fcntl, "flock", published_before_the_lock)
    assert remove_abandoned(tmp_path) == ()
    assert (tmp_path / "x").is_dir()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_takes_the_place_meanwhile_is_not_overwritten(tmp_path, kind):
    with pytest.raises(AlreadyStoredError, match="target: exists already"), publishing(tmp_path / "target"):
        if kind == "file":
            (tmp_path / "target").write_text("precious")
        elif kind == "folder":
            (tmp_path / "target").mkdir()
        else:
            (tmp_path / "target").symlink_to("nowhere")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_folders_within_are_published_too(tmp_path):
    with publishing(tmp_path / "deep" / "target") as partial:
        (partial / "model").mkdir()
        (partial / "model" / "weights").write_text("1")
        assert partial_folders(tmp_path / "deep") == (partial,)
    assert (tmp_path / "deep" / "target" / "model" / "weights").read_text() == "1"
    assert partial_folders(tmp_path / "deep") == ()


def test_a_published_folder_is_deleted_with_all_it_holds(tmp_path):
    with publishing(tmp_path / "target") as partial:
        (partial / "data").write_text("whole")
    remove_at_once(tmp_path / "target")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        remove_at_once(tmp_path / "target")


def test_all_is_on_the_disk_before_the_folder_gets_its_name(tmp_path, monkeypatch):
    """Files before the folders that name them, then the rename, then the folder that it changed."""
    done, force, rename = [], os.fsync, os.rename

    def forced(descriptor):
        done.append(os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), tmp_path))
        force(descriptor)

    def renamed(old, new):
        done.append(f"{os.path.basename(old)} -> {os.path.basename(new)}")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", forced)
    monkeypatch.setattr(os, "rename", renamed)
    partial = PartialFolder(tmp_path, "x")
    (partial.path / "model").mkdir()
    (partial.path / "model" / "weights").write_text("1")
    partial.publish(tmp_path / "x")
    partial.close()
    inside = [".partial-x/model/weights", ".partial-x/model", ".partial-x"]
    assert done == [*inside, ".partial-x -> x", "."]


def test_a_link_that_is_called_like_a_partial_folder_is_refused_and_not_followed(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data").write_text("whole")
    (tmp_path / ".partial-x").symlink_to("precious")
    with pytest.raises(RunError, match="Not a directory|symbolic links"):
        remove_abandoned(tmp_path)
    assert (tmp_path / "precious" / "data").read_text() == "whole"
