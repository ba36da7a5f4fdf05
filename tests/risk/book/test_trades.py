"""Trades and hedges against closed forms: under an elliptical law the least shortfall is the least variance."""

import numpy as np
import pytest
import torch

from quantdl.risk.book.trades import best_hedge, hedge_with, what_if
from quantdl.risk.measures.scenarios import Scenarios
from tests.risk.book.test_contributions import ASSETS, WEIGHTS, closed_form, covariance, elliptical


def least_variance_weight(asset: int) -> float:
    """Minus the slope of the book on the instrument: where the variance of the two together is least."""
    own = covariance()
    return -float((own @ WEIGHTS)[asset] / own[asset, asset])


def test_the_hedge_under_an_elliptical_law_is_the_slope_of_the_book_on_the_instrument():
    scenarios = elliptical(np.inf, 1)
    for asset in (0, 3):
        found = hedge_with(scenarios, torch.from_numpy(WEIGHTS), ASSETS[asset], 0.975)
        assert found.weight == pytest.approx(least_variance_weight(asset), abs=0.02)
        hedged = WEIGHTS + found.weight * np.eye(6)[asset]
        deviation = np.sqrt(hedged @ covariance() @ hedged) / np.sqrt(WEIGHTS @ covariance() @ WEIGHTS)
        truth = deviation * closed_form("expected_shortfall", np.inf, 0.975).sum()
        assert found.expected_shortfall.after == pytest.approx(truth, rel=0.02)


def test_no_other_amount_of_the_instrument_has_a_smaller_shortfall():
    scenarios = elliptical(4.0, 2, 20_000)
    found = hedge_with(scenarios, torch.from_numpy(WEIGHTS), "C", 0.99)
    for other in np.linspace(found.weight - 0.5, found.weight + 0.5, 41):
        trade = torch.from_numpy(WEIGHTS + other * np.eye(6)[2])
        assert float(scenarios.expected_shortfall(trade, 0.99)) >= found.expected_shortfall.after - 1e-8


def test_the_best_instrument_is_the_one_that_explains_most_of_the_book():
    own = covariance()
    explained = (own @ WEIGHTS) ** 2 / np.diag(own)
    found = best_hedge(elliptical(np.inf, 3, 50_000), torch.from_numpy(WEIGHTS), 0.975)
    assert found.asset == ASSETS[int(explained.argmax())]
    assert found.expected_shortfall.difference < 0
    among = best_hedge(elliptical(np.inf, 3, 20_000), torch.from_numpy(WEIGHTS), 0.975, ["E", "F"])
    assert among.asset in "EF"


def test_a_book_of_one_asset_is_hedged_by_selling_it():
    scenarios = elliptical(4.0, 4, 20_000)
    found = hedge_with(scenarios, torch.tensor([0.4, 0, 0, 0, 0, 0]).double(), "A", 0.99)
    assert found.weight == pytest.approx(-0.4, abs=1e-5)
    assert found.expected_shortfall.after == pytest.approx(0.0, abs=1e-6)


def test_the_error_of_a_difference_is_its_spread_over_repeated_simulations():
    trade = torch.tensor([0, 0, 0, -0.1, 0, 0]).double()
    found = [what_if(elliptical(4.0, seed, 10_000), torch.from_numpy(WEIGHTS), trade, 0.975) for seed in range(60)]
    for measure in ("value_at_risk", "expected_shortfall"):
        changes = [getattr(one, measure) for one in found]
        spread = np.std([one.difference for one in changes], ddof=1)
        stated = np.mean([one.error for one in changes])
        assert 0.7 < stated / spread < 1.4
        assert spread < 0.6 * np.std([one.after for one in changes], ddof=1)  # the same draws: far below the figures'


def test_no_trade_changes_nothing():
    found = what_if(elliptical(4.0, 5, 10_000), torch.from_numpy(WEIGHTS), torch.zeros(6), 0.99)
    for change in (found.value_at_risk, found.expected_shortfall):
        assert change.difference == change.error == 0.0


def test_what_nothing_is_known_of_hedges_nothing():
    returns = torch.stack([torch.randn(2000).double() * 0.01, torch.full((2000,), torch.nan).double()], dim=1)
    scenarios = Scenarios(("A", "NEW"), returns, 1)
    with pytest.raises(ValueError, match="nothing is known of NEW"):
        hedge_with(scenarios, torch.tensor([1.0, 0.0]), "NEW")
    assert best_hedge(scenarios, torch.tensor([1.0, 0.0]), 0.95).asset == "A"


def test_an_instrument_that_gains_in_every_tail_has_no_best_amount():
    returns = torch.stack([torch.randn(2000).double() * 0.01, torch.full((2000,), 0.01).double()], dim=1)
    with pytest.raises(ValueError, match="no amount of SURE is best"):
        hedge_with(Scenarios(("A", "SURE"), returns, 1), torch.tensor([1.0, 0.0]), "SURE", 0.95)


def test_an_instrument_without_a_best_amount_is_left_out_of_the_candidates():
    own = torch.randn(2000, generator=torch.Generator().manual_seed(1)).double() * 0.01
    returns = torch.stack([own, torch.full((2000,), 0.01).double()], dim=1)
    scenarios = Scenarios(("A", "SURE"), returns, 1)
    assert best_hedge(scenarios, torch.tensor([1.0, 0.0]), 0.95).asset == "A"
    assert best_hedge(scenarios, torch.tensor([1.0, 0.0]), 0.95, ["SURE"]) is None


def test_the_error_of_a_difference_counts_the_probabilities_of_the_draws():
    """Normal returns drawn three times as wide and weighted back: the spread over repeated simulations."""
    weights, trade, found = torch.tensor([1.0, 0.0]).double(), torch.tensor([-0.3, 0.3]).double(), []
    for seed in range(60):
        drawn = torch.from_numpy(np.random.default_rng(seed).standard_normal((10_000, 2)) * 0.03)
        logs = -0.5 * (drawn / 0.01).square().sum(1) + 0.5 * (drawn / 0.03).square().sum(1)
        found.append(what_if(Scenarios(("A", "B"), drawn, 1, logs.softmax(0)), weights, trade, 0.99).value_at_risk)
    spread = np.std([one.difference for one in found], ddof=1)
    assert 0.7 < np.mean([one.error for one in found]) / spread < 1.4
