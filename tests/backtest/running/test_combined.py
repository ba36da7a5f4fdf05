"""Several strategies in one account: the sum of what they decide, each with its own view, and errors that name one."""

import numpy as np
import pytest

from quantdl.backtest import Decision, Forecasts, Hold, Order, Orders
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.predicted_risk import PredictedLoss, ShortfallBudget
from quantdl.backtest.plan.related_positions import NamedGroups
from quantdl.backtest.plan.rules import Rule
from quantdl.backtest.running.combined import Allocated, CombinedStrategy
from quantdl.errors import RunError
from tests.backtest.worlds import FLAT, NO_COSTS, Schedule, closes_with, random_walk, run, world
from tests.raw_panels import raw_world, split_up

RULES = tuple(
    Rule(f"{name}.{rule}", purpose, f"what {name} does by its rule {rule}")
    for name in ("a", "b")
    for rule, purpose in (("rebalance", "rebalance"), ("enter", "entry"), ("leave", "exit"))
)


def combined(*strategies, capital=(0.5, 0.5), rules=RULES):
    parts = [Allocated(name, part, one) for name, part, one in zip("ab", capital, strategies, strict=False)]
    return CombinedStrategy(parts, {rule.name: rule.purpose for rule in rules})


def play(panel, *strategies, capital=(0.5, 0.5), rules=RULES, **items):
    strategy = combined(*strategies, capital=capital, rules=rules)
    return strategy, run(panel, strategy, rules=rules, **items)


MARKET = world(random_walk(40, 4, seed=5, volatility=0.03))
MOVES = {0: [0.3, 0.2, 0.1, 0.2], 9: [0.0, 0.5, 0.2, 0.1], 20: Hold("rebalance"), 30: [0.25, 0.25, 0.25, 0.0]}


@pytest.mark.parametrize("copies", [1, 2])
def test_a_strategy_with_all_the_capital_or_two_alike_with_half_do_what_it_does_alone(copies):
    alone = run(MARKET, Schedule(MOVES), initial_equity=1e6)
    schedules = [Schedule(MOVES) for _ in range(copies)]
    _, result = play(MARKET, *schedules, capital=(1.0 / copies,) * copies, initial_equity=1e6)
    np.testing.assert_allclose(result.equity["equity"], alone.equity["equity"], rtol=1e-12)
    np.testing.assert_allclose(result.fills["quantity"], alone.fills["quantity"], rtol=1e-9, atol=1e-9)


def test_targets_are_scaled_by_the_capital_and_added():
    strategy, result = play(
        MARKET, Schedule({0: [0.4, 0.0, 0.0, 0.2]}), Schedule({0: [0.0, 0.8, 0.0, 0.2]}), capital=(0.25, 0.5)
    )
    (decision,) = result.decisions
    assert decision.weights == pytest.approx([0.1, 0.4, 0.0, 0.15])
    assert decision.rules[0] == "a.rebalance" and decision.rules[1] == "b.rebalance"
    assert strategy.names == ("a", "b")


def test_each_sees_its_own_shares_and_weights_of_its_own_capital():
    first, second = Schedule({0: [0.5, 0.5]}), Schedule({0: [0.8, 0.0]})
    play(world(FLAT), first, second, capital=(0.5, 0.25), friction=NO_COSTS)
    for schedule, equity, weights in ((first, 500.0, [0.5, 0.5]), (second, 250.0, [0.8, 0.0])):
        view = schedule.views[-1]
        assert view.equity == pytest.approx(equity)
        assert view.weights == pytest.approx(weights)
        assert view.shares == pytest.approx(np.array(weights) * equity / 100)
        with pytest.raises(ValueError, match="read-only"):
            view.shares[0] = 1.0


def test_each_counts_the_bars_since_its_own_decision():
    first, second = Schedule({0: [0.5, 0.5]}), Schedule({4: [0.5, 0.5]})
    play(world(FLAT), first, second)
    assert [view.bars_since_decision for view in first.views[:4]] == [None, 1, 2, 3]
    assert [view.bars_since_decision for view in second.views[3:7]] == [None, None, 1, 2]


def test_one_that_does_not_decide_keeps_its_shares():
    first, second = Schedule({0: [0.6, 0.0]}), Schedule({0: [0.0, 0.6], 5: [0.0, 0.2]})
    _, result = play(world(closes_with([100, 100, 110, 120, 130])), first, second, friction=NO_COSTS)
    assert result.quantities.iloc[-1, 0] == pytest.approx(3.0)
    assert set(result.fills.loc[result.fills["session"] > result.decisions[1].session, "asset"]) == {"A01"}


