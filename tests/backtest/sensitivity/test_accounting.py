"""The twin keeps the book of the compiled engine, and its derivatives are those of what it computes."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings, strategies as st

from quantdl.backtest import Twin, play_targets, prepare
from quantdl.backtest.book.terms import CALM, STRESSED
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.spreads import StatedSpreads
from quantdl.market.actions import Delisting
from tests.backtest.sensitivity.books import free, gap, job_of, random_table, weights_of
from tests.backtest.test_properties import SETTINGS, market, plan_of
from tests.backtest.worlds import random_walk, span, world
from tests.raw_panels import raw_world, split_up

CLOSES = random_walk(60, 4, seed=4, volatility=0.03)
EQUAL = 1e-12


@settings(max_examples=25)
@given(SETTINGS, st.integers(1, 12), st.booleans(), st.floats(0.2, 1.6))
def test_it_keeps_the_book_of_the_engine(setting, every, before_costs, gross):
    """Any gaps, delistings, costs, holds and horizons; shares sold short and cash that does not reach."""
    panel = market(setting)
    job = free(prepare(panel, plan_of(setting, panel), *span(panel), 1000.0, 0.03))
    short = setting.short
    table = random_table(
        job, every, setting.seed, gross if short else min(gross, 1.0), short, holds=0.2, before_costs=before_costs
    )
    equity = play_targets(job, table).equity
    assume(float(equity["equity"].min()) > 1.0)  # no book is ruined by a price that jumps tenfold
    found = play_targets(job, table).events
    assume(not found["condition"].isin(["cut", "reduced"]).any())  # an asset whose volatility is not known yet
    assert gap(job, table) < 1e-9


@pytest.mark.parametrize("fill_at", ["next_close", "next_open", "decision_close"])
@pytest.mark.parametrize("short", [False, True])
def test_it_agrees_wherever_orders_fill(fill_at, short):
    opens = CLOSES * np.exp(0.01 * np.random.default_rng(0).standard_normal(CLOSES.shape))
    fields = {"open": opens, "high": np.maximum(opens, CLOSES), "low": np.minimum(opens, CLOSES)}
    job = job_of(
        world(CLOSES, fields=fields),
        short,
        0.04,
        friction={"fill_at": fill_at},
        trusted_data={"fields": ("open", "high", "low", "close")},
    )
    for every in (1, 9):
        assert gap(job, random_table(job, every, gross=1.0, short=short, holds=0.1)) < EQUAL


def test_spreads_by_asset_fees_per_share_and_impact_are_paid_alike():
    panel = world(CLOSES)
    costs = {
        "half_spread_bps": StatedSpreads("stated", {"A00": 1.0, "A01": 30.0, "A02": 4.0, "A03": 9.0}),
        "commission_per_share": 0.01,
        "liquidity": StatedVolume("stated", dict.fromkeys(panel.assets, 2e4), "a guess made for this test", 0.1, 1.0),
    }
    for short in (False, True):
        job = job_of(panel, short, friction=costs, horizon={"bars": 50})
        job = replace(job, first=30)
        table = random_table(job, 1, gross=0.9, short=short)
        assert gap(job, table) < EQUAL
        paid = play_targets(job, table).fills[["commission", "spread", "impact"]].sum()
        assert (paid > 1.0).all()


def test_dividends_splits_and_payouts_are_posted_alike():
    splits = {(20, 0): 2.0, (41, 2): 0.1}
    closes = split_up(CLOSES, splits)
    closes[45:, 1] = np.nan
    panel = raw_world(
        closes,
        splits=splits,
        dividends={(12, 0): 1.0, (20, 0): 0.7, (30, 3): 2.0, (55, 3): 1.5},
        pay_after={(12, 0): 9, (55, 3): 3, (30, 3): 2},
        delistings=(Delisting(date(2018, 2, 15), "A01", 20.0),),
        ended={"A01": date(2018, 2, 15)},
    )
    for short, every in ((False, 1), (True, 1), (False, 8), (True, 8)):
        job = job_of(panel, short)
        table = random_table(job, every, gross=1.0, short=short, zeros=0.0)
        assert gap(job, table) < EQUAL
        told = play_targets(job, table).events["condition"]
        assert {"dividend", "split", "delisting"} <= set(told)


def test_what_leaves_the_universe_is_sold_alike():
    members = np.ones(CLOSES.shape, dtype=bool)
    members[25:, 2] = members[40:50, 0] = False
    job = job_of(replace(world(CLOSES), members=members))
    for every in (1, 6, 59):
        table = random_table(job, every, gross=0.9, zeros=0.0)
        assert gap(job, table) < EQUAL
    assert "left_universe" in set(play_targets(job, table).events["condition"])


@pytest.mark.parametrize("in_stress", ["flat", "reduce_only"])
def test_a_stressed_market_is_obeyed_alike(in_stress):
    job = job_of(world(CLOSES), short=True)
    regimes = np.where((np.arange(60) // 7) % 2 == 1, STRESSED, CALM)
    job = replace(job, terms=replace(job.terms, in_stress=in_stress, regimes=regimes))
    for every in (1, 5):
        assert gap(job, random_table(job, every, gross=0.9, short=True)) < EQUAL


def test_the_value_after_costs_solves_its_equation_at_any_cost():
    """Books turned around at a tenth of the notional a fill: V = E - c sum |w V - h|, by the weights that came."""
    job = job_of(world(CLOSES), short=True, friction={"commission_bps": 900.0, "fill_at": "decision_close"})
    weights = np.array([[1.2, -1.0, 1.1, -1.2], [0.1, 0.9, -1.4, 0.3], [-0.2, 0.8, -1.4, 0.2]])
    table = replace(random_table(job, 25), weights=weights)
    result = play_targets(job, table)
    np.testing.assert_allclose(result.weights_after_fill.iloc[[0, 25, 50]], weights, rtol=1e-9)
    assert float(result.equity["costs"].sum()) > 500.0
    assert gap(job, table) < EQUAL


def test_derivatives_of_the_twin_are_those_of_its_values():
    job = replace(job_of(world(CLOSES), short=True, risk_free=0.03), stop=31)
    table = random_table(job, 10, gross=0.8, short=True, zeros=0.0, holds=0.2)
    twin = Twin.of(job, table)
    weights = weights_of(table).requires_grad_()
    costs = [value.clone().requires_grad_() for value in (twin.frictions.commission_bps, twin.frictions.borrow_rate)]

    def equity(weights, commission, borrow):
        frictions = twin.frictions._replace(commission_bps=commission, borrow_rate=borrow)
        return twin.equity(weights, frictions)[::7] / 1000.0

    assert torch.autograd.gradcheck(equity, (weights, *costs), rtol=1e-6)


def test_a_book_that_buys_once_has_the_derivative_of_its_closed_form():
    """Bought for w V at the close, V = E / (1 + c w), held until its horizon: equity is V (1 - w + w P_t / P_0)."""
    job = job_of(world(CLOSES), friction={"commission_bps": 20.0, "half_spread_bps": 30.0, "fill_at": "decision_close"})
    table = replace(random_table(job, 60, zeros=0.0), weights=np.array([[0.6, 0.0, 0.0, 0.0]]))
    twin, growth = Twin.of(job, table), CLOSES[-2, 0] / CLOSES[0, 0]
    weights = weights_of(table).requires_grad_()
    final = twin.equity(weights)[-2]
    final.backward()
    value = 1000.0 / (1.0 + 0.005 * 0.6)
    assert float(final.detach()) == pytest.approx(value * (0.4 + 0.6 * growth), rel=1e-12)
    slope = value * (growth - 1.0) - value * 0.005 / (1.0 + 0.005 * 0.6) * (0.4 + 0.6 * growth)
    assert float(weights.grad[0, 0]) == pytest.approx(slope, rel=1e-10)
    # An asset that is neither held nor wanted: the cost of buying it and of selling it cancel.
    other = CLOSES[-2, 1] / CLOSES[0, 1]
    assert float(weights.grad[0, 1]) == pytest.approx(value * (other - 1.0), rel=1e-10)
