"""Contributions are those of the closed forms of elliptical laws; that they add up alone would prove nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import optimize, stats

from quantdl.portfolio import risk_contributions
from quantdl.risk.book.contributions import (
    expected_shortfall_contributions,
    group_contributions,
    incremental,
    parts_of,
    value_at_risk_contributions,
)
from quantdl.risk.measures.losses import expected_shortfall, value_at_risk, value_at_risk_error
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.measures.streaming import streamed_risk
from quantdl.risk.undefined import Undefined

WEIGHTS = np.array([0.3, 0.2, -0.1, 0.25, 0.15, 0.1])
ASSETS = tuple("ABCDEF")
DIVIDED = {"value_at_risk": value_at_risk_contributions, "expected_shortfall": expected_shortfall_contributions}


def covariance() -> np.ndarray:
    moves = np.random.default_rng(5).normal(size=(6, 6))
    return 1e-4 * (moves @ moves.T) / 6


def elliptical(freedom: float, seed: int, n_draws: int = 100_000) -> Scenarios:
    random = np.random.default_rng(seed)
    draws = random.multivariate_normal(np.zeros(6), covariance(), size=n_draws)
    if np.isfinite(freedom):
        draws = draws / np.sqrt(random.chisquare(freedom, size=n_draws) / freedom)[:, None]
    return Scenarios(ASSETS, torch.from_numpy(draws), 1)


def closed_form(measure: str, freedom: float, level: float) -> np.ndarray:
    r"""Components :math:`w_i (\Sigma w)_i / \sigma` times the standard law's quantile, or shortfall."""
    law = stats.t(freedom) if np.isfinite(freedom) else stats.norm
    quantile = law.ppf(level)
    beyond = law.pdf(quantile) / (1 - level)
    if np.isfinite(freedom):
        beyond *= (freedom + quantile**2) / (freedom - 1)
    deviation = np.sqrt(WEIGHTS @ covariance() @ WEIGHTS)
    return (quantile if measure == "value_at_risk" else beyond) * WEIGHTS * (covariance() @ WEIGHTS) / deviation


@pytest.mark.parametrize("freedom", [np.inf, 4.0])
@pytest.mark.parametrize("level", [0.975, 0.99])
@pytest.mark.parametrize("measure", DIVIDED)
def test_components_are_those_of_the_elliptical_closed_form_within_their_errors(measure, freedom, level):
    truth = closed_form(measure, freedom, level)
    for seed in (1, 2):
        found = DIVIDED[measure](elliptical(freedom, seed), torch.from_numpy(WEIGHTS), level)
        distance = (found.component.numpy() - truth) / found.error.numpy()
        assert np.abs(distance).max() < 4.0
        assert (found.error.numpy() < 0.02 * truth.sum()).all()


def test_components_are_those_of_a_skewed_mixture_of_normals_in_closed_form():
    """Two states, a common fall in one: not elliptical, and the mean of a position given the book's loss no line."""
    chance, shift = np.array([0.9, 0.1]), np.array([np.zeros(6), -0.02 * np.linspace(0.2, 1.8, 6)])
    spread = np.stack([covariance(), 3.0 * covariance()])
    random, level = np.random.default_rng(2), 0.975
    state = random.choice(2, size=200_000, p=chance)
    draws = random.standard_normal((200_000, 6))
    draws = shift[state] + np.einsum("nij,nj->ni", np.linalg.cholesky(spread)[state], draws)
    middle, deviation = -shift @ WEIGHTS, np.sqrt(np.einsum("i,kij,j->k", WEIGHTS, spread, WEIGHTS))
    law = stats.norm(middle, deviation)
    quantile = optimize.brentq(lambda loss: float(chance @ law.sf(loss)) - (1 - level), 0.0, 0.5)
    slope = np.einsum("i,kij,j->ki", WEIGHTS, spread, WEIGHTS) / deviation[:, None] ** 2
    own = -shift * WEIGHTS
    at_quantile = chance * law.pdf(quantile) / float(chance @ law.pdf(quantile))
    of_quantile = at_quantile @ (own + slope * (quantile - middle)[:, None])
    beyond = (law.sf(quantile)[:, None] * own + slope * (deviation**2 * law.pdf(quantile))[:, None]) * chance[:, None]
    scenarios = Scenarios(ASSETS, torch.from_numpy(draws), 1)
    for measure, truth in (("value_at_risk", of_quantile), ("expected_shortfall", beyond.sum(0) / (1 - level))):
        found = DIVIDED[measure](scenarios, torch.from_numpy(WEIGHTS), level)
        miss = found.component.numpy() - truth
        assert np.abs(miss / found.error.numpy()).max() < 4.0
        assert np.abs(miss).max() < 0.01 * truth.sum()


def test_the_stated_errors_are_the_spread_over_repeated_simulations():
    """Twelve simulations of six positions: the mean square of the standardised misses has a deviation of about .25."""
    for measure, divided in DIVIDED.items():
        truth = closed_form(measure, 4.0, 0.975)
        misses = []
        for seed in range(12):
            found = divided(elliptical(4.0, seed, 20_000), torch.from_numpy(WEIGHTS), 0.975)
            misses.append((found.component.numpy() - truth) / found.error.numpy())
        assert 0.6 < np.sqrt(np.mean(np.square(misses))) < 1.5


