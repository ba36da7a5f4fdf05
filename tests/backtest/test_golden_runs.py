"""Runs whose lists of orders are pinned: a release that changes one of them changes results, and has to say so.

Each list is hashed as text: the session of the decision, the asset, the rule, the kind, how it ended, and the shares to
six digits, so that neither the processor nor the order of a sum shows. The final equity stands beside it for people.
Prices are the bundled ones up to 2018, and simulated ones. Whoever changes a hash states in CHANGELOG.md what changed
and why.
"""

import hashlib
from functools import cache

import numpy as np
import pytest

from quantdl.backtest import Decision, Order, Orders, PositionExits, prepare, run_backtest
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.related_positions import SectorGroups
from quantdl.backtest.running.asking import StrategyDriver
from quantdl.market.sources import load_sp500
from quantdl.portfolio import inverse_volatility_weights, within_limits
from tests.backtest.oracle import engine as reference
from tests.backtest.worlds import plan_for, world

GOLDEN = {
    "equal_parts": ("459f5c38842a0ca0", 2438029.37),
    "inverse_volatility_capped": ("c32377a91894ce4a", 2653665.21),
    "long_short": ("db7ce6f30fcd5cb3", 1468748.05),
    "stops_at_the_close": ("3e9ce306788a87eb", 2428410.72),
    "orders_on_bars": ("778eab93cbdd3e65", 9638.49),
}


@cache
def stocks():
    return load_sp500().between("2010-01-04", "2018-12-31")


class EveryMonth:
    """Weights at the ends of months, by a rule of the market seen."""

    def __init__(self, weights):
        self.weights = weights

    def decide(self, view):
        if not view.rebalance_due or len(view.sessions) < 70:
            return None
        return Decision(within_limits(self.weights(view), view.limits), "rebalance")


def momentum(view):
    moves = view.continuous_closes[-1] / view.continuous_closes[-60] - 1
    return 0.1 * np.sign(moves - np.median(moves))


class OnBars:
    """Single orders of every kind and exits, by a generator of its own."""

    def decide(self, view):
        generator = np.random.default_rng(len(view.sessions))
        asset, close = int(generator.integers(2)), view.closes[-1]
        quantity = float(np.round(1000 / close[asset]) * generator.choice([-1, 1]))
        if view.shares[asset]:
            quantity = -float(view.shares[asset])
        kind = ("limit", "stop", "trailing_stop", "market", "market_on_open", "market_on_close")[generator.integers(6)]
        price = float(close[asset]) * (0.99 if (kind == "limit") == (quantity > 0) else 1.01)
        order = Order(
            view.assets[asset],
            quantity,
            "rebalance",
            kind,
            price if kind in ("limit", "stop") else None,
            0.02 if kind == "trailing_stop" else None,
            3,
        )
        if view.shares[asset] or quantity < 0:
            return Orders((order,))
        return Orders((order,), (PositionExits(view.assets[asset], "leave", stop=0.95 * price, target=1.08 * price),))


def on_stocks(strategy, **items):
    panel = stocks()
    terms = {
        "horizon": {"bars": 25, "rebalance": PeriodEnd("period_end", "month")},
        "sizing": {"max_weight": 0.12, "stop_loss": 0.05, "max_loss_per_trade": 0.1},
        "related_positions": {"groups": SectorGroups("sector"), "max_group_gross": 0.4},
        "sample": {"minimum_sessions": 500},
        "invalidation": (DrawdownLimit("drawdown", 0.5),),
    }
    terms |= {
        name: terms.get(name, {}) | change if isinstance(change, dict) else change for name, change in items.items()
    }
    plan = plan_for(panel, **terms)
    return run_backtest(panel, plan, strategy, panel.sessions[0], panel.sessions[-1], None, 1e6)


