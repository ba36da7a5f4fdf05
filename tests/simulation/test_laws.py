"""Tests of the laws themselves: densities integrate to one, quantiles invert, margins and joint agree."""

import numpy as np
import pytest
from scipy import integrate, stats

from quantdl.simulation import (
    Factors,
    Garch,
    Jumps,
    MarketDescription,
    NormalShocks,
    Regimes,
    StudentTShocks,
    TrueLaw,
    conditional_law,
    simulate,
)

CHAIN = Regimes(((0.95, 0.05), (0.1, 0.9)), means=(1e-3, -3e-3), volatility_multiples=(0.7, 1.8), common=True)
GARCH = Garch(omega=4e-6, alpha=0.05, beta=0.85)


@pytest.fixture(scope="module", params=[NormalShocks(), StudentTShocks(4.0)], ids=["normal", "student_t"])
def mixture(request) -> TrueLaw:
    jumps = Jumps(0.1, -0.02, 0.04)
    market = MarketDescription(30, 2, shocks=request.param, volatility=GARCH, regimes=CHAIN, jumps=jumps)
    return simulate(market, seed=1).law.rows(slice(20, 21))


def moment(law: TrueLaw, power: int, center: float = 0.0) -> float:
    def integrand(value: float) -> float:
        return (value - center) ** power * float(np.exp(law.log_density(np.full((1, 2), value)))[0, 0])

    inner, _ = integrate.quad(integrand, -0.3, 0.3, points=[-0.05, 0.0, 0.05], limit=400, epsabs=1e-12)
    outer = [integrate.quad(integrand, *tail, limit=400, epsabs=1e-12)[0] for tail in ((-np.inf, -0.3), (0.3, np.inf))]
    return inner + sum(outer)


def test_the_density_integrates_to_one_with_the_stated_mean_and_variance(mixture):
    assert moment(mixture, 0) == pytest.approx(1.0, abs=1e-7)
    mean = mixture.mean[0, 0]
    assert moment(mixture, 1) == pytest.approx(mean, abs=1e-7)
    assert moment(mixture, 2, mean) == pytest.approx(mixture.variance[0, 0], rel=1e-4)


@pytest.mark.parametrize("probability", [1e-6, 0.01, 0.3, 0.5, 0.975, 1 - 1e-6])
def test_quantiles_invert_the_cdf(mixture, probability):
    np.testing.assert_allclose(mixture.cdf(mixture.quantile(probability)), probability, rtol=1e-9)


def test_the_cdf_is_the_integral_of_the_density(mixture):
    low, high = -0.02, 0.015
    area, _ = integrate.quad(lambda x: float(np.exp(mixture.log_density(np.full((1, 2), x)))[0, 0]), low, high)
    difference = mixture.cdf(np.full((1, 2), high)) - mixture.cdf(np.full((1, 2), low))
    assert difference[0, 0] == pytest.approx(area, rel=1e-7)


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, float("nan")])
def test_a_quantile_needs_a_probability(mixture, probability):
    with pytest.raises(ValueError, match="between 0 and 1"):
        mixture.quantile(probability)


def test_a_missing_return_has_no_density(mixture):
    returns = np.array([[np.nan, 0.01]])
    assert np.isnan(mixture.log_density(returns)).tolist() == [[True, False]]


def test_the_joint_law_of_one_asset_is_its_own_law():
    factors = Factors(loadings=((0.7,), (0.5,), (0.4,)))
    jumps = Jumps(0.1, -0.02, 0.04, common=True)
    market = MarketDescription(
        300, 3, shocks=StudentTShocks(5.0), volatility=GARCH, regimes=CHAIN, jumps=jumps, factors=factors
    )
    path = simulate(market, seed=0)
    for asset in range(3):
        alone = np.full_like(path.log_returns, np.nan)
        alone[:, asset] = path.log_returns[:, asset]
        joint = path.law.joint_log_density(alone)
        np.testing.assert_allclose(joint[1:], path.true_log_density[1:, asset], rtol=1e-9)
        assert joint[0] == pytest.approx(0.0, abs=1e-15)  # no return was made in the first session


@pytest.mark.parametrize("shocks", [NormalShocks(), StudentTShocks(5.0)])
def test_the_joint_law_of_the_factor_market_is_that_of_scipy(shocks):
    factors = Factors(loadings=((0.7, 0.2), (0.5, -0.4), (0.4, 0.0)))
    market = MarketDescription(40, 3, shocks=shocks, volatility=GARCH, factors=factors, mean=2e-4)
    path = simulate(market, seed=0)
    joint = path.law.joint_log_density(path.log_returns)
    loadings = np.array(factors.loadings)
    correlation = loadings @ loadings.T + np.diag(1 - np.square(loadings).sum(axis=1))
    for session in range(1, 40):
        deviation = np.sqrt(path.law.variance[session])
        covariance = correlation * np.outer(deviation, deviation)
        law = stats.multivariate_normal(np.full(3, 2e-4), covariance)
        if isinstance(shocks, StudentTShocks):
            law = stats.multivariate_t(np.full(3, 2e-4), covariance * 3 / 5, df=5)
        assert joint[session] == pytest.approx(law.logpdf(path.log_returns[session]), rel=1e-9)


def test_whitened_returns_of_a_heavy_tailed_factor_market_have_the_law_of_hotelling():
    """The squared distance of A jointly Student-t returns over A is F(A, df) up to scale."""
    market = MarketDescription(
        4000, 4, shocks=StudentTShocks(5.0), volatility=GARCH, factors=Factors(((0.8,), (0.7,), (0.6,), (0.5,)))
    )
    path = simulate(market, seed=0)
    standard = path.log_returns[1:] / np.sqrt(path.law.variance[1:])
    inverse = np.linalg.inv(path.law.correlations[0])
    distance = np.einsum("ta,ab,tb->t", standard, inverse, standard) * 5 / 3
    assert stats.kstest(distance / 4, stats.f(4, 5).cdf).pvalue > 0.01
    without = np.square(standard).sum(axis=1) * 5 / 3
    assert stats.kstest(without / 4, stats.f(4, 5).cdf).pvalue < 1e-6


def test_knowing_the_dependence_scores_better_than_the_margins_alone():
    market = MarketDescription(2000, 3, factors=Factors(loadings=((0.8,), (0.7,), (0.6,))))
    path = simulate(market, seed=0)
    joint = path.law.joint_log_density(path.log_returns)[1:]
    margins = path.true_log_density[1:].sum(axis=1)
    expected = -0.5 * np.log(np.linalg.det(path.law.correlations[0]))  # mutual information of normal variables
    assert np.mean(joint - margins) == pytest.approx(expected, abs=0.05)


def test_a_halted_asset_is_left_out_of_the_joint_law():
    market = MarketDescription(10, 3, factors=Factors(loadings=((0.8,), (0.7,), (0.6,))))
    path = simulate(market, seed=0)
    returns = path.log_returns.copy()
    returns[5, 1] = np.nan
    pair = np.array([[1.0, 0.48], [0.48, 1.0]]) * 1e-4
    expected = stats.multivariate_normal(np.zeros(2), pair).logpdf(returns[5, [0, 2]])
    assert conditional_law(market, returns).joint_log_density(returns)[5] == pytest.approx(expected, rel=1e-10)
