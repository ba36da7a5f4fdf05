"""Exits that the terms order: stops, horizon, fast exit, delistings, and the fee of a short."""

from datetime import date

import numpy as np
import pytest

from quantdl.backtest import Hold
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from tests.backtest.worlds import FLAT, NO_COSTS, closes_with, run, world


def test_shorts_pay_to_borrow():
    short = {"long_only": False, "max_gross": 1.5, "max_net": 0.9}
    groups = {"max_group_gross": 0.8, "max_group_net": 0.7}
    terms = NO_COSTS | {"borrow": Borrow(0.365, 0.3)}
    result = run(world(FLAT), {0: [-0.5, 0.0]}, sizing=short, related_positions=groups, friction=terms)
    # The fee is charged from the session after the fill on.
    assert result.equity["equity"].iloc[3] == pytest.approx(1000 - 2 * 500 * 0.365 / 365, rel=1e-12)
    assert result.trades["pnl"].iloc[0] == pytest.approx(result.equity["equity"].iloc[-1] - 1000)


def test_an_exit_of_the_plan_has_no_limit():
    sizing = {"stop_loss": 0.05, "max_loss_per_trade": 0.1}
    result = run(world(closes_with([100, 100, 80, 20])), {0: [0.5, 0.0]}, sizing=sizing, friction=NO_COSTS)
    assert result.orders["limit_price"].iloc[1] == -np.inf
    assert result.trades["exit"].iloc[0] == result.equity.index[3]


def test_a_delisted_holding_is_paid_out_at_the_stated_value():
    closes = closes_with([100, 100, 100, np.nan])
    closes[3:, 0] = np.nan
    panel = world(closes, ended={"A00": date(2018, 1, 4)})
    result = run(panel, {0: [0.5, 0.0]}, friction=NO_COSTS | {"delisting_recovery": 0.7})
    assert panel.sessions[2].date() == date(2018, 1, 4)
    np.testing.assert_allclose(result.equity["equity"].iloc[2:5], [1000, 850, 850])
    assert result.trades["rule_out"].iloc[0] == "plan:delisting"
    assert "delisting" in set(result.events["condition"])


def test_the_plan_pays_a_silent_holding_out_after_its_own_number_of_sessions():
    closes = np.full((40, 2), 100.0)
    closes[5:, 0] = np.nan
    terms = NO_COSTS | {"delisted_after_sessions": 10, "delisting_recovery": 0.7}
    result = run(world(closes), {0: [0.5, 0.0]}, friction=terms)
    # The last trade was in session 4, so session 15 is the eleventh silent one; 500 of the 1000 were in the asset.
    assert result.trades["exit"].iloc[0] == result.equity.index[15]
    np.testing.assert_allclose(result.equity["equity"].iloc[[14, 15, 39]], [1000, 850, 850])


def test_a_book_older_than_its_horizon_is_closed():
    result = run(world(FLAT), {0: [0.5, 0.0]}, horizon={"bars": 3}, friction=NO_COSTS)
    assert list((result.quantities["A00"] != 0).astype(int)[:6]) == [0, 1, 1, 1, 0, 0]
    assert list(result.trades["rule_out"]) == ["plan:horizon"]


def test_a_hold_refreshes_the_horizon():
    result = run(world(FLAT), {0: [0.5, 0.0], 2: Hold("rebalance")}, horizon={"bars": 3}, friction=NO_COSTS)
    assert list((result.quantities["A00"] != 0).astype(int)[:8]) == [0, 1, 1, 1, 1, 1, 0, 0]
    assert len(result.orders) == 2


def test_a_trade_past_its_stop_is_sold_at_the_next_close():
    closes = closes_with([100, 100, 79, 70, 70])
    limits = {"stop_loss": 0.1, "max_loss_per_trade": 0.2}
    result = run(world(closes), {0: [0.5, 0.0]}, sizing=limits, friction=NO_COSTS)
    trade = result.trades.iloc[0]
    assert (trade["exit"], trade["rule_out"]) == (result.equity.index[3], "plan:stop_loss")
    assert trade["return_on_equity"] == pytest.approx(-0.15)


def test_the_stop_counts_the_cost_of_getting_out():
    closes = closes_with([100, 100, 81])
    limits = {"stop_loss": 0.1, "max_loss_per_trade": 0.2}
    costs = {"commission_bps": 400.0, "half_spread_bps": 0.0}
    stopped = run(world(closes), {0: [0.5, 0.0]}, sizing=limits, friction=costs)
    free = run(world(closes), {0: [0.5, 0.0]}, sizing=limits, friction=NO_COSTS)
    assert (stopped.trades["rule_out"].iloc[0], free.trades["rule_out"].iloc[0]) == ("plan:stop_loss", "")


def test_a_stop_overrules_the_strategy():
    closes = closes_with([100, 100, 79, 79])
    limits = {"stop_loss": 0.1, "max_loss_per_trade": 0.2}
    result = run(world(closes), {0: [0.5, 0.0], 2: [0.5, 0.0]}, sizing=limits, friction=NO_COSTS)
    assert result.quantities["A00"].iloc[3] == 0


def test_a_position_that_outgrows_the_fast_exit_is_reduced():
    volume = StatedVolume("stated", {"A00": 1000.0, "A01": 1e6}, "a guess made for this test", 0.1, 0.0)
    rising = closes_with([100, 100, 110, 121, 121])
    result = run(world(rising), {0: [0.18, 0.4]}, friction=NO_COSTS | {"liquidity": volume}, fast_exit=FastExit(2))
    assert result.equity["days_to_exit"].iloc[3] == pytest.approx(180 * 1.21 / 100)
    assert result.orders["rule"].iloc[2] == "plan:fast_exit"
    assert result.equity["days_to_exit"].iloc[4] == pytest.approx(1.8)
