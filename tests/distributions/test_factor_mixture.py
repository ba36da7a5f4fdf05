"""The skewed dependence against its definition, state by state, in scipy, and against draws."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import special, stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorNormalMixture

STATES = 5
few = settings(max_examples=25, deadline=None)


def random_law(seed: int, rows: int, assets: int, factors: int) -> FactorNormalMixture:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return FactorNormalMixture(
        log_weights=normal(rows, STATES),
        variance=torch.logspace(-1.0, 0.7, STATES, dtype=torch.float64),
        shock_mean=normal(rows, STATES),
        shock_variance=normal(rows, STATES).square(),
        exposures=normal(rows, assets),
        loadings=normal(rows, assets, factors),
    )


def states_of(law: FactorNormalMixture, row: int) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Log probability, mean and covariance of the variables in each state, by the definition."""
    loadings, exposures = law.loadings[row].numpy(), law.exposures[row].numpy()
    noise = loadings @ loadings.T + np.eye(len(loadings))
    size = np.sqrt(np.diag(noise))
    logs = special.log_softmax(law.log_weights[row].numpy())
    found = []
    for state in range(STATES):
        variance = law.variance[state].item()
        mean = np.sqrt(variance) * law.shock_mean[row, state].item() * exposures
        common = law.shock_variance[row, state].item() * np.outer(exposures, exposures)
        found.append((logs[state], mean, variance * (noise / np.outer(size, size) + common)))
    return found


def log_density(states, kept: np.ndarray, value: np.ndarray) -> float:
    parts = [
        log + stats.multivariate_normal(mean[kept], cov[np.ix_(kept, kept)]).logpdf(value[kept])
        for log, mean, cov in states
    ]
    return float(special.logsumexp(parts))


