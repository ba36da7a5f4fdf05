"""Asking a strategy: its answers, its failures, and where they are reported."""

import numpy as np
import pytest

from quantdl.backtest import Decision, market_history, prepare
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.running.asking import ask_targets
from quantdl.errors import RunError
from tests.backtest.worlds import FLAT, Schedule, plan_for, run, span, world


def test_an_order_without_a_written_rule_stops_the_run():
    with pytest.raises(RunError, match="cites the rule 'a hunch', which the plan does not have"):
        run(world(FLAT), Schedule({0: [0.1, 0.1]}, rule="a hunch"))
    with pytest.raises(RunError, match="cites the rule ''"):
        run(world(FLAT), Schedule({0: [0.1, 0.1]}, rule=""))
    with pytest.raises(RunError, match="1 rules for 2 assets"):
        run(world(FLAT), Schedule({0: [0.1, 0.1]}, rule=("leave",)))


class TwoRules:
    """Buys both assets, then leaves the first and adds to the second in one decision."""

    def __init__(self, leaving="leave"):
        self.leaving, self.asked = leaving, 0

    def decide(self, view):
        self.asked += 1
        if self.asked == 1:
            return Decision(np.array([0.1, 0.1]), "rebalance")
        if self.asked == 3:
            return Decision(np.array([0.0, 0.2]), (self.leaving, "rebalance"))
        return None


def test_each_order_carries_its_own_rule():
    result = run(world(FLAT), TwoRules(), horizon={"rebalance": EveryBars("every_bars", 1)})
    assert list(result.orders["rule"])[:4] == ["rebalance", "rebalance", "leave", "rebalance"]
    assert set(result.trades["rule_in"]) == {"rebalance"}


def test_a_failing_strategy_is_reported_with_its_place_and_session():
    class Fails:
        def decide(self, view):
            if 1 / (len(view.sessions) - 3) > 1:
                raise AssertionError("never reached")

    with pytest.raises(RunError, match=r"test_asking.py:\d+: the strategy failed on 2018-01-04: ZeroDivisionError"):
        run(world(FLAT), Fails())


def test_an_answer_that_is_no_decision_stops_the_run():
    class Answers:
        def decide(self, view):
            return {"A00": 1.0}

    with pytest.raises(RunError, match="answered dict, expected Decision, Orders, Hold or None"):
        run(world(FLAT), Answers())


def test_interrupting_is_not_mistaken_for_a_failure():
    class Interrupted:
        def decide(self, view):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(world(FLAT), Interrupted())


class Tabled:
    def __init__(self, answer):
        self.answer = answer

    def decide(self, view):
        return None

    def targets(self, history):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_strategy_that_fails_at_its_table_is_reported_with_its_place():
    history = market_history(prepare(world(FLAT), plan_for(world(FLAT)), *span(world(FLAT))))
    with pytest.raises(RunError, match=r"test_asking\.py:\d+: `targets` failed: KeyError: 'x'"):
        ask_targets(Tabled(KeyError("x")), history)
    with pytest.raises(RunError, match="`targets` answered list, expected a TargetTable"):
        ask_targets(Tabled([0.1]), history)
    with pytest.raises(RunError, match="^the data are short$"):
        ask_targets(Tabled(RunError("the data are short")), history)
