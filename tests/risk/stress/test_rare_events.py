"""Rare events: closed forms of normal and Student-t laws, laws without one, and what is refused."""

import math

import pytest
import torch
from scipy import stats

from quantdl.distributions import (
    AffineMarginals,
    CopulaForecast,
    FactorNormalMixture,
    JohnsonSUMarginals,
    MixtureForecast,
)
from quantdl.risk.measures.losses import draw_returns
from quantdl.risk.stress.rare_events import PortfolioEvent, draws_given, log_density
from tests.risk.stress.known_laws import NORMAL, law, scatter

TINY = 1e-5  # returns so small that simple and log returns are the same to five digits
A = 6


def portfolio(count=A):
    return torch.linspace(0.5, 1.5, count, dtype=torch.float64) / count


def deviation(weights, size=TINY):
    return float((weights @ scatter(len(weights), size) @ weights).sqrt())


def mean_beyond(degrees, far):
    """Mean of a standard variable given that it is beyond ``far``."""
    if degrees == NORMAL:
        return stats.norm.pdf(far) / stats.norm.sf(far)
    known = stats.t(degrees)
    return (degrees + far**2) / (degrees - 1) * known.pdf(far) / known.sf(far)


@pytest.mark.parametrize("degrees", [NORMAL, 4.0])
@pytest.mark.parametrize("far", [2.0, 4.0, 10.0])
def test_probability_and_conditional_means_of_elliptical_laws_are_exact_within_their_errors(degrees, far):
    weights = portfolio()
    given = draws_given(law(A, degrees, TINY), PortfolioEvent(weights, -far * deviation(weights)), 8000, 1)
    exact = stats.norm.sf(far) if degrees == NORMAL else stats.t(degrees).sf(far)
    assert given.probability == pytest.approx(exact, abs=4.5 * given.probability_error, rel=3e-4)
    assert given.probability_error < 0.07 * exact
    assert given.effective_number > 200
    slope = scatter(A, TINY) @ weights / deviation(weights)
    mean, expected = given.mean(given.log_returns), -mean_beyond(degrees, far) * slope
    errors = torch.tensor([given.error(own) for own in given.log_returns.T], dtype=torch.float64)
    assert bool(((mean - expected).abs() < 5.0 * errors).all())
    book = given.log_returns @ weights
    assert float(given.mean(book)) == pytest.approx(float(expected @ weights), abs=4.5 * given.error(book), rel=3e-4)


@pytest.mark.parametrize("degrees", [NORMAL, 5.0])
@pytest.mark.parametrize("far", [1.5, 5.0])
def test_the_law_given_exactly_a_return_has_the_mean_and_covariance_of_the_closed_form(degrees, far):
    weights = portfolio()
    value = -far * deviation(weights)
    given = draws_given(law(A, degrees, TINY), PortfolioEvent(weights, value, "equal"), 40_000, 2)
    counted = given.log_returns[given.weights > 0]
    assert (torch.expm1(counted) @ weights / value - 1.0).abs().max() < 1e-9
    along = scatter(A, TINY) @ weights
    mean = given.mean(given.log_returns)
    assert (mean - along * value / deviation(weights) ** 2).abs().max() < 0.12 * TINY * (
        1 if degrees == NORMAL else far
    )
    left = scatter(A, TINY) - torch.outer(along, along) / deviation(weights) ** 2
    wider = 1.0 if degrees == NORMAL else (degrees + far**2) / (degrees + 1) * (degrees + 1) / (degrees - 1)
    away = given.log_returns - mean
    found = (given.weights[:, None] * away).T @ away
    assert ((found - wider * left).abs().max() / (wider * left).diagonal().max()) < 0.12


def test_a_gain_is_the_loss_of_the_portfolio_sold_short():
    weights = portfolio()
    value = 3.0 * deviation(weights)
    up = draws_given(law(A, 4.0, TINY), PortfolioEvent(weights, value, "at_least"), 4000, 3)
    down = draws_given(law(A, 4.0, TINY), PortfolioEvent(-weights, -value), 4000, 3)
    assert up.probability == down.probability and torch.equal(up.log_returns, down.log_returns)


