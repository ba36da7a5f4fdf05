"""Scenarios: closed forms of a known law, probabilities of rows, and what is refused."""

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT
from quantdl.risk import expected_shortfall, value_at_risk
from quantdl.risk.measures.scenarios import Scenarios

ASSETS = ("AAA", "BBB", "CCC")


def law(present=(True, True, False)):
    location, scale = torch.zeros(1, 3), torch.full((1, 3), 0.01)
    dependence = FactorStudentT(torch.tensor([5.0]), torch.ones(1, 3, 1))
    return CopulaForecast(AffineMarginals(location, scale), dependence, torch.tensor([present]))


def test_draws_of_a_law_have_its_quantiles_and_leave_its_absent_assets_unknown():
    drawn = Scenarios.of_law(law(), ASSETS, bars=1, n_draws=200_000, seed=1)
    assert drawn.known.tolist() == [True, True, False]
    exact = 1.0 - np.exp(-0.01 * stats.t(5).isf(0.01))
    assert float(drawn.value_at_risk(torch.tensor([1.0, 0.0, 0.0]), 0.99)) == pytest.approx(exact, rel=0.02)
    assert float(drawn.value_at_risk(torch.tensor([-1.0, 0.0, 0.0]), 0.99)) > exact  # gains of a log return are larger


def test_the_same_seed_gives_the_same_draws_and_touches_no_random_state():
    state = torch.get_rng_state()
    one, two, other = (Scenarios.of_law(law(), ASSETS, 1, 100, seed).returns[:, :2] for seed in (3, 3, 4))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_equal_probabilities_change_no_measure():
    returns = torch.randn(1000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).clamp(min=-1)
    books = torch.eye(3, dtype=torch.float64)
    plain, stated = (
        Scenarios(ASSETS, returns, 1),
        Scenarios(ASSETS, returns, 1, torch.full((1000,), 1e-3, dtype=torch.float64)),
    )
    for level in (0.5, 0.9, 0.95, 0.99, 0.999):
        torch.testing.assert_close(plain.value_at_risk(books, level), stated.value_at_risk(books, level))
        torch.testing.assert_close(plain.expected_shortfall(books, level), stated.expected_shortfall(books, level))
    assert plain.effective_number == 1000 and stated.effective_number == pytest.approx(1000)


def test_a_row_of_double_probability_counts_as_two_rows():
    losses = torch.tensor([0.5, 0.4, 0.3, 0.2, 0.1, 0.0], dtype=torch.float64)
    twice = torch.tensor([0.5, 0.4, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0], dtype=torch.float64)
    shares = torch.tensor([1.0, 2.0, 1.0, 1.0, 1.0, 2.0], dtype=torch.float64)
    for level in (0.5, 0.6, 0.75, 0.8):
        torch.testing.assert_close(value_at_risk(losses, level, shares), value_at_risk(twice, level))
        torch.testing.assert_close(expected_shortfall(losses, level, shares), expected_shortfall(twice, level))


def test_rows_drawn_from_another_law_and_weighted_back_have_the_quantiles_of_the_first():
    """Normal losses of mean 1 weighted by the likelihood ratio are standard normal ones."""
    drawn = torch.randn(400_000, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) + 1.0
    shares = torch.exp(0.5 - drawn)
    assert float(value_at_risk(drawn, 0.99, shares)) == pytest.approx(2.326348, abs=0.01)
    assert float(expected_shortfall(drawn, 0.99, shares)) == pytest.approx(2.665214, abs=0.01)


def test_a_tail_that_one_loss_fills_is_refused():
    with pytest.raises(ValueError, match=r"largest loss alone has a probability of 0\.02, and the tail holds 0\.01"):
        value_at_risk(torch.tensor([1.0, 0.0]), 0.99, torch.tensor([0.02, 0.98]))


def test_a_book_short_of_what_it_cannot_know_is_refused_by_name():
    drawn = Scenarios.of_law(law(), ASSETS, 1, 100, 0)
    with pytest.raises(ValueError, match="nothing is known of CCC, which the book holds"):
        drawn.losses(torch.tensor([0.5, 0.0, -0.1]))
    with pytest.raises(ValueError, match="one for each of 3 assets"):
        drawn.losses(torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize(
    ("returns", "probabilities", "message"),
    [
        (torch.zeros(4, 2).double(), None, r"returns must be \(S, 3\)"),
        (torch.zeros(4, 3), None, "float64"),
        (torch.tensor([[0.0, torch.nan, 0.0], [0.0, 0.1, 0.0]]).double(), None, "returns of BBB"),
        (torch.tensor([[0.0, 0.0, -1.5]]).double(), None, "returns of CCC"),
        (torch.zeros(2, 3).double(), torch.tensor([0.5, 0.6]).double(), "add to one"),
        (torch.zeros(2, 3).double(), torch.tensor([1.5, -0.5]).double(), "not negative"),
    ],
)
def test_scenarios_that_do_not_fit_are_refused(returns, probabilities, message):
    with pytest.raises(ValueError, match=message):
        Scenarios(ASSETS, returns, 1, probabilities)


def test_the_derivative_of_the_shortfall_is_the_mean_loss_of_each_asset_in_the_tail():
    returns = torch.tensor([[-0.5, 0.1], [-0.3, -0.2], [0.1, 0.0], [0.2, 0.3]], dtype=torch.float64)
    weights = torch.tensor([0.6, 0.4], dtype=torch.float64, requires_grad=True)
    Scenarios(("A", "B"), returns, 1).expected_shortfall(weights, 0.5).backward()
    torch.testing.assert_close(weights.grad, -returns[:2].mean(0))
