"""The plan and the one list of its items."""

from dataclasses import fields

import pytest

from quantdl.backtest.plan.items import ITEMS, Plan
from tests.backtest.worlds import plan_for, random_walk, world


def test_every_item_of_the_plan_is_listed_once_and_in_its_order():
    listed = [item.name for item in ITEMS]
    assert listed[: len(fields(Plan))] == [entry.name for entry in fields(Plan)]
    assert listed[len(fields(Plan)) :] == ["forecast_calibration"]  # further evidence, which the plan does not state


def test_no_item_of_the_plan_has_a_default():
    with pytest.raises(TypeError, match="12 required positional arguments"):
        Plan()


def test_rules_are_known_by_name():
    assert plan_for(world(random_walk(60, 2))).rule_names == {"rebalance", "leave"}