@pytest.mark.parametrize("measure", DIVIDED)
def test_components_add_up_to_the_measure_itself(measure):
    scenarios = elliptical(4.0, 3, 20_000)
    found = DIVIDED[measure](scenarios, torch.from_numpy(WEIGHTS), 0.99)
    measured = getattr(scenarios, measure)(torch.from_numpy(WEIGHTS), 0.99)
    assert found.total == pytest.approx(float(measured), rel=1e-12)
    assert float(found.component.sum()) == pytest.approx(found.total, rel=1e-10)


def test_marginal_shortfall_is_the_gradient_of_the_measure_in_the_weights():
    scenarios, weights = elliptical(4.0, 4, 10_000), torch.from_numpy(WEIGHTS).requires_grad_()
    (gradient,) = torch.autograd.grad(scenarios.expected_shortfall(weights, 0.985), weights)
    found = expected_shortfall_contributions(scenarios, weights.detach(), 0.985)
    torch.testing.assert_close(found.marginal, gradient, rtol=1e-12, atol=0.0)


def test_marginal_risk_is_what_a_small_position_more_adds():
    scenarios, step = elliptical(np.inf, 6), 0.02
    for measure, divided in DIVIDED.items():
        marginal = divided(scenarios, torch.from_numpy(WEIGHTS), 0.975).marginal
        more = torch.from_numpy(WEIGHTS + step * np.eye(6)[1]), torch.from_numpy(WEIGHTS - step * np.eye(6)[1])
        slope = float(getattr(scenarios, measure)(more[0], 0.975) - getattr(scenarios, measure)(more[1], 0.975))
        assert slope / (2 * step) == pytest.approx(float(marginal[1]), rel=0.03)


def test_unequal_probabilities_count_as_rows_repeated():
    random = np.random.default_rng(8)
    draws, times = random.standard_t(5, size=(2000, 6)) * 0.01, random.integers(1, 4, size=2000)
    once = Scenarios(ASSETS, torch.from_numpy(draws), 1, torch.from_numpy(times / times.sum()))
    repeated = Scenarios(ASSETS, torch.from_numpy(np.repeat(draws, times, axis=0)), 1)
    for divided in DIVIDED.values():
        own, other = (divided(each, torch.from_numpy(WEIGHTS), 0.95) for each in (once, repeated))
        torch.testing.assert_close(own.component, other.component, rtol=2e-2, atol=1e-5)
        assert own.total == pytest.approx(other.total, rel=1e-9)


def test_groups_add_what_their_positions_do():
    scenarios, names = elliptical(4.0, 9, 20_000), ["x", "x", "y", "y", "z", "z"]
    for measure, divided in DIVIDED.items():
        positions = divided(scenarios, torch.from_numpy(WEIGHTS), 0.99).component.numpy()
        groups = group_contributions(measure, scenarios, torch.from_numpy(WEIGHTS), names, 0.99)
        assert list(groups) == ["x", "y", "z"]
        for place, (component, error) in enumerate(groups.values()):
            assert component == pytest.approx(positions[2 * place : 2 * place + 2].sum(), rel=1e-9)
            assert 0 < error < 0.1 * positions.sum()


def test_closing_a_position_takes_away_what_the_book_without_it_lacks():
    scenarios = elliptical(4.0, 10, 20_000)
    for measure, of in (("value_at_risk", value_at_risk), ("expected_shortfall", expected_shortfall)):
        found = incremental(measure, scenarios, torch.from_numpy(WEIGHTS), 0.99)
        without = torch.from_numpy(np.where(np.arange(6) == 3, 0.0, WEIGHTS))
        difference = of(scenarios.losses(torch.from_numpy(WEIGHTS)), 0.99) - of(scenarios.losses(without), 0.99)
        assert float(found[3]) == pytest.approx(float(difference), rel=1e-9)


def test_an_asset_that_is_not_held_and_of_which_nothing_is_known_adds_nothing():
    known = elliptical(4.0, 11, 5000)
    blind = torch.cat([known.returns, torch.full((5000, 1), torch.nan).double()], dim=1)
    scenarios = Scenarios((*ASSETS, "NEW"), blind, 1)
    weights = torch.from_numpy(np.append(WEIGHTS, 0.0))
    for measure, divided in DIVIDED.items():
        found, alone = divided(scenarios, weights, 0.95), divided(known, weights[:-1], 0.95)
        assert found.component[-1] == 0 and torch.isnan(found.marginal[-1])
        torch.testing.assert_close(found.component[:-1], alone.component)
        assert incremental(measure, scenarios, weights, 0.95)[-1] == 0


