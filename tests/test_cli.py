"""The command line: exit codes, what goes to which stream, and no traceback for anything a user can do wrong."""

import io
import json
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from quantdl.cli import app
from quantdl.cli.exits import Commands, leave_with
from quantdl.cli.printing import plain, print_figures, print_json, print_table, progress_bars
from quantdl.errors import (
    CalendarError,
    ConfigError,
    DataError,
    IntegrityError,
    LookAheadError,
    PlanError,
    QuantdlError,
    RunError,
)
from quantdl.runs.store import RunWriter

PROJECT = Path(__file__).parents[1]
VALID = PROJECT / "tests" / "config" / "valid.yaml"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
COMMANDS = [["run"], ["data", "check"], ["evaluate"], ["backtest"], ["report"]]
COMMANDS += [["runs", command] for command in ("list", "show", "verify", "delete")]


def quantdl(*arguments: str, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "quantdl", *arguments]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


def invoke(*arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process: exit code, output, errors."""
    result = CliRunner().invoke(app, list(arguments), prog_name="quantdl")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two runs."""
    for sharpe in (0.5, None):
        with RunWriter(tmp_path / "runs", "example") as run:
            run.write_json("checklist.json", {"verdict": "not defended", "items": []})
            run.write_json("metrics.json", {"strategy": {"sharpe": sharpe}})
    return tmp_path / "runs"


# ---------------------------------------------------------------------------------------------------------------- help


def test_help_loads_nothing_heavy() -> None:
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


# --------------------------------------------------------------------------------------------------------------- usage


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
        ("limit: 0.3", "limit: 0.99", 4, "experiment.yaml:92:31: plan.invalidation[0].limit: given 0.99"),
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


# ---------------------------------------------------------------------------------------------------------------- exits


@pytest.mark.parametrize(
    "error, code",
    [
        (ConfigError, 2),
        (DataError, 3),
        (CalendarError, 3),
        (PlanError, 4),
        (LookAheadError, 4),
        (IntegrityError, 5),
        (RunError, 6),
        (QuantdlError, 6),
    ],
)
def test_each_error_has_its_exit_code_and_only_its_message(error: type[QuantdlError], code: int) -> None:
    result = CliRunner().invoke(raising(error("what, where, expected, fix")), [])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", "what, where, expected, fix\n")


def test_a_disk_that_refuses_is_a_failed_run() -> None:
    result = CliRunner().invoke(raising(OSError(28, "No space left on device", "/runs/x")), [])
    assert (result.exit_code, result.stderr) == (6, "/runs/x: No space left on device\n")


def raising(error: BaseException) -> typer.Typer:
    failing = typer.Typer(cls=Commands)

    @failing.callback(invoke_without_command=True)
    def fail() -> None:
        raise error

    return failing


SLEEPER = """
import time, typer
from quantdl.cli.exits import Commands, leave_with
app = typer.Typer(cls=Commands)
@app.callback(invoke_without_command=True)
def sleep():
    import warnings
    warnings.warn("doubtful")
    print("started", flush=True)
    time.sleep(60)
leave_with(app)
"""


def test_an_interrupt_is_exit_code_130_and_one_line() -> None:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", SLEEPER], env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "warning: doubtful\ninterrupted; no run was written\n"


def test_a_reader_that_leaves_causes_no_traceback(root: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "quantdl", "runs", "list", "--json", "--root", str(root)]
    process = subprocess.run(command, env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (process.returncode, process.stderr) == (141, "")


# ----------------------------------------------------------------------------------------------------------------- runs


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
    "command", [["runs", "show"], ["runs", "verify"], ["runs", "delete"], ["report"]], ids=" ".join
)
def test_an_unknown_run_is_named(root: Path, command: list[str]) -> None:
    code, output, errors = invoke(*command, "unknown", "--root", str(root))
    assert (code, output) == (6, "")
    assert "no run is called 'unknown'" in errors


# ------------------------------------------------------------------------------------------------------------- printing


@dataclass(frozen=True)
class Figures:
    name: str
    sharpe: float
    parts: tuple[float, ...]


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(Figures("ON", float("nan"), (1.0, float("inf"))))
    assert json.loads(capsys.readouterr().out) == {"name": "ON", "sharpe": None, "parts": [1.0, None]}


def test_a_table_holds_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Scores", ["model", "score"], [["[bold]flow", -2.6512], ["graph", float("nan")], ["x" * 150, None]])
    output = capsys.readouterr().out
    for cell in ("[bold]flow", "-2.6512", "undefined", "x" * 150):
        assert cell in output


def test_figures_are_named_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures({"strategy": Figures("ON", 0.123456789, (1.0,)), "n": 3})
    assert capsys.readouterr().out == "strategy:\n  name: ON\n  sharpe: 0.123457\n  parts:\n    0: 1\nn: 3\n"


def test_plain_values_are_json() -> None:
    values = {"day": date(2019, 1, 2), "path": Path("a/b"), "float": np.float64(0.5), "array": np.arange(2)}
    assert plain(values) == {"day": "2019-01-02", "path": "a/b", "float": 0.5, "array": [0, 1]}


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as progress:
        progress("training", 0, 3)
        progress("training", 3, 3)
        progress("report", 0, 0)
    output, errors = capsys.readouterr()
    assert output == ""
    assert "training" in errors
    assert "3/3" in errors


def few_letters(monkeypatch: pytest.MonkeyPatch) -> io.TextIOWrapper:
    """Put an output that knows the letters of Western Europe only in the place of this process's own."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", output)
    return output


def written(output: io.TextIOWrapper) -> str:
    output.flush()
    assert isinstance(output.buffer, io.BytesIO)
    return output.buffer.getvalue().decode("latin-1")


@pytest.mark.parametrize("symbol", ["日本", "\udcff"], ids=["letters", "a file name that is no text"])
def test_json_is_valid_where_the_output_cannot_show_a_symbol(monkeypatch: pytest.MonkeyPatch, symbol: str) -> None:
    output = few_letters(monkeypatch)
    print_json({symbol: 1, "é": 2})
    assert json.loads(written(output)) == {symbol: 1, "é": 2}


def test_a_symbol_that_the_output_cannot_show_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = typer.Typer()

    @commands.command()
    def show() -> None:
        print_table("prices", ["symbol"], [["日本"], ["\udcff"], ["é"]])
        print_figures({"symbol": "日本"})

    output = few_letters(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["quantdl"])
    with warnings.catch_warnings(), pytest.raises(SystemExit) as left:
        leave_with(commands)
    assert left.value.code == 0
    shown = written(output)
    assert shown.count(r"\u65e5\u672c") == 2 and r"\udcff" in shown and "é" in shown


def test_a_symbol_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("prices", ["symbol"], [["\x1b[2JA\r"]])
    output = capsys.readouterr().out
    assert "\x1b" not in output and "\r" not in output
    assert r"\x1b[2JA\r" in output
