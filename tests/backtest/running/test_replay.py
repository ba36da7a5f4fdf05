"""Recorded decisions taken again."""

from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.backtest import (
    Decision,
    Hold,
    prepare,
    replay,
    run_backtest,
)
from quantdl.backtest.plan.horizon import EveryBars
from tests.backtest.judging.books import ITEMS
from tests.backtest.oracle.journal import RecordedDecision
from tests.backtest.worlds import FLAT, plan_for, random_walk, span, world


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


def decided(panel, t, weights, rule="rebalance"):
    return RecordedDecision(panel.sessions[t], None if weights is None else np.array(weights), (rule,) * 2, 0.0, 0.0)


def test_a_target_between_two_rebalances_is_cut_to_what_is_held():
    """What halved a position of 0.6 finds 0.2 here: the cut keeps it, and nothing is bought."""
    panel = world(FLAT)
    plan = plan_for(panel, horizon={"rebalance": EveryBars("every_bars", 6), "bars": 11})
    job = prepare(panel, plan, *span(panel))
    result = replay(job, [decided(panel, 0, [0.2, 0.2]), decided(panel, 2, [0.3, 0.1])])
    np.testing.assert_allclose(result.weights_after_fill.iloc[4], [0.2, 0.1], rtol=1e-3)
    assert len(result.fills[result.fills["quantity"] > 0]) == 2


def test_a_recorded_hold_puts_off_the_end_of_the_horizon():
    panel = world(FLAT)
    job = prepare(panel, plan_for(panel, horizon={"bars": 3}), *span(panel))
    result = replay(job, [decided(panel, 0, [0.5, 0.0]), decided(panel, 2, None)])
    assert list((result.quantities["A00"] != 0).astype(int)[:8]) == [0, 1, 1, 1, 1, 1, 0, 0]


def test_a_purpose_is_not_checked_again():
    """At other costs less is held, so what was an exit may be a purchase of a few shares."""
    panel = world(FLAT)
    job = prepare(panel, plan_for(panel, horizon={"bars": 11}), *span(panel))
    result = replay(job, [decided(panel, 0, [0.2, 0.0]), decided(panel, 2, [0.25, 0.0], "leave")])
    assert list(result.orders["rule"]) == ["rebalance", "leave"]
