"""A plan that is incomplete, contradictory or unable to bind never reaches the engine, and every fault is named."""

from dataclasses import fields, is_dataclass, replace
from datetime import date

import numpy as np
import pytest

from quantdl.backtest import Decision, run_backtest
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.checks import check_plan, data_faults, plan_faults
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import Borrow, MeasuredVolume, StatedVolume
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.plan.invalidation import CalibrationLimit, DrawdownLimit, StaleDataLimit, VolatilityLimit
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.related_positions import CorrelationGroups, NamedGroups, SectorGroups
from quantdl.backtest.plan.rules import Rule
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


@pytest.mark.parametrize(
    ("plan", "item", "words"),
    [
        (changed(invalidation=()), "invalidation", "at least one testable condition"),
        (changed(invalidation=(DrawdownLimit("drawdown", 0.99),)), "invalidation.0.limit", "never bind"),
        (changed(invalidation=(DrawdownLimit("drawdown", 0.0),)), "invalidation.0.limit", "above 0"),
        (changed(invalidation=(VolatilityLimit("volatility", 3.0, 20),)), "invalidation.0.annualised", "never bind"),
        (changed(invalidation=(VolatilityLimit("volatility", 0.3, 2),)), "invalidation.0.window_bars", "at least 5"),
        (changed(invalidation=(StaleDataLimit("stale_data", 0),)), "invalidation.0.bars", "at least 1"),
        (changed(invalidation=(CalibrationLimit("calibration", 0.99, 0.05),)), "invalidation.0", "value at risk"),
        (changed(invalidation=(*GOOD.invalidation, *GOOD.invalidation)), "invalidation", "each kind once"),
        (changed(horizon={"bars": 0}), "horizon.bars", "at least 1"),
        (changed(horizon={"timeframe": "1h"}), "horizon.timeframe", "'1D'"),
        (changed(horizon={"rebalance": EveryBars("every_bars", 0)}), "horizon.rebalance.bars", "at least 1"),
        (
            changed(
                horizon={"bars": 21, "rebalance": PeriodEnd("period_end", "month")}, sample={"minimum_sessions": 50}
            ),
            "horizon.bars",
            "up to 23 sessions",
        ),
        (changed(trusted_data={"fields": ("volume",)}), "trusted_data.fields", "'close'"),
        (changed(rules=()), "rules", "write down the exit rule"),
        (changed(rules=(Rule("out", "exit", "sell what has risen enough"),)), "rules", "write down the entry rule"),
        (changed(rules=(Rule("in", "entry", "buy what has fallen enough"),)), "rules", "exit"),
        (changed(rules=(*GOOD.rules, GOOD.rules[0])), "rules", "each name once"),
        (
            changed(rules=(*GOOD.rules, Rule("plan:x", "exit", "sell whatever is held then"))),
            "rules.2.name",
            "engine's own",
        ),
        (changed(sizing={"max_weight": 1.5}), "sizing.max_weight", "at most 1"),
        (changed(sizing={"max_gross": 1.5}), "sizing.max_gross", "no borrowed cash"),
        (changed(sizing={"max_net": 0.5}), "sizing.max_net", "never bind"),
        (changed(sizing={"max_loss_per_trade": 0.95}), "sizing.max_loss_per_trade", "never bind"),
        (changed(sizing={"stop_loss": 0.7}), "sizing.stop_loss", "below max_loss_per_trade"),
        (changed(sizing={"stop_loss": -0.1}), "sizing.stop_loss", "above 0"),
        (changed(sizing=SHORT | {"max_net": None}), "sizing.max_net", "sell short"),
        (changed(sizing=SHORT | {"max_net": 2.5}), "sizing.max_net", "never bind"),
        (changed(sizing=SHORT), "friction.borrow", "terms of selling short"),
        (changed(sizing=SHORT), "related_positions.max_group_net", "sell short"),
        (changed(friction={"borrow": TERMS}), "friction.borrow", "write null"),
        (
            changed(sizing=SHORT, friction={"borrow": Borrow(0.01, 0.6)}),
            "friction.borrow.maintenance_margin",
            "liquidated at once",
        ),
        (changed(related_positions={"max_group_gross": 1.1}), "related_positions.max_group_gross", "never bind"),
        (changed(related_positions={"max_group_net": 0.2}), "related_positions.max_group_net", "never bind"),
        (
            changed(related_positions={"groups": CorrelationGroups("correlation", 5, 0.6)}),
            "related_positions.groups.window_bars",
            "at least 20",
        ),
        (
            changed(related_positions={"groups": CorrelationGroups("correlation", 60, 1.6)}),
            "related_positions.groups.threshold",
            "between 0 and 1",
        ),
        (changed(friction={"commission_bps": -1.0}), "friction.commission_bps", "between 0 and 1000"),
        (changed(friction={"delisting_recovery": 1.2}), "friction.delisting_recovery", "between 0 and 1"),
        (changed(friction={"fill_at": "next_open"}), "friction.fill_at", "next_close"),
        (
            changed(friction={"liquidity": MeasuredVolume("measured", 20, 0.1, 1.0)}),
            "friction.liquidity.kind",
            "sign the waiver",
        ),
        (
            changed(friction={"liquidity": replace(STATED, participation=1.5)}),
            "friction.liquidity.participation",
            "share of volume",
        ),
        (
            changed(friction={"liquidity": replace(STATED, dollar_volume={**STATED.dollar_volume, "A01": 0.0})}),
            "friction.liquidity.dollar_volume.A01",
            "above 0",
        ),
        (changed(fast_exit=FastExit(3)), "fast_exit.max_sessions", "never bind"),
        (changed(fast_exit=FastExit(9), friction={"liquidity": STATED}), "fast_exit.max_sessions", "no slower"),
        (changed(sample={"minimum_sessions": 5}), "sample.minimum_sessions", "one holding period"),
        (changed(sample={"last": date(2017, 1, 3)}), "sample.last", "a day after"),
        (changed(abnormal_volatility={"stressed_above": 4.0}), "abnormal_volatility.stressed_above", "never bind"),
        (changed(abnormal_volatility={"calm_below": 0.95}), "abnormal_volatility.calm_below", "below stressed_above"),
        (
            changed(
                abnormal_volatility={
                    "stress_windows": (StressWindow("the crash of 1987", date(1987, 10, 19), date(1987, 10, 30)),)
                }
            ),
            "abnormal_volatility.stress_windows.0",
            "touches the sample",
        ),
    ],
)
def test_a_fault_is_named_with_its_item_and_reason(plan, item, words):
    found = {fault.item: fault for fault in plan_faults(plan, None, False)}
    assert item in found
    assert words in str(found[item])


