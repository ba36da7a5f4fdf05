"""A shell is offered configs and runs, at once and without anything heavy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from quantdl.cli.completion import complete_config, complete_layout, complete_run
from quantdl.runs.store import list_runs
from tests.cli.running import ENVIRONMENT, invoke

HEAVY = "{'torch', 'pandas', 'numpy', 'ruamel'} & set(sys.modules)"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with configs of its own, of others in ``configs``, and of a folder below it."""
    for name in ("own.yaml", "notes.txt", "configs/trend.yaml", "configs/pairs.yml", "configs/risk/book.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["own.yaml", "configs/pairs.yml", "configs/trend.yaml"]),
        ("con", ["configs/pairs.yml", "configs/trend.yaml"]),
        ("configs/t", ["configs/trend.yaml"]),
        ("configs/risk/", ["configs/risk/book.yaml"]),
        ("./o", ["./own.yaml"]),
        ("./configs/p", ["./configs/pairs.yml"]),
        ("../", []),
        ("nowhere/", []),
        ("own.yaml", ["own.yaml"]),
    ],
)
def test_configs_are_offered_as_they_are_typed(project: Path, typed: str, offered: list[str]) -> None:
    assert complete_config(typed) == offered


def context(root: Path | None) -> typer.Context:
    made = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
    made.params["root"] = root
    return made


def test_runs_are_offered_newest_first_by_name_and_else_by_identifier(root: Path) -> None:
    ids = [entry.id for entry in list_runs(root)]
    (root / "example-unfinished").mkdir()  # no run: it has no manifest
    assert complete_run(context(root), "") == [f"example-{run}" for run in reversed(ids)]
    assert complete_run(context(root), ids[0]) == [ids[0]]
    assert complete_run(context(root), "x") == []
    assert complete_run(context(root / "nowhere"), "") == []


def completed(shell: str, words: str, cwd: Path, script: str = "from quantdl.cli import main; main()") -> str:
    """What the command line answers to a shell that completes the last of some words."""
    asked = {"_QUANTDL_COMPLETE": f"complete_{shell}", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    asked |= {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    command = [sys.executable, "-c", script]
    process = subprocess.run(
        command, cwd=cwd, env={**ENVIRONMENT, **asked}, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in process.stderr, process.stderr
    return process.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_answered(project: Path, shell: str) -> None:
    assert "configs/trend.yaml" in completed(shell, "quantdl run configs/t", project)


def test_runs_of_another_folder_are_offered_where_it_is_named(root: Path) -> None:
    name = sorted(path.name for path in root.glob("example-*"))[0]
    words = f"quantdl runs show --root {root} {name[:12]}"
    assert name in completed("bash", words, root.parent.parent)


def test_completing_loads_nothing_heavy(root: Path) -> None:
    script = f"import sys\ntry:\n    from quantdl.cli import main; main()\nfinally:\n    print({HEAVY})"
    answer = completed("bash", "quantdl report exa", root.parent, script)
    assert "example-" in answer and answer.splitlines()[-1] == "set()"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_for_a_shell_in_the_home_of_its_user(tmp_path: Path, shell: str) -> None:
    environment = {**ENVIRONMENT, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-c", "from quantdl.cli import main; main()", "--install-completion", shell]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert process.returncode == 0, process.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("_QUANTDL_COMPLETE" in path.read_text() for path in written), written


def test_help_says_how_completion_is_installed() -> None:
    assert "--install-completion" in invoke("--help")[1]
    assert os.environ.get("_QUANTDL_COMPLETE") is None


def test_names_of_layouts_are_offered() -> None:
    assert complete_layout("st") == ["stooq", "stooq_intraday"]
    assert complete_layout("x") == []
