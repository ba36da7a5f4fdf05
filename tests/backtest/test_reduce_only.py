"""A plan that only reduces under stress: what was decided in calm adds to nothing while the stress lasts."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import Decision
from quantdl.backtest.plan.friction import StatedVolume
from tests.backtest.judged import failed, judged
from tests.backtest.test_orders_on_bars import Script
from tests.backtest.worlds import NO_COSTS, plan_for, random_walk, run, world

STRESS = {"window_bars": 5, "calm_below": 0.05, "stressed_above": 0.5}
REDUCE = STRESS | {"in_stress": "reduce_only"}


def storm(begins=20, ends=40, n=60):
    """Closes (n, 2) of which the second swings by 8 % a session from `begins` to `ends`, and the first stands still."""
    closes = np.full((n, 2), 100.0)
    closes[begins:ends, 1] = 100 * np.cumprod(np.tile([1.08, 0.92], n))[: ends - begins]
    closes[ends:, 1] = closes[ends - 1, 1]
    return closes


def stressed(result):
    """Sessions whose market was stressed as of the close before them."""
    return (result.regimes["regime"] == "stressed").to_numpy()


def rows_of(result):
    return result.equity.index.get_indexer(result.fills["session"])


def test_an_order_for_what_was_silent_fills_after_the_stress_and_not_in_it():
    """Decided at the close of session 18; the share is silent until session 30, and the market stressed by then."""
    closes = storm()
    closes[19:30, 0] = np.nan
    calm, reduced = (
        run(world(closes), Script({18: Decision(np.array([0.4, 0.0]), "rebalance")}), friction=NO_COSTS,
            abnormal_volatility=STRESS | {"in_stress": does})
        for does in ("trade", "reduce_only")
    )  # fmt: skip
    assert rows_of(calm).tolist() == [30]
    (filled,) = rows_of(reduced).tolist()
    assert filled > 40 and stressed(reduced)[filled - 1] and not stressed(reduced)[filled]
    assert reduced.fills["quantity"].tolist() == [4.0]


@pytest.mark.parametrize("fill_at", ["next_close", "decision_close"])
def test_what_the_volume_left_of_a_purchase_waits_until_the_stress_is_over(fill_at):
    """Ten of money a session, of 400 that were decided two sessions before the storm."""
    volume = StatedVolume("stated", dict.fromkeys(("A00", "A01"), 100.0), "a guess made for this test", 0.1, 0.0)
    panel = world(storm())
    items = {
        "friction": NO_COSTS | {"liquidity": volume, "fill_at": fill_at},
        "fast_exit": {"max_sessions": 50},
        "horizon": {"bars": 59},
        "sample": {"minimum_sessions": 60},
    }
    given = {18: Decision(np.array([0.4, 0.0]), "rebalance")}
    result = run(panel, Script(given), abnormal_volatility=REDUCE, **items)
    filled, before = rows_of(result), stressed(result)
    under = np.append(before[1:], before[-1]) if fill_at == "decision_close" else before  # known when orders fill
    assert under.any() and 0 < (filled < 24).sum() < 6 and (filled > 40).any()
    assert not under[filled].any()
    plan = plan_for(panel, abnormal_volatility=REDUCE, **items)
    assert "abnormal_volatility" not in failed(judged(plan, result, panel))
    went_on = run(panel, Script(given), abnormal_volatility=STRESS | {"in_stress": "trade"}, **items)
    begins = int(np.flatnonzero(under & before)[0])
    inside = rows_of(went_on)
    count = int((under & before)[inside].sum())
    cause = failed(judged(plan, went_on, panel))["abnormal_volatility"]
    day = panel.sessions[begins]
    assert cause == f"positions grew in {count} stressed sessions, the first on {day:%Y-%m-%d}"


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([None, 300.0]))
def test_no_position_grows_in_a_session_that_may_only_reduce(seed, volume):
    generator = np.random.default_rng(seed)
    closes = random_walk(60, 3, seed, 0.005)
    closes[20:45] *= np.exp(0.06 * generator.standard_normal((25, 3)))
    closes[1:][generator.random((59, 3)) < 0.1] = np.nan

    class Restless:
        def decide(self, view):
            draw = np.random.default_rng([seed, len(view.sessions)])
            weights = draw.dirichlet(np.ones(3)) * 0.9
            weights = np.where(view.listed, np.minimum(weights, 0.6), 0.0)
            return Decision(weights, "rebalance") if draw.random() < 0.4 else None

    friction, assets = {}, ("A00", "A01", "A02")
    if volume is not None:
        stated = StatedVolume("stated", dict.fromkeys(assets, volume), "a guess made for this test", 0.2, 0.0)
        friction = {"liquidity": stated}
    result = run(
        world(closes), Restless(), friction=friction, abnormal_volatility=REDUCE,
        fast_exit={"max_sessions": 1 if volume is None else 20}, related_positions={"max_group_gross": 0.95},
    )  # fmt: skip
    held = np.abs(result.quantities.to_numpy())
    grown = held[1:] > held[:-1] * (1 + 1e-9) + 1e-9
    assert not grown[stressed(result)[1:]].any()
