"""Orders: where they fill, what they wait for, and what is left of them."""

import numpy as np
import pytest

from quantdl.backtest.book.costs import Costs
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from tests.backtest.oracle.accounting import Book
from tests.backtest.oracle.orders import OrderDesk, SessionMarket
from tests.backtest.oracle.trades import TradeLedger
from tests.backtest.worlds import FLAT, NO_COSTS, closes_with, run, world


def test_an_asset_that_does_not_trade_waits_for_a_real_price():
    closes = closes_with([100, np.nan, np.nan, 80])
    result = run(world(closes), {0: [0.4, 0.4]}, friction=NO_COSTS)
    waited = result.fills[result.fills["asset"] == "A00"].iloc[0]
    assert (waited["session"], waited["price"]) == (result.equity.index[3], 80.0)
    assert result.fills[result.fills["asset"] == "A01"]["session"].iloc[0] == result.equity.index[1]


def test_an_order_does_not_chase_a_price_beyond_its_limit():
    sizing = {"stop_loss": 0.05, "max_loss_per_trade": 0.1}
    result = run(world(closes_with([100, 1000, 119])), {0: [0.5, 0.0]}, sizing=sizing, friction=NO_COSTS)
    # Half of equity may fill up to 20 % higher: a return from there costs the tenth that was promised.
    assert result.orders["limit_price"].iloc[0] == pytest.approx(120.0)
    assert (result.fills["price"].iloc[0], result.fills["session"].iloc[0]) == (119.0, result.equity.index[2])


def test_a_halted_holding_is_marked_at_its_last_price_and_sold_when_it_trades_again():
    closes = closes_with([100, 100, np.nan, np.nan, 90])
    halted = np.isnan(closes)
    result = run(world(closes, halted=halted), {0: [0.5, 0.0], 2: [0.0, 0.0]}, friction=NO_COSTS)
    np.testing.assert_allclose(result.equity["equity"].iloc[1:5], [1000, 1000, 1000, 950])
    assert result.trades["exit"].iloc[0] == result.equity.index[4]


def test_fills_are_capped_by_participation_and_carry_over():
    volume = StatedVolume("stated", {"A00": 1000.0, "A01": 1000.0}, "a guess made for this test", 0.1, 0.0)
    result = run(world(FLAT), {0: [0.25, 0.0]}, friction=NO_COSTS | {"liquidity": volume}, fast_exit=FastExit(5))
    np.testing.assert_allclose(result.fills["notional"], [100, 100, 50])
    assert result.orders["status"].iloc[0] == "filled"
    assert result.equity["days_to_exit"].iloc[-7] == pytest.approx(2.5)


def test_a_sale_pays_for_a_purchase_of_the_same_session():
    result = run(world(FLAT), {0: [0.9, 0.0], 4: [0.0, 0.9]}, friction=NO_COSTS)
    np.testing.assert_allclose(result.weights_after_fill.iloc[5], [0.0, 0.9], rtol=1e-12)
    assert list(result.fills["quantity"] > 0) == [True, False, True]


FREE = Costs(0.0, 0.0, 0.0, float("inf"))


def session_market(prices, most=np.inf, session=1, equity=1000.0):
    n_assets = len(prices)
    volume, volatility = np.full(n_assets, np.inf), np.full(n_assets, np.nan)
    return SessionMarket(session, np.array(prices), np.broadcast_to(most, (n_assets,)), volume, volatility, equity)


def desk_and_book(n_assets=1, cash=1000.0, costs=FREE):
    book = Book(cash, TradeLedger(n_assets))
    book.marks = np.full(n_assets, 10.0)
    return OrderDesk(costs), book


def buy(desk, asset=0, quantity=10.0, may_lose=float("inf")):
    desk.place(asset, quantity, "rule", 0, 10.0, 0.1, may_lose)


