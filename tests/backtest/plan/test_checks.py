"""A plan that is incomplete, contradictory or unable to bind never reaches the engine, and every fault is named."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from quantdl.backtest import Decision, run_backtest
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.checks import check_plan, data_faults, plan_faults
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.items import Plan
from quantdl.errors import PlanError
from tests.backtest.worlds import plan_for, random_walk, span, world

OTHER = f"sha256:{'f' * 64}"
PANEL = world(random_walk(300, 4), calendar="XNYS")
GOOD = plan_for(PANEL)
STATED = StatedVolume("stated", dict.fromkeys(PANEL.assets, 1e7), "the exchange's fact book", 0.1, 1.0)
SHORT = {"long_only": False, "max_gross": 2.0, "max_net": 0.5}
SHORT_GROUPS = {"max_group_gross": 1.5, "max_group_net": 0.4}
TERMS = Borrow(0.01, 0.3)


class Nothing:
    def decide(self, view):
        return None


def items(plan, model_horizon=None, forecasts_risk=False):
    return [fault.item for fault in plan_faults(plan, model_horizon, forecasts_risk)]


def test_a_complete_plan_has_no_fault():
    assert plan_faults(GOOD, None, False) == ()
    assert data_faults(GOOD, PANEL, *span(PANEL)) == ()


def test_a_plan_for_selling_short_has_no_fault():
    plan = plan_for(PANEL, sizing=SHORT, related_positions=SHORT_GROUPS, friction={"borrow": TERMS})
    assert plan_faults(plan, None, False) == ()
    assert data_faults(plan, PANEL, *span(PANEL)) == ()


def changed(**changes):
    return plan_for(PANEL, **changes)


def test_faults_come_in_the_order_of_the_items():
    bad = changed(
        documentation={"author": "-1"},
        sample={"minimum_sessions": 5},
        sizing={"method": "0", "max_weight": 1.5},
        horizon={"bars": 0},
        hypothesis={"refuted_by": "-1"},
    )
    assert items(bad) == [
        "hypothesis.refuted_by",
        "horizon.bars",
        "sizing.method",
        "sizing.max_weight",
        "documentation.author",
    ]
    late = changed(sample={"minimum_sessions": 301}, horizon={"bars": 300}, trusted_data={"fingerprint": OTHER})
    found = [fault.item for fault in data_faults(late, PANEL, *span(PANEL))]
    assert found == ["horizon.bars", "trusted_data.fingerprint", "sample.minimum_sessions"]


def test_plan_horizon_must_equal_the_models():
    assert items(GOOD, model_horizon=1) == ["horizon.bars", "sample.purge_bars"]
    assert items(changed(sample={"purge_bars": 6}), model_horizon=5) == []


def test_the_purge_is_that_of_the_longest_return_that_is_learned():
    longer = changed(sample={"purge_bars": 22})
    assert plan_faults(longer, 5, False, longest_horizon=21) == ()
    assert [fault.item for fault in plan_faults(longer, 5, False)] == ["sample.purge_bars"]


def texts(value, path=()):
    """Every text field of a plan, as the path of attributes that leads to it."""
    for entry in fields(value):
        inner = getattr(value, entry.name)
        if is_dataclass(inner):
            yield from texts(inner, (*path, entry.name))
        elif isinstance(inner, str) and entry.name not in {"kind", "yardstick", "adjustment", "fill_at", "in_stress"}:
            yield (*path, entry.name)


def put(value, path, new):
    inner = new if len(path) == 1 else put(getattr(value, path[0]), path[1:], new)
    return replace(value, **{path[0]: inner})


@pytest.mark.parametrize("blank", ["", "  ", "TODO", "n/a"])
@pytest.mark.parametrize("path", list(texts(GOOD)), ids=".".join)
def test_every_text_must_be_written(path, blank):
    assert ".".join(path) in items(put(GOOD, path, blank))


@pytest.mark.parametrize("name", [entry.name for entry in fields(Plan)])
def test_every_item_must_be_there(name):
    with pytest.raises(PlanError, match=f"plan.{name}: got None"):
        check_plan(replace(GOOD, **{name: None}), PANEL, *span(PANEL), None, False)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_figures_must_be_finite(value):
    assert items(changed(sizing={"max_weight": value})) == ["sizing.max_weight"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_not_finite_hides_no_other_fault_and_adds_none(value):
    short = {"sizing": SHORT | {"max_gross": value}, "related_positions": SHORT_GROUPS, "friction": {"borrow": TERMS}}
    bad = changed(**short, sample={"minimum_sessions": 1}, documentation={"author": ""})
    assert items(bad) == ["sizing.max_gross", "sample.minimum_sessions", "documentation.author"]


def test_all_faults_are_named_at_once_and_nothing_runs():
    plan = changed(
        invalidation=(DrawdownLimit("drawdown", 0.99),),
        hypothesis={"refuted_by": ""},
        sizing={"max_loss_per_trade": 0.95},
        trusted_data={"fingerprint": OTHER},
    )

    class Fails:
        def decide(self, view):
            raise AssertionError("a refused plan must not run")

    with pytest.raises(PlanError) as refused:
        run_backtest(PANEL, plan, Fails(), *span(PANEL))
    message = str(refused.value)
    assert "4 faults" in message
    for item in (
        "invalidation.0.limit",
        "hypothesis.refuted_by",
        "sizing.max_loss_per_trade",
        "trusted_data.fingerprint",
    ):
        assert f"plan.{item}: got" in message
    assert refused.value.exit_code == 4


def test_tickers_that_read_like_placeholders_are_fine():
    closes = world(random_walk(60, 2)).closes
    panel = replace(world(closes), assets=("NA", "ON"))
    plan = plan_for(panel, sample={"minimum_sessions": 20})
    result = run_backtest(panel, plan, _AllIn(), *span(panel))
    assert set(result.fills["asset"]) == {"NA", "ON"}


class _AllIn:
    def decide(self, view):
        return Decision(np.full(len(view.assets), 0.4), "rebalance")
