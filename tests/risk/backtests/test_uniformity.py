"""Kolmogorov-Smirnov and Berkowitz against scipy, simulation under the null, and planted faults."""

import math

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.backtests import berkowitz, kolmogorov_smirnov


@pytest.mark.parametrize("test", [kolmogorov_smirnov, berkowitz])
def test_uniform_pits_are_rejected_about_as_often_as_promised(test):
    pits = np.random.default_rng(6).random((1000, 300))
    rejected = np.mean([test(row).p_value < 0.05 for row in pits])
    assert rejected == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize("test", [kolmogorov_smirnov, berkowitz])
def test_a_law_that_is_too_narrow_is_found(test):
    z = np.random.default_rng(7).standard_normal(1000)
    assert test(stats.norm.cdf(1.3 * z)).p_value < 0.01


def test_berkowitz_finds_memory_that_kolmogorov_smirnov_does_not_look_for():
    rng = np.random.default_rng(8)
    z = np.zeros(1000)
    for t in range(1, 1000):
        z[t] = 0.3 * z[t - 1] + math.sqrt(1 - 0.09) * rng.standard_normal()
    assert berkowitz(stats.norm.cdf(z)).p_value < 1e-6


def test_berkowitz_is_the_likelihood_ratio_of_the_regression():
    """The same statistic from scipy's regression and normal densities."""
    pit = np.random.default_rng(9).beta(1.2, 0.9, 200)
    z = stats.norm.ppf(pit)
    fit = stats.linregress(z[:-1], z[1:])
    residual = z[1:] - fit.intercept - fit.slope * z[:-1]
    free = stats.norm.logpdf(residual, scale=np.sqrt(np.mean(residual**2))).sum()
    assert berkowitz(pit).statistic == pytest.approx(2 * (free - stats.norm.logpdf(z[1:]).sum()), rel=1e-9)


def test_an_impossible_return_gives_a_finite_statistic():
    pit = np.random.default_rng(10).random(100)
    pit[[3, 60]] = 0.0, 1.0
    result = berkowitz(pit)
    assert math.isfinite(result.statistic)
    assert result.p_value < 0.01


@pytest.mark.parametrize("pit", [[], [1.1], [-0.1], [math.nan], [[0.1, 0.2]]])
def test_what_is_not_a_series_of_probabilities_is_refused(pit):
    for test in (kolmogorov_smirnov, berkowitz):
        with pytest.raises(ValueError, match="pit must be one series"):
            test(pit)


def test_berkowitz_needs_ten_observations():
    with pytest.raises(ValueError, match="at least 10 observations, got 9"):
        berkowitz(np.full(9, 0.5))


@pytest.mark.parametrize("test", [kolmogorov_smirnov, berkowitz])
def test_outcomes_that_overlap_are_refused(test):
    with pytest.raises(ValueError, match=r"Take every 10-th observation"):
        test(np.full(100, 0.5), horizon=10)