@few
@given(st.integers(0, 10**6), st.lists(st.booleans(), min_size=6, max_size=6).filter(any))
def test_the_density_of_the_present_assets_is_the_mixture_of_multivariate_normals(seed, kept):
    law = random_law(seed, 2, 6, 3)
    value = 2.0 * torch.randn((2, 6), generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    present = torch.tensor([kept, [True] * 6])
    found = law.log_density(torch.where(present, value, torch.nan), present)
    for row in range(2):
        expected = log_density(states_of(law, row), present[row].numpy(), value[row].numpy())
        assert found[row].item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_margins_are_the_mixtures_of_the_states_one_dimensional_laws():
    law = random_law(3, 2, 4, 2)
    value = torch.tensor(0.7, dtype=torch.float64)
    for row in range(2):
        states = states_of(law, row)
        for asset in range(4):
            expected = special.logsumexp(
                [log + stats.norm(mean[asset], np.sqrt(cov[asset, asset])).logpdf(0.7) for log, mean, cov in states]
            )
            assert law.margins.log_prob(value)[row, asset].item() == pytest.approx(expected, rel=1e-10)


def test_draws_have_the_moments_and_the_skewness_of_the_states():
    law = random_law(4, 1, 3, 2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = law.sample(400_000)[:, 0].numpy()
    states = states_of(law, 0)
    mean = sum(np.exp(log) * m for log, m, _ in states)
    second = sum(np.exp(log) * (cov + np.outer(m, m)) for log, m, cov in states)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.01)
    np.testing.assert_allclose(draws.T @ draws / len(draws), second, atol=0.04)
    third = sum(np.exp(log) * (m**3 + 3.0 * m * np.diag(cov)) for log, m, cov in states)
    np.testing.assert_allclose((draws**3).mean(axis=0), third, atol=0.4)


@few
@given(st.integers(0, 10**6))
def test_a_book_of_affine_marginals_is_a_mixture_of_the_states_normals(seed):
    law = random_law(seed, 2, 5, 2)
    generator = torch.Generator().manual_seed(seed + 1)
    location, scale = (torch.rand((2, 5), generator=generator, dtype=torch.float64) for _ in range(2))
    weights = torch.rand((2, 3, 5), generator=generator, dtype=torch.float64)
    present = torch.ones(2, 5, dtype=torch.bool)
    book = CopulaForecast(AffineMarginals(location, scale), law, present).weighted_sum(weights)
    assert book.batch_shape == (2, 3)
    for row in range(2):
        for number in range(3):
            held = (weights[row, number] * scale[row]).numpy()
            start = float((weights[row, number] * location[row]).sum())
            for state, (log, mean, cov) in enumerate(states_of(law, row)):
                assert book.log_weights[row, number, state].item() == pytest.approx(log, abs=1e-12)
                assert book.means[row, number, state].item() == pytest.approx(start + held @ mean, abs=1e-9)
                assert book.variances[row, number, state].item() == pytest.approx(held @ cov @ held, rel=1e-9)


def test_rows_and_assets_pick_parts_of_the_same_law():
    law = random_law(5, 3, 4, 2)
    value = torch.randn((3, 4), generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    order = torch.tensor([2, 0])
    all_present = torch.ones(3, 4, dtype=torch.bool)
    picked = law.rows(torch.tensor([2, 1])).assets(order)
    kept = torch.zeros(3, 4, dtype=torch.bool)
    kept[:, order] = True
    expected = law.log_density(value, kept)[torch.tensor([2, 1])]
    both = value[torch.tensor([2, 1])][:, order]
    torch.testing.assert_close(picked.log_density(both, all_present[:2, :2]), expected)
    assert picked.shape == (2, 2)


def test_derivatives_of_the_density_are_finite_differences():
    law = random_law(7, 2, 3, 2)
    value = torch.randn((2, 3), generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    present = torch.tensor([[True, True, False], [True, True, True]])
    parts = (law.log_weights, law.shock_mean, law.shock_variance + 0.1, law.exposures, law.loadings)

    def density(weights, mean, variance, exposures, loadings):
        built = FactorNormalMixture(weights, law.variance, mean, variance, exposures, loadings)
        return built.log_density(value, present)

    assert torch.autograd.gradcheck(density, [part.clone().requires_grad_() for part in parts], atol=1e-6)


def test_a_planted_common_shock_skews_the_book_and_not_its_stocks_alone():
    """By hand: a shock that falls by 3 in a tenth of sessions and rises by a third in the others, over idle factors."""
    weights = torch.tensor([[0.9, 0.1]], dtype=torch.float64).log()
    law = FactorNormalMixture(
        log_weights=weights,
        variance=torch.ones(2, dtype=torch.float64),
        shock_mean=torch.tensor([[1.0 / 3.0, -3.0]], dtype=torch.float64),
        shock_variance=torch.zeros(1, 2, dtype=torch.float64),
        exposures=torch.full((1, 50), 0.5, dtype=torch.float64),
        loadings=torch.zeros(1, 50, 1, dtype=torch.float64),
    )
    zero, one = torch.zeros(1, 50, dtype=torch.float64), torch.ones(1, 50, dtype=torch.float64)
    book = CopulaForecast(AffineMarginals(zero, one), law, one > 0).weighted_sum(one[:, None] / 50.0)
    skewness = 0.5**3 * (0.9 / 27.0 - 0.1 * 27.0) / (0.25 * (0.9 / 9.0 + 0.9) + 1.0 / 50.0) ** 1.5
    centered = book.means - book.mean[..., None]
    third = (book.log_weights.exp() * (centered**3 + 3.0 * centered * book.variances)).sum(-1)
    assert (third / book.variance**1.5).item() == pytest.approx(skewness, rel=1e-9)
    single = 0.5**3 * (0.9 / 27.0 - 0.1 * 27.0) / (0.25 * (0.9 / 9.0 + 0.9) + 1.0) ** 1.5
    assert abs(single) < 0.25 < 2.3 < abs(skewness)
