"""The long-run covariance against arch's and the definition, and the critical values against a simulation."""

import numpy as np
import pytest
from arch.covariance.kernel import Bartlett

from quantdl.risk.curves.long_run import bandwidth, critical_value, long_run_covariance
from tests.risk.curves.definition_sheet import long_run_variance


def autoregression(count, slope, seed):
    shocks = np.random.default_rng(seed).standard_t(5, count)
    series = np.zeros(count)
    for t in range(1, count):
        series[t] = slope * series[t - 1] + shocks[t]
    return series


@pytest.mark.parametrize("width", [1, 2, 7, 40])
@pytest.mark.parametrize("slope", [-0.3, 0.0, 0.6])
def test_it_is_archs_bartlett_kernel(width, slope):
    pair = np.column_stack([autoregression(500, slope, seed) for seed in (1, 2)])
    theirs = Bartlett(pair, bandwidth=width - 1, force_int=True).cov.long_run
    assert long_run_covariance(pair, width) == pytest.approx(np.asarray(theirs), rel=1e-10)


def test_one_series_is_the_sum_of_its_weighted_autocovariances():
    series = autoregression(300, 0.4, 3)
    assert long_run_covariance(series, 25)[0, 0] == pytest.approx(long_run_variance(series, 25), rel=1e-12)


def test_the_bandwidth_grows_with_the_root_of_the_sample():
    assert [bandwidth(n) for n in (1, 24, 100, 1000, 10_000)] == [2, 7, 13, 42, 130]


@pytest.mark.parametrize(("n", "share"), [(200, 0.1), (200, 0.3)])
def test_the_critical_values_are_those_of_independent_series(n, share):
    """The published cubic is an approximation: within 3 % of 20,000 simulated statistics."""
    width = int(share * n)
    noise = np.random.default_rng(8).standard_normal((n, 20_000))
    centered = noise - noise.mean(0)
    padded = np.zeros((n + 2 * width - 1, noise.shape[1]))
    padded[width : width + n] = centered
    sums = padded.cumsum(0)
    windows = sums[width:] - sums[:-width]
    statistics = np.abs(noise.mean(0)) * np.sqrt(n) / np.sqrt((windows**2).sum(0) / (width * n))
    for confidence in (0.80, 0.90, 0.95, 0.98):
        expected = np.quantile(statistics, confidence)
        assert critical_value(n, width, confidence) == pytest.approx(expected, rel=0.03)


def test_without_autocovariances_the_critical_value_is_near_the_normal_one():
    assert critical_value(10**9, 1, 0.95) == pytest.approx(1.96, abs=1e-6)


@pytest.mark.parametrize("confidence", [-1.0, 0.0, 0.5, 0.99, 1.0, 95])
def test_a_confidence_without_a_published_value_is_refused(confidence):
    with pytest.raises(ValueError, match=r"confidence must be one of 0.8, 0.9, 0.95, 0.98"):
        critical_value(100, 10, confidence)
