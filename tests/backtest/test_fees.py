"""Fees per share and least fees: charged by hand, never beyond the cash there is, never a gain."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import prepare
from quantdl.backtest.book import kernel
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.running.engine import Engine
from tests.backtest.test_postings import TERMS, play
from tests.backtest.worlds import FLAT, plan_for, run, span, world
from tests.raw_panels import raw_world

MINIMUM = {"commission_bps": 1.0, "half_spread_bps": 0.0, "commission_minimum": 5.0}


@pytest.mark.parametrize(
    ("friction", "weight", "commission"),
    [
        ({"commission_bps": 0.0, "commission_per_share": 0.02}, 0.5, 0.1),
        ({"commission_bps": 10.0, "commission_per_share": 0.02}, 0.5, 0.6),
        ({"commission_bps": 10.0, "commission_minimum": 4.0}, 0.5, 4.0),
        ({"commission_bps": 100.0, "commission_minimum": 4.0}, 0.5, 5.0),
        ({"commission_bps": 0.0, "commission_per_share": 2.0, "commission_minimum": 4.0}, 0.5, 10.0),
    ],
)
def test_the_commission_of_a_fill_is_the_sum_of_its_parts_and_at_least_the_least(friction, weight, commission):
    """About five shares of 100, bought with half of 1,000; the costs of reaching the weight are taken off first."""
    result = run(raw_world(FLAT), {0: [weight, 0.0]}, friction={"half_spread_bps": 0.0, **friction})
    (fill,) = result.fills.itertuples()
    assert fill.commission == pytest.approx(commission, rel=0.03)
    bps, per_share = friction["commission_bps"] / 1e4, friction.get("commission_per_share", 0.0)
    exact = max(fill.notional * bps + fill.quantity * per_share, friction.get("commission_minimum", 0.0))
    assert fill.commission == pytest.approx(exact, rel=1e-12)
    assert result.equity["equity"].iloc[-1] == pytest.approx(1000.0 - fill.commission)


def test_purchases_are_cut_until_their_least_fees_are_paid_too():
    """All of 100 in one share: a fee of 5 leaves 95, whatever the weights say."""
    panel = world(FLAT[:, :1])
    result = run(panel, {0: [1.0]}, 100.0, friction=MINIMUM)
    (fill,) = result.fills.itertuples()
    assert fill.notional + fill.cost <= 100.0
    assert fill.notional > 90.0
    assert result.equity["cash"].min() >= 0.0


def test_money_below_the_least_fee_buys_nothing():
    result = run(world(FLAT[:, :1]), {0: [1.0], 4: [0.5]}, 4.0, friction=MINIMUM)
    assert not len(result.fills)
    assert result.equity["equity"].tolist() == [4.0] * 12


def test_a_sale_that_costs_more_than_it_brings_waits_until_cash_or_a_price_pays_for_it():
    """All of 100 in one share leaves less than 5 of cash. At a thousandth of the price a sale costs 5 and brings 0.09.

    The run is halted and the exit ordered; it waits until the share is worth a tenth and brings 9. Either price is
    believed a bar after it was first made.
    """
    closes = FLAT[:, :1].copy()
    closes[4:8], closes[8:] = 0.1, 10.0
    result = run(world(closes), {0: [1.0]}, 100.0, friction=MINIMUM)
    shares, cash = result.quantities["A00"], result.equity["cash"]
    assert result.halted_on == result.equity.index[5]
    assert shares.iloc[1] > 0.9 and shares.iloc[1:9].nunique() == 1 and (shares.iloc[9:] == 0).all()
    assert 0 <= cash.iloc[8] < 5.0
    assert cash.iloc[9] == pytest.approx(cash.iloc[8] + 10.0 * shares.iloc[8] - 5.0)


@settings(max_examples=40)
@given(
    st.integers(0, 10**6),
    st.floats(0.0, 300.0),
    st.floats(0.0, 3.0),
    st.floats(0.0, 60.0),
    st.sampled_from([50.0, 1e3, 1e6]),
    st.integers(0, 2),
)
def test_purchases_never_cost_more_than_the_cash_there_is(seed, bps, per_share, minimum, money, settlement):
    """Random fee functions and prices: a long-only book never owes cash, and every run comes to its end."""
    generator = np.random.default_rng(seed)
    panel = raw_world(30 * np.exp(np.cumsum(0.05 * generator.standard_normal((25, 2)), axis=0)))
    targets = {t: generator.dirichlet(np.ones(2)) for t in range(24)}
    targets = {t: np.minimum(found, 0.9).tolist() for t, found in targets.items()}
    friction = {
        "commission_bps": bps,
        "half_spread_bps": 3.0,
        "commission_per_share": per_share,
        "commission_minimum": minimum,
        "settlement_sessions": settlement,
    }
    sizing = {"stop_loss": 0.3, "max_loss_per_trade": 0.6}
    result = run(panel, targets, money, friction=friction, sizing=sizing)
    assert len(result.equity) == 25
    assert (result.equity["cash"] >= -1e-9 * money).all()
    assert (result.equity["equity"] >= -1e-9 * money).all()


@settings(max_examples=15)
@given(TERMS)
def test_every_fill_costs_something_unless_a_waiver_is_signed(terms):
    _, plan, result = play(terms)
    fills = result.fills[result.fills["order"] > 0]
    parts = fills[["commission", "spread", "impact"]]
    assert (parts >= 0).all().all()
    if plan.friction.cost_waiver is None:
        assert (fills[["commission", "spread"]] > 0).all().all()
    waived = plan.friction.waived_costs
    assert (plan.friction.cost_waiver is not None) == bool(waived)
    assert all((fills[name] == 0).all() for name in waived)


class Shares:
    """Orders shares of one asset at given sessions, whatever they cost."""

    def __init__(self, engine, orders):
        self.engine, self.orders = engine, orders

    def decide(self, now):
        for asset, quantity in self.orders.get(now.t, ()):
            rule = int(self.engine.book.numbers(["rebalance"])[0])
            address = self.engine.record.ctypes.data
            kernel.place_order(address, asset, quantity, rule, kernel.AT_PLAN, np.nan, np.nan, np.inf)


def ordered(panel, orders, money=10_000.0, **items):
    """The record of a run whose decisions are shares."""
    longest = len(panel.sessions) - 1
    plan = plan_for(panel, **{"horizon": {"bars": longest}, "sample": {"minimum_sessions": longest + 1}, **items})
    engine = Engine(prepare(panel, plan, *span(panel), money), None)
    engine.play(Shares(engine, orders))
    return engine.result()


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from(["commission_bps", "half_spread_bps", "commission_per_share"]))
def test_the_same_fills_at_a_higher_cost_never_leave_more(seed, what):
    """Orders in shares fill alike whatever they cost; what the dearer run pays more is what it has less."""
    generator = np.random.default_rng(seed)
    panel = raw_world(50 * np.exp(np.cumsum(0.02 * generator.standard_normal((20, 2)), axis=0)))
    orders, held = {}, np.zeros(2)
    for t in range(0, 18, 2):
        asset = int(generator.integers(0, 2))
        quantity = float(generator.integers(1, 15)) if held[asset] < 20 else -held[asset]
        orders[t], held[asset] = [(asset, quantity)], held[asset] + quantity
    friction = {"commission_bps": 1.0, "half_spread_bps": 2.0, "commission_per_share": 0.001, "commission_minimum": 0.5}
    finals, paid = [], []
    for factor in (1.0, 2.0, 40.0):
        result = ordered(panel, orders, friction=friction | {what: friction[what] * factor})
        assert result.fills["quantity"].tolist() == [placed[0][1] for placed in orders.values()]
        finals.append(result.equity["equity"].iloc[-1])
        paid.append(result.fills["cost"].sum())
    assert finals == sorted(finals, reverse=True)
    np.testing.assert_allclose(np.diff(finals), -np.diff(paid), atol=1e-7)
    assert finals[2] < finals[0]


def test_an_order_in_shares_is_cut_to_what_can_be_borrowed_and_to_whole_lots():
    """Ten held, 40 to be sold: 30 short at 100 are 3,000, of which 2,050 can be borrowed, 20 shares and a half."""
    panel = raw_world(FLAT)
    items = {
        "sizing": {"long_only": False, "max_gross": 1.5, "max_net": 0.9, "lot_shares": 5},
        "related_positions": {"max_group_gross": 0.8, "max_group_net": 0.7},
        "friction": {"borrow": Borrow(0.0, 0.3, 2050.0)},
    }
    result = ordered(panel, {0: [(0, 13.0)], 3: [(0, -40.0)], 6: [(0, -5.0)]}, **items)
    assert result.quantities["A00"].iloc[[1, 4, 7]].tolist() == [10, -20, -20]


# A short book, however far prices jump -------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([2.0, 10.0, 50.0]))
def test_a_short_book_is_never_worth_less_than_nothing_without_being_halted(seed, jump):
    """One price jumps; the margin is watched at every close, and a book below it is closed and stays closed."""
    generator = np.random.default_rng(seed)
    closes = 50 * np.exp(np.cumsum(0.02 * generator.standard_normal((20, 2)), axis=0))
    at = int(generator.integers(3, 15))
    closes[at:, 0] *= jump
    items = {
        "sizing": {"long_only": False, "max_gross": 1.5, "max_net": 0.9, "stop_loss": 0.8, "max_loss_per_trade": 0.9},
        "related_positions": {"max_group_gross": 0.9, "max_group_net": 0.85},
        "friction": {"borrow": Borrow(0.05, 0.3)},
    }
    decisions = {t: [-0.8, 0.5] for t in range(0, 19, 3)}
    result = run(world(closes), decisions, **items)
    money, gross = result.equity["equity"], result.equity["gross"]
    below = (money <= 0) | (money < 0.3 * gross * money)
    if below.any():
        assert result.halted_on is not None and result.halted_on <= below.idxmax()
        told = result.events["condition"].isin(["margin", "bankrupt", "drawdown"])
        assert told.any()
        after = result.quantities.loc[result.halted_on :].iloc[1:].to_numpy()
        assert (np.abs(after[-1]) == 0).all()
    assert money.notna().all()
