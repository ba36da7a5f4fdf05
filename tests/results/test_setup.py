"""The setup of a run, read from config.json: its parts typed, the rest kept as it is."""

import json
from datetime import date

import pytest

from quantdl.config import load_config
from quantdl.models.settings import TransformerSettings
from quantdl.results.setup import read_setup
from tests.small_experiment import ROOT


@pytest.fixture(scope="module")
def config():
    return load_config(ROOT / "configs" / "quickstart.yaml")


@pytest.fixture
def resolved(config) -> dict:
    return json.loads(json.dumps(config.model_dump(mode="json")))


def test_the_parts_are_what_the_config_says(resolved):
    setup = read_setup(resolved)
    assert isinstance(setup.model, TransformerSettings)
    assert setup.model.horizon == setup.plan.horizon.bars == 5
    assert setup.splits.train_end == date(2016, 12, 30) and setup.splits.test_end == date(2022, 12, 28)
    assert setup.plan.friction.commission_bps == 1.0
    assert setup.plan.hypothesis.yardstick == "expected_shortfall"


def test_the_whole_config_is_kept_too(resolved):
    setup = read_setup(resolved)
    assert setup.resolved == resolved
    assert setup.resolved["seed"] == 7


def test_the_plan_and_the_settings_read_back_are_those_of_the_config(config, resolved):
    setup = read_setup(resolved)
    assert (setup.plan, setup.splits, setup.model) == (config.plan, config.splits, config.model)


def test_a_strategy_without_a_model_has_none(resolved):
    assert read_setup({**resolved, "model": None}).model is None


@pytest.mark.parametrize("name", ["plan", "splits", "model"])
def test_a_missing_part_is_named(name, resolved):
    del resolved[name]
    with pytest.raises(ValueError, match=rf"Setup .*lacks the fields \['{name}'\]"):
        read_setup(resolved)


@pytest.mark.parametrize(
    ("part", "change", "named"),
    [
        ("splits", {"train_end": "yesterday"}, r"Setup\.splits: .*train_end: .*yesterday"),
        ("splits", {"train_end": "2030-01-02"}, r"Setup\.splits: .*train_end"),
        ("plan", {"rules": "none"}, r"Setup\.plan: Plan\.rules: expected a list"),
        ("model", {"kind": "oracle"}, "oracle"),
    ],
)
def test_a_part_of_another_form_is_refused_with_its_place(part, change, named, resolved):
    with pytest.raises(ValueError, match=named):
        read_setup({**resolved, part: {**resolved[part], **change}})
