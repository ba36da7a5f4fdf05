"""The commands on stored runs: what each prints, and how it refuses."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from quantdl.experiment import reproducing
from quantdl.experiment.reproducing import Difference, Reproduction
from quantdl.runs import Entry, Ledger
from quantdl.runs.store import RunWriter
from tests.cli.running import invoke


def test_runs_are_listed_oldest_first(root: Path) -> None:
    code, output, errors = invoke("runs", "list", "--root", str(root), "--json")
    assert (code, errors) == (0, "")
    runs = json.loads(output)["runs"]
    assert [run["name"] for run in runs] == ["example", "example"]
    assert runs[0]["id"] < runs[1]["id"]
    assert [run["verdict"] for run in runs] == ["not defended"] * 2 and [run["sharpe"] for run in runs] == [0.5, None]
    assert all(run["id"] in invoke("runs", "list", "-v", "--root", str(root))[1] for run in runs)


def test_a_folder_without_runs_says_so(tmp_path: Path) -> None:
    code, output, errors = invoke("runs", "list", "--root", str(tmp_path))
    assert (code, output) == (0, "")
    assert "no runs yet" in errors


def test_a_run_is_shown_by_path_name_or_identifier(root: Path) -> None:
    first = sorted(root.glob("example-*"))[0]
    shown = [
        invoke("runs", "show", name, "--root", str(root), "--json") for name in (str(first), first.name, first.name[8:])
    ]
    assert shown[0] == shown[1] == shown[2]
    content = json.loads(shown[0][1])
    assert content["checklist"]["verdict"] == "not defended"
    assert content["metrics"] == {"strategy": {"sharpe": 0.5}}
    assert "verdict: not defended" in invoke("runs", "show", str(first))[1]
    assert invoke("runs", "show", str(first))[1].startswith("It lost. Do not trade it.\nAlso: Late.\n")


def test_a_run_is_shown_by_a_name_or_the_beginning_of_a_folder_that_no_other_has(root: Path) -> None:
    with RunWriter(root, "momentum") as run:
        run.write_json("metrics.json", {"strategy": {"sharpe": 0.25}})
    for name in ("momentum", "mom", run.id[:20].lower()):
        code, output, _ = invoke("runs", "show", name, "--root", str(root), "--json")
        assert (code, json.loads(output)["id"]) == (0, run.id)
    code, _, errors = invoke("runs", "show", "example", "--root", str(root))
    assert code == 2 and "2 runs are called 'example': example-" in errors


def test_a_run_that_was_changed_is_exit_code_5(root: Path) -> None:
    assert invoke("runs", "verify", "--root", str(root))[0] == 0
    first, second = sorted(root.glob("example-*"))
    (second / "metrics.json").write_text("{}")
    (first / "manifest.json").write_text("{")
    code, output, errors = invoke("runs", "verify", "--root", str(root))
    assert (code, output) == (5, "")
    assert f"{second}: metrics.json" in errors
    assert str(first) in errors
    code, output, _ = invoke("runs", "verify", second.name, "--root", str(root), "--json")
    assert code == 5
    assert list(json.loads(output)["problems"]) == [str(second)]


def test_a_run_is_deleted_only_when_confirmed(root: Path) -> None:
    first = sorted(root.glob("example-*"))[0]
    code, _, errors = invoke("runs", "delete", first.name, "--root", str(root))
    assert code == 2
    assert "say --yes" in errors
    assert first.exists()
    assert invoke("runs", "delete", first.name, "--root", str(root), "--yes") == (0, f"{first}: deleted\n", "")
    assert not first.exists()


@pytest.mark.parametrize(
    "command",
    [["runs", "show"], ["runs", "verify"], ["runs", "delete"], ["runs", "reproduce"], ["report"]],
    ids=" ".join,
)
def test_an_unknown_run_is_wrong_usage_and_named(root: Path, command: list[str]) -> None:
    code, output, errors = invoke(*command, "unknown", "--root", str(root))
    assert (code, output) == (2, "")
    assert "no run is called 'unknown'" in errors
    code, output, errors = invoke(*command, "./nowhere", "--root", str(root))
    assert (code, output) == (2, "")
    assert "nowhere: no" in errors


def test_a_run_cannot_be_compared_with_one_that_is_not_there(root: Path) -> None:
    first = sorted(root.glob("example-*"))[0].name
    for names in ([first, "unknown"], ["unknown", first]):
        assert invoke("runs", "compare", *names, "--root", str(root))[0] == 2


def test_a_run_that_lacks_a_file_is_listed_with_what_is_wrong(root: Path) -> None:
    first, second = sorted(root.glob("example-*"))
    (first / "metrics.json").unlink()
    listed = json.loads(invoke("runs", "list", "--root", str(root), "--json")[1])["runs"]
    assert [run["problem"] for run in listed] == ["metrics.json: missing", None]
    assert listed[1]["path"] == str(second)


def test_a_damaged_ledger_is_found_by_verifying_all_and_not_by_verifying_one_run(root: Path) -> None:
    ledger = Ledger(root / "ledger.jsonl")
    ledger.append(Entry("t", "d", "run", None, "a test"))
    code, output, _ = invoke("runs", "verify", "--root", str(root))
    assert code == 0 and f"{ledger.path}: intact" in output
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"a test", b"a tost"))
    code, output, errors = invoke("runs", "verify", "--root", str(root))
    assert code == 5 and f"{ledger.path}: {ledger.path}:1: not the line that was written" in errors
    first = sorted(root.glob("example-*"))[0].name
    assert invoke("runs", "verify", first, "--root", str(root))[0] == 0


def test_two_runs_are_compared_on_the_terminal_and_as_json(small_run: Path) -> None:
    code, output, _ = invoke("runs", "compare", str(small_run), str(small_run))
    assert code == 0
    assert "Sharpe ratio of one bar" in output and "returns over the same bars" in output
    code, output, _ = invoke("runs", "compare", str(small_run), str(small_run), "--json")
    table = json.loads(output)
    assert code == 0 and table["returns"]["sharpe"]["p_value"] == 1.0


def test_a_run_that_does_not_come_out_the_same_is_exit_code_5(small_run: Path, monkeypatch) -> None:
    """What is carried out is told here; that it is the same bytes is shown beside `reproduce` itself."""
    found = Reproduction(str(small_run), ("a",), (), ())
    monkeypatch.setattr(reproducing, "reproduce", lambda run, progress: found)
    code, output, _ = invoke("runs", "reproduce", str(small_run))
    assert (code, output) == (0, f"{small_run}: reproduced, 1 files with the same bytes\n")
    other = replace(
        found, differing=(Difference("b", "2 bytes then, 3 now"),), surroundings=("threads: 1 then, 2 now",)
    )
    monkeypatch.setattr(reproducing, "reproduce", lambda run, progress: other)
    code, output, errors = invoke("runs", "reproduce", str(small_run))
    assert (code, output) == (5, "")
    assert errors.lstrip() == "b: 2 bytes then, 3 now\nnot as it was: threads: 1 then, 2 now\n"
    code, output, _ = invoke("runs", "reproduce", str(small_run), "--json")
    assert code == 5 and json.loads(output)["differing"] == [{"file": "b", "detail": "2 bytes then, 3 now"}]


@pytest.fixture
def aged(tmp_path: Path) -> Path:
    """A folder with a run of 1970, one of today, a ledger, and folders that are no runs."""
    root = tmp_path / "aged"
    for name, clock in (("old", lambda: 0), ("new", time.time_ns)):
        with RunWriter(root, name, clock=clock) as run:
            run.write_json("metrics.json", {"strategy": {"sharpe": 0.5}})
        if name == "old":
            old = run
    Ledger(root / "ledger.jsonl").append(Entry("t", "d", old.id, None, "a test"))
    (root / f"mine-{old.id}").mkdir()
    (root / f"mine-{old.id}" / "thesis.tex").write_text("precious")
    (root / "notes").mkdir()
    return root


def test_runs_older_than_an_age_are_listed_before_anything_is_deleted(aged: Path) -> None:
    before = sorted(aged.rglob("*"))
    code, output, errors = invoke("runs", "delete", "--older-than", "30d", "--root", str(aged))
    assert code == 2 and "say --yes" in errors
    assert "old-" in output and "new-" not in output and "1 run that began before" in output
    assert invoke("runs", "delete", "--older-than", "30d", "--dry-run", "--yes", "--root", str(aged))[0] == 0
    assert sorted(aged.rglob("*")) == before


def test_only_old_runs_go_and_the_ledger_stays(aged: Path) -> None:
    (old,), ledger = aged.glob("old-*"), (aged / "ledger.jsonl").read_bytes()
    code, output, errors = invoke("runs", "delete", "--older-than", "30d", "--yes", "--root", str(aged))
    assert code == 0 and f"{old}: deleted" in output
    assert "mine-" in errors and "left as it is" in errors
    assert not old.exists() and (aged / "ledger.jsonl").read_bytes() == ledger
    left = {path.name.split("-")[0] for path in aged.iterdir() if path.name[0] != "."}
    assert left == {"new", "mine", "notes", "ledger.jsonl"}
    code, _, errors = invoke("runs", "delete", "--older-than", "30d", "--yes", "--root", str(aged))
    assert code == 0 and "of 2 runs none began before" in errors


@pytest.mark.parametrize("age", ["30", "d", "-3d", "1.5d", "30y", "", "99999d", "\u0663d"])
def test_an_age_that_is_none_is_wrong_usage(age: str, aged: Path) -> None:
    code, output, errors = invoke("runs", "delete", "--older-than", age, "--yes", "--root", str(aged))
    assert (code, output) == (2, "")
    assert "expected a whole number of hours, days or weeks: 12h, 30d, 6w" in errors


@pytest.mark.parametrize("arguments", [[], ["old", "--older-than", "30d"]])
def test_what_to_delete_is_named_in_one_way(arguments: list[str], aged: Path) -> None:
    code, _, errors = invoke("runs", "delete", *arguments, "--yes", "--root", str(aged))
    assert code == 2 and "give one RUN, or --older-than" in errors
