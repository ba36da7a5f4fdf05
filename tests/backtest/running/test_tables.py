"""What the logs of a run say as tables."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import Decision, Hold, Order, Orders, PositionExits, prepare
from quantdl.backtest.plan.friction import Borrow, StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit, StaleDataLimit
from quantdl.backtest.running.asking import StrategyDriver
from quantdl.backtest.running.engine import Engine
from quantdl.backtest.running.result import SESSION_DTYPE
from quantdl.backtest.running.tables import Close
from tests.backtest.worlds import FLAT, NO_COSTS, Schedule, closes_with, plan_for, random_walk, run, span, world


def test_empty_tables_have_the_types_of_full_ones():
    full = run(world(closes_with([100, 100, 110])), {0: [0.5, 0.0], 3: [0.0, 0.0]}, sizing={"stop_loss": 0.01})
    empty = run(world(FLAT), {})
    for name in ("orders", "fills", "trades", "events"):
        assert len(getattr(empty, name)) == 0 and getattr(full, name).dtypes.equals(getattr(empty, name).dtypes), name
        days = getattr(empty, name).select_dtypes("datetime")
        assert {str(kind) for kind in days.dtypes} == {SESSION_DTYPE}


def test_an_open_trade_is_marked_at_the_last_price_and_has_no_exit():
    result = run(world(closes_with([100, 100, 120])), {0: [0.5, 0.0]}, friction=NO_COSTS)
    (trade,) = result.trades.itertuples()
    assert trade.open and pd.isna(trade.exit) and trade.rule_out == ""
    assert trade.pnl == 100.0 and trade.return_on_equity == 0.1
    assert trade.bars == 10


def test_the_equity_table_has_a_column_for_each_figure_of_a_close():
    result = run(world(FLAT), {})
    assert list(result.equity.columns) == [item.name for item in fields(Close)]
    assert result.equity["halted"].dtype == bool


def test_a_session_begins_with_the_regime_known_at_the_close_before():
    panel = world(random_walk(60, 2, volatility=0.03))
    result = run(panel, {})
    assert result.regimes["regime"].iloc[0] == "undefined"
    assert set(result.regimes["regime"]) > {"undefined"}


def test_a_fill_tells_its_costs_and_what_was_known_the_close_before():
    panel = world(random_walk(40, 2))
    (fill,) = run(panel, {30: [0.5, 0.0]}).fills.itertuples()
    returns = panel.closes[1:31, 0] / panel.closes[:30, 0] - 1
    np.testing.assert_allclose(fill.volatility, np.std(returns[-20:], ddof=1), rtol=1e-12)
    assert np.isnan(fill.dollar_volume)  # liquidity is waived
    np.testing.assert_allclose(fill.cost, fill.notional * 0.001, rtol=1e-12)
    np.testing.assert_allclose(fill.notional, fill.quantity * fill.price, rtol=1e-12)


def test_what_the_engine_did_by_itself_is_told_in_words():
    patient = (DrawdownLimit("drawdown", 0.57),)
    closes = closes_with([100, 100, 40, 40])
    stopped = run(world(closes), {0: [0.9, 0.0]}, friction=NO_COSTS, sizing={"stop_loss": 0.3}, invalidation=patient)
    (told,) = stopped.events.itertuples()
    assert (told.item, told.condition) == ("sizing", "stop_loss")
    assert told.detail == "A00: trade has lost 54.00% of equity at entry, stop at 30.00%"


def test_a_book_that_no_longer_carries_its_positions_is_told_so():
    short = {"long_only": False, "max_net": 0.93, "max_gross": 0.95, "max_weight": 0.94}
    result = run(
        world(closes_with([100, 100, 190, 190])),
        {0: [-0.9, 0.0]},
        friction={**NO_COSTS, "borrow": Borrow(0.0, 0.4)},
        sizing={**short, "stop_loss": 0.85, "max_loss_per_trade": 0.9},
        related_positions={"max_group_net": 0.92, "max_group_gross": 0.93},
        invalidation=(StaleDataLimit("stale_data", 5),),
    )
    assert result.halt_reason == "equity is 11.1% of gross exposure, maintenance margin 40.0%"
    assert result.trades["rule_out"].iloc[0] == "plan:margin"


def test_decisions_are_kept_as_they_were_taken():
    result = run(world(FLAT), {0: [0.4, 0.3], 2: Hold("rebalance")})
    first, second = result.decisions
    assert first.weights.tolist() == [0.4, 0.3] and (first.group_gross, first.group_net) == (0.4, 0.4)
    assert second.weights is None and second.session == result.equity.index[2]
    assert isinstance(Decision(np.zeros(2), "rebalance"), Decision)


class Rests:
    """Buys A00 with exits, waits for A01 at 90, and buys A02 to sell it a tenth below its best close."""

    def decide(self, view):
        exits = (PositionExits("A00", "leave", stop=80.0, target=150.0, trail=0.1),)
        buys = (Order("A00", 2.0, "rebalance"), Order("A01", 1.0, "rebalance", "limit", 90.0))
        sells = Order("A02", -1.0, "rebalance", "trailing_stop", trail=0.1)
        answers = {1: Orders((*buys, Order("A02", 1.0, "rebalance")), exits), 4: Orders((sells,))}
        return answers.get(len(view.sessions))


def test_what_waits_at_the_end_is_told_with_its_prices():
    """A00 closes at 120 at best, A02 at 110 after its stop was set."""
    closes = np.full((12, 3), 100.0)
    closes[2:, 0], closes[8:, 0], closes[6:, 2] = 120.0, 115.0, 110.0
    panel = world(closes)
    items = {"horizon": {"bars": 11}, "sample": {"minimum_sessions": 12}, "friction": NO_COSTS}
    job = prepare(panel, plan_for(panel, **items), *span(panel), 1000.0)
    engine = Engine(job, None)
    engine.play(StrategyDriver(job, Rests(), None))
    orders = engine.result().orders.merge(engine.logs.resting(), on="order").set_index("asset")
    assert orders["kind"].to_dict() == {"A01": "limit", "A02": "trailing_stop"}
    assert orders["trigger_price"].to_dict() == pytest.approx({"A01": 90.0, "A02": 99.0})
    np.testing.assert_array_equal(orders["trail"], [np.nan, 0.1])
    (exits,) = engine.logs.exits().to_dict("records")
    expected = {"asset": "A00", "rule": "leave", "stop_price": 108.0, "target_price": 150.0, "trail": 0.1}
    assert exits == pytest.approx(expected)


def test_what_is_left_of_an_order_that_cash_has_cut_is_what_the_cap_on_volume_has_left():
    """3.42 shares are wanted, 400 of money may be bought at 150, and the cash pays for less, which is given up."""
    panel = world(closes_with([100.0, 100.0, 150.0], 12))
    volume = StatedVolume("stated", {name: 2000.0 for name in panel.assets}, "a guess made for this test", 0.2, 0.0)
    items = {
        "friction": {"liquidity": volume, **NO_COSTS},
        "horizon": {"bars": 11},
        "sample": {"minimum_sessions": 12},
        "fast_exit": {"max_sessions": 4},
        "sizing": {"max_loss_per_trade": 0.85, "stop_loss": 0.8},
    }
    job = prepare(panel, plan_for(panel, **items), panel.sessions[0], panel.sessions[2], 380.0)
    engine = Engine(job, None)
    engine.play(StrategyDriver(job, Schedule({1: (0.9, 0.1)}), None), None)
    resting, orders = engine.logs.resting().set_index("order"), engine.result().orders.set_index("order")
    assert resting["left"].tolist() == [pytest.approx(3.42 - 400.0 / 150.0, rel=1e-12)]
    assert orders["quantity"].iloc[0] - orders["filled"].iloc[0] == pytest.approx(3.42 - 380.0 / 438.0 * 400.0 / 150.0)
