"""Factors divide the loss of a book without a rest, and find those that the returns were made of."""

import numpy as np
import pytest
import torch

from quantdl.risk.book.factor_exposures import MARKET, OWN, factor_contributions
from quantdl.risk.measures.scenarios import Scenarios

GROUPS = ["x"] * 20 + ["y"] * 20


def factor_market(n_draws: int = 20_000) -> tuple[Scenarios, np.ndarray]:
    """Forty assets of two groups: a market with slopes around one, a factor a group, and moves of their own."""
    random = np.random.default_rng(3)
    slopes = random.uniform(0.6, 1.4, 40)
    market, own = 0.01 * random.standard_normal((n_draws, 1)), 0.01 * random.standard_normal((n_draws, 40))
    groups = 0.006 * random.standard_normal((n_draws, 2)).repeat(20, axis=1)
    return Scenarios(tuple(f"S{n}" for n in range(40)), torch.from_numpy(market * slopes + groups + own), 1), slopes


@pytest.mark.parametrize("measure", ["value_at_risk", "expected_shortfall"])
def test_components_of_factors_add_up_to_the_book(measure):
    scenarios, _ = factor_market()
    weights = torch.linspace(-0.02, 0.06, 40).double()
    found = factor_contributions(measure, scenarios, weights, GROUPS, 0.975)
    assert [one.factor for one in found] == [MARKET, "x", "y", OWN]
    total = float(getattr(scenarios, measure)(weights, 0.975))
    assert sum(one.component for one in found) == pytest.approx(total, rel=1e-9)


def test_the_exposure_to_the_market_is_the_weighted_slope():
    scenarios, slopes = factor_market()
    weights = torch.full((40,), 1.0 / 40).double()
    found = factor_contributions("expected_shortfall", scenarios, weights, GROUPS, 0.975)
    assert found[0].exposure == pytest.approx(float(slopes.mean() / slopes.mean()), abs=0.01)
    assert found[0].component > 0.95 * sum(one.component for one in found)  # equal weight is the market
    tilted = torch.from_numpy(np.where(np.arange(40) < 20, 0.05, -0.05))
    neutral = factor_contributions("expected_shortfall", scenarios, tilted, GROUPS, 0.975)
    assert abs(neutral[1].component + neutral[2].component) > abs(neutral[0].component)


def test_a_book_of_one_asset_alone_in_its_group_has_the_market_and_its_own_moves():
    scenarios, _ = factor_market()
    weights = torch.zeros(40).double()
    weights[0] = 1.0
    found = factor_contributions("value_at_risk", scenarios, weights, ["only", *[""] * 39], 0.975)
    assert [one.factor for one in found] == [MARKET, OWN]
    assert found[1].exposure is None