def test_the_limit_is_the_price_at_which_a_return_loses_what_may_be_lost():
    desk, _ = desk_and_book()
    buy(desk, quantity=10.0, may_lose=20.0)
    assert desk.open[0].limit_price == 12.0
    assert desk.open[0].accepts(12.0) and not desk.open[0].accepts(12.01)
    buy(desk, quantity=-10.0, may_lose=20.0)
    assert desk.open[0].limit_price == 8.0
    assert desk.open[0].accepts(8.0) and not desk.open[0].accepts(7.99)
    assert not desk.open[0].accepts(float("nan"))


def test_a_new_order_takes_the_place_of_the_one_that_waits():
    desk, _ = desk_and_book()
    buy(desk)
    buy(desk, quantity=5.0)
    desk.place(0, 0.0, "rule", 0, 10.0, 0.0, float("inf"))  # nothing more to do: only cancels
    assert [(order.order, order.status) for order in desk.orders] == [(1, "replaced"), (2, "replaced")]
    assert not desk.open


def test_what_the_volume_leaves_over_waits_for_the_next_session():
    desk, book = desk_and_book()
    buy(desk)
    (first,) = desk.execute(book, session_market([10.0], most=40.0))
    assert (first.quantity, first.notional, desk.open[0].left) == (4.0, 40.0, 6.0)
    (second,) = desk.execute(book, session_market([10.0], session=2))
    assert (second.quantity, desk.orders[0].status, book.quantities[0]) == (6.0, "filled", 10.0)


def test_purchases_beyond_the_cash_shrink_alike_and_are_not_tried_again():
    """Orders for 600 and 900 with 1,000 in hand: two thirds of each."""
    desk, book = desk_and_book(2)
    buy(desk, 0, 60.0)
    buy(desk, 1, 90.0)
    fills = desk.execute(book, session_market([10.0, 10.0]))
    assert [fill.quantity for fill in fills] == pytest.approx([40.0, 60.0])
    assert book.cash == pytest.approx(0.0, abs=1e-12)
    assert [order.status for order in desk.orders] == ["cash_short", "cash_short"]
    assert not desk.open


def test_a_sale_and_a_cover_come_before_a_purchase():
    desk, book = desk_and_book(2, cash=0.0)
    book.quantities[:] = [10.0, -5.0]
    book.ledger.entry[:] = 0
    buy(desk, 0, -10.0)
    buy(desk, 1, 10.0)  # five shares cover the short, five are a purchase
    fills = desk.execute(book, session_market([10.0, 10.0]))
    assert [(fill.asset, fill.quantity) for fill in fills] == [(0, -10.0), (1, 5.0), (1, 5.0)]
    assert (book.cash, book.quantities.tolist()) == (0.0, [0.0, 5.0])


def test_a_fill_records_its_costs_and_what_was_known():
    desk, book = desk_and_book(costs=Costs(100.0, 50.0, 0.5, 1.0))
    buy(desk)
    known = SessionMarket(1, np.array([10.0]), np.array([1e9]), np.array([1e4]), np.array([0.02]), 1000.0)
    (fill,) = desk.execute(book, known)
    assert (fill.commission, fill.spread) == (1.0, 0.5)
    assert fill.impact == pytest.approx(0.5 * 0.02 * 0.1 * 100)
    assert fill.cost == pytest.approx(1.5 + 0.1)
    assert (fill.dollar_volume, fill.volatility, fill.decided, fill.session) == (1e4, 0.02, 0, 1)


def test_shares_that_leave_without_an_order_are_order_zero():
    desk, _ = desk_and_book()
    desk.record_payout(0, -10.0, 7.0, "plan:delisting", 4)
    (fill,) = desk.fills
    assert (fill.order, fill.quantity, fill.notional, fill.cost) == (0, -10.0, 70.0, 0.0)
    assert np.isnan(fill.dollar_volume)


def test_a_cancelled_order_that_filled_in_part_says_so():
    desk, book = desk_and_book()
    buy(desk)
    desk.execute(book, session_market([10.0], most=40.0))
    desk.cancel(0, "cancelled")
    assert desk.orders[0].status == "partial"
