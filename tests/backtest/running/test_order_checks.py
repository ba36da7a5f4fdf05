"""Single orders that cannot be placed are refused with what to do about them."""

import numpy as np
import pytest

from quantdl.backtest import Order, Orders, PositionExits
from quantdl.errors import RunError
from tests.backtest.test_orders_on_bars import FLAT_BAR, order, played
from tests.backtest.worlds import FLAT, run, world

LONG = {0: Orders((order(5, "market"),))}
REFUSED = [
    (Orders((Order("ZZZ", 5, "rebalance"),)), "orders name 'ZZZ', which is not in the data. Use view.assets."),
    (Orders((order(5, "market"), order(5, "limit", price=9.0))), "two orders for A00. Give one"),
    (Orders((order(0, "market"),)), "got quantity 0; expected shares"),
    (Orders((order(float("nan"), "market"),)), "got quantity nan; expected shares"),
    (Orders((order(5, "limit"),)), "kind 'limit' needs a price"),
    (Orders((order(5, "limit", price=-1.0),)), "got price -1.0; expected a price above 0"),
    (Orders((order(5, "market", price=90.0),)), "got a price, which kind 'market' does not have"),
    (Orders((order(5, "trailing_stop"),)), "kind 'trailing_stop' needs a trail"),
    (Orders((order(5, "trailing_stop", trail=2.0),)), "got trail 2.0; expected a fraction between 0 and 1"),
    (Orders((order(-4, "stop", price=101.0),)), "a stop at 101 with the market at 100; expected one below it"),
    (Orders((order(4, "stop", price=99.0),)), "a stop at 99 with the market at 100; expected one above it"),
    (Orders((order(5, "limit", price=90.0, sessions=0),)), "got sessions 0; expected 1 or more"),
    (Orders((Order("A00", 5, "hunch"),)), "cites the rule 'hunch', which the plan does not have"),
    (Orders((Order("A00", 2, "leave"),)), "under the rule 'leave', whose purpose is 'exit'"),
    (Orders((order(99, "market"),)), "breaks sizing.max_weight"),
    (Orders((), (PositionExits("A01", "rebalance", stop=90.0),)), "exits of A01 (rule 'rebalance'): nothing is held"),
    (Orders((), (PositionExits("A00", "rebalance"),)), "got neither stop nor target nor trail"),
    (Orders((), (PositionExits("A00", "rebalance", stop=101.0),)), "got stop 101 of a long position"),
    (Orders((), (PositionExits("A00", "rebalance", target=99.0),)), "got target 99 of a long position"),
    (Orders((), (PositionExits("A00", "rebalance", trail=1.5),)), "got trail 1.5; expected a fraction"),
    (Orders((), (PositionExits("A00", "rebalance", stop=float("inf")),)), "got stop inf; expected a price above 0"),
]


@pytest.mark.parametrize(("answer", "words"), REFUSED)
def test_an_order_that_cannot_be_placed_is_refused(answer, words):
    with pytest.raises(RunError) as refused:
        played([FLAT_BAR], {**LONG, 3: answer})
    assert str(refused.value).startswith("2018-01-05: ") and words in str(refused.value)


def test_an_order_at_the_open_needs_opens():
    class Asks:
        def decide(self, view):
            return Orders((Order("A00", 1.0, "rebalance", "market_on_open"),))

    with pytest.raises(RunError, match="kind 'market_on_open' needs opens"):
        run(world(FLAT), Asks())


def test_an_asset_without_a_price_cannot_be_ordered():
    closes = FLAT.copy()
    closes[:4, 0] = np.nan

    class Asks:
        def decide(self, view):
            return Orders((Order("A00", 1.0, "rebalance"),))

    with pytest.raises(RunError, match="the asset has no price yet"):
        run(world(closes), Asks())


def test_an_order_between_two_rebalances_may_only_reduce():
    from quantdl.backtest.plan.horizon import EveryBars

    items = {"horizon": {"rebalance": EveryBars("every_bars", 5)}}
    with pytest.raises(RunError, match="the plan has no rebalance on that day"):
        played([FLAT_BAR] * 4, {0: Orders((order(4, "market"),)), 2: Orders((order(1, "market"),))}, **items)
    smaller = played([FLAT_BAR] * 4, {0: Orders((order(4, "market"),)), 2: Orders((order(-1, "market"),))}, **items)
    assert smaller.quantities["A00"].iloc[-1] == 3.0
