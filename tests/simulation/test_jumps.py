"""Tests of the jumps against Merton's closed forms."""

import numpy as np
import pytest
from scipy import stats

from quantdl.errors import ConfigError
from quantdl.simulation import Jumps, MarketDescription, simulate


def test_poisson_counts_are_those_of_scipy():
    probabilities = Jumps(0.3, 0.0, 0.02).count_probabilities
    np.testing.assert_allclose(probabilities, stats.poisson(0.3).pmf(np.arange(len(probabilities))), rtol=1e-10)
    assert stats.poisson(0.3).sf(len(probabilities) - 1) < 1e-12
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-15)


def test_the_density_is_mertons_series():
    market = MarketDescription(3, 1, jumps=Jumps(0.2, -0.03, 0.05), mean=1e-3)
    law, point = simulate(market, seed=0).law, 0.017
    counts = np.arange(40)
    components = stats.norm.pdf(point, 1e-3 - 0.03 * counts, np.sqrt(1e-4 + counts * 0.05**2))
    expected = np.log(stats.poisson.pmf(counts, 0.2) @ components)
    np.testing.assert_allclose(law.log_density(np.full((3, 1), point)), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("jumps", "mean", "variance"),
    [
        (Jumps(0.2, -0.03, 0.05), 0.2 * -0.03, 1e-4 + 0.2 * (0.03**2 + 0.05**2)),
        (Jumps(0.2, -0.03, 0.05, "bernoulli"), 0.2 * -0.03, 1e-4 + 0.2 * (0.03**2 + 0.05**2) - 0.006**2),
    ],
)
def test_moments_are_the_closed_forms(jumps, mean, variance):
    path = simulate(MarketDescription(4000, 20, jumps=jumps), seed=3)
    np.testing.assert_allclose(path.law.mean, mean, rtol=1e-9)
    np.testing.assert_allclose(path.law.variance, variance, rtol=1e-9)
    assert np.nanmean(path.log_returns) == pytest.approx(mean, abs=4 * np.sqrt(variance / 80000))
    assert np.nanvar(path.log_returns) == pytest.approx(variance, rel=0.03)


def test_bernoulli_jumps_come_one_at_a_time_and_common_ones_to_all():
    path = simulate(MarketDescription(2000, 3, jumps=Jumps(0.4, 0.0, 0.05, "bernoulli", common=True)), seed=0)
    assert path.jumps.shape == (2000, 1)
    assert set(np.unique(path.jumps)) == {0, 1}
    assert np.mean(path.jumps) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"intensity": 1.5, "mean": 0.0, "volatility": 0.1, "counting": "bernoulli"}, "intensity"),
        ({"intensity": -0.1, "mean": 0.0, "volatility": 0.1}, "intensity"),
        ({"intensity": float("nan"), "mean": 0.0, "volatility": 0.1}, "intensity"),
        ({"intensity": 0.1, "mean": float("inf"), "volatility": 0.1}, "mean"),
        ({"intensity": 0.1, "mean": 0.0, "volatility": -0.1}, "volatility"),
        ({"intensity": 0.1, "mean": 0.0, "volatility": 0.1, "counting": "binomial"}, "'bernoulli' or 'poisson'"),
    ],
)
def test_what_is_no_law_of_jumps_is_refused(arguments, named):
    with pytest.raises(ConfigError, match=named):
        Jumps(**arguments)