def test_the_shortfall_of_a_strategy_in_numpy_is_divided_alike():
    scenarios = elliptical(4.0, 12, 5000)
    returns = scenarios.returns.clamp(min=-0.9)
    found = expected_shortfall_contributions(Scenarios(ASSETS, returns, 1), torch.from_numpy(WEIGHTS), 0.97)
    in_numpy = risk_contributions(WEIGHTS, np.log1p(returns.numpy()), 0.97)
    np.testing.assert_allclose(found.component, in_numpy, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("level", "told"),
    [  # of 500, those of rank 9 to 18 have a share of .0167 to .0375 beyond them; those of rank 4 to 7, .0067 to .015
        (0.975, "10 of 500 lie there; take about 960"),
        (0.99, "4 of 500 lie there; take about 2,400"),
    ],
)
def test_too_few_scenarios_around_the_value_at_risk_are_counted_and_those_needed_are_told(level, told):
    with pytest.raises(Undefined, match=told):
        value_at_risk_contributions(elliptical(4.0, 1, 500), torch.from_numpy(WEIGHTS), level)


@pytest.mark.parametrize(("level", "needed"), [(0.95, 480), (0.975, 960), (0.99, 2400)])
def test_so_many_scenarios_as_are_told_have_contributions_to_value_at_risk(level, needed):
    found = value_at_risk_contributions(elliptical(4.0, 1, needed), torch.from_numpy(WEIGHTS), level)
    assert float(found.component.sum()) == pytest.approx(found.total, rel=1e-9)
    with pytest.raises(Undefined):
        value_at_risk_contributions(elliptical(4.0, 1, round(0.93 * needed)), torch.from_numpy(WEIGHTS), level)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 5.0), st.floats(0.9, 0.98))
def test_components_grow_in_proportion_and_never_exceed_the_position_alone(seed, factor, level):
    draws = torch.from_numpy(np.random.default_rng(seed).standard_t(4, size=(800, 3)) * 0.01).clamp(min=-0.9)
    scenarios, weights = Scenarios(("A", "B", "C"), draws, 1), torch.tensor([0.5, 0.3, -0.2]).double()
    own = expected_shortfall_contributions(scenarios, weights, level)
    scaled = expected_shortfall_contributions(scenarios, factor * weights, level)
    torch.testing.assert_close(scaled.component, factor * own.component, rtol=1e-9, atol=1e-12)
    alone = expected_shortfall(-draws * weights, level)
    assert bool((own.component <= alone + 1e-12).all())


def test_parts_of_any_kind_add_up():
    losses = -elliptical(4.0, 13, 20_000).returns
    for measure in DIVIDED:
        found = parts_of(measure, losses, 0.975)
        of = value_at_risk if measure == "value_at_risk" else expected_shortfall
        assert float(found.component.sum()) == pytest.approx(float(of(losses.sum(1), 0.975)), rel=1e-10)


def test_a_part_that_is_the_whole_book_has_the_error_of_the_value_at_risk_itself():
    book = elliptical(4.0, 7, 20_000).losses(torch.from_numpy(WEIGHTS))
    found = parts_of("value_at_risk", book[:, None], 0.99)
    assert float(found.error) == pytest.approx(float(value_at_risk_error(book, 0.99)), rel=1e-6)


def test_the_stated_errors_are_the_spread_where_one_position_is_most_of_the_book():
    weights = torch.tensor([0.8, 0.2, 0, 0, 0, 0]).double()
    found = [value_at_risk_contributions(elliptical(np.inf, seed, 20_000), weights, 0.99) for seed in range(40)]
    spread = torch.stack([one.component for one in found]).std(0)[:2]
    stated = torch.stack([one.error for one in found]).mean(0)[:2]
    assert 0.7 < float(stated[0] / spread[0]) < 1.4 and 0.7 < float(stated[1] / spread[1]) < 1.4


def test_draws_that_lose_the_same_at_the_edge_of_the_tail_count_alike():
    """Of eight draws a quarter is the tail: the loss of .3, and one of the three of .2, a third of each."""
    returns = torch.tensor(
        [[-0.3, 0.0], [-0.2, 0.0], [0.0, -0.2], [-0.1, -0.1], [0.1, 0.0], [0.1, 0.1], [0.2, 0.0], [0.1, 0.2]]
    )
    scenarios = Scenarios(("A", "B"), returns.double(), 1)
    found = expected_shortfall_contributions(scenarios, torch.ones(2, dtype=torch.float64), 0.75)
    torch.testing.assert_close(found.component, torch.tensor([(0.3 + 0.1) / 2, 0.1 / 2], dtype=torch.float64))
    assert found.total == pytest.approx(0.25)


def test_contributions_on_rounded_returns_are_those_of_the_tail_read_in_blocks():
    returns = (torch.from_numpy(np.random.default_rng(4).standard_t(4, (5000, 3))) / 100).mul(1e3).round().div(1e3)
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    found = expected_shortfall_contributions(Scenarios(("A", "B", "C"), returns, 1), weights, 0.975)
    (streamed,) = streamed_risk(returns.split(700), weights, len(returns), (0.975,))
    torch.testing.assert_close(found.component, streamed.contributions, rtol=1e-10, atol=0.0)
