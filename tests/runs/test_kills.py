"""Ledger and run folders under kills, at random moments and at each call, and with many processes at once."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from quantdl.runs import Entry, Ledger, verify_run
from quantdl.runs.ledger import LEDGER
from tests.runs.transaction import FIGURES, write_run


def killed(folder: Path, mode: str, count: int = 0, seed: int = 0) -> list[str]:
    """Carry out the transactions of `tests.runs.transaction` under kills; what was killed where.

    That everything acknowledged is there after each of them is checked by the process that kills.
    """
    script = Path(__file__).with_name("transaction.py")
    command = [sys.executable, str(script), mode, str(folder), str(count), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_seventy_kills_at_random_moments_lose_nothing_acknowledged(memory):
    assert len(killed(memory, "random", count=70)) == 70


def test_a_kill_amid_any_call_loses_nothing_acknowledged(memory):
    """Before each call that changes the disk, and after half of the bytes of each write."""
    points = [line.split()[2] for line in killed(memory, "amid")]
    assert len(points) > 30
    assert {"write", "fsync", "rename", "replace", "mkdir", "unlink", "rmdir", "open"} == set(points)


@pytest.mark.slow
def test_a_thousand_kills_at_random_moments_lose_nothing_acknowledged(memory):
    assert len(killed(memory, "random", count=1_000, seed=1)) == 1_000


@pytest.mark.slow
def test_a_kill_right_after_any_call_loses_nothing_acknowledged(memory):
    assert len(killed(memory, "after")) > 30


def _append_many(path: Path, worker: int, count: int) -> None:
    ledger = Ledger(path)
    for number in range(count):
        ledger.append(Entry(f"{worker}-{number}", "d", "run", FIGURES))


def appended_by(processes: int, count: int, path: Path) -> None:
    """Have processes append to one ledger at once, and check that every line is there, once and in order."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.starmap(_append_many, [(path, worker, count) for worker in range(processes)])
    records = Ledger(path).read().records
    assert [record.sequence for record in records] == list(range(1, processes * count + 1))
    expected = [f"{worker}-{number}" for worker in range(processes) for number in range(count)]
    assert sorted(record.trial for record in records) == sorted(expected)
    own = [record.trial for record in records if record.trial.startswith("0-")]
    assert own == [f"0-{number}" for number in range(count)]


def test_four_processes_that_append_fifty_trials_each_lose_none(memory):
    appended_by(4, 50, memory / LEDGER)


@pytest.mark.slow
def test_sixteen_processes_that_append_five_hundred_trials_each_lose_none(memory):
    appended_by(16, 500, memory / LEDGER)


def _write_many(root: Path, count: int) -> list[str]:
    return [write_run(root) for _ in range(count)]


@pytest.mark.slow
def test_sixteen_processes_that_write_runs_at_once_get_folders_of_their_own(memory):
    with multiprocessing.get_context("spawn").Pool(16) as pool:
        names = sum(pool.starmap(_write_many, [(memory, 20)] * 16), [])
    assert len(set(names)) == 320
    assert all(verify_run(memory / name) == () for name in names)
