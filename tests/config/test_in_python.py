"""Values that are handed over in Python are checked as if a file held them, and faults name the argument."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from quantdl.config import load_config, standalone_yaml
from quantdl.config.config_fault import IN_PYTHON
from quantdl.config.document import Scalar
from quantdl.config.in_python import config_in_python, tree
from quantdl.errors import ConfigError, PlanError
from quantdl.market.panel import Panel
from quantdl.market.sources.settings import StoredPrices
from tests.interface.plans import drawn_prices, small_plan

SOURCE = "class Strategy:\n    def decide(self, view):\n        return None\n"


@pytest.fixture(scope="module")
def panel() -> Panel:
    return drawn_prices()


@pytest.fixture(scope="module")
def values(panel: Panel) -> dict[str, object]:
    plan = small_plan(panel)
    return {
        "name": "mine",
        "seed": np.int64(3),
        "data": StoredPrices(kind="stored", path=Path("prices")),
        "splits": {
            "train_end": date(2000, 2, 1),
            "validation_end": "2000-02-02",
            "test_start": plan.sample.first,
            "test_end": plan.sample.last,
        },
        "strategy": {"file": "strategy.py"},
        "plan": plan,
    }


def test_a_config_of_objects_holds_what_they_hold(values: dict[str, object]) -> None:
    config = config_in_python(values, {"strategy.py": SOURCE})
    assert (config.seed, config.name) == (3, "mine")
    assert config.splits.train_end == date(2000, 2, 1)
    assert config.splits.validation_end == date(2000, 2, 2)
    assert config.plan.sizing.max_weight == 0.95
    assert config.strategy_texts == {"strategy.py": SOURCE.encode()}


def test_what_is_stored_of_it_is_read_back_as_the_same_config(values: dict[str, object], tmp_path: Path) -> None:
    config = config_in_python(values, {"strategy.py": SOURCE})
    (tmp_path / "config.yaml").write_text(standalone_yaml(config, tmp_path))
    (tmp_path / "strategy.py").write_text(SOURCE)
    (tmp_path / "prices").mkdir()
    again = load_config(tmp_path / "config.yaml")
    assert again.model_dump(exclude={"data"}) == config.model_dump(exclude={"data"})
    assert again.data.path == Path("prices")  # type: ignore[union-attr]
    assert again.identity() == config.identity()  # a stored panel counts by its content


def test_all_faults_are_told_at_once_with_the_argument_and_no_line(values: dict[str, object], panel: Panel) -> None:
    plan = small_plan(panel, fast_exit=None)
    with pytest.raises(ConfigError) as refused:
        config_in_python({**values, "seed": -1, "nmae": "x", "plan": plan}, {})
    lines = str(refused.value).splitlines()
    assert lines[0] == "3 errors:"
    assert [line.split(":")[0] for line in lines[1:]] == ["nmae", "seed", "plan.fast_exit"]
    assert "did you mean 'name'?" in lines[1]


def test_a_fault_of_the_plan_alone_is_a_plan_error_in_the_words_of_a_config(
    values: dict[str, object], panel: Panel
) -> None:
    with pytest.raises(PlanError, match=r"^plan\.fast_exit\.max_sessions: given '\.\.\.'; expected a whole number$"):
        config_in_python({**values, "plan": small_plan(panel, fast_exit={"max_sessions": ...})}, {})


def test_a_missing_value_is_to_be_given_as_an_argument(values: dict[str, object]) -> None:
    left = {name: value for name, value in values.items() if name != "splits"}
    with pytest.raises(ConfigError, match=r"^splits: missing; .*; fix: give splits=$"):
        config_in_python(left, {})


def test_a_fault_stands_under_the_name_that_the_caller_has_for_it(values: dict[str, object]) -> None:
    renamed = {("backtest", "draws"): ("draws",)}
    with pytest.raises(ConfigError, match=r"^draws: given '5'"):
        config_in_python({**values, "backtest": {"draws": 5}}, {}, renamed)


def test_a_file_that_is_not_there_is_looked_for_in_the_working_directory(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="paths are relative to the working directory"):
        config_in_python({**values, "strategy": {"file": "no_such.py"}})


def test_messages_about_a_key_have_no_place_in_a_file(values: dict[str, object]) -> None:
    assert config_in_python(values, {}).where("splits", "test_end") == "splits.test_end"


@dataclass(frozen=True)
class Settings:
    """Settings with a default each."""

    word: str = "null"
    number: float = 1.0
    flag: bool = False


def test_values_are_written_as_yaml_reads_them_and_defaults_are_left_out() -> None:
    root = tree({"a": Settings("null", float("nan"), True), "b": np.array([1.5, -np.inf]), "c": None})
    assert root.entries.keys() == {"a", "b", "c"}  # type: ignore[union-attr]
    inner = root.entries["a"].value.entries  # type: ignore[union-attr]
    assert inner.keys() == {"number", "flag"}
    texts = [item.text for item in root.entries["b"].value.items]  # type: ignore[union-attr]
    assert (inner["number"].value.text, inner["flag"].value.text, texts) == (".nan", "true", ["1.5", "-.inf"])
    nothing = root.entries["c"].value  # type: ignore[union-attr]
    assert isinstance(nothing, Scalar)
    assert (nothing.text, nothing.plain) == ("", True)
    assert root.mark.path == IN_PYTHON
