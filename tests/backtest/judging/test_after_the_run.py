"""What is worked out after a run: break-even cost, the baseline, capacity, and where the profit came from."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import (
    Decision,
    Hold,
    Job,
    break_even_cost_bps,
    capacities,
    equal_weight_baseline,
    exit_report,
    pnl_by_context,
    pnl_by_rule,
    prepare,
    replay,
    results_by_regime,
    results_by_stress_window,
    run_backtest,
)
from quantdl.backtest.book.tape import read_tape
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import MeasuredVolume, StatedVolume
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.running.asking import play_strategy
from tests.backtest.worlds import plan_for, random_walk, span, world

ITEMS = {"sample": {"minimum_sessions": 50}, "invalidation": (DrawdownLimit("drawdown", 0.57),)}


class Churn:
    """Moves everything from one share to the other at every session."""

    def decide(self, view):
        side = len(view.sessions) % 2
        return Decision(np.array([side, 1 - side]) * 0.9, "rebalance")


class Keep:
    """Buys once and holds."""

    def __init__(self, at=1):
        self.at = at

    def decide(self, view):
        return Decision(np.array([0.5, 0.4]), "rebalance") if len(view.sessions) == self.at else Hold("rebalance")


def rising(drift, n_sessions=120):
    return world(np.repeat(100 * np.exp(drift * np.arange(n_sessions))[:, None], 2, axis=1))


# Break-even cost ------------------------------------------------------------------------------------------------------


def growth_at(panel, strategy, bps):
    plan = plan_for(panel, **ITEMS, friction={"commission_bps": bps, "half_spread_bps": 0.0})
    return run_backtest(panel, plan, strategy, *span(panel)).equity["equity"].iloc[-1] / 1e6 - 1


def job_of(panel, **items) -> Job:
    return prepare(panel, plan_for(panel, **ITEMS, **items), *span(panel))


def asking(strategy):
    """Carry out a job by asking a fresh strategy."""
    return lambda job: play_strategy(job, strategy())


def test_at_the_break_even_cost_nothing_is_earned():
    panel = rising(0.002)
    found = break_even_cost_bps(job_of(panel), asking(Churn))
    # The whole position is sold and bought every day: cost about drift / 2 each way.
    assert found.bps == pytest.approx(10.0, rel=0.05)
    assert growth_at(panel, Churn(), found.bps - 0.1) > 0 > growth_at(panel, Churn(), found.bps + 0.1)
    assert found.lower_bps == found.bps
    assert "gone at" in found.statement


def test_few_runs_find_it():
    panel, runs = rising(0.002), []

    def strategy():
        runs.append(1)
        return Churn()

    break_even_cost_bps(job_of(panel), asking(strategy))
    assert len(runs) <= 8


def test_a_loser_breaks_even_nowhere():
    panel = rising(-0.001)
    found = break_even_cost_bps(job_of(panel), asking(Keep))
    assert (found.bps, found.lower_bps) == (0.0, 0.0)
    assert "even without costs" in found.statement


def test_a_holder_of_winners_never_breaks_even():
    panel = rising(0.01)
    found = break_even_cost_bps(job_of(panel), asking(Keep))
    assert (found.bps, found.lower_bps) == (None, 1000.0)


def test_replayed_decisions_give_the_same_run():
    panel = world(random_walk(80, 2))
    plan = plan_for(panel, **ITEMS, horizon={"rebalance": EveryBars("every_bars", 3)})

    class Odd:
        def decide(self, view):
            t = len(view.sessions)
            if view.rebalance_due:
                return Decision(np.random.default_rng(t).dirichlet([1, 1]) * 0.8, "rebalance")
            return Hold("rebalance") if t % 2 else Decision(view.weights * 0.7, "leave")

    first = run_backtest(panel, plan, Odd(), *span(panel))
    again = replay(prepare(panel, plan, *span(panel)), first.decisions)
    pd.testing.assert_frame_equal(first.equity, again.equity, check_exact=True)
    dear = replace(plan, friction=replace(plan.friction, commission_bps=80.0))
    dearer = replay(prepare(panel, dear, *span(panel)), first.decisions)
    assert dearer.equity["costs"].sum() > 5 * first.equity["costs"].sum()


# The baseline ---------------------------------------------------------------------------------------------------------


def test_the_baseline_is_free_of_the_plan_s_limits():
    closes = random_walk(130, 4, drift=-0.004)
    panel = world(closes)
    tight = plan_for(
        panel,
        sample={"minimum_sessions": 50},
        sizing={"max_weight": 0.1, "max_gross": 0.4, "stop_loss": 0.01, "max_loss_per_trade": 0.02},
        related_positions={"max_group_gross": 0.15},
        invalidation=(DrawdownLimit("drawdown", 0.05),),
    )
    first = equal_weight_baseline(prepare(panel, tight, *span(panel)))
    second = equal_weight_baseline(job_of(panel))
    pd.testing.assert_frame_equal(first.equity, second.equity, check_exact=True)
    assert first.equity["equity"].iloc[-1] < 0.7e6  # it fell further than the plan allows, and stayed
    np.testing.assert_allclose(first.weights_after_fill.iloc[1], 0.25, atol=0.01)
    month_ends = {f"{item.session:%m-%d}" for item in first.decisions}
    assert month_ends == {"01-02", "01-31", "02-28", "03-31", "04-30"}


# Liquidity ------------------------------------------------------------------------------------------------------------


def thin_run(at=30, drift=0.003):
    panel = world(random_walk(120, 2, drift=drift))
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 1e7), "a guess made for this test", 0.05, 0.0)
    plan = plan_for(panel, **ITEMS, friction={"liquidity": volume}, fast_exit=FastExit(5))
    return run_backtest(panel, plan, Keep(at), *span(panel))


def test_days_to_liquidate_are_position_over_capped_volume():
    result = thin_run()
    positions = (result.weights_after_fill.mul(result.equity["equity"], axis=0)).max(axis=1)
    found = exit_report(result, 5.0, 5.0)
    assert found.days == pytest.approx(positions.max() / (0.05 * 1e7))
    assert found.days_half_volume == pytest.approx(2 * found.days)
    assert found.cost == pytest.approx(result.equity["gross"].max() * 0.001)
    assert found.cost_five_spreads == pytest.approx(result.equity["gross"].max() * 0.003)


def test_at_capacity_impact_eats_half_of_the_gross_profit():
    result = thin_run()
    gross = result.equity["equity"].iloc[-1] - 1e6 + result.equity["costs"].sum()
    for found, coefficient in zip(capacities(result), (0.5, 1.0, 2.0), strict=True):
        scale = found.equity / 1e6
        fills = result.fills
        notional = fills["notional"] * scale
        impact = (coefficient * fills["volatility"] * np.sqrt(notional / fills["dollar_volume"]) * notional).sum()
        assert impact == pytest.approx(0.5 * gross * scale, rel=1e-9)


def test_capacity_is_undefined_where_nothing_is_known_or_earned():
    panel = rising(0.001)
    waived = run_backtest(panel, plan_for(panel, **ITEMS), Keep(), *span(panel))
    assert exit_report(waived, 5.0, 5.0) is None
    assert {item.statement for item in capacities(waived)} == {"undefined: liquidity is waived"}
    assert {item.statement for item in capacities(thin_run(drift=-0.004))} == {"undefined: there is no gross profit"}
    assert {item.statement for item in capacities(thin_run(at=1))} == {"undefined: volatility unknown at 3 fills"}


# Attribution ----------------------------------------------------------------------------------------------------------


STORM = (StressWindow("the storm", date(2018, 3, 24), date(2018, 4, 30)),)


def stressed_run(**items):
    generator = np.random.default_rng(0)
    scale = np.where((np.arange(200) > 80) & (np.arange(200) < 120), 0.05, 0.004)[:, None]
    closes = 100 * np.exp(np.cumsum(scale * generator.standard_normal((200, 2)), axis=0))
    panel = world(closes, fields={"volume": 1e6 * np.exp(generator.standard_normal((200, 2)))})
    stress = {"stressed_above": 0.5, "stress_windows": STORM}
    liquidity = {"liquidity": MeasuredVolume("measured", 10, 0.5, 0.0)}
    fields = {"fields": ("close", "volume")}
    plan = plan_for(
        panel,
        **ITEMS,
        abnormal_volatility=stress,
        friction=liquidity,
        trusted_data=fields,
        fast_exit=FastExit(5),
        **items,
    )
    return panel, run_backtest(panel, plan, Keep(), *span(panel))


def test_regimes_and_contexts_add_up_to_the_whole_profit():
    panel, result = stressed_run()
    whole = result.equity["equity"].iloc[-1] - 1e6
    by_regime, by_context = (
        results_by_regime(result),
        pnl_by_context(result, read_tape(panel), 20, volume_is_measured=True),
    )
    assert set(by_regime.index) == {"calm", "normal", "stressed", "undefined"}
    assert by_regime["pnl"].sum() == pytest.approx(whole)
    assert by_regime["sessions"].sum() == 200
    assert np.prod(1 + by_regime["return"]) == pytest.approx(result.equity["equity"].iloc[-1] / 1e6)
    for context in ("trend", "volatility", "liquidity"):
        rows = by_context[by_context["context"] == context]
        assert rows["pnl"].sum() == pytest.approx(whole)
        assert rows["sessions"].sum() == 200
    assert set(by_context[by_context["context"] == "trend"]["state"]) == {"rising", "falling", "undefined"}
    assert set(by_context[by_context["context"] == "liquidity"]["state"]) == {"ample", "thin", "undefined"}


def test_a_stress_window_reports_its_own_days():
    _, result = stressed_run()
    row = results_by_stress_window(result, STORM).loc["the storm"]
    inside = result.equity["equity"].loc["2018-03-23":"2018-04-30"]
    assert row["return"] == pytest.approx(inside.iloc[-1] / inside.iloc[0] - 1)
    assert row["sessions"] == 38


def test_profit_per_rule_is_that_of_its_trades():
    panel = world(random_walk(60, 2))

    class TwoRules:
        def decide(self, view):
            t = len(view.sessions)
            return {5: Decision(np.array([0.3, 0.3]), "rebalance"), 9: Decision(view.weights * [0, 1], "leave")}.get(t)

    plan = plan_for(panel, sample={"minimum_sessions": 60}, horizon={"bars": 59})
    table = pnl_by_rule(run_backtest(panel, plan, TwoRules(), *span(panel)))
    assert list(table[["rule_in", "rule_out"]].itertuples(index=False, name=None)) == [
        ("rebalance", ""),
        ("rebalance", "leave"),
    ]
    assert table["trades"].sum() == 2
