"""What each strategy of an account earned: counted by hand, and adding up to the account whatever happens."""

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import Decision, run_backtest, shared_account
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit
from tests.backtest.running.test_combined import RULES, combined
from tests.backtest.worlds import FLAT, NO_COSTS, Schedule, closes_with, plan_for, random_walk, span, world
from tests.raw_panels import raw_world, split_up


def shared(panel, *strategies, capital=(0.5, 0.5), risk_free=None, **items):
    longest = len(panel.sessions) - 1
    items["horizon"] = {"bars": longest} | items.get("horizon", {})
    items["sample"] = {"minimum_sessions": longest + 1}
    plan, strategy = plan_for(panel, rules=RULES, **items), combined(*strategies, capital=capital)
    result = run_backtest(panel, plan, strategy, *span(panel), initial_equity=1000.0, risk_free=risk_free)
    return strategy, result, shared_account(plan, panel, result, strategy, risk_free)


def adds_up(result, found):
    """The columns of the profits are all of the change of equity, session by session, and so are costs and shares."""
    change = np.diff(result.equity["equity"], prepend=1000.0)
    np.testing.assert_allclose(found.pnl.sum(axis=1), change, atol=1e-9 * result.equity["equity"].max())
    np.testing.assert_allclose(found.held.sum(axis=1), result.quantities, atol=1e-7)
    assert sum(one.costs for one in found.account.strategies) == pytest.approx(result.equity["costs"].sum())
    total = sum(one.pnl for one in found.account.strategies) + found.account.interest
    assert total == pytest.approx(found.account.total, abs=1e-9 * result.equity["equity"].max())


def test_each_earns_what_its_shares_gained():
    panel = world(np.column_stack([[100.0, 100, 110, 120, 120], [100.0, 100, 90, 80, 80]]))
    _, result, found = shared(panel, Schedule({0: [0.8, 0.0]}), Schedule({0: [0.0, 0.4]}), friction=NO_COSTS)
    first, second = found.account.strategies
    assert (first.pnl, second.pnl) == (pytest.approx(4 * 20.0), pytest.approx(2 * -20.0))
    assert found.pnl["a"].tolist() == pytest.approx([0, 0, 40, 40, 0])
    assert (first.trades, first.with_a_profit, second.trades, second.with_a_profit) == (1, 1, 1, 0)
    assert (first.traded, second.traded) == (pytest.approx(400), pytest.approx(200))
    adds_up(result, found)


def test_what_crosses_goes_at_the_price_of_the_fill_and_costs_nothing():
    panel = world(closes_with([100, 100, 100, 100, 150, 150]))
    first, second = Schedule({0: [0.6, 0.0], 3: [0.0, 0.0]}), Schedule({3: [0.9, 0.0]})
    _, result, found = shared(panel, first, second, friction={**NO_COSTS, "commission_bps": 10.0})
    moves = found.fills[found.fills["session"] == panel.sessions[4]].set_index("strategy")
    assert moves.loc["a", "crossed"] == pytest.approx(-moves.loc["b", "crossed"])
    assert moves["price"].tolist() == [150.0, 150.0]
    assert found.account.strategies[0].crossed == pytest.approx(found.account.strategies[1].crossed)
    account = result.fills[result.fills["session"] == panel.sessions[4]]
    assert moves["cost"].sum() == pytest.approx(account["cost"].sum())
    size = moves["quantity"].abs()
    assert moves["cost"].tolist() == pytest.approx((size / size.sum() * account["cost"].sum()).tolist())
    assert moves["rule"].tolist() == ["a.rebalance", "b.rebalance"]
    adds_up(result, found)


def test_two_that_swap_everything_do_so_at_the_close_without_a_fill():
    panel = world(closes_with([100, 100, 100, 100, 110, 130]))
    first, second = Schedule({0: [0.6, 0.0], 3: [0.0, 0.0]}), Schedule({3: [0.6, 0.0]})
    _, result, found = shared(panel, first, second, friction=NO_COSTS)
    assert len(result.fills) == 1
    one, other = found.account.strategies
    assert (one.pnl, other.pnl) == (pytest.approx(3 * 10), pytest.approx(3 * 20))
    adds_up(result, found)


