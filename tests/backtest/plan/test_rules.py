"""Every fill follows an order under a written rule, and does what the rule is for."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest.plan import rules
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.rules import Rule
from tests.backtest.judged import AtBars, Fixed, good_plan, good_run, judged, market, only, row, run

BOTH = Rule("rebalance", "rebalance", "move to the target weights")
ENTRY = Rule("rebalance", "entry", "buy what has fallen enough")
EXIT = Rule("leave", "exit", "sell what has risen enough")


@pytest.mark.parametrize(
    ("stated", "item", "words"),
    [
        ((), "rules", "write down the exit rule"),
        ((EXIT,), "rules", "write down the entry rule"),
        ((ENTRY,), "rules", "write down the exit rule"),
        ((BOTH, EXIT, BOTH), "rules", "each name once"),
        ((BOTH, Rule("plan:x", "exit", "sell whatever is held then")), "rules.1.name", "engine's own"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(stated, item, words):
    found = {fault.item: str(fault) for fault in rules.faults(stated)}
    assert words in found[item]


def test_one_rule_may_do_both():
    assert list(rules.faults((BOTH,))) == list(rules.faults((ENTRY, EXIT))) == []


@pytest.mark.parametrize(
    ("name", "cause"),
    [("", "1 order and 1 fill cite no rule"), ("a hunch", "1 order and 1 fill cite 'a hunch', which the plan")],
)
def test_an_order_and_its_fills_under_no_written_rule_fail(name, cause):
    orders, fills = good_run().orders.copy(), good_run().fills.copy()
    number = fills.loc[20, "order"]
    orders.loc[orders["order"] == number, "rule"] = name
    fills.loc[fills["order"] == number, "rule"] = name
    assert cause in only("rules", judged(result=replace(good_run(), orders=orders, fills=fills)))


@pytest.mark.parametrize("column", ["rule", "asset", "order"])
def test_a_fill_that_no_order_explains_fails(column):
    """Another rule, another asset or another number than the order's."""
    fills = good_run().fills.copy()
    other = "A04" if fills.loc[20, "asset"] != "A04" else "A03"
    fills.loc[20, column] = {"rule": "leave", "asset": other, "order": 999}[column]
    causes = {found.item: found.cause for found in judged(result=replace(good_run(), fills=fills)).items}
    assert "1 fill that no order explains" in causes["rules"]


def test_a_fill_against_its_order_fails():
    """An order to sell that was filled by a purchase."""
    orders = good_run().orders.copy()
    orders.loc[20, "quantity"] *= -1
    assert only("rules", judged(result=replace(good_run(), orders=orders))) == "1 fill that no order explains"


def test_a_run_that_never_traded_fails():
    class Idle:
        def decide(self, view):
            return None

    assert only("rules", judged(result=run(good_plan(), Idle()))) == "nothing was traded"


def test_sales_under_an_entry_fail():
    """Decided under a rule for both, judged as if it were for entries: what the rebalancing sold was against it."""
    cause = only("rules", judged(good_plan(rules=(ENTRY, EXIT))))
    assert "fills against the purpose of a rule, the first" in cause
    assert "under 'rebalance'" in cause


def test_a_purchase_under_an_exit_of_the_plan_fails():
    orders, fills = good_run().orders.copy(), good_run().fills.copy()
    bought = int(np.flatnonzero(fills["quantity"] > 0)[10])
    number = fills.loc[bought, "order"]
    orders.loc[orders["order"] == number, "rule"] = "plan:stop_loss"
    fills.loc[fills["order"] == number, "rule"] = "plan:stop_loss"
    cause = only("rules", judged(result=replace(good_run(), orders=orders, fills=fills)))
    assert cause.startswith("1 fill against the purpose of a rule") and "'plan:stop_loss'" in cause


def test_selling_a_little_for_costs_is_within_an_entry():
    """To keep the weight of a share while another is bought, a little of it is sold for the costs: no exit."""
    plan = good_plan(rules=(ENTRY, EXIT), horizon={"bars": 250, "rebalance": EveryBars("every_bars", 1)})

    class Adds:
        def decide(self, view):
            if len(view.sessions) not in (1, 20):
                return None
            kept = view.weights if len(view.sessions) == 20 else np.array([0.15, 0, 0, 0, 0, 0])
            return Fixed(kept + np.array([0, 0.0, 0.15, 0, 0, 0]) * (kept[2] == 0)).decide(view)

    result = run(plan, Adds())
    sold = result.fills[(result.fills["quantity"] < 0) & (result.fills["rule"] == "rebalance")]
    assert len(sold) == 1
    assert row("rules", judged(plan, result)).passed is True


def test_an_exit_that_sells_is_in_order():
    plan = good_plan(rules=(ENTRY, EXIT), horizon={"bars": 250, "rebalance": EveryBars("every_bars", 1)})
    result = run(plan, AtBars({1: ([0.15] * 6, "rebalance"), 100: ([0.05] * 6, "leave")}), market())
    found = row("rules", judged(plan, result))
    assert (found.passed, found.figure) == (True, "leave: 6 orders, plan:horizon: 6 orders, rebalance: 6 orders")
