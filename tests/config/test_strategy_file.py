"""A strategy file becomes a strategy, or the message says which file, which line and what is wrong with it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quantdl.config import configured_strategy, load_config, load_strategy, swept_strategies
from quantdl.errors import ConfigError

GOOD = (Path(__file__).parent / "strategy.py").read_text()
DECIDE = "    def decide(self, view):\n        return None\n"
WriteConfig = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write_strategy(source: str) -> Path:
        path = tmp_path / "strategy.py"
        path.write_text(source)
        return path

    return write_strategy


def test_parameters_reach_the_constructor(write: Callable[[str], Path]) -> None:
    strategy = load_strategy(write(GOOD), {"level": 0.99, "benchmark": "ON", "members": ["NA", "007"]})
    assert vars(strategy) == {"level": 0.99, "turnover_penalty": 0.0, "benchmark": "ON", "members": ("NA", "007")}


def test_parameters_may_be_left_out(write: Callable[[str], Path]) -> None:
    assert vars(load_strategy(write(GOOD)))["level"] == 0.975


@pytest.mark.parametrize(
    "source",
    [
        "class Strategy:\n" + DECIDE,
        "class Strategy:\n    def __init__(self):\n        pass\n" + DECIDE,
        "from quantdl.backtest.running.decisions import Strategy as Base\nclass Strategy(Base):\n" + DECIDE,
        "class Base:\n" + DECIDE + "class Strategy(Base):\n    pass\n",
        "from __future__ import annotations\n" + GOOD,
    ],
)
def test_any_class_that_decides_is_a_strategy(write: Callable[[str], Path], source: str) -> None:
    assert load_strategy(write(source)).decide.__name__ == "decide"


def test_nothing_is_left_behind(write: Callable[[str], Path]) -> None:
    path = write("import sys\nsys.path.insert(0, 'elsewhere')\n" + GOOD)
    before = (list(sys.path), set(sys.modules))
    load_strategy(path)
    assert (list(sys.path), set(sys.modules)) == before
    assert [file.name for file in path.parent.iterdir()] == ["strategy.py"]


def test_a_changed_file_is_read_anew(write: Callable[[str], Path]) -> None:
    for level in (0.95, 0.99):  # within one second and of one size, which byte code would not notice
        assert vars(load_strategy(write(GOOD.replace("0.975", f"{level}0"))))["level"] == level


BROKEN = {
    "syntax": ("class Strategy:\n    def decide(self, view)\n", "strategy.py:2:27: not valid Python: expected ':'"),
    "null byte": ("class Strategy:\0\n", "strategy.py:1: running the strategy file failed"),
    "import": (
        "import numpy\nimport nowhere\n",
        "strategy.py:2: running the strategy file failed: ModuleNotFoundError",
    ),
    "package that is missing": (
        "import talib\n",
        "No module named 'talib'. The package 'talib' is not installed here. Fix: "
        f"{sys.executable} -m pip install TA-Lib",
    ),
    "module that a package lacks": ("import numpy.nowhere\n", "installed packages, not files beside it"),
    "file beside it": ("from . import helper\n", "installed packages, not files beside it"),
    "error while running": ("x = 1\n1 / 0\n", "strategy.py:2: running the strategy file failed: ZeroDivisionError"),
    "exit while running": (
        "import sys\nsys.exit(3)\n",
        "strategy.py:2: running the strategy file failed: SystemExit: 3",
    ),
    "empty": ("", "no class Strategy; expected one with a method decide(self, view); found no class"),
    "another name": (
        "class Strategi:\n    pass\nclass Helper:\n    pass\n",
        "found Strategi, Helper. Rename Strategi to",
    ),
    "imported only": (
        "from quantdl.backtest.running.decisions import Strategy\n",
        "'Strategy' that is not a class of this file",
    ),
    "not a class": ("def Strategy():\n    pass\n", "'Strategy' that is not a class of this file"),
    "no decide": (
        "\nclass Strategy:\n    def deside(self, view): ...\n",
        "strategy.py:2: Strategy has no method decide",
    ),
    "misspelt decide": ("class Strategy:\n    def deside(self, view): ...\n", "Rename deside to decide?"),
    "decide is no method": ("class Strategy:\n    decide = 3\n", "strategy.py:1: Strategy has no method decide"),
    "decide waits": ("class Strategy:\n    async def decide(self, view): ...\n", "Strategy has no method decide"),
    "decide takes nothing": ("class Strategy:\n    def decide(self): ...\n", "Strategy.decide(self) cannot be called"),
    "unnamed arguments": (
        "class Strategy:\n    def __init__(self, **options): ...\n" + DECIDE,
        "takes '**options'; expected named arguments only",
    ),
    "unknown annotation": (
        "class Strategy:\n    def __init__(self, level: 'Levle'): ...\n" + DECIDE,
        "the annotations of Strategy's constructor cannot be read: name 'Levle' is not defined",
    ),
}


@pytest.mark.parametrize("source, expected", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_strategy_is_refused(write: Callable[[str], Path], source: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_strategy(write(source))
    assert expected in str(refused.value)


def test_a_missing_file_names_the_nearest(write: Callable[[str], Path]) -> None:
    path = write(GOOD)
    with pytest.raises(ConfigError, match=rf"no such strategy file.*Did you mean {path}\?"):
        load_strategy(path.with_name("strateggy.py"))
    with pytest.raises(ConfigError, match="no such strategy file"):
        load_strategy(path.parent)


@pytest.mark.parametrize(
    "parameters, expected",
    [
        ({"levle": 0.9}, "parameters.levle: unknown key; expected one of level, turnover_penalty, benchmark, members"),
        ({"level": "0.9"}, "parameters.level: given '0.9'; expected a number"),
        ({"level": True}, "parameters.level: given 'true'; expected a number"),
        ({"members": "SPY"}, "parameters.members: given 'SPY'; expected a list"),
        ({"level": None}, "parameters.level: given 'null'; expected a number"),
    ],
)
def test_wrong_parameters_are_named(write: Callable[[str], Path], parameters: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_strategy(write(GOOD), parameters)
    assert expected in str(refused.value)


def test_all_wrong_parameters_are_named_at_once(write: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError) as refused:
        load_strategy(write(GOOD), {"level": "x", "turnover_penalty": "y", "other": 1})
    assert len(str(refused.value).splitlines()) == 3


def test_a_missing_parameter_is_named(write: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match="parameters.level: missing; expected a number"):
        load_strategy(write(GOOD.replace("level: float = 0.975", "level: float")))


def test_parameters_of_any_type_can_be_left_at_their_default(write: Callable[[str], Path]) -> None:
    source = "import numpy as np\nclass Strategy:\n    def __init__(self, tilt: np.ndarray = np.ones(2)):\n"
    source += "        self.tilt = tilt\n" + DECIDE
    assert vars(load_strategy(write(source)))["tilt"].tolist() == [1.0, 1.0]
    with pytest.raises(ConfigError, match="parameters.tilt"):
        load_strategy(write(source), {"tilt": [1.0]})


def test_text_parameters_keep_their_raw_text(write_config: WriteConfig) -> None:
    path = write_config(("level: 0.975", "{level: 1e-2, benchmark: 007, members: [ON, 1E5, NA]}"))
    path.write_text(path.read_text().replace("parameters:\n    {", "parameters: {"))
    strategy = configured_strategy(load_config(path))
    assert vars(strategy) == {
        "level": 0.01, "turnover_penalty": 0.0, "benchmark": "007", "members": ("ON", "1E5", "NA"),
    }  # fmt: skip


def test_a_config_may_leave_the_parameters_out(write_config: WriteConfig) -> None:
    config = load_config(write_config(("  parameters:\n    level: 0.975\n", "")))
    assert vars(configured_strategy(config))["level"] == 0.975


def test_wrong_parameters_are_named_at_their_line_of_the_config(write_config: WriteConfig) -> None:
    path = write_config(("level: 0.975", "levle: 0.975"))
    with pytest.raises(ConfigError) as refused:
        configured_strategy(load_config(path))
    assert f"{path}:35:5: strategy.parameters.levle: unknown key" in str(refused.value)
    assert "did you mean 'level'?\n   35 |     levle: 0.975\n      |     ^" in str(refused.value)


def test_what_the_constructor_refuses_is_named_at_its_parameter(write_config: WriteConfig) -> None:
    path = write_config()
    strategy = path.with_name("strategy.py")
    strategy.write_text(
        "class Strategy:\n    def __init__(self, level: float):\n"
        "        raise ValueError(f'level must be below 0.9, got {level}')\n" + DECIDE
    )
    with pytest.raises(ConfigError) as refused:
        configured_strategy(load_config(path))
    where = f"{path}:35:12: strategy.parameters.level: refused by {strategy}:3: ValueError: level must be below 0.9"
    assert where in str(refused.value)


def test_an_import_path_is_no_strategy(write_config: WriteConfig) -> None:
    with pytest.raises(ConfigError, match=r"strategy.file: no such file: '.*os\.system'"):
        load_config(write_config(("file: strategy.py", "file: os.system")))


SEVERAL = """strategies:
  - name: fast
    file: strategy.py
    capital: 0.6
    parameters: {level: 0.99}
  - name: slow
    file: strategy.py
    capital: 0.4
    parameters:
      level: 0.9
