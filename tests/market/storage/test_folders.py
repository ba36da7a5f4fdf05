import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

import quantdl.market.storage.folders as folders
from quantdl.errors import RunError
from quantdl.market.storage.folders import (
    AlreadyStoredError,
    disk_errors,
    locked,
    publishing,
    remove_abandoned,
    size_of,
)

_HOLDS = """
import sys, time
from pathlib import Path
from quantdl.market.storage.folders import publishing
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
    with pytest.raises(AlreadyStoredError), publishing(tmp_path / "target") as slow:
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


def test_a_full_disk_comes_with_its_fix(tmp_path):
    with pytest.raises(RunError, match="Free some space"), disk_errors(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_only_the_folders_of_the_dead_are_removed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", _HOLDS, tmp_path / "target"], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        assert remove_abandoned(tmp_path) == ()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert len(remove_abandoned(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


def test_one_at_a_time_holds_the_lock(tmp_path):
    inside, most = [], []

    def enter() -> None:
        with locked(tmp_path / "shared"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_the_size_of_a_folder_is_that_of_its_files(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"1234")
    (tmp_path / "a" / "b" / "two").write_bytes(b"56")
    assert size_of(tmp_path) == 6
