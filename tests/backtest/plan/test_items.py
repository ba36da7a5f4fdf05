"""The plan and the one list of its items."""

from dataclasses import fields

import pytest

from quantdl.backtest.plan.items import ITEMS, Plan
from quantdl.errors import PlanError
from tests.backtest.worlds import plan_for, random_walk, world


def test_every_item_of_the_plan_is_listed_once_and_in_its_order():
    listed, stated = [item.name for item in ITEMS], [entry.name for entry in fields(Plan)]
    assert listed[: len(stated)] == stated
    assert listed[len(stated) :] == ["forecast_calibration"]  # further evidence, which the plan does not state
    known = [
        "hypothesis", "horizon", "trusted_data", "rules", "sizing", "related_positions", "friction", "invalidation",
        "fast_exit", "sample", "abnormal_volatility", "documentation", "forecast_calibration",
    ]  # fmt: skip
    assert [name for name in listed if name in known] == known


def test_no_item_of_the_plan_has_a_default():
    with pytest.raises(PlanError, match=f"missing {', '.join(entry.name for entry in fields(Plan))};"):
        Plan()


def test_rules_are_known_by_name():
    assert plan_for(world(random_walk(60, 2))).rule_names == {"rebalance", "leave"}