def test_a_single_asset_is_known_in_simple_returns():
    own = law(A, 4.0, 0.02)
    weights = torch.zeros(A, dtype=torch.float64)
    weights[2] = 1.0
    given = draws_given(own, PortfolioEvent(weights, -0.3), 6000, 4)
    exact = stats.t(4).cdf(math.log(0.7) / float(scatter(A, 0.02)[2, 2].sqrt()))
    assert given.probability == pytest.approx(exact, abs=4.5 * given.probability_error)
    assert given.effective_number > 200


def skewed(dtype=torch.float64):
    states = FactorNormalMixture(
        log_weights=torch.tensor([[0.95, 0.05]], dtype=dtype).log(),
        variance=torch.tensor([0.8, 4.0], dtype=dtype),
        shock_mean=torch.tensor([[0.1, -1.5]], dtype=dtype),
        shock_variance=torch.tensor([[0.1, 0.5]], dtype=dtype),
        exposures=torch.ones(1, A, dtype=dtype),
        loadings=torch.full((1, A, 2), 0.5, dtype=dtype),
    )
    margins = AffineMarginals(torch.zeros(1, A, dtype=dtype), torch.full((1, A), TINY, dtype=dtype))
    return CopulaForecast(margins, states, torch.ones(1, A, dtype=torch.bool))


@pytest.mark.parametrize("far", [4.0, 9.0])
def test_a_skewed_law_of_market_states_has_its_closed_form_probability(far):
    weights = torch.full((A,), 1.0 / A, dtype=torch.float64)
    book = skewed().weighted_sum(weights[None, None])
    value = -far * TINY
    given = draws_given(skewed(), PortfolioEvent(weights, value), 8000, 5)
    exact = float(book.cdf(torch.tensor([[value]], dtype=torch.float64)))
    assert given.probability == pytest.approx(exact, abs=4.5 * given.probability_error, rel=2e-3)
    assert given.effective_number > 80


def test_each_asset_s_own_tails_do_not_stand_in_the_way():
    """Margins bent far out over market states: the probability is that of a hundred thousand plain draws."""
    states, count = skewed().dependence, torch.full((1, A), 2.0, dtype=torch.float64)
    margins = JohnsonSUMarginals(0.0 * count, 0.01 * count, count, 0.0 * count)
    bent = CopulaForecast(margins, states, torch.ones(1, A, dtype=torch.bool))
    event = PortfolioEvent(torch.full((A,), 1.0 / A, dtype=torch.float64), -0.15)
    given = draws_given(bent, event, 8000, 5)
    plain = float((event.portfolio(draw_returns(bent, 100_000, 6)[:, 0]) <= -0.15).double().mean())
    assert 1e-4 < plain < 2e-2
    assert given.probability == pytest.approx(plain, abs=4.5 * (given.probability_error + (plain / 100_000) ** 0.5))
    assert given.effective_number > 200


def test_the_log_density_of_many_returns_is_that_of_the_law_repeated():
    drawn = 2 * TINY * torch.randn(40, A, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mixed = MixtureForecast([law(A, 4.0, TINY), skewed()], torch.tensor([0.3, 0.7]))
    for one in (law(A, 4.0, TINY), skewed(), mixed):
        repeated = one.rows(torch.zeros(40, dtype=torch.long)).log_prob(drawn).double()
        torch.testing.assert_close(log_density(one, drawn), repeated, rtol=1e-10, atol=1e-10)


def test_the_same_seed_gives_the_same_draws_and_touches_no_random_state():
    state, event = torch.get_rng_state(), PortfolioEvent(portfolio(), -5 * deviation(portfolio()))
    one, two, other = (draws_given(law(A, 4.0, TINY), event, 1000, seed).log_returns for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_event_that_cannot_happen_leaves_no_effective_draw():
    given = draws_given(law(A, NORMAL, TINY), PortfolioEvent(portfolio(), -0.9999), 1000, 1)
    assert given.effective_number < 20 and given.probability < 1e-100


def test_laws_of_several_rows_and_weights_of_other_assets_are_refused():
    two = law(A).rows(torch.tensor([0, 0]))
    with pytest.raises(ValueError, match="one row"):
        draws_given(two, PortfolioEvent(portfolio(), -0.1), 1000, 1)
    with pytest.raises(ValueError, match="one for each of 6 assets"):
        draws_given(law(A), PortfolioEvent(portfolio(5), -0.1), 1000, 1)
