"""What a constructor of a plan says of arguments that are missing, unknown, given twice or too many."""

import copy
import inspect
from dataclasses import fields, replace

import pytest

from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.sample import Sample
from quantdl.backtest.plan.sizing import Sizing
from quantdl.errors import PlanError
from tests.backtest.judged import good_plan

SHOWN = r"Fix: print\(qd\.plan\.template\(panel\)\) shows a plan to be filled in\.$"


def test_every_missing_item_of_a_plan_is_named_with_where_one_is_shown():
    with pytest.raises(PlanError) as refused:
        Plan(hypothesis=good_plan().hypothesis)
    others = ", ".join(item.name for item in fields(Plan) if item.name != "hypothesis")
    assert str(refused.value) == (
        f"Plan: missing {others}; each is a decision and has no default. "
        "Fix: print(qd.plan.template(panel)) shows a plan to be filled in."
    )
    assert refused.value.exit_code == 4


def test_a_misspelt_argument_is_named_with_what_was_meant_and_is_not_missing():
    with pytest.raises(PlanError) as refused:
        Sample("2019-01-02", "2022-12-28", minimum_sessions=500, purge_bar=6)
    assert str(refused.value) == (
        "Sample: unknown argument purge_bar; did you mean 'purge_bars'? "
        "Fix: print(qd.plan.template(panel)) shows a plan to be filled in."
    )


def test_a_misspelt_argument_is_named_beside_the_missing_ones():
    with pytest.raises(PlanError, match=rf"^Sample: missing last; .*unknown argument purge_bar; did .*\? {SHOWN}"):
        Sample("2019-01-02", minimum_sessions=500, purge_bar=6)


def test_arguments_that_are_too_many_or_given_twice_are_named():
    with pytest.raises(PlanError, match="^Sample: 5 arguments given; expected at most 4: first, last, minimum_sess"):
        Sample("2019-01-02", "2022-12-28", 500, 6, 7)
    with pytest.raises(PlanError, match="^Sample: given twice, by place and by name: first"):
        Sample("2019-01-02", "2022-12-28", 500, 6, first="2019-01-02")


def test_a_complete_item_is_made_changed_copied_and_shown_as_any_dataclass():
    made = good_plan().sizing
    assert isinstance(made, Sizing) and type(made) is Sizing
    assert replace(made, max_weight=0.01).max_weight == 0.01
    assert copy.deepcopy(made) == made
    assert next(iter(inspect.signature(Sizing).parameters)) == "method"


def test_an_error_that_is_not_about_arguments_is_left_as_it_is():
    with pytest.raises(TypeError, match="unhashable"):
        hash(replace(good_plan(), rules=[]))