@pytest.mark.parametrize(
    ("plan", "item", "words"),
    [
        (changed(trusted_data={"fingerprint": OTHER}), "trusted_data.fingerprint", "0123456789abcdef"),
        (changed(trusted_data={"adjustment": "raw"}), "trusted_data.adjustment", "'split'"),
        (changed(trusted_data={"calendar": "XTKS"}), "trusted_data.calendar", "XNYS"),
        (changed(trusted_data={"fields": ("close", "volume")}), "trusted_data.fields", "does not have"),
        (changed(related_positions={"groups": SectorGroups("sector")}), "related_positions.groups", "sector table"),
        (
            changed(related_positions={"groups": NamedGroups("named", {"all": ("A00", "A01", "A02", "A3")})}),
            "related_positions.groups.members",
            "did you mean 'A03'",
        ),
        (changed(sizing={"max_weight": 0.2, "max_loss_per_trade": 0.19, "stop_loss": 0.1}), "sizing.max_gross", "0.8"),
        (changed(sizing={"max_weight": 1.0}), "sizing.max_weight", "below max_gross"),
        (
            changed(sizing={"max_weight": 0.3, "max_loss_per_trade": 0.2, "stop_loss": 0.1}),
            "related_positions.max_group_gross",
            "below 0.6",
        ),
        (changed(related_positions={"max_group_gross": 1.0}), "related_positions.max_group_gross", "never bind"),
        (
            changed(friction={"liquidity": replace(STATED, dollar_volume={"A00": 1e7})}),
            "friction.liquidity.dollar_volume",
            "'A01', 'A02', 'A03'",
        ),
        (changed(sample={"first": date(2018, 3, 1)}), "sample", "the run's span"),
        (changed(sample={"minimum_sessions": 301}), "sample.minimum_sessions", "300 sessions"),
        (changed(horizon={"bars": 300}, sample={"minimum_sessions": 301}), "horizon.bars", "never bind"),
        (changed(invalidation=(StaleDataLimit("stale_data", 15),)), "invalidation.0.bars", "delisted after 10"),
    ],
)
def test_a_plan_that_does_not_fit_the_data_is_named(plan, item, words):
    found = {fault.item: str(fault) for fault in data_faults(plan, PANEL, *span(PANEL))}
    assert item in found
    assert words in found[item]


def test_dates_outside_the_data_are_refused():
    start, end = PANEL.sessions[0], PANEL.sessions[-1] + np.timedelta64(400, "D")
    plan = changed(sample={"last": end.date()})
    assert any("inside the data" in str(fault) for fault in data_faults(plan, PANEL, start, end))


def test_a_waiver_is_refused_where_the_data_has_volume():
    panel = world(PANEL.closes, fields={"volume": np.full(PANEL.closes.shape, 1e6)})
    found = data_faults(plan_for(panel), panel, *span(panel))
    assert [fault.item for fault in found] == ["friction.liquidity.kind"]


def test_plan_horizon_must_equal_the_models():
    assert items(GOOD, model_horizon=1) == ["horizon.bars", "sample.purge_bars"]
    assert items(changed(sample={"purge_bars": 6}), model_horizon=5) == []


def test_purge_covers_the_reach_of_a_label():
    assert items(changed(sample={"purge_bars": 5}), model_horizon=5) == ["sample.purge_bars"]


def test_a_model_fills_at_the_next_close():
    plan = changed(sample={"purge_bars": 6}, friction={"fill_at": "decision_close"})
    assert items(plan, model_horizon=5) == ["friction.fill_at"]


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


def test_no_item_of_the_plan_has_a_default():
    with pytest.raises(TypeError, match="12 required positional arguments"):
        Plan()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_figures_must_be_finite(value):
    assert items(changed(sizing={"max_weight": value})) == ["sizing.max_weight"]


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
