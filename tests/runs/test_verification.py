"""Any altered byte of a run folder or of the ledger is found and named, and so is what is missing or too much."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from quantdl.errors import IntegrityError
from quantdl.runs import Entry, Ledger, PeriodSharpe, RunWriter, open_run, verify_ledger, verify_run
from quantdl.runs.ledger import LEDGER
from quantdl.runs.manifest import MANIFEST
from quantdl.runs.returns import store_returns

FIGURES = PeriodSharpe(sharpe=0.05, n_observations=1000, skewness=-0.3, kurtosis=5.5)


def write_run(root: Path) -> Path:
    with RunWriter(root, "quickstart") as run:
        run.write_json("metrics.json", {"sharpe": 0.9, "calmar": None})
        run.write_text("config.yaml", "name: quickstart\n")
        run.write_bytes("model/weights.safetensors", bytes(range(256)) * 40)
    return run.target


def recorded_run(root: Path) -> Path:
    """A run as `quantdl run` leaves it: its trial in the ledger, with its returns."""
    ledger = Ledger(root / LEDGER)
    (column,) = store_returns(ledger, np.array(["2024-01-02"], "datetime64[D]"), np.array([[0.01]]))
    with RunWriter(root, "quickstart") as run:
        ledger.append(Entry(run.id, "sha256:data", run.id, FIGURES, returns=column))
        run.write_json("selection.json", {"n_trials": 1})
    return run.target


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda run: (run / "metrics.json").unlink(), "metrics.json: missing"),
        (lambda run: (run / "metrics.json").write_text('{"sharpe": 9.9}'), "metrics.json: truncated, 15 bytes where"),
        (lambda run: (run / "config.yaml").write_text("name: quickstarT\n"), "config.yaml: changed"),
        (
            lambda run: (run / "config.yaml").write_text("name: quickstart\n\n"),
            "config.yaml: longer, 18 bytes where 17",
        ),
        (lambda run: (run / "config.yaml").write_text(""), "config.yaml: truncated, 0 bytes where 17"),
        (lambda run: (run / "notes.txt").write_text("hi"), "notes.txt: extra"),
        (lambda run: (run / "model" / "x").symlink_to("/etc"), "model/x: extra"),
        (
            lambda run: ((run / "config.yaml").unlink(), (run / "config.yaml").symlink_to("/etc/hosts")),
            "config.yaml: a link",
        ),
        (lambda run: ((run / "config.yaml").unlink(), (run / "config.yaml").mkdir()), "config.yaml: missing"),
        (lambda run: (run / "model").rename(run / "module"), "model/weights.safetensors: missing"),
    ],
)
def test_damage_is_found_and_named(memory, damage, problem):
    target = write_run(memory)
    damage(target)
    assert any(found.startswith(problem) for found in verify_run(target)), verify_run(target)


def test_a_link_in_place_of_a_folder_is_found(memory):
    target = write_run(memory)
    (target / "model").rename(memory / "model")
    (target / "model").symlink_to(memory / "model")
    assert any("a link stands" in problem for problem in verify_run(target))


def test_every_truncation_of_a_file_is_found(memory):
    target = write_run(memory)
    whole = (target / "model/weights.safetensors").read_bytes()
    for length in range(0, len(whole), 160):
        (target / "model/weights.safetensors").write_bytes(whole[:length])
        assert verify_run(target) == (
            f"model/weights.safetensors: truncated, {length} bytes where {len(whole)} were written",
        )
        with pytest.raises(IntegrityError, match="truncated"):
            open_run(target).read_bytes("model/weights.safetensors")


def test_every_altered_byte_of_the_manifest_is_found(memory):
    """Also one that leaves the JSON as it was, such as a tab for a space."""
    manifest = write_run(memory) / MANIFEST
    whole = manifest.read_bytes()
    rng = random.Random(0)
    for position in range(len(whole)):
        for other in (whole[position] ^ 1 << position % 8, rng.choice(sorted({*range(256)} - {whole[position]}))):
            manifest.write_bytes(whole[:position] + bytes([other]) + whole[position + 1 :])
            assert verify_run(manifest.parent) != (), (position, other)
    for altered in (whole + b"\n", whole[:-1], whole.replace(b": ", b":\t", 1), whole.replace(b"\n", b"\r\n")):
        manifest.write_bytes(altered)
        assert verify_run(manifest.parent) != ()
    for length in range(0, len(whole), 7):
        manifest.write_bytes(whole[:length])
        assert verify_run(manifest.parent) != ()


def test_every_altered_byte_of_every_file_is_found(memory):
    """Each byte of the small files, every fiftieth of the large one, and every file by its name."""
    target = write_run(memory)
    for name in open_run(target).files:
        path = target / name
        whole = path.read_bytes()
        for position in range(0, len(whole), 1 if len(whole) < 1_000 else 50):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
            assert [problem.partition(":")[0] for problem in verify_run(target)] == [name]
        path.write_bytes(whole)
    assert verify_run(target) == ()


@pytest.mark.parametrize("what", ["file", "empty folder", "folder", "partial"])
def test_what_the_run_did_not_write_is_named(memory, what):
    target = write_run(memory)
    new = target / "model" / (".partial-x" if what == "partial" else "new")
    if what == "file":
        new.write_text("")
    else:
        new.mkdir()
    if what == "folder":
        (new / "inner").write_text("")
    assert verify_run(target)[0] == f"model/{new.name}: extra, not written by the run"


def test_a_ledger_is_intact_with_all_that_it_names(memory):
    recorded_run(memory)
    assert verify_ledger(memory) == ()
    assert verify_ledger(memory / "nowhere") == ()


def test_every_altered_byte_of_the_ledger_and_of_the_returns_beside_it_is_found(memory):
    recorded_run(memory)
    (returns,) = memory.glob("returns/*")
    for path in (memory / LEDGER, returns):
        whole = path.read_bytes()
        for position in range(len(whole)):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 1 << position % 8]) + whole[position + 1 :])
            (problem,) = verify_ledger(memory)
            assert problem.startswith(str(path))
        path.write_bytes(whole)
    returns.unlink()
    assert verify_ledger(memory) == (
        f"{returns}: missing. Restore the file from a copy; the ledger keeps the trials' figures.",
    )


def test_a_line_that_was_cut_short_is_told_and_mended_by_the_next_trial(memory):
    recorded_run(memory)
    path = memory / LEDGER
    path.write_bytes(path.read_bytes() + b'{"chain": "12')
    (problem,) = verify_ledger(memory)
    assert "13 bytes of an unfinished record 2 are ignored" in problem and "the next trial takes their place" in problem
    recorded_run(memory)
    assert verify_ledger(memory) == ()


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_ledger_that_lost_its_last_lines_is_found_by_the_runs_beside_it(memory, left):
    """Each line continues the one before it, so a ledger cut between two lines is a whole one by itself."""
    runs = [recorded_run(memory) for _ in range(3)]
    path = memory / LEDGER
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:left]))
    problems = verify_ledger(memory)
    assert [problem.partition(":")[0] for problem in problems] == [str(run) for run in runs[left:]]
    assert all("the ledger has no line of this run" in problem for problem in problems)


def test_a_damaged_ledger_is_one_problem_and_no_error(memory):
    recorded_run(memory)
    line = json.loads((memory / LEDGER).read_text())
    line["record"]["figures"]["sharpe"] = 0.5
    (memory / LEDGER).write_text(json.dumps(line) + "\n")
    (problem,) = verify_ledger(memory)
    assert "ledger.jsonl:1: not the line that was written" in problem
    with pytest.raises(IntegrityError):
        Ledger(memory / LEDGER).read()
