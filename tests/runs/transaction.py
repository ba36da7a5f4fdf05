"""What a run does to the disk, in the order of its acknowledgements, and what must hold whenever it is cut off.

As a script it is carried out by children that are killed, at random moments or at each call of the operating system:
``python transaction.py MODE ROOT COUNT SEED``. A process without pytest and torch forks in a millisecond, so a thousand
kills are cheap.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from quantdl.runs import (
    Entry,
    Ledger,
    PeriodSharpe,
    RunWriter,
    delete_run,
    list_runs,
    remove_abandoned,
    verify_ledger,
    verify_run,
)
from quantdl.runs.ledger import LEDGER
from quantdl.runs.returns import store_returns

FIGURES = PeriodSharpe(sharpe=0.05, n_observations=1000, skewness=-0.3, kurtosis=5.5)
BARS = np.array(["2024-01-02", "2024-01-03"], "datetime64[D]")
CALLS = ("open", "mkdir", "write", "fsync", "ftruncate", "rename", "replace", "unlink", "rmdir")
"""Calls of the operating system that change a disk or force something to it."""

Acknowledge = Callable[[str, str], None]


def prepare(root: Path) -> list[tuple[str, str]]:
    """What was acknowledged long before: two trials and two runs; the last of these is to be deleted."""
    trials = Ledger(root / LEDGER).append_all([Entry(f"earlier-{n}", "d", "earlier", FIGURES) for n in range(2)])
    said = [("trial", f"{trial.sequence} {trial.trial}") for trial in trials]
    return [*said, ("run", write_run(root)), ("run", write_run(root))]


def write_run(root: Path) -> str:
    """Write a small run of three files, one of them in a folder; returns the name of its folder."""
    with RunWriter(root, "run") as run:
        run.write_json("metrics.json", {"sharpe": 0.9})
        run.write_text("log.txt", "a line\n")
        run.write_bytes("model/weights", bytes(range(256)))
    return run.target.name


def transact(root: Path, doomed: str, acknowledge: Acknowledge) -> None:
    """Keep returns and record three trials of them at once, write a run, delete an earlier one."""
    ledger = Ledger(root / LEDGER)
    columns = store_returns(ledger, BARS, np.random.default_rng().standard_normal((2, 3)))
    entries = [Entry(f"now-{n}", "d", "now", FIGURES, returns=column) for n, column in enumerate(columns)]
    for record in ledger.append_all(entries):
        acknowledge("trial", f"{record.sequence} {record.trial}")
    acknowledge("run", write_run(root))
    acknowledge("deleting", doomed)
    delete_run(root / doomed)
    acknowledge("deleted", doomed)


def check(root: Path, acknowledged: list[tuple[str, str]]) -> None:
    """Nothing acknowledged is lost, nothing half-written is taken for whole, and what follows works."""
    said = {kind: {text for of, text in acknowledged if of == kind} for kind in ("trial", "run", "deleting", "deleted")}
    records = [f"{record.sequence} {record.trial}" for record in Ledger(root / LEDGER).read().records]
    assert said["trial"] <= set(records), (records, acknowledged)
    listed = list_runs(root)
    names = {entry.path.name for entry in listed}
    assert said["run"] - said["deleting"] <= names, (names, acknowledged)
    assert not said["deleted"] & names, (names, acknowledged)
    for entry in listed:
        assert entry.problem is None and verify_run(entry.path) == (), entry
    remove_abandoned(root)
    assert not list(root.glob(".partial-*"))
    ledger = Ledger(root / LEDGER)
    assert ledger.append(Entry("after", "d", "after", FIGURES)).sequence == len(records) + 1
    assert verify_ledger(root) == ()
    assert verify_run(root / write_run(root)) == ()


@contextmanager
def calls_replaced(by: Callable[[str, Callable[..., object]], Callable[..., object]]) -> Iterator[None]:
    """Replace each of `CALLS` in `os` inside a ``with`` block."""
    originals = {name: getattr(os, name) for name in CALLS}
    try:
        for name, call in originals.items():
            setattr(os, name, by(name, call))
        yield
    finally:
        for name, call in originals.items():
            setattr(os, name, call)


def changes_the_disk(name: str, given: tuple[object, ...]) -> bool:
    """Whether a call may be refused by a full disk: to open a file for reading is no such call."""
    return name != "open" or bool(int(str(given[1])) & (os.O_CREAT | os.O_WRONLY))


def place_of(given: tuple[object, ...], kind: str) -> str:
    """Name of a point for a message: the call and what it is about."""
    target = os.readlink(f"/proc/self/fd/{given[0]}") if isinstance(given[0], int) else str(given[0])
    return f"{kind} {Path(target).name}"


class Dies:
    """Kills its process at the n-th call that changes the disk: before it, after it, or in the middle of a write."""

    def __init__(self, at: int, moment: str, say: Acknowledge) -> None:
        self.left, self.moment, self.say = at, moment, say

    def __call__(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def instead(*given: object, **named: object) -> object:
            if not changes_the_disk(name, given):
                return call(*given, **named)
            self.left -= 1
            if self.left == 0:
                self.say("killed", f"{self.moment} {place_of(given, name)}")
                if self.moment == "amid" and name == "write":
                    call(given[0], bytes(given[1])[: len(given[1]) // 2])
                elif self.moment == "after":
                    with suppress(OSError):
                        call(*given, **named)
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*given, **named)

        return instead


def said_by_a_child(work: Callable[[Acknowledge], None], seconds: float | None) -> list[tuple[str, str]]:
    """Fork a child that does the work, kill it after some seconds or wait for its end; returns what it said."""
    reading, writing = os.pipe()
    write = os.write  # not the one that a child may replace
    process = os.fork()
    if not process:
        try:
            work(lambda kind, text: write(writing, f"{kind} {text}\n".encode()) and None)
        finally:
            os._exit(1)
    os.close(writing)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
    with os.fdopen(reading, "rb") as stream:
        lines = stream.read().decode().splitlines()
    os.waitpid(process, 0)
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def at_random_times(root: Path, count: int, seed: int) -> None:
    """Kill children that transact again and again, each at some moment of its first hundredths of a second."""
    rng = random.Random(seed)
    for number in range(count):
        place = root / str(number)
        before = prepare(place)

        def work(say: Acknowledge, place: Path = place, doomed: str = before[-1][1]) -> None:
            while True:
                transact(place, doomed, say)
                doomed = write_run(place)

        check(place, before + said_by_a_child(work, rng.uniform(0.0, 0.06)))
        print("killed at some moment")


def at_every_call(root: Path, moment: str) -> None:
    """Kill a child at each call in turn, until one comes to its end; print where each was killed."""
    for number in range(1, 1_000):
        place = root / f"{moment}-{number}"
        before = prepare(place)

        def work(say: Acknowledge, place: Path = place, doomed: str = before[-1][1], at: int = number) -> None:
            with calls_replaced(Dies(at, moment, say)):
                transact(place, doomed, say)
            say("ended", "well")

        said = said_by_a_child(work, None)
        check(place, before + said)
        if ("ended", "well") in said:
            return
        print(*(f"killed {text}" for kind, text in said if kind == "killed"))


if __name__ == "__main__":
    mode, folder, many, first_seed = sys.argv[1:]
    if mode == "random":
        at_random_times(Path(folder), int(many), int(first_seed))
    else:
        at_every_call(Path(folder), mode)
