"""Marginals joined by a factor-t copula: closed forms, integrals, and agreement of draws, quantiles and density."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT, StudentTMarginals

ROWS, ASSETS = 3, 4
few = settings(max_examples=20)


def random_forecast(seed: int, own_tails: bool, rows: int = ROWS, assets: int = ASSETS) -> CopulaForecast:
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    location, scale = uniform(-0.002, 0.002, rows, assets), uniform(0.005, 0.03, rows, assets)
    dependence = FactorStudentT(uniform(3.0, 15.0, rows), uniform(-1.5, 1.5, rows, assets, 2))
    marginals = AffineMarginals(location, scale)
    if own_tails:
        marginals = StudentTMarginals(location, scale, uniform(2.1, 12.0, rows, assets))
    return CopulaForecast(marginals, dependence, torch.ones(rows, assets, dtype=torch.bool))


def with_absent(law: CopulaForecast) -> tuple[CopulaForecast, torch.Tensor]:
    present = torch.tensor([[True, False, True, True], [False, True, True, False], [True, True, True, True]])
    return law.observed(present), present


def scale_free_returns(law: CopulaForecast, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    unit = torch.randn(law.present.shape, generator=generator, dtype=torch.float64)
    return law.marginals.location + 1.5 * law.marginals.scale * unit


def own_freedom(law: CopulaForecast) -> np.ndarray:
    if isinstance(law.marginals, StudentTMarginals):
        return law.marginals.own_degrees_of_freedom.numpy()
    return np.broadcast_to(law.dependence.degrees_of_freedom.numpy()[:, None], law.present.shape)


def marginal_laws(law: CopulaForecast):
    """scipy's law of every cell's return: its own degrees of freedom, whatever the copula's."""
    return stats.t(own_freedom(law), law.marginals.location.numpy(), law.marginals.scale.numpy())


both_maps = pytest.mark.parametrize("own_tails", [False, True], ids=["affine", "student_t"])