def test_a_book_that_prices_carried_too_far_is_cut_where_the_sum_would_break_a_cap():
    closes = closes_with([100, 100, 300])  # the first share trebles after the fill
    first, second = Schedule({0: [0.9, 0.0]}), Schedule({0: [0.0, 0.1], 5: [0.0, 0.9]})
    _, result = play(world(closes), first, second, friction=NO_COSTS, capital=(0.5, 0.5))
    weights = result.decisions[1].weights
    assert weights[1] == pytest.approx(0.45)
    assert weights[0] == pytest.approx(0.45)  # 0.9 of its half, the largest weight of the plan
    cut = result.fills[(result.fills["asset"] == "A00") & (result.fills["quantity"] < 0)]
    assert set(cut["rule"]) == {"a.rebalance"}


def test_opposite_wishes_trade_nothing():
    first, second = Schedule({0: [0.6, 0.0], 5: [0.0, 0.6]}), Schedule({0: [0.0, 0.6], 5: [0.6, 0.0]})
    strategy, result = play(world(FLAT), first, second, friction=NO_COSTS)
    assert set(result.fills["session"]) == {result.equity.index[1]}
    assert second.views[-1].shares.tolist() == pytest.approx([3.0, 0.0])
    assert strategy.asked[1].changes == pytest.approx(np.array([[-3.0, 3.0], [3.0, -3.0]]))


def test_two_holds_are_a_hold_and_a_hold_beside_a_decision_keeps_the_shares():
    first, second = Schedule({0: [0.6, 0.0], 4: Hold("rebalance"), 6: Hold("rebalance")}), Schedule({6: [0.0, 0.5]})
    _, result = play(world(FLAT), first, second, friction=NO_COSTS)
    assert [decision.weights is None for decision in result.decisions] == [False, True, False]
    assert result.decisions[1].rules[0] == "a.rebalance"
    assert result.quantities.iloc[-1].tolist() == pytest.approx([3.0, 2.5])


def test_after_a_split_each_holds_twice_the_shares():
    panel = raw_world(split_up(FLAT, {(5, 0): 2.0}), {(5, 0): 2.0})
    first, second = Schedule({0: [0.5, 0.0]}), Schedule({0: [0.25, 0.0]})
    play(panel, first, second, friction=NO_COSTS)
    for schedule, shares in ((first, 2.5), (second, 1.25)):
        assert [view.share_units[0] for view in schedule.views[3:7]] == [1.0, 1.0, 2.0, 2.0]
        assert [view.shares[0] for view in schedule.views[4:6]] == pytest.approx([shares, 2 * shares])


class Answers:
    def __init__(self, answer):
        self.answer = answer

    def decide(self, view):
        return self.answer(view) if callable(self.answer) else self.answer


def raises(view):
    raise ZeroDivisionError("of its own")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            Decision(np.array([0.95, 0.0]), "rebalance"),
            "strategy 'b': .*: weight 0.95 of A00 breaks sizing.max_weight",
        ),
        (Decision(np.array([0.6, 0.6]), "rebalance"), "strategy 'b': .*the book, gross breaks sizing.max_gross"),
        (Decision(np.array([0.5, 0.1]), "leave"), "strategy 'b': .*A00 goes from weight 0.0000 to 0.5000 .*'leave'"),
        (Decision(np.array([0.5]), "rebalance"), "strategy 'b': .*weights have shape"),
        (Decision(np.array([0.5, 0.1]), "b.rebalance"), "strategy 'b': .*cites the rule 'b.rebalance'"),
        (Orders((Order("A00", 1.0, "enter"),)), "strategy 'b': 2018-01-02: it answers single orders; expected target"),
        (Orders(), "strategy 'b': .*it answers single orders"),
        (raises, r"strategy 'b': .*test_combined.py:\d+: the strategy failed on 2018-01-02: ZeroDivisionError"),
        (3, "strategy 'b': .*answered int"),
    ],
)
def test_an_error_names_the_strategy(answer, message):
    with pytest.raises(RunError, match=message):
        play(world(FLAT), Schedule({0: [0.4, 0.4]}), Answers(answer))


@pytest.mark.parametrize(
    ("names", "capital", "message"),
    [
        ("ab", (0.6, 0.5), "add up to at most 1, got 1.1"),
        ("ab", (0.5, 0.0), "capitals must be above 0"),
        ("", (), "capitals must be above 0"),
        ("aa", (0.5, 0.5), "a name of its own, got a, a"),
        ("ac", (0.5, 0.5), "no rule 'c....' that closes positions of 'c'"),
    ],
)
def test_parts_that_make_no_account_are_refused(names, capital, message):
    parts = [Allocated(name, part, Schedule({})) for name, part in zip(names, capital, strict=True)]
    with pytest.raises(ValueError, match=message):
        CombinedStrategy(parts, {rule.name: rule.purpose for rule in RULES})


def test_between_two_rebalances_a_strategy_may_not_enlarge_its_own_part():
    first, second = Schedule({0: [0.6, 0.0]}), Schedule({3: [0.1, 0.0]})
    with pytest.raises(RunError, match="strategy 'b': .*the plan has no rebalance on that day"):
        play(world(FLAT), first, second, horizon={"rebalance": EveryBars("every_bars", 5)})


