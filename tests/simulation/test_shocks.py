"""Tests of the standard shocks against scipy's laws."""

import numpy as np
import pytest
from scipy import integrate, stats

from quantdl.errors import ConfigError
from quantdl.simulation import NormalShocks, StudentTShocks

POINTS = np.linspace(-8, 8, 33)


def t_of_variance_one(freedom: float):
    return stats.t(freedom, scale=np.sqrt((freedom - 2) / freedom))


@pytest.mark.parametrize(
    ("shocks", "law"),
    [
        (NormalShocks(), stats.norm()),
        (StudentTShocks(3.0), t_of_variance_one(3)),
        (StudentTShocks(8.5), t_of_variance_one(8.5)),
    ],
)
def test_density_cdf_and_quantile_are_those_of_scipy(shocks, law):
    np.testing.assert_allclose(shocks.log_density(POINTS), law.logpdf(POINTS), rtol=1e-12)
    np.testing.assert_allclose(shocks.cdf(POINTS), law.cdf(POINTS), rtol=1e-10)
    probabilities = np.array([1e-6, 0.01, 0.5, 0.9, 1 - 1e-6])
    np.testing.assert_allclose(shocks.quantile(probabilities), law.ppf(probabilities), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("shocks", [NormalShocks(), StudentTShocks(5.0)])
def test_a_shock_has_variance_one(shocks):
    second_moment, _ = integrate.quad(lambda x: x**2 * np.exp(shocks.log_density(np.array(x))), -np.inf, np.inf)
    assert second_moment == pytest.approx(1.0, rel=1e-6)


def test_joint_densities_are_those_of_scipy():
    point = np.array([0.3, -1.2, 2.0])
    squares = np.square(point).sum()
    normal = stats.multivariate_normal(np.zeros(3)).logpdf(point)
    heavy = stats.multivariate_t(np.zeros(3), np.eye(3) * (5 - 2) / 5, df=5).logpdf(point)
    assert NormalShocks().joint_log_density(squares, 3) == pytest.approx(normal, rel=1e-12)
    assert StudentTShocks(5.0).joint_log_density(squares, 3) == pytest.approx(heavy, rel=1e-12)


def test_mixed_normal_draws_are_student_t():
    generator = np.random.default_rng(0)
    shocks = StudentTShocks(4.0)
    draws = shocks.mixing(generator, (20000, 1)) * generator.standard_normal((20000, 1))
    assert stats.kstest(draws.ravel(), t_of_variance_one(4).cdf).pvalue > 0.01
    assert stats.kstest(draws.ravel(), stats.norm.cdf).pvalue < 1e-6


@pytest.mark.parametrize("freedom", [2.0, -1.0, float("nan"), float("inf")])
def test_a_law_without_a_variance_is_refused(freedom):
    with pytest.raises(ConfigError, match="above 2"):
        StudentTShocks(freedom)
