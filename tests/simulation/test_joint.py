"""The density of a whole session in each shared state, against scipy's multivariate laws."""

import numpy as np
import pytest
from scipy import stats

from quantdl.simulation import NormalShocks, StudentTShocks
from quantdl.simulation.joint import joint_state_density

GENERATOR = np.random.default_rng(0)
RETURNS = 0.02 * GENERATOR.standard_normal((5, 3))
RETURNS[1, 2] = RETURNS[3, 0] = RETURNS[3, 1] = np.nan
RETURNS[4] = np.nan
SCALES = 0.01 * np.exp(0.3 * GENERATOR.standard_normal((5, 3, 2, 1)))
LOCATIONS = np.array([[0.001], [-0.004]])
CORRELATIONS = np.array(
    [[[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]], [[1.0, 0.8, 0.7], [0.8, 1.0, 0.6], [0.7, 0.6, 1.0]]]
)
ONE = np.ones((1, 1, 1))


def by_scipy(freedom: float | None, session: int, state: int, correlation: np.ndarray) -> float:
    seen = np.isfinite(RETURNS[session])
    if not seen.any():
        return 0.0
    scale = SCALES[session, seen, state, 0]
    covariance = correlation[np.ix_(seen, seen)] * np.outer(scale, scale)
    center = np.full(seen.sum(), LOCATIONS[state, 0])
    if freedom is None:
        return float(stats.multivariate_normal(center, covariance).logpdf(RETURNS[session, seen]))
    law = stats.multivariate_t(center, covariance * (freedom - 2.0) / freedom, df=freedom)
    return float(law.logpdf(RETURNS[session, seen]))


@pytest.mark.parametrize("freedom", [None, 4.0])
@pytest.mark.parametrize("same", [False, True])
def test_correlated_returns_have_the_density_of_the_observed_assets(freedom, same):
    """Also where both states have one correlation, whose root is computed once."""
    shocks = NormalShocks() if freedom is None else StudentTShocks(freedom)
    correlations = CORRELATIONS[[0, 0]] if same else CORRELATIONS
    density = joint_state_density(shocks, ONE, LOCATIONS, SCALES, correlations, RETURNS)
    expected = [[by_scipy(freedom, session, state, correlations[state]) for state in range(2)] for session in range(5)]
    np.testing.assert_allclose(density, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("freedom", [None, 4.0])
def test_independent_returns_are_mixtures_of_each_assets_own_states(freedom):
    """Three own states within each of two shared ones, with weights that differ by session and asset."""
    shocks = NormalShocks() if freedom is None else StudentTShocks(freedom)
    weights = GENERATOR.dirichlet(np.ones(3), size=(5, 3))
    locations = np.array([[0.001, 0.0, -0.01], [-0.004, 0.002, 0.003]])
    scales = 0.01 * np.exp(0.3 * GENERATOR.standard_normal((5, 3, 2, 3)))
    values = RETURNS[:, :, None, None]
    if freedom is None:
        densities = stats.norm.pdf(values, locations, scales)
    else:
        densities = stats.t.pdf(values, freedom, locations, scales * np.sqrt((freedom - 2.0) / freedom))
    own = np.log((weights[:, :, None, :] * densities).sum(axis=-1))
    expected = np.nansum(own, axis=1)
    density = joint_state_density(shocks, weights, locations, scales, None, RETURNS)
    np.testing.assert_allclose(density, expected, rtol=1e-10, atol=1e-12)


def test_a_state_that_an_asset_cannot_be_in_adds_nothing():
    weights = np.broadcast_to([1.0, 0.0], (5, 3, 2))
    locations, scales = np.array([[0.001, 9.0]]), np.full((5, 3, 1, 2), 0.01)
    density = joint_state_density(NormalShocks(), weights, locations, scales, None, RETURNS)[:, 0]
    np.testing.assert_allclose(density, np.nansum(stats.norm.logpdf(RETURNS, 0.001, 0.01), axis=1), rtol=1e-12)


def test_no_session_depends_on_the_others_bit_for_bit():
    arguments = NormalShocks(), ONE, LOCATIONS
    whole = joint_state_density(*arguments, SCALES, CORRELATIONS, RETURNS)
    for session in range(5):
        rows = slice(session, session + 1)
        alone = joint_state_density(*arguments, SCALES[rows], CORRELATIONS, RETURNS[rows])
        np.testing.assert_array_equal(alone, whole[rows])