def test_an_exit_that_enlarges_the_sum_is_refused():
    first = Schedule({0: [0.4, 0.0]}, "enter")
    opens, leaves = Decision(np.array([-0.2, 0.0]), "enter"), Decision(np.zeros(2), "leave")
    second = Answers(lambda view: {1: opens, 5: leaves}.get(len(view.sessions)))
    short = {"long_only": False, "max_net": 0.5, "max_weight": 0.6}
    each = {
        "groups": NamedGroups("named", {"l": ("A00",), "r": ("A01",)}),
        "max_group_gross": 0.9,
        "max_group_net": 0.8,
    }
    friction = {**NO_COSTS, "borrow": Borrow(0.01, 0.3)}
    with pytest.raises(RunError, match=r"A00 goes from weight 0.1000 to 0.2000 of the whole book.*'b.leave' forbids"):
        play(world(FLAT), first, second, friction=friction, sizing=short, related_positions=each)


def test_a_part_that_shrinks_may_not_enlarge_the_sum_between_two_rebalances():
    opens, covers = Decision(np.array([-0.4, 0.0]), "rebalance"), Decision(np.array([-0.1, 0.0]), "rebalance")
    second = Answers(lambda view: {1: opens, 4: covers}.get(len(view.sessions)))
    short = {"long_only": False, "max_net": 0.5, "max_weight": 0.6}
    groups = NamedGroups("named", {"l": ("A00",), "r": ("A01",)})
    each = {"groups": groups, "max_group_gross": 0.9, "max_group_net": 0.8}
    friction = {**NO_COSTS, "borrow": Borrow(0.01, 0.3)}
    cadence = {"rebalance": EveryBars("every_bars", 5)}
    items = {"friction": friction, "sizing": short, "related_positions": each, "horizon": cadence}
    with pytest.raises(RunError, match=r"strategies together \(deciding: 'b'\): .*weight 0.15 of A00 against 0 held"):
        play(world(FLAT), Schedule({0: [0.4, 0.0]}), second, **items)


def test_the_account_cites_the_rule_of_whoever_asks_for_most_of_what_it_trades():
    first, second = Schedule({0: [0.2, 0.5]}, "enter"), Schedule({0: [0.6, 0.1]}, "enter")
    _, result = play(world(FLAT), first, second)
    assert result.decisions[0].rules == ("b.enter", "a.enter")


BUDGETS = {
    "risk_budget": ShortfallBudget("expected_shortfall", 0.95, 0.06),
    "max_predicted_loss_per_trade": PredictedLoss(0.95, 0.06),
}


def law_of(*losses):
    """In one draw of twenty each asset loses so much, together: a long book's 95% shortfall is weights times losses."""
    draws = np.zeros((100, len(losses)))
    draws[:5] = np.log1p(-np.array(losses))
    return draws


def under_budgets(later, first, second):
    """Two halves under limits on predicted losses; the law turns into another one at the sixth close."""
    panel = world(np.full((60, 2), 100.0))
    before, turns = law_of(0.1, 0.1), panel.sessions[5]
    forecasts = Forecasts(30, lambda session: later if session >= turns else before, None)
    items = {"horizon": {"bars": 30}, "friction": NO_COSTS, "sample": {"minimum_sessions": 31, "purge_bars": 31}}
    return play(panel, first, second, sizing=BUDGETS, forecasts=forecasts, **items)[1]


def test_a_part_that_does_not_decide_is_cut_to_what_it_may_lose_once_more_is_predicted():
    """A00 is 0.3 of the book and comes to lose 0.3: 0.09. Of its own half that is 0.18, cut to a third: 0.06."""
    first, second = Schedule({0: [0.6, 0.0]}), Schedule({6: [0.0, 0.2]})
    result = under_budgets(law_of(0.3, 0.1), first, second)
    assert result.decisions[1].weights == pytest.approx([0.1, 0.1])
    assert result.decisions[1].rules == ("a.rebalance", "b.rebalance")


def test_a_part_that_does_not_decide_keeps_its_shares_while_the_sum_keeps_the_budget():
    """0.3 x 0.15 = 0.045 of the whole book: within 0.06, though its own half is beyond it."""
    result = under_budgets(law_of(0.15, 0.1), Schedule({0: [0.6, 0.0]}), Schedule({6: [0.0, 0.2]}))
    assert result.decisions[1].weights == pytest.approx([0.3, 0.1])


def test_what_a_part_holds_without_a_law_is_sold_and_ends_no_run():
    result = under_budgets(law_of(np.nan, 0.1), Schedule({0: [0.6, 0.0]}), Schedule({6: [0.0, 0.2]}))
    assert result.decisions[1].weights == pytest.approx([0.0, 0.1])


def test_a_part_that_decides_more_than_it_may_lose_is_named():
    words = r"strategy 'b': 2018-01-08: a predicted 95% shortfall of 0.08 of A01 breaks sizing.max_predicted_loss"
    with pytest.raises(RunError, match=words):
        under_budgets(law_of(0.1, 0.1), Schedule({0: [0.4, 0.0]}), Schedule({6: [0.0, 0.8]}))
