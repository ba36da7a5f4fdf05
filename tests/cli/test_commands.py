"""The commands: what each explains, prints and refuses, without a traceback for anything a user can do wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import ENVIRONMENT, VALID, invoke, quantdl

COMMANDS = [
    ["init"],
    ["doctor"],
    ["run"],
    ["config", "show"],
    ["config", "schema"],
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


QUICK = [
    ["--help"],
    ["--version"],
    ["run", "--help"],
    ["init", "--help"],
    ["config", "schema"],
    ["runs", "list"],
    ["runs", "show", "NAME"],
]


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_a_quick_command_loads_nothing_heavy(root: Path, arguments: list[str]) -> None:
    named = [sorted(root.glob("example-*"))[0].name if word == "NAME" else word for word in arguments]
    script = (
        f"import sys; sys.argv = ['quantdl', *{named}]\nfrom quantdl.cli import main\n"
        "try:\n    main()\nexcept SystemExit as leaving:\n    assert not leaving.code"
    )
    assert loaded_by(script, root.parent) == set()


REFUSED = [
    (["risk", "empty.csv"], 3),
    (["risk", "semicolons.csv"], 3),
    (["risk", "book.csv", "--trade", "A:1"], 2),
    (["init", "a/b", "--yes"], 2),
    (["init", "own", "--data", "book.csv", "--yes"], 2),
    (["data", "check", "book.csv"], 2),
    (["search", "config.yaml"], 2),
    (["run", "config.yaml"], 2),
    (["backtest", "config.yaml"], 2),
    (["audit", "config.yaml"], 2),
    (["forecast", "config.yaml"], 2),
]


@pytest.mark.parametrize(("arguments", "code"), REFUSED, ids=[" ".join(one) for one, _ in REFUSED])
def test_what_needs_nothing_heavy_is_refused_before_anything_heavy_loads(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    """The config misspells a parameter of its strategy, and has nothing to search."""
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "semicolons.csv").write_text("asset;value\nA;1\n")
    (tmp_path / "book.csv").write_text("asset,value\nA,1\n")
    (tmp_path / "strategy.py").write_text(
        "class Strategy:\n    def __init__(self, level: float) -> None: ...\n    def decide(self, view): ...\n"
    )
    (tmp_path / "config.yaml").write_text(VALID.read_text().replace("    level: 0.975", "    levle: 0.975"))
    script = (
        f"import sys; sys.argv = ['quantdl', *{arguments}]\nfrom quantdl.cli import main\n"
        f"try:\n    main()\nexcept SystemExit as leaving:\n    assert leaving.code == {code}, leaving.code"
    )
    assert loaded_by(script, tmp_path) == set()


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
