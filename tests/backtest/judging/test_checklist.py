"""The verdict, and rows that say once what was measured and once what broke.

A report that always says yes would be worthless: tests/backtest/plan holds for every item runs that fail for its cause
and no other.
"""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from quantdl.backtest import BreakEven, CalibrationTest, Yardstick
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.items import ITEMS
from quantdl.records import to_plain
from tests.backtest.judged import Fixed, good_plan, judged, market, only, run


def test_a_run_that_kept_its_plan_is_defended():
    checklist = judged()
    assert [(row.item, row.passed, row.cause) for row in checklist.items if not row.passed] == []
    assert checklist.verdict == "defended"
    assert [row.item for row in checklist.items] == [item.name for item in ITEMS]
    assert all(row.statement and row.figure for row in checklist.items)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "defended"),
        ({"universe": "survivors"}, "relative evidence only"),
        ({"calibration": ()}, "relative evidence only"),
        ({"universe": "survivors", "reproduced_by": ""}, "not defended"),
    ],
)
def test_one_failure_refutes_and_one_doubt_limits(changes, verdict):
    assert judged(**changes).verdict == verdict


def test_the_checklist_is_plain_json():
    stored = json.loads(json.dumps(to_plain(judged()), allow_nan=False))
    assert stored["verdict"] == "defended"
    assert set(stored["items"][0]) == {"item", "passed", "statement", "figure", "cause"}


def test_a_run_that_never_traded_is_judged_too():
    class Idle:
        def decide(self, view):
            return None

    checklist = judged(result=run(good_plan(), Idle()))
    assert only("rules", checklist) == "nothing was traded"
    assert pd.Series([row.figure for row in checklist.items]).ne("").all()


def bad_runs():
    """A checklist for each way to fail."""
    thin = replace(good_plan().friction.liquidity, dollar_volume=dict.fromkeys(market().assets, 1e6))
    roomy = good_plan(friction={"liquidity": thin}, fast_exit=FastExit(5))
    loose = good_plan(sizing={"max_weight": 0.3, "stop_loss": 0.1, "max_loss_per_trade": 0.12})
    crowded = good_plan(related_positions={"max_group_gross": 0.59})
    halted = good_plan(invalidation=(DrawdownLimit("drawdown", 0.08),))
    slow = good_plan(horizon={"bars": 20, "rebalance": EveryBars("every_bars", 10)})
    wrong = CalibrationTest("Kupiec, 99 %", 400, 0.0004, "13 exceptions in 400 sessions, 4 expected")
    yield judged(replace(roomy, fast_exit=FastExit(1)), run(roomy))
    yield judged(result=run(loose, Fixed((0.3, 0.02, 0.02, 0.3, 0.02, 0.02))))
    yield judged(result=run(crowded, Fixed((0.19, 0.19, 0.19, 0.1, 0.1, 0.1))))
    yield judged(halted, run(halted))
    yield judged(result=run(slow))
    yield judged(calibration=(wrong,), yardstick=Yardstick(0.5, 0.6))
    yield judged(break_even=BreakEven(4.0, "The profit is gone at 4.0 bps each way; the plan states 10 bps.", 4.0))
    yield judged(good_plan(abnormal_volatility={"stressed_above": 0.3, "in_stress": "flat"}))
    yield judged(universe="unknown", reproduced_by="", calibration=(), yardstick=None, break_even=None)


def test_no_cause_repeats_its_figure():
    """A figure is what was measured, a cause by how much that broke: neither holds the other, nor a number of it."""
    rows = [row for checklist in bad_runs() for row in checklist.items if row.cause]
    assert len(rows) > 9
    for row in rows:
        assert row.cause not in row.figure and row.figure not in row.cause
        decimals = r"\d+\.\d+"
        assert not set(re.findall(decimals, row.cause)) & set(re.findall(decimals, row.figure)), row