"""
SLOW_RULE = "    - {name: slow.leave, purpose: rebalance, text: Sell whatever has fallen behind the others.}\n"
ACCOUNT = (
    ("strategy:\n  file: strategy.py\n  parameters:\n    level: 0.975\n", SEVERAL),
    ("    - name: rebalance\n", f"{SLOW_RULE}    - name: fast.move\n"),
)


def test_several_strategies_are_built_each_with_its_parameters(write_config: WriteConfig) -> None:
    config = load_config(write_config(*ACCOUNT))
    built = configured_strategy(config)
    assert [(part.name, part.capital, vars(part.strategy)["level"]) for part in built.parts] == [
        ("fast", 0.6, 0.99),
        ("slow", 0.4, 0.9),
    ]
    assert built.own_purposes == [{"move": "rebalance"}, {"leave": "rebalance"}]
    assert list(config.strategy_files) == ["strategy_fast.py", "strategy_slow.py"]


def test_wrong_parameters_of_one_of_several_are_named_at_their_line(write_config: WriteConfig) -> None:
    path = write_config(*ACCOUNT, ("      level: 0.9\n", "      levle: 0.9\n"))
    with pytest.raises(ConfigError, match=r"strategies\[1\].parameters.levle: unknown key.*did you mean 'level'"):
        configured_strategy(load_config(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("capital: 0.6", "capital: 0", r"strategies\[0\].capital: given '0'; expected a number, above 0, at most 1"),
        (
            "capital: 0.6",
            "capital: 1.5",
            r"strategies\[0\].capital: given '1.5'; expected a number, above 0",
        ),
        ("name: fast\n", "name: fast.one\n", r"strategies\[0\].name: given 'fast.one'; expected a letter, then"),
        ("    capital: 0.6\n", "", r"strategies\[0\].capital: missing"),
    ],
)
def test_settings_of_several_strategies_out_of_range_are_refused(old, new, message, write_config: WriteConfig) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(write_config(*ACCOUNT, (old, new)))


SWEPT = """class Strategy:
    def __init__(self, fast: int = 5, slow: int = 50, name: str = "ON", caps: list[float] | None = None):
        if fast >= slow:
            raise ValueError(f"fast must be below slow, got {fast} and {slow}")
        self.fast, self.slow, self.name, self.caps = fast, slow, name, caps
        (caps or []).append(1.0)
        if name == "broken":
            raise TypeError("no such name")

    def decide(self, view):
        return None
