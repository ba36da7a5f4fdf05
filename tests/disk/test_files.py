"""Single files: replaced in one step, extended by one process at a time, and a disk that refuses."""

import errno
import fcntl
import multiprocessing
import os
import resource
import threading
import time

import pytest

from quantdl.disk.files import appending, disk_errors, locked, read_under_lock, replace_file, replacing, size_of
from quantdl.errors import RunError


@pytest.fixture
def small_files():
    """The kernel refuses every file of more than 1,000 bytes; no privileges needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_another_writer_makes_takes_its_place_in_one_step(tmp_path):
    place = tmp_path / "made" / "a.pdf"
    for content in (b"first", b"second"):
        with replacing(place) as draft:
            draft.write_bytes(content)
            assert not place.exists() or place.read_bytes() == b"first"
        assert place.read_bytes() == content
    assert [path.name for path in place.parent.iterdir()] == ["a.pdf"]


def test_a_writer_that_fails_leaves_what_was_there(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"old")
    with pytest.raises(ValueError, match="half"), replacing(tmp_path / "a.pdf") as draft:
        draft.write_bytes(b"new, but")
        raise ValueError("half")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.pdf"):
        pass  # nothing was written
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.pdf", b"old")]


def test_a_full_disk_comes_with_its_fix(tmp_path):
    with pytest.raises(RunError, match="Free some space"), disk_errors(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_another_refusal_names_path_outcome_and_place(tmp_path):
    expected = r"prices: Permission denied. Not kept. Check the path and its permissions, or give --cache\."
    with pytest.raises(RunError, match=expected), disk_errors(tmp_path / "prices", "Not kept.", "--cache"):
        raise OSError(errno.EACCES, "Permission denied")


def test_a_replaced_file_holds_the_new_content_and_leaves_no_draft(tmp_path):
    for content in (b"one", b"two"):
        replace_file(tmp_path / "made" / "memo.json", content)
        assert (tmp_path / "made" / "memo.json").read_bytes() == content
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["memo.json"]


def test_a_disk_that_refuses_a_replacement_keeps_the_old_content(tmp_path, small_files):
    replace_file(tmp_path / "memo.json", b"old")
    with pytest.raises(OSError, match="File too large"):
        replace_file(tmp_path / "memo.json", bytes(2_000))
    assert (tmp_path / "memo.json").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["memo.json"]


def test_a_file_is_extended_after_what_is_kept_of_it(tmp_path):
    path = tmp_path / "made" / "ledger"
    with appending(path) as file:
        assert (file.size, file.read()) == (0, b"")
        file.extend(0, b"first\nhal")
    with appending(path) as file:
        assert (file.size, file.read(), file.read(6)) == (9, b"first\nhal", b"hal")
        file.extend(len(b"first\n"), b"second\n")
    assert read_under_lock(path) == b"first\nsecond\n"


def test_a_disk_that_refuses_an_extension_leaves_what_was_kept(tmp_path, small_files):
    path = tmp_path / "ledger"
    with pytest.raises(OSError, match="File too large"), appending(path) as file:
        file.extend(0, b"kept\n")
        file.extend(len(b"kept\n"), bytes(2_000))
    assert path.read_bytes() == b"kept\n"


def _append_bytes(path, byte):
    for _ in range(50):
        with appending(path) as file:
            file.extend(file.size, byte)


def test_processes_that_append_together_lose_nothing(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(_append_bytes, [(tmp_path / "ledger", b"a"), (tmp_path / "ledger", b"b")])
    assert sorted((tmp_path / "ledger").read_bytes()) == [ord("a")] * 50 + [ord("b")] * 50


def test_a_reader_waits_until_the_append_is_over(tmp_path):
    path, seen = tmp_path / "ledger", []
    with appending(path) as file:
        reader = threading.Thread(target=lambda: seen.append(read_under_lock(path)))
        reader.start()
        reader.join(timeout=0.05)
        assert seen == []
        file.extend(0, b"whole")
    reader.join()
    assert seen == [b"whole"]


def test_one_at_a_time_holds_the_lock(tmp_path):
    inside, most = [], []

    def enter() -> None:
        with locked(tmp_path / "shared"):
            inside.append(1)
            time.sleep(0.005)  # long enough for another to come in, if it could
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_the_lock_of_a_folder_is_one_that_other_programs_can_see(tmp_path):
    with locked(tmp_path):
        descriptor = os.open(tmp_path / ".lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)


def test_the_size_of_a_folder_is_that_of_its_files(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"1234")
    (tmp_path / "a" / "b" / "two").write_bytes(b"56")
    assert size_of(tmp_path) == 6


def test_an_addition_is_on_the_disk_when_it_has_been_made(tmp_path, monkeypatch):
    path, forced, force = tmp_path / "ledger", [], os.fsync

    def seen(descriptor):
        force(descriptor)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            forced.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", seen)
    with appending(path) as file:
        file.extend(0, b"first\n")
        assert forced == [b"first\n"]