@both_maps
@few
@given(seed=st.integers(0, 10**6))
def test_marginal_density_cdf_and_quantiles_are_those_of_each_assets_own_law(own_tails, seed):
    law = random_forecast(seed, own_tails)
    returns, expected = scale_free_returns(law, seed + 1), marginal_laws(law)
    np.testing.assert_allclose(law.marginal_log_prob(returns), expected.logpdf(returns.numpy()), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(law.cdf(returns), expected.cdf(returns.numpy()), rtol=1e-9)
    for level in (0.01, 0.5, 0.95):
        quantiles = law.icdf(torch.tensor(level, dtype=torch.float64))
        np.testing.assert_allclose(quantiles, expected.ppf(level), rtol=1e-9, atol=1e-15)


@both_maps
@few
@given(seed=st.integers(0, 10**6))
def test_quantile_inverts_cdf(own_tails, seed):
    law = random_forecast(seed, own_tails)
    returns = scale_free_returns(law, seed + 1)
    np.testing.assert_allclose(law.icdf(law.cdf(returns)), returns, rtol=1e-8, atol=1e-12)


@few
@given(seed=st.integers(0, 10**6))
def test_joint_density_of_affine_returns_is_a_multivariate_t(seed):
    law = random_forecast(seed, own_tails=False)
    returns = scale_free_returns(law, seed + 1)
    found = law.log_prob(returns)
    for row in range(ROWS):
        scale = np.diag(law.marginals.scale[row].numpy())
        shape = scale @ law.dependence.correlation()[row].numpy() @ scale
        freedom = law.dependence.degrees_of_freedom[row].item()
        expected = stats.multivariate_t(law.marginals.location[row].numpy(), shape, df=freedom)
        assert found[row].item() == pytest.approx(expected.logpdf(returns[row].numpy()), rel=1e-8, abs=1e-8)


@few
@given(seed=st.integers(0, 10**6))
def test_joint_density_with_own_tails_is_the_copula_density_times_the_margins(seed):
    """Sklar's theorem, with every piece taken from scipy."""
    law = random_forecast(seed, own_tails=True)
    returns, margins = scale_free_returns(law, seed + 1), marginal_laws(law)
    found = law.log_prob(returns)
    for row in range(ROWS):
        freedom = law.dependence.degrees_of_freedom[row].item()
        standard = stats.t.ppf(margins.cdf(returns.numpy())[row], freedom)
        joint = stats.multivariate_t(np.zeros(ASSETS), law.dependence.correlation()[row].numpy(), df=freedom)
        copula = joint.logpdf(standard) - stats.t.logpdf(standard, freedom).sum()
        expected = copula + margins.logpdf(returns.numpy())[row].sum()
        assert found[row].item() == pytest.approx(expected, rel=1e-6, abs=1e-6)


def stretched_grid(points: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points from -1e6 to 1e6, dense at zero, and their weights: the trapezoid rule in asinh of the point."""
    steps = torch.linspace(-14.5, 14.5, points, dtype=torch.float64)
    return steps.sinh(), steps.cosh() * (steps[1] - steps[0])


@both_maps
def test_the_density_of_one_asset_integrates_to_one(own_tails):
    law = random_forecast(1, own_tails, rows=1, assets=1)
    points, weights = stretched_grid(1001)
    scale = law.marginals.scale.item()
    density = law.expand((1001,)).log_prob(law.marginals.location + scale * points[:, None]).exp()
    assert (density * weights).sum().item() * scale == pytest.approx(1.0, abs=1e-6)


@both_maps
def test_the_joint_density_of_two_assets_integrates_to_one(own_tails):
    law = random_forecast(2, own_tails, rows=1, assets=2)
    points, weights = stretched_grid(150)
    scale = law.marginals.scale
    pairs = law.marginals.location + scale * torch.cartesian_prod(points, points)
    density = law.expand((len(pairs),)).log_prob(pairs).exp()
    total = (density * torch.cartesian_prod(weights, weights).prod(-1)).sum() * scale.prod()
    assert total.item() == pytest.approx(1.0, abs=1e-4)


@pytest.fixture(scope="module", params=[False, True], ids=["affine", "student_t"])
def law_and_draws(request):
    law, _ = with_absent(random_forecast(3, request.param))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return law, law.sample((5000,))


def test_draws_fall_below_each_quantile_as_often_as_it_says(law_and_draws):
    law, draws = law_and_draws
    for level in (0.005, 0.05, 0.25, 0.5, 0.9, 0.99):
        below = (draws <= law.icdf(torch.tensor(level))).double().mean(0)[law.present]
        error = math.sqrt(level * (1.0 - level) / len(draws))
        assert (below - level).abs().max() < 4.5 * error


def test_the_probability_integral_transform_of_draws_is_uniform(law_and_draws):
    law, draws = law_and_draws
    for row, asset in law.present.nonzero().tolist():
        values = marginal_laws(law).cdf(np.asarray(draws))[:, row, asset]
        assert stats.kstest(values, "uniform").pvalue > 1e-3


def test_the_mean_log_density_of_draws_is_the_entropy_by_integration(law_and_draws):
    """For two assets of the last row, E[log p] over draws against the integral of p log p."""
    law, draws = law_and_draws
    pair = law.rows(slice(2, 3)).assets(torch.tensor([0, 2]))
    points, weights = stretched_grid(120)
    pairs = pair.marginals.location + pair.marginals.scale * torch.cartesian_prod(points, points)
    log_density = pair.expand((len(pairs),)).log_prob(pairs)
    weight = torch.cartesian_prod(weights, weights).prod(-1) * pair.marginals.scale.prod()
    expected = (log_density.exp() * log_density * weight).sum().item()
    found = pair.expand((len(draws),)).log_prob(draws[:, 2, [0, 2]])
    assert found.mean().item() == pytest.approx(expected, abs=4.5 * found.std().item() / math.sqrt(len(draws)))


def test_draws_of_absent_assets_are_zero(law_and_draws):
    law, draws = law_and_draws
    assert draws.shape == (5000, ROWS, ASSETS)
    assert not draws[:, ~law.present].any()
    assert draws[:, law.present].ne(0).all()


@both_maps
def test_an_absent_asset_has_log_density_zero_and_quantile_zero(own_tails):
    law, present = with_absent(random_forecast(5, own_tails))
    returns = scale_free_returns(law, 6)
    assert not law.marginal_log_prob(returns)[~present].any()
    assert not law.icdf(torch.tensor(0.05))[~present].any()
    assert (law.cdf(returns)[~present] == 0.5).all()


@both_maps
def test_marginalising_is_the_law_of_the_others(own_tails):
    whole = random_forecast(7, own_tails)
    law, present = with_absent(whole)
    returns = scale_free_returns(law, 8)
    found = law.log_prob(returns)
    for row in range(ROWS):
        index = present[row].nonzero()[:, 0]
        alone = whole.rows(slice(row, row + 1)).assets(index).log_prob(returns[row : row + 1, index])
        assert found[row].item() == pytest.approx(alone.item(), rel=1e-10)


@both_maps
def test_a_single_asset_has_its_marginal_density(own_tails):
    law = random_forecast(9, own_tails)
    returns = scale_free_returns(law, 10)
    for asset in range(ASSETS):
        alone = law.observed(torch.arange(ASSETS) == asset).log_prob(returns)
        np.testing.assert_allclose(alone, marginal_laws(law).logpdf(returns.numpy())[:, asset], rtol=1e-9)


@both_maps
def test_no_asset_observed_means_log_density_zero(own_tails):
    law = random_forecast(11, own_tails).observed(torch.zeros(ROWS, ASSETS, dtype=torch.bool))
    assert law.log_prob(torch.full((ROWS, ASSETS), torch.nan)).tolist() == [0.0] * ROWS


@both_maps
def test_observing_again_only_narrows(own_tails):
    law, present = with_absent(random_forecast(12, own_tails))
    assert torch.equal(law.observed(torch.ones_like(present)).present, present)


@both_maps
@few
@given(order=st.permutations(range(ASSETS)))
def test_the_order_of_the_assets_plays_no_part(own_tails, order):
    law, _ = with_absent(random_forecast(13, own_tails))
    returns = scale_free_returns(law, 14)
    np.testing.assert_allclose(law.assets(torch.tensor(order)).log_prob(returns[:, order]), law.log_prob(returns))


@both_maps
def test_nan_in_an_absent_cell_reaches_neither_value_nor_gradient(own_tails):
    law, present = with_absent(random_forecast(15, own_tails))
    leaves = [law.marginals.location, law.marginals.scale, law.dependence.degrees_of_freedom, law.dependence.loadings]
    leaves += [law.marginals.own_degrees_of_freedom] if own_tails else []
    returns = torch.where(present, scale_free_returns(law, 16), torch.nan)
    filled = torch.where(present, returns, 0.0)
    for leaf in leaves:
        leaf.requires_grad_()
    joint = law.log_prob(returns)
    assert torch.equal(joint, law.log_prob(filled))
    (joint.sum() + law.marginal_log_prob(returns).sum() + law.cdf(returns).sum()).backward()
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves)
    assert not any(leaf.grad[~present].any() for leaf in leaves[:2])


@both_maps
def test_quantiles_broadcast_over_leading_levels(own_tails):
    law = random_forecast(17, own_tails)
    levels = torch.tensor([0.01, 0.5, 0.99], dtype=torch.float64)
    curve = law.icdf(levels[:, None, None])
    assert curve.shape == (3, ROWS, ASSETS)
    for number, level in enumerate(levels):
        assert torch.equal(curve[number], law.icdf(level))


@both_maps
def test_a_row_alone_is_the_same_law(own_tails):
    law, _ = with_absent(random_forecast(18, own_tails))
    returns = scale_free_returns(law, 19)
    row = law.rows(slice(1, 2))
    assert torch.equal(row.log_prob(returns[1:2]), law.log_prob(returns)[1:2])
    assert torch.equal(row.icdf(torch.tensor(0.05)), law.icdf(torch.tensor(0.05))[1:2])


def test_sampling_follows_the_seed_and_keeps_the_shape_asked_for():
    law = random_forecast(20, own_tails=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = law.sample((2, 5))
        torch.manual_seed(1)
        assert torch.equal(law.sample((10,)).reshape(first.shape), first)
        assert first.shape == (2, 5, ROWS, ASSETS)
        assert law.sample().shape == (ROWS, ASSETS)


def test_draws_carry_no_gradient():
    law = random_forecast(21, own_tails=False)
    law.marginals.scale.requires_grad_()
    assert not law.sample((2,)).requires_grad


def test_only_a_single_row_can_be_repeated():
    law = random_forecast(22, own_tails=False)
    assert law.rows(slice(0, 1)).expand((4,)).batch_shape == (4,)
    with pytest.raises(ValueError, match="3 rows cannot be expanded to 4"):
        law.expand((4,))


def test_shapes_that_do_not_fit_are_named():
    law = random_forecast(23, own_tails=False)
    with pytest.raises(ValueError, match=r"present \(2, 4\).*dependence \(3, 4\)"):
        CopulaForecast(law.marginals, law.dependence, torch.ones(2, 4, dtype=torch.bool))