"""


def swept(tmp_path: Path, block: str, parameters: str = "{name: 007}") -> Path:
    text = (Path(__file__).parent / "valid.yaml").read_text()
    path = tmp_path / "swept.yaml"
    path.write_text(
        f"{text[: text.index('strategy:')]}strategy: {{file: swept.py, parameters: {parameters}}}\n"
        f"sweep: {{parameters: {block}}}\n" + text[text.index("plan:") :]
    )
    (tmp_path / "swept.py").write_text(SWEPT)
    return path


def test_each_set_is_a_strategy_of_its_own_and_a_refused_one_is_told(tmp_path: Path) -> None:
    sets = swept_strategies(load_config(swept(tmp_path, "{fast: [5, 60], slow: {low: 50, high: 100, step: 50}}")))
    assert [(one.strategy.fast, one.strategy.slow) for one in sets if one.strategy] == [(5, 50), (5, 100), (60, 100)]
    assert [one.values for one in sets if not one.strategy] == [{"fast": 60, "slow": 50}]
    assert sets[2].problem == "refused by swept.py:4: fast must be below slow, got 60 and 50"
    assert {one.strategy.name for one in sets if one.strategy} == {"007"}  # as it is written, with its zeros


def test_what_one_set_changes_of_its_arguments_no_other_one_sees(tmp_path: Path) -> None:
    sets = swept_strategies(load_config(swept(tmp_path, "{fast: [1, 2, 3]}", "{caps: [0.5]}")))
    assert [one.strategy.caps for one in sets] == [[0.5, 1.0]] * 3


def test_unknown_parameters_and_values_of_a_wrong_type_are_refused_at_their_lines(tmp_path: Path) -> None:
    block = "\n  fasst: [1]\n  fast: [1, 2.5, x]\n  slow: {low: 50.5, high: 60.5, step: 5}\n  name: [ON, 7]\n"
    path = swept(tmp_path, "{fast: [1]}", "{nam: x}")
    path.write_text(
        path.read_text().replace("{parameters: {fast: [1]}}", f"\n  parameters:{block.replace('  ', '    ')}")
    )
    with pytest.raises(ConfigError) as caught:
        swept_strategies(load_config(path))
    told = str(caught.value)
    assert "5 errors" in told
    for expected in (
        r"sweep.parameters.fasst: unknown key; expected one of fast, slow, name, caps; did you mean 'fast'?",
        "sweep.parameters.fast[1]: given '2.5'; expected a whole number",
        "sweep.parameters.fast[2]: given 'x'; expected a whole number",
        "sweep.parameters.slow: given '50.5'; expected a whole number",
        "strategy.parameters.nam: unknown key",
    ):
        assert expected in told
    line = path.read_text().split("\n").index("    fast: [1, 2.5, x]") + 1
    assert f"swept.yaml:{line}:15: sweep.parameters.fast[1]" in told


def test_a_constructor_that_breaks_is_a_fault_of_the_file_and_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"swept\.py:8: with .*'broken'.* cannot be built: TypeError: no such name"):
        swept_strategies(load_config(swept(tmp_path, "{name: [ON, broken]}", "{}")))


def test_a_file_beside_the_strategy_is_named_where_it_cannot_be_imported(write: Callable[[str], Path]) -> None:
    path = write("import my_own_helpers\n" + GOOD)
    path.with_name("my_own_helpers.py").write_text("x = 1\n")
    with pytest.raises(ConfigError, match="my_own_helpers.py is a file beside the strategy. Fix: write what it needs"):
        load_strategy(path)
