"""Whole lots: targets cut down to them, splits that leave fractions, exits that leave nothing."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import MeasuredVolume, StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit
from tests.backtest.judged import failed, judged
from tests.backtest.worlds import FLAT, NO_COSTS, plan_for, run as run_schedule
from tests.raw_panels import raw_world, split_up

SHORT = {
    "sizing": {"long_only": False, "max_gross": 1.5, "max_net": 0.95, "stop_loss": 0.7, "max_loss_per_trade": 0.8},
    "related_positions": {"max_group_gross": 0.96, "max_group_net": 0.95},
    "friction": NO_COSTS | {"borrow": Borrow(0.0, 0.3)},
}
LONG = {"sizing": {"stop_loss": 0.7, "max_loss_per_trade": 0.8}, "friction": NO_COSTS}


def run(panel, schedule, lot, initial_equity=1000.0, side=1, **items):
    terms = LONG if side > 0 else SHORT
    sizing = terms["sizing"] | {"lot_shares": lot}
    return run_schedule(panel, schedule, initial_equity, **{**terms, **items, "sizing": sizing})


@pytest.mark.parametrize(("lot", "shares"), [(None, 500 / 30), (1, 16), (5, 15), (10, 10), (100, 0)])
def test_a_target_is_cut_down_to_whole_lots(lot, shares):
    """Half of 1,000 at 30 a share is sixteen shares and two thirds."""
    result = run(raw_world(0.3 * FLAT), {0: [0.5, 0.0]}, lot)
    assert result.quantities["A00"].iloc[-1] == pytest.approx(shares)
    assert result.equity["equity"].iloc[-1] == pytest.approx(1000.0)


def test_a_short_target_is_cut_towards_nothing_too():
    assert run(raw_world(0.3 * FLAT), {0: [-0.5, 0.0]}, 5, side=-1).quantities["A00"].iloc[-1] == -15


def test_a_purchase_that_cash_cuts_is_cut_to_whole_lots():
    """0.9 of 1,000 wants 30 shares at 30; the price of 33 at the fill leaves 1,000 for 30 of them and not for 31."""
    closes = 0.3 * FLAT
    closes[1:, 0] = 36.0
    result = run(raw_world(closes), {0: [0.9, 0.0]}, 4)
    assert result.quantities["A00"].iloc[-1] == 24  # 27 at 36 are within 1,000; 28 of 30 wanted are not
    assert result.equity["cash"].min() >= 0


# Splits: C1 of the catalogue of known faults ------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("ratio", "held", "kept"),
    [(1 / 100, 990, 9), (1 / 100, 80, 0), (31 / 1000, 1000, 31), (31 / 1000, 100, 3), (3 / 2, 7, 10), (2.0, 7, 14)],
)
def test_a_split_pays_the_fraction_of_a_share_and_changes_no_value(ratio, held, kept, side):
    """The fraction is paid at the price of the day in new units: value before is value after, long and short."""
    flat = np.full((12, 2), 10.0)
    panel = raw_world(split_up(flat, {(6, 0): ratio}), {(6, 0): ratio})
    weight = side * (held + 0.5) / 1200
    result = run(panel, {0: [weight, 0.0]}, 1, 12_000.0, side)
    shares, money = result.quantities["A00"], result.equity
    assert (shares.iloc[5], shares.iloc[6]) == (side * held, side * kept)
    assert money["equity"].tolist() == pytest.approx([12_000.0] * 12, rel=1e-12)
    fraction = side * (held * ratio - kept)
    assert money["cash"].iloc[6] - money["cash"].iloc[5] == pytest.approx(fraction * 10 / ratio, abs=1e-8)
    paid = result.events[result.events["condition"] == "fraction_paid"]
    assert len(paid) == (abs(fraction) > 1e-9)
    assert result.trades["open"].tolist() == ([True] if kept else [False])


def test_a_fraction_is_paid_without_the_dividend_of_the_day():
    """Seven shares at 10 earn 1 each and become 10.5 at (10 - 1) / 1.5 = 6: half a share is 3."""
    closes = np.full((12, 2), 10.0)
    closes[6:, 0] = 6.0
    panel = raw_world(closes, {(6, 0): 1.5}, {(6, 0): 1.0})
    result = run(panel, {0: [0.7, 0.0]}, 1, 104.0)
    assert result.quantities["A00"].iloc[[5, 6]].tolist() == [7, 10]
    assert result.equity["cash"].iloc[6] - result.equity["cash"].iloc[5] == pytest.approx(7 + 3)
    assert result.equity["equity"].tolist() == pytest.approx([104.0] * 12)


def test_a_waiting_order_is_in_whole_lots_after_a_split_and_cancelled_where_it_comes_to_nothing():
    """No price on the two days after the decision; a 1:100 split meanwhile turns 85 shares wanted into none."""
    for wanted, lot, left in ((85, 1, 0), (850, 1, 8), (890, 10, 0)):
        closes = np.full((12, 2), 1.0)
        closes[1:3, 0] = np.nan
        closes[3:, 0] = 100.0
        result = run(raw_world(closes, {(3, 0): 0.01}), {0: [(wanted + 0.5) / 1000, 0.0]}, lot)
        order = result.orders.iloc[0]
        assert result.quantities["A00"].iloc[-1] == left
        assert (order["status"], order["quantity"]) == (("filled", left) if left else ("cancelled", 0))


@pytest.mark.parametrize("side", [1, -1])
def test_an_exit_that_waits_over_a_split_leaves_nothing(side):
    """850 shares at 1, to be left when there is no price; 1:100 makes eight of them, in lots of ten an odd one."""
    closes = np.full((12, 2), 1.0)
    closes[4:6, 0] = np.nan
    closes[6:, 0] = 100.0
    panel = raw_world(closes, {(6, 0): 0.01})
    result = run(panel, {0: [side * 0.8555, 0.0], 3: [0.0, 0.0]}, 10, side=side)
    assert result.quantities["A00"].iloc[[3, 6]].tolist() == [side * 850, 0]
    assert result.equity["equity"].iloc[-1] == pytest.approx(1000.0)


def test_what_a_split_left_below_a_lot_is_sold_by_an_exit():
    closes = split_up(np.full((12, 2), 10.0), {(4, 0): 0.25})
    panel = raw_world(closes, {(4, 0): 0.25})
    result = run(panel, {0: [0.9, 0.0], 6: [0.0, 0.0]}, 10)
    assert result.quantities["A00"].iloc[[3, 5, 7]].tolist() == [90, 22, 0]
    items = {"horizon": {"bars": 11}, "sample": {"minimum_sessions": 12}, **LONG}
    plan = plan_for(panel, **{**items, "sizing": LONG["sizing"] | {"lot_shares": 10}})
    assert "odd lots" not in failed(judged(plan, result, panel)).get("sizing", "")


def test_odd_lots_that_close_nothing_fail():
    """Sixteen shares, held against lots of ten."""
    panel = raw_world(0.3 * FLAT)
    result = run(panel, {0: [0.5, 0.0], 5: [0.0, 0.0]}, 1)
    items = {"horizon": {"bars": 11}, "sample": {"minimum_sessions": 12}, **LONG}
    plan = plan_for(panel, **{**items, "sizing": LONG["sizing"] | {"lot_shares": 10}})
    cause = failed(judged(plan, result, panel))["sizing"]
    assert cause == "1 orders filled in odd lots that close no position, the first A00 on 2018-01-03"


@settings(max_examples=30)
@given(
    st.integers(0, 10**6), st.sampled_from([1, 7, 100]), st.sampled_from([0.01, 0.031, 0.4, 1.5, 3.0]), st.booleans()
)
def test_equity_runs_on_through_any_split(seed, lot, ratio, short):
    """With lots of whole shares, the book of a flat market is worth on every day what it was on the first."""
    generator = np.random.default_rng(seed)
    weights = generator.dirichlet(np.ones(2)) * 0.9
    weights[1] *= -1 if short else 1
    price = float(generator.uniform(0.5, 20.0))
    flat = np.full((12, 2), price)
    splits = {(int(generator.integers(2, 10)), 0): ratio, (int(generator.integers(2, 10)), 1): ratio}
    panel = raw_world(split_up(flat, splits), splits)
    if short:
        weights = np.array([weights[0] * 0.9, weights[1] * 0.9])
    result = run(panel, {0: weights.tolist(), 8: [0.0, 0.0]}, lot, 1e4, -1 if short else 1)
    np.testing.assert_allclose(result.equity["equity"], 1e4, rtol=1e-11)
    assert (result.quantities.iloc[-1] == 0).all()
    held = result.quantities.to_numpy()
    np.testing.assert_allclose(held, np.round(held), atol=1e-9)


# Lots larger than what the volume lets through -------------------------------------------------------------------


def judged_run(closes, schedule, liquidity, sessions, shares=None, money=4000.0, **items):
    """A run in lots of a hundred, and what failed of it."""
    panel = raw_world(closes, fields=None if shares is None else {"volume": shares})
    terms = {
        "sizing": {"lot_shares": 100, "stop_loss": 0.6, "max_loss_per_trade": 0.7} | items.pop("sizing", {}),
        "friction": NO_COSTS | {"liquidity": liquidity},
        "fast_exit": FastExit(sessions),
        "trusted_data": {"fields": ("close",) if shares is None else ("close", "volume")},
        **items,
    }
    result = run_schedule(panel, schedule, money, **terms)
    n = len(closes)
    plan = plan_for(panel, horizon={"bars": n - 1}, sample={"minimum_sessions": n}, **terms)
    return result, failed(judged(plan, result, panel))


def stated(dollars):
    return StatedVolume("stated", {"A00": dollars, "A01": dollars}, "a guess made for this test", 0.1, 0.0)


def test_a_halt_sells_whole_shares_where_the_volume_is_below_a_lot():
    """1,100 of money a session: a hundred shares at 10 are bought at once, and at 18 sold as 61 and 39."""
    closes = np.full((60, 2), 10.0)
    closes[10:40, 0] = np.linspace(10, 40, 30)
    closes[40:, 0] = 18.0
    result, causes = judged_run(
        closes, {2: [0.25, 0.0]}, stated(11_000.0), 5, invalidation=(DrawdownLimit("drawdown", 0.2),)
    )
    assert result.fills["quantity"].tolist() == [100.0, -61.0, -39.0]
    assert result.fills["session"].tolist() == [result.equity.index[row] for row in (3, 41, 42)]
    assert "sizing" not in causes and "fast_exit" not in causes
    # At 40 a session takes 27 whole shares of the hundred.
    assert result.equity["days_to_exit"].iloc[39] == pytest.approx(100 / 27)


def test_an_exit_of_the_strategy_fills_whole_shares_of_what_a_bar_trades():
    """A tenth of 600 shares a session."""
    shares = np.full((60, 2), 1e6)
    shares[:20, 0], shares[20:, 0] = 3000.0, 600.0
    schedule = {9: [0.25, 0.0], 29: [0.0, 0.0]}
    liquidity = MeasuredVolume("measured", 5, 0.1, 0.0)
    result, causes = judged_run(np.full((60, 2), 10.0), schedule, liquidity, 5, shares)
    assert result.fills["quantity"].tolist() == [100.0, -60.0, -40.0]
    assert not {"sizing", "fast_exit"} & set(causes)


def test_a_session_that_takes_less_than_a_share_takes_none_and_saves_nothing_up():
    """Three of money a session at a price of 10 from session 20 on: no share, however many sessions pass."""
    shares = np.full((60, 2), 1e6)
    shares[:20, 0], shares[20:, 0] = 3000.0, 3.0
    schedule = {9: [0.25, 0.0], 29: [0.0, 0.0]}
    liquidity = MeasuredVolume("measured", 5, 0.1, 0.0)
    result, causes = judged_run(np.full((60, 2), 10.0), schedule, liquidity, 5, shares)
    assert result.fills["quantity"].tolist() == [100.0]
    assert result.equity["days_to_exit"].iloc[-1] == np.inf
    row = result.equity.index.get_loc(result.orders["decided"].iloc[1])  # the engine's: nothing can be left in time
    day, after = (result.equity.index[at].strftime("%Y-%m-%d") for at in (row, row + 1))
    left = (
        f"1 positions were held for longer than 5 sessions after an order to leave them, the first A00 from {after} on"
    )
    assert causes["fast_exit"] == f"a position could not be sold at all, on {day}; {left}"


def test_no_more_is_bought_than_whole_shares_can_be_left_in_time():
    """25 of money a session at 10: two whole shares each in ten sessions are twenty, too few for a lot of a hundred."""
    schedule = {9: [0.5, 0.0]}
    none, _ = judged_run(np.full((60, 2), 10.0), schedule, stated(250.0), 10)
    assert len(none.fills) == 0
    ten, _ = judged_run(np.full((60, 2), 10.0), schedule, stated(250.0), 10, sizing={"lot_shares": 10})
    assert ten.quantities["A00"].iloc[-1] == 0  # ten shares need a purchase of ten at once


def test_what_outgrows_the_fast_exit_is_reduced_share_by_share():
    """At 10 a session takes 30 shares, at 40 seven: 35 can be left in five, and 30 with room for the price to move."""
    closes = np.full((60, 2), 10.0)
    closes[20:, 0] = 40.0
    result, causes = judged_run(closes, {2: [0.25, 0.0]}, stated(3000.0), 5, sizing={"lot_shares": 10})
    assert result.quantities["A00"].iloc[19] == 100
    assert set(result.orders["rule"]) == {"rebalance", "plan:fast_exit"}
    assert result.quantities["A00"].iloc[-1] == 30
    assert result.fills["quantity"].tolist()[-10:] == [-7.0] * 10
    assert "sizing" not in causes and "sessions more than promised" in causes["fast_exit"]