def test_an_exit_of_the_plan_is_of_both_and_cites_the_plan():
    panel = world(closes_with([100, 100, 40]))
    _, result, found = shared(
        panel,
        Schedule({0: [0.6, 0.0]}),
        Schedule({0: [0.3, 0.0]}),
        sizing={"stop_loss": 0.05, "max_loss_per_trade": 0.8},
    )
    left = found.trades.set_index("strategy")
    assert left["rule_out"].tolist() == ["plan:stop_loss"] * 2
    assert left["rule_in"].tolist() == ["a.rebalance", "b.rebalance"]
    assert left.loc["a", "pnl"] == pytest.approx(2 * left.loc["b", "pnl"], rel=1e-6)
    adds_up(result, found)


def test_dividends_go_to_who_held_the_shares_and_a_split_is_no_trade():
    panel = raw_world(split_up(FLAT, {(5, 0): 2.0}), {(5, 0): 2.0}, {(7, 0): 1.0})
    _, result, found = shared(panel, Schedule({0: [0.8, 0.0]}), Schedule({0: [0.4, 0.0]}), friction=NO_COSTS)
    assert found.pnl.iloc[7].tolist()[:2] == pytest.approx([8.0, 4.0])
    assert len(found.fills) == 2 and len(found.trades) == 2
    adds_up(result, found)


def test_who_is_short_pays_for_borrowing():
    friction = {**NO_COSTS, "borrow": Borrow(0.365, 0.2)}
    short = {"long_only": False, "max_net": 0.9, "max_weight": 0.6}
    first, second = Schedule({0: [0.0, 0.5]}), Schedule({0: [-0.5, 0.0]})
    _, result, found = shared(
        world(FLAT), first, second, friction=friction, sizing=short, related_positions={"max_group_net": 0.9}
    )
    assert found.account.strategies[0].costs == 0.0
    assert found.account.strategies[1].costs == pytest.approx(result.equity["costs"].sum()) != 0.0
    adds_up(result, found)


class Random:
    """Decides at random, now and then, within caps that leave room."""

    def __init__(self, seed, shorts):
        self.generator, self.shorts, self.views = np.random.default_rng(seed), shorts, []

    def decide(self, view):
        self.views.append(view)
        if self.generator.random() > 0.3:
            return None
        weights = self.generator.uniform(-0.15 if self.shorts else 0.0, 0.15, len(view.assets)) * view.listed
        return Decision(np.where(self.generator.random(len(weights)) < 0.4, 0.0, weights), "rebalance")


@pytest.mark.parametrize("fill_at", ["next_close", "decision_close"])
@pytest.mark.parametrize("seed", range(4))
def test_profits_shares_and_costs_add_up_to_the_account(seed, fill_at):
    """Halts, splits, dividends, shorts, partial fills, interest, exits of the plan."""
    generator, shorts = np.random.default_rng(seed), seed % 2 == 1
    closes = random_walk(90, 5, seed=seed, volatility=0.04)
    closes[generator.random(closes.shape) < 0.05] = np.nan
    closes[0] = 100.0
    splits = {(30, 0): 2.0, (50, 3): 0.25}
    panel = raw_world(split_up(closes, splits), splits, {(40, 1): 1.5, (60, 0): 0.5})
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 4e3), "a round figure made up here", 0.05, 0.5)
    friction = {"liquidity": volume, "fill_at": fill_at, "borrow": Borrow(0.05, 0.1) if shorts else None}
    sizing = {"stop_loss": 0.02, "max_loss_per_trade": 0.8, "long_only": not shorts, "max_net": 0.9 if shorts else None}
    strategies = Random(seed, shorts), Random(seed + 100, shorts)
    strategy, result, found = shared(
        panel,
        *strategies,
        capital=(0.5, 0.4),
        risk_free=0.03,
        friction=friction,
        sizing=sizing,
        fast_exit=FastExit(3),
        invalidation=(DrawdownLimit("drawdown", 0.5),),
        related_positions={"max_group_net": 0.9} if shorts else {},
    )
    assert len(result.fills) > 100
    adds_up(result, found)
    if fill_at == "next_close" and result.halted_on is None:
        for number, one in enumerate(strategies):
            sessions = pd.DatetimeIndex([view.session for view in one.views])
            rows = result.equity.index.get_indexer(sessions)
            seen = np.array([view.shares for view in one.views])
            np.testing.assert_allclose(found.held[rows, number], seen, atol=1e-6)


def test_trades_of_each_add_up_to_its_profit():
    strategies = Random(1, False), Random(2, False)
    panel = world(random_walk(60, 5, seed=9, volatility=0.03))
    _, result, found = shared(panel, *strategies)
    for one in found.account.strategies:
        own = found.trades[found.trades["strategy"] == one.name]
        assert own["pnl"].sum() == pytest.approx(one.pnl, abs=1e-6)
        assert len(own) == one.trades > 5
    adds_up(result, found)
