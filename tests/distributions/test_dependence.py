"""A Student-t law with a full correlation matrix, against scipy and its own marginals."""

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import AffineMarginals, CopulaForecast, DenseStudentT, FactorStudentT

CORRELATION = np.array([[1.0, 0.7, -0.4], [0.7, 1.0, 0.1], [-0.4, 0.1, 1.0]])
FREEDOM = (4.0, 9.0)


def law() -> DenseStudentT:
    return DenseStudentT(torch.tensor(FREEDOM).double(), torch.from_numpy(CORRELATION).repeat(2, 1, 1))


def values() -> torch.Tensor:
    return torch.tensor([[0.3, -1.0, 2.0], [4.0, 0.0, -0.7]], dtype=torch.float64)


def test_the_density_is_scipys_multivariate_t():
    found = law().log_density(values(), torch.ones(2, 3, dtype=torch.bool)).numpy()
    for row, freedom in enumerate(FREEDOM):
        expected = stats.multivariate_t(np.zeros(3), CORRELATION, freedom).logpdf(values()[row].numpy())
        assert found[row] == pytest.approx(expected, rel=1e-12)


def test_an_absent_variable_is_integrated_out_and_never_read():
    present = torch.tensor([[True, False, True], [False, True, False]])
    disturbed = torch.where(present, values(), torch.nan)
    found = law().log_density(disturbed, present).numpy()
    first = stats.multivariate_t(np.zeros(2), CORRELATION[np.ix_([0, 2], [0, 2])], FREEDOM[0])
    assert found[0] == pytest.approx(first.logpdf(values()[0, [0, 2]].numpy()), rel=1e-12)
    assert found[1] == pytest.approx(stats.t.logpdf(values()[1, 1].item(), FREEDOM[1]), rel=1e-12)


def test_it_is_the_factor_law_of_the_same_correlation():
    loadings = torch.tensor([[[1.0, 0.2], [0.5, -0.7], [-0.3, 1.1]]]).double().repeat(2, 1, 1)
    factor = FactorStudentT(torch.tensor(FREEDOM).double(), loadings)
    dense = DenseStudentT(factor.degrees_of_freedom, factor.correlation())
    present = torch.tensor([[True, True, True], [True, False, True]])
    torch.testing.assert_close(dense.log_density(values(), present), factor.log_density(values(), present))
    torch.testing.assert_close(dense.margins.log_prob(values()), factor.margins.log_prob(values()))
    assert dense.shape == factor.shape == (2, 3)


def test_draws_have_the_correlation_and_the_margins():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = law().sample(40_000)[:, 0].numpy()
    assert stats.kstest(draws[:, 1], stats.t(FREEDOM[0]).cdf).pvalue > 1e-3
    kendall = stats.kendalltau(draws[:, 0], draws[:, 1]).statistic
    assert np.sin(0.5 * np.pi * kendall) == pytest.approx(0.7, abs=0.02)  # of every elliptical law


def test_a_copula_takes_it_in_place_of_factors():
    margins = AffineMarginals(torch.zeros(2, 3).double(), torch.full((2, 3), 0.02, dtype=torch.float64))
    joint = CopulaForecast(margins, law(), torch.ones(2, 3, dtype=torch.bool))
    expected = stats.multivariate_t(np.zeros(3), 0.02**2 * CORRELATION, FREEDOM[1]).logpdf(values()[1].numpy())
    assert joint.log_prob(values())[1].item() == pytest.approx(expected, rel=1e-12)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(joint.assets(order).log_prob(values()[:, order]), joint.log_prob(values()))
    torch.testing.assert_close(joint.rows(slice(1, 2)).log_prob(values()[1:]), joint.log_prob(values())[1:])


def test_gradients_reach_the_correlation_and_the_degrees_of_freedom():
    matrix = torch.from_numpy(CORRELATION).repeat(2, 1, 1).requires_grad_()
    freedom = torch.tensor(FREEDOM).double().requires_grad_()
    present = torch.tensor([[True, True, True], [True, False, True]])

    def density(nu, half):
        return DenseStudentT(nu, 0.5 * (half + half.mT)).log_density(values(), present)

    assert torch.autograd.gradcheck(density, (freedom, matrix))
