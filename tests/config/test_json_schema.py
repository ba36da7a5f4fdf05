"""The JSON Schema takes every config that ships, refuses what no config may say, and explains its keys."""

import copy
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from quantdl.config.json_schema import attribute_texts, risk_schema, run_schema
from quantdl.config.schema import ExperimentConfig
from quantdl.config.validation import plain_tree
from quantdl.config.yaml_reader import read_document
from quantdl.market.sources.settings import CsvFolderPrices

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(CONFIGS.glob("*.yaml"))


@pytest.fixture(scope="module")
def run() -> "jsonschema.Draft202012Validator":
    return jsonschema.Draft202012Validator(run_schema())


@pytest.fixture
def whole() -> dict:
    """A config that extends no other."""
    return copy.deepcopy(plain_tree(read_document(CONFIGS / "nasdaq.yaml").root))


def test_it_is_a_schema() -> None:
    schema = run_schema()
    whole = {name: below for name, below in schema["$defs"].items() if not name.startswith("Part.")}
    jsonschema.Draft202012Validator.check_schema({**schema, "$defs": whole})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_config_that_ships_is_taken(run, path: Path) -> None:
    run.validate(plain_tree(read_document(path).root))


def test_the_risk_config_that_ships_is_taken() -> None:
    validator = jsonschema.Draft202012Validator(risk_schema())
    validator.validate(plain_tree(read_document(CONFIGS / "risk" / "sp500.yaml").root))


def nothing(config: dict) -> None:
    pass


def without_plan(config: dict) -> None:
    del config["plan"]


def misspelt(config: dict) -> None:
    config["model"]["widht"] = 3


def text_for_number(config: dict) -> None:
    config["plan"]["sizing"]["max_weight"] = "much"


def out_of_range(config: dict) -> None:
    config["backtest"] = {"draws": 99}


def unknown_choice(config: dict) -> None:
    config["plan"]["hypothesis"]["yardstick"] = "luck"


def unknown_kind(config: dict) -> None:
    config["data"]["kind"] = "excel"


def item_left_out(config: dict) -> None:
    del config["plan"]["sizing"]["stop_loss"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (nothing, False),
        (without_plan, True),
        (misspelt, True),
        (text_for_number, True),
        (out_of_range, True),
        (unknown_choice, True),
        (unknown_kind, True),
        (item_left_out, True),
    ],
)
def test_what_no_config_may_say_is_refused(run, whole: dict, change: Callable[[dict], None], wrong: bool) -> None:
    change(whole)
    assert run.is_valid(whole) != wrong


def test_a_config_that_extends_another_may_leave_out_but_not_misspell(run, whole: dict) -> None:
    for change, wrong in ((without_plan, False), (item_left_out, False), (misspelt, True), (text_for_number, True)):
        part = {"extends": "base.yaml", **copy.deepcopy(whole)}
        change(part)
        assert run.is_valid(part) != wrong, change.__name__


def test_keys_are_explained_by_the_docstrings_of_their_classes() -> None:
    definitions = run_schema()["$defs"]
    sizing, files = definitions["Sizing"]["properties"], definitions["CsvFolderPrices"]["properties"]
    assert sizing["long_only"]["description"] == "Whether negative weights are errors."
    assert sizing["max_loss_per_trade"]["description"].startswith(
        "The promise measured afterwards, gaps and costs incl"
    )
    assert files["adjustment"]["description"].startswith('`"raw"` as traded, `"split"` for splits only')  # of a base
    assert definitions["Config"]["properties"]["plan"]["description"] == "The trading plan."
    assert definitions["Config"]["properties"]["seed"] | {"description": ""} == {
        "description": "",
        "type": "integer",
        "minimum": 0,
        "exclusiveMaximum": 2**63,
    }


def test_every_key_at_the_top_is_explained() -> None:
    for schema, first in ((run_schema(), "extends"), (risk_schema(), "extends")):
        properties = schema["$defs"]["Part.Config"]["properties"]
        assert next(iter(properties)) == first
        assert [name for name, below in properties.items() if not below.get("description")] == []


def test_an_attribute_is_what_its_own_class_says_before_what_a_base_says() -> None:
    assert attribute_texts(ExperimentConfig)["model"] == "The forecaster; null for a strategy that needs none."
    assert "path" in attribute_texts(CsvFolderPrices) and "decimal" in attribute_texts(CsvFolderPrices)
