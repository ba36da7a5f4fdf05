"""A disk that refuses, at every call of a run's writing, and the order in which things reach it.

The tests run as root, whom permissions do not stop, so what a disk would say is put in its mouth. No kill shows a
missing fsync, because the kernel outlives the process: the order of the calls does.
"""

import errno
import os
from collections.abc import Callable

import pytest

from quantdl.errors import RunError
from quantdl.runs import Entry, Ledger, RunWriter
from quantdl.runs.ledger import LEDGER
from tests.runs.transaction import FIGURES, calls_replaced, changes_the_disk, check, place_of, prepare, transact


class Refuses:
    """Answers the n-th call that changes the disk, and all further ones where the fault stays, with an error."""

    def __init__(self, at: int, code: int, stays: bool) -> None:
        self.left, self.code, self.stays, self.refused = at, code, stays, []

    def __call__(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def instead(*given: object, **named: object) -> object:
            if not changes_the_disk(name, given):
                return call(*given, **named)
            self.left -= 1
            if self.left == 0 or (self.left < 0 and self.stays):
                self.refused.append(place_of(given, name))
                raise OSError(self.code, os.strerror(self.code), None if isinstance(given[0], int) else str(given[0]))
            return None if name == "fsync" else call(*given, **named)  # nothing is lost here by not waiting

        return instead


@pytest.mark.parametrize("stays", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES], ids=errno.errorcode.get)
def test_a_refusal_at_any_call_is_a_run_error_and_loses_nothing_acknowledged(memory, code, stays):
    at, ended_well = 0, False
    while not ended_well:
        at += 1
        root, said = memory / str(at), []
        before = prepare(root)
        refuses = Refuses(at, code, stays)
        try:
            with calls_replaced(refuses):
                transact(root, before[-1][1], lambda kind, text, said=said: said.append((kind, text)))
            ended_well = not refuses.refused
        except RunError as error:
            assert error.exit_code == 6
            assert os.strerror(code) in str(error) and str(root) in str(error), (refuses.refused, error)
            assert "another" in str(error) or "again" in str(error), error  # the fix
        check(root, before + said)
    assert at > 30


def test_a_trial_is_on_the_disk_before_it_is_acknowledged_and_so_is_the_name_of_a_new_ledger(memory):
    calls: list[str] = []
    ledger = Ledger(memory / "runs" / LEDGER)
    with calls_replaced(noting(calls)):
        ledger.append(Entry("first", "d", "run", FIGURES))
        calls.append("acknowledged")
        ledger.append_all([Entry("second", "d", "run", FIGURES), Entry("third", "d", "run", FIGURES)])
        calls.append("acknowledged")
    line = [f"open {LEDGER}", f"write {LEDGER}", f"fsync {LEDGER}"]
    folder = ["mkdir runs", f"fsync {memory.name}"]
    assert calls == [*folder, *line, "fsync runs", "acknowledged", *line, "acknowledged"]


def test_returns_are_on_the_disk_before_the_trial_that_names_them_is_recorded(memory):
    calls: list[str] = []
    before = prepare(memory)
    with calls_replaced(noting(calls)):
        transact(memory, before[-1][1], lambda kind, text: calls.append(f"said {kind}"))
    found = calls[: calls.index("said trial")]
    draft = found[2].partition(" ")[2]
    kept = ["mkdir returns", f"fsync {memory.name}"]
    kept += [*(f"{call} {draft}" for call in ("open", "write", "fsync", "replace")), "fsync returns"]
    assert found == [*kept, *(f"{call} {LEDGER}" for call in ("open", "write", "fsync")), f"fsync {memory.name}"]


def test_a_run_is_forced_to_the_disk_file_by_file_before_the_rename_that_publishes_it(memory):
    calls: list[str] = []
    with calls_replaced(noting(calls)):
        with RunWriter(memory / "runs", "run", folder="published") as run:
            run.write_text("log.txt", "a line\n")
            run.write_bytes("model/weights", b"1")
            partial = f".partial-{run.id}"
        calls.append("acknowledged")
    written = [call for call in calls if call.startswith(("write", "fsync", "rename", "acknowledged"))]
    assert written == [
        f"fsync {memory.name}",
        "write log.txt",
        "write weights",
        "write manifest.json",
        "fsync weights",
        "fsync model",
        "fsync manifest.json",
        "fsync log.txt",
        f"fsync {partial}",
        f"rename {partial}",
        "fsync runs",
        "acknowledged",
    ]


def noting(calls: list[str]) -> Callable[[str, Callable[..., object]], Callable[..., object]]:
    """Carry calls out and write down each that changes the disk, with the name of what it is about."""

    def by(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def instead(*given: object, **named: object) -> object:
            if changes_the_disk(name, given):
                calls.append(place_of(given, name))
            return call(*given, **named)

        return instead

    return by
