"""The commands: what each explains, prints and refuses, without a traceback for anything a user can do wrong."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from quantdl.experiment import reproducing
from quantdl.experiment.reproducing import Difference, Reproduction
from quantdl.runs import Entry, Ledger
from tests.cli.running import ENVIRONMENT, VALID, invoke, quantdl

COMMANDS = [
    ["run"],
    ["data", "check"],
    ["data", "universe"],
    ["evaluate"],
    ["forecast"],
    ["risk"],
    ["search"],
    ["sweep"],
    ["backtest"],
    ["audit"],
    ["report"],
]
COMMANDS += [["runs", command] for command in ("list", "show", "compare", "verify", "reproduce", "delete")]
HEAVY = {"torch", "pandas", "scipy", "pyarrow", "plotly"}


def loaded_by(script: str, cwd: Path) -> set[str]:
    """Run a script in a fresh interpreter and return which heavy libraries it loaded."""
    script += "\nimport sys; print({module.split('.')[0] for module in sys.modules}, file=sys.stderr)"
    command = [sys.executable, "-c", script]
    process = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return {name for name in HEAVY if f"'{name}'" in process.stderr}


QUICK = [["--help"], ["--version"], ["run", "--help"], ["runs", "list"], ["runs", "show", "NAME"]]


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_a_quick_command_loads_nothing_heavy(root: Path, arguments: list[str]) -> None:
    named = [sorted(root.glob("example-*"))[0].name if word == "NAME" else word for word in arguments]
    script = (
        f"import sys; sys.argv = ['quantdl', *{named}]\nfrom quantdl.cli import main\n"
        "try:\n    main()\nexcept SystemExit as leaving:\n    assert not leaving.code"
    )
    assert loaded_by(script, root.parent) == set()


@pytest.mark.parametrize("name", ["quickstart", "nasdaq"])
def test_a_config_is_read_without_anything_heavy(name: str) -> None:
    script = f"from quantdl.config import load_config; load_config('configs/{name}.yaml')"
    assert loaded_by(script, VALID.parents[2]) == set()


def test_help_loads_no_reader_of_configs_either() -> None:
    script = "import sys, quantdl.cli; print({'torch', 'pandas', 'numpy', 'pydantic', 'ruamel'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True)
    assert loaded.stdout == "set()\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    code, output, errors = invoke(*command, "--help")
    assert (code, errors) == (0, "")
    assert "Usage: quantdl " + " ".join(command) in output


def test_version() -> None:
    assert invoke("--version") == (0, "quantdl 0.1.0\n", "")


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (["evalute"], "Did you mean 'evaluate'?"),
        (["data", "chek"], "Did you mean 'check'?"),
        (["run", "--outptu", "x", str(VALID)], "--output"),
        (["run"], "Missing argument 'CONFIG'"),
        (["data", "check", str(VALID), "--calendar", "XNYS"], "a config names its calendar itself"),
        (["data", "check", "nowhere"], "nowhere: no such file or folder"),
        (["run", "configs/nowhere.yaml"], "configs/nowhere.yaml: cannot be read: No such file"),
        (["run", str(VALID.with_name("vlaid.yaml"))], f"did you mean {VALID}?"),
        (["run", str(VALID.parent)], "Is a directory"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_a_hint(arguments: list[str], hint: str) -> None:
    code, output, errors = invoke(*arguments)
    assert (code, output) == (2, "")
    assert hint in errors


@pytest.mark.parametrize(
    "old, new, code, expected",
    [
        ("width: 32", "widht: 32", 2, "experiment.yaml:12:3: model.widht: unknown key"),
        ("limit: 0.3", "limit: 0.99", 4, "experiment.yaml:93:31: plan.invalidation[0].limit: given 0.99"),
        ("seed: 7", "\tseed: 7", 2, "experiment.yaml:3:1: a tab where YAML wants spaces"),
        ("name: example", "- example", 2, "experiment.yaml:"),
    ],
)
def test_a_wrong_config_ends_every_command_without_traceback(
    tmp_path: Path, old: str, new: str, code: int, expected: str
) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text(VALID.read_text().replace(old, new))
    (tmp_path / "strategy.py").write_text("")
    for command in (["run"], ["evaluate", "--json"], ["backtest"], ["data", "check"]):
        found, output, errors = invoke(*command, str(config))
        assert (found, output) == (code, "")
        assert expected in errors
    process = quantdl("run", "experiment.yaml", cwd=tmp_path)
    assert (process.returncode, process.stdout) == (code, "")
    assert process.stderr.startswith("experiment.yaml:")
    assert "Traceback" not in process.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["experiment.yaml", "strategy.py"]


def test_runs_are_listed_oldest_first(root: Path) -> None:
    code, output, errors = invoke("runs", "list", "--root", str(root), "--json")
    assert (code, errors) == (0, "")
    runs = json.loads(output)["runs"]
    assert [run["name"] for run in runs] == ["example", "example"]
    assert runs[0]["id"] < runs[1]["id"]
    assert all(run["id"] in invoke("runs", "list", "--root", str(root))[1] for run in runs)


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


def test_a_folder_to_write_that_exists_is_wrong_usage(tmp_path: Path, write_small, root: Path) -> None:
    config = write_small(tmp_path)
    first = sorted(root.glob("example-*"))[0]
    code, output, errors = invoke("run", str(config), "--output", str(first))
    assert (code, output) == (2, "")
    assert f"Give another place with --output, or remove it with `quantdl runs delete {first}`" in errors
    (tmp_path / "README.md").write_text("precious")
    code, _, errors = invoke("run", str(config), "--output", str(tmp_path / "README.md"))
    assert code == 2
    assert "README.md: a file stands there, and nothing is overwritten. Give another place with --output." in errors
    assert "delete" not in errors


@pytest.mark.parametrize("command", ["run", "evaluate", "backtest"])
def test_a_damaged_ledger_is_exit_code_5_before_anything_is_read_or_trained(
    tmp_path: Path, write_small, command: str
) -> None:
    config = write_small(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "ledger.jsonl").write_text('{"not": "a trial"}\n')
    code, output, errors = invoke(command, str(config))
    assert (code, output) == (5, "")
    assert "ledger.jsonl:1: not the line that was written" in errors and "Restore the ledger from a copy" in errors
    assert "..." not in errors  # no stage of the work was begun


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
    assert "sharpe_per_bar" in output and "returns over the same bars" in output
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


def test_a_search_without_a_search_block_says_what_to_write() -> None:
    code, output, errors = invoke("search", str(VALID))
    assert (code, output) == (2, "")
    assert "search: nothing to search" in errors


def test_the_address_of_a_cluster_goes_with_ray() -> None:
    code, _, errors = invoke("sweep", str(VALID), "--address", "10.0.0.1:6379")
    assert code == 2
    assert "give --ray as well" in errors


@pytest.mark.slow
def test_a_sweep_prints_a_row_for_each_run_and_fails_when_one_does(tmp_path: Path, write_small) -> None:
    """The folder of these prices is named by a variable that is not set, which only a run finds out."""
    known = "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n"
    data = (
        "  kind: csv_folder\n  path: ${env:QUANTDL_NO_SUCH_FOLDER}\n  source: a test\n  timezone: America/New_York\n"
        "  frequency: 1D\n  adjustment: total_return\n  calendar: XNYS\n  as_of: 2016-12-30\n  licence: for this test\n"
    )
    code, output, _ = invoke("sweep", str(write_small(tmp_path, {known: data})), "--seeds", "2", "--json")
    rows = json.loads(output)["rows"]
    assert code == 6
    assert [line["code"] for line in rows] == [2, 2]
    assert all("QUANTDL_NO_SUCH_FOLDER is not set" in line["problem"] for line in rows)
