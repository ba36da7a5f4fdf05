"""Derivatives by the twin are those that reruns of the compiled engine show."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import break_even_cost_bps, capacities, play_targets, sensitivities
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.spreads import StatedSpreads
from tests.backtest.sensitivity.books import FIGURES, by_rerun, job_of, other_costs, other_weight, random_table
from tests.backtest.worlds import random_walk, world

CLOSES = random_walk(150, 4, seed=4, volatility=0.02)
# Central differences of the engine's figures: the error of a step is of its square, that of rounding of its inverse.
# Both stay below this share of the largest derivative of a figure.
TOLERANCE = 2e-6


def settings():
    panel = world(CLOSES)
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 2e4), "a guess made for this test", 0.1, 0.8)
    spreads = StatedSpreads("stated", {"A00": 1.0, "A01": 30.0, "A02": 4.0, "A03": 9.0})
    return {
        "long-only, cash that does not always reach": (False, 1.0, {}),
        "long and short, by the next close": (True, 0.9, {"friction": {"half_spread_bps": spreads}}),
        "at the deciding close": (True, 0.9, {"friction": {"fill_at": "decision_close"}}),
        "with impact": (False, 0.9, {"friction": {"liquidity": volume}}),
        "of equity before costs": (True, 0.9, {"friction": {"commission_bps": 50.0}}),
    }


def book(name):
    short, gross, items = settings()[name]
    job = replace(job_of(world(CLOSES), short, **items), first=30)
    zeros = 0.0 if name != "with impact" else 0.2
    before = name == "of equity before costs"
    return job, random_table(job, 6, gross=gross, short=short, zeros=zeros, before_costs=before)


def close(found, expected, scale):
    assert np.isfinite(found).all()
    assert (np.abs(found - expected) <= TOLERANCE * scale).all(), (found, expected)


@pytest.mark.parametrize("name", list(settings()))
def test_derivatives_by_weight_are_those_of_reruns(name):
    job, table = book(name)
    found = sensitivities(job, table).by_weight
    scale = np.array([np.abs(found[figure].to_numpy()).max() for figure in FIGURES])
    for row, column in ((0, 0), (3, 1), (9, 2), (14, 3), (19, 0)):
        if table.weights[row, column] == 0.0:
            continue  # a long-only book has one side only
        slopes = np.array([found[figure].iloc[row, column] for figure in FIGURES])
        close(slopes, by_rerun(job, table, other_weight(row, column), 1e-5), scale)


STEPS = {"commission_bps": 1e-2, "commission_per_share": 1e-5, "borrow_rate": 1e-4, "impact_coefficient": 1e-4}


@pytest.mark.parametrize("name", list(settings()))
def test_derivatives_by_costs_are_those_of_reruns(name):
    job, table = book(name)
    found = sensitivities(job, table).by_friction[list(FIGURES)]
    # Of all assets at once the half-spread is paid like a commission.
    np.testing.assert_allclose(found.loc["half_spread_bps"], found.loc["commission_bps"], rtol=1e-9)
    there = {"commission_bps", "half_spread_bps", "commission_per_share"}
    there |= {"borrow_rate"} if table.weights.min() < 0 else set()
    assert set(found.index) == there | ({"impact_coefficient"} if name == "with impact" else set())
    for row in found.index.drop("half_spread_bps"):
        expected = by_rerun(job, table, other_costs(row), STEPS[row])
        size = np.abs(expected)  # a slope near zero is known less well than the others: reruns are rounded alike
        close(found.loc[row].to_numpy(), expected, np.maximum(size, 1e-4 * size.max()))


def test_derivatives_by_the_spread_of_one_asset_are_those_of_reruns():
    job, table = book("long and short, by the next close")
    found = sensitivities(job, table).by_spread

    def change(job, table, step):
        spreads = job.terms.half_spreads.copy()
        spreads[:, 1] += step / 1e4
        return replace(job, terms=replace(job.terms, half_spreads=spreads)), table

    expected = by_rerun(job, table, change, 1e-2)
    close(found.loc["A01", list(FIGURES)].to_numpy(), expected, np.abs(expected))


def test_costs_cost_more_where_more_is_traded():
    """A basis point takes turnover in multiples of equity off the log of final wealth, to first order."""
    job, table = book("long and short, by the next close")
    found = sensitivities(job, table)
    turnover = float(found.result.equity["turnover"].sum())
    assert found.by_friction.loc["commission_bps", "log_wealth"] == pytest.approx(-turnover / 1e4, rel=0.02)


def test_the_search_for_the_break_even_cost_goes_along_the_same_slope():
    """Near the cost where the profit is gone, growth is slope times what is left until there."""
    panel = world(np.exp(0.001 * np.arange(150))[:, None] * random_walk(150, 4, seed=4, volatility=0.01))
    job = replace(job_of(panel), first=30)
    table = random_table(job, 6, zeros=0.0)
    found = break_even_cost_bps(job, lambda other: play_targets(other, table), tolerance_bps=1e-4)
    near = other_costs("commission_bps")(job, table, found.bps - 0.2 - 10.0)[0]  # the plan states 5 and 5
    here = sensitivities(near, table)
    assert here.by_friction.loc["commission_bps", "log_wealth"] == pytest.approx(
        -here.figures["log_wealth"] / 0.2, rel=2e-3
    )


def test_capacity_is_where_impact_takes_half_of_the_gross_profit():
    """The profit lost to impact is coefficient times slope, in a book so small that the loss changes nothing else."""
    panel = world(np.exp(0.002 * np.arange(150))[:, None] * random_walk(150, 4, seed=4, volatility=0.01))
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 1e12), "a guess made for this test", 0.1, 1.0)
    costs = {"commission_bps": 0.0, "half_spread_bps": 0.0, "liquidity": volume}
    job = replace(job_of(panel, friction=costs), first=30)
    table = random_table(job, 6, zeros=0.0)
    found = sensitivities(job, table)
    final, slope = found.result.final_equity, found.by_friction.loc["impact_coefficient", "log_wealth"]
    lost, profit = -slope * final, final - 1000.0
    (capacity,) = (item for item in capacities(found.result) if item.coefficient == 1.0)
    # A book k times as large loses k to the power 3/2 times as much: half of k profits at k = (profit / 2 lost)^2.
    # What is lost early would have grown along (8 % here, twice that in the square), which the capacity leaves out.
    assert capacity.equity == pytest.approx(1000.0 * (profit / (2.0 * lost)) ** 2, rel=0.2)


def test_a_hold_has_no_derivative():
    job = replace(job_of(world(CLOSES)), first=30)
    table = random_table(job, 6, holds=0.3)
    found = sensitivities(job, table).by_weight["log_wealth"]
    assert (found.isna().all(axis=1) == np.isnan(table.weights).all(axis=1)).all()
    assert found.index.equals(job.tape.sessions[table.sessions].rename(found.index.name))


def test_a_level_that_is_none_is_refused():
    job = job_of(world(CLOSES))
    with pytest.raises(ValueError, match="level must lie strictly between 0 and 1, got 1.5"):
        sensitivities(job, random_table(job), level=1.5)