def on_bars():
    generator = np.random.default_rng(17)
    closes = 100 * np.exp(np.cumsum(0.02 * generator.standard_normal((300, 2)), axis=0))
    opens = np.vstack([closes[:1], closes[:-1]]) * np.exp(0.005 * generator.standard_normal((300, 2)))
    highs = np.maximum(opens, closes) * np.exp(np.abs(0.01 * generator.standard_normal((300, 2))))
    lows = np.minimum(opens, closes) * np.exp(-np.abs(0.01 * generator.standard_normal((300, 2))))
    panel = world(closes, fields={"open": opens, "high": highs, "low": lows})
    plan = plan_for(
        panel,
        horizon={"bars": 100},
        sizing={"long_only": False, "max_net": 0.9},
        related_positions={"max_group_net": 0.9},
        friction={"borrow": Borrow(0.02, 0.1)},
        sample={"minimum_sessions": 200},
        trusted_data={"fields": ("close", "open", "high", "low")},
    )
    return run_backtest(panel, plan, OnBars(), panel.sessions[0], panel.sessions[-1], None, 1e4)


def played(name):
    match name:
        case "equal_parts":
            return on_stocks(EveryMonth(lambda view: np.full(len(view.assets), 0.045)))
        case "inverse_volatility_capped":
            volume = StatedVolume(
                "stated", dict.fromkeys(stocks().assets, 2e6), "a guess made for this test", 0.02, 0.5
            )
            weights = EveryMonth(lambda view: inverse_volatility_weights(view.simple_returns(60)))
            return on_stocks(weights, friction={"liquidity": volume}, fast_exit=FastExit(4))
        case "long_short":
            short = {"long_only": False, "max_gross": 1.9, "max_net": 0.5}
            groups = {"max_group_net": 0.3}
            return on_stocks(
                EveryMonth(momentum), sizing=short, related_positions=groups, friction={"borrow": Borrow(0.01, 0.3)}
            )
        case "stops_at_the_close":
            sizing = {"stop_loss": 0.004, "max_loss_per_trade": 0.05}
            friction = {"fill_at": "decision_close", "commission_per_share": 0.0}
            equal = EveryMonth(lambda view: np.full(len(view.assets), 0.045))
            horizon = {"bars": 10, "rebalance": EveryBars("every_bars", 5)}
            return on_stocks(equal, sizing=sizing, friction=friction, horizon=horizon)
        case _:
            return on_bars()


def hash_of(orders):
    lines = [
        f"{order.decided:%Y-%m-%d} {order.asset} {order.rule} {order.kind} {order.status} {order.quantity:.6g}"
        for order in orders.itertuples()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", GOLDEN)
def test_the_orders_of_a_golden_run_are_those_of_the_last_release(name):
    result = played(name)
    expected, equity = GOLDEN[name]
    assert len(result.orders) > 100
    assert (hash_of(result.orders), round(result.final_equity, 2)) == (expected, equity)


@pytest.mark.slow
@pytest.mark.parametrize("fill_at", ["next_close", "decision_close"])
def test_the_reference_engine_in_plain_python_orders_the_same(fill_at):
    """The compiled engine and the reference write the same list for a book of twenty stocks and its stops."""
    panel = stocks().between("2015-01-02", "2018-12-31")
    plan = plan_for(
        panel,
        horizon={"bars": 10, "rebalance": EveryBars("every_bars", 5)},
        sizing={"max_weight": 0.12, "stop_loss": 0.004, "max_loss_per_trade": 0.05},
        related_positions={"groups": SectorGroups("sector"), "max_group_gross": 0.4},
        friction={"fill_at": fill_at},
        sample={"minimum_sessions": 500},
        invalidation=(DrawdownLimit("drawdown", 0.5),),
    )
    equal = EveryMonth(lambda view: np.full(len(view.assets), 0.045))
    span = panel.sessions[0], panel.sessions[-1]
    compiled = run_backtest(panel, plan, equal, *span)
    job = prepare(panel, plan, *span)
    expected = reference.play(job, StrategyDriver(job, equal, None), None)
    assert "plan:stop_loss" in set(compiled.orders["rule"])
    assert hash_of(compiled.orders) == hash_of(expected.orders.assign(kind="market"))


def test_another_quantity_status_or_rule_is_another_hash():
    orders = played("orders_on_bars").orders
    before = hash_of(orders)
    for column, value in (("quantity", 1.0 + float(orders["quantity"].iloc[3])), ("status", "lost"), ("rule", "mine")):
        changed = orders.copy()
        changed[column] = changed[column].astype(object)
        changed.loc[3, column] = value
        assert hash_of(changed) != before
    assert hash_of(orders.iloc[::-1]) != before
