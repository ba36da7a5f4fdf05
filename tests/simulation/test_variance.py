"""Tests of the volatility recursions against arch and closed forms."""

import numpy as np
import pytest
from arch.univariate import GARCH, Normal, StudentsT

from quantdl.errors import ConfigError
from quantdl.simulation import (
    ConstantVolatility,
    Garch,
    MarketDescription,
    NormalShocks,
    StudentTShocks,
    conditional_law,
    simulate,
)

SYMMETRIC = Garch(omega=3e-6, alpha=0.08, beta=0.9)
ASYMMETRIC = Garch(omega=3e-6, alpha=0.03, beta=0.88, gamma=0.1)


@pytest.mark.parametrize("garch", [SYMMETRIC, ASYMMETRIC])
@pytest.mark.parametrize("freedom", [None, 6.0])
def test_the_log_likelihood_is_that_of_arch(garch, freedom):
    """arch starts its recursion from a backcast; the long-run variance as backcast gives our first variance."""
    mean, shocks = 2e-4, NormalShocks() if freedom is None else StudentTShocks(freedom)
    market = MarketDescription(1000, 1, shocks=shocks, volatility=garch, mean=mean)
    returns = simulate(market, seed=1).log_returns[1:]  # the first session has no return
    residuals = returns[:, 0] - mean
    process = GARCH(p=1, o=1, q=1)
    parameters = np.array([garch.omega, garch.alpha, garch.gamma, garch.beta])
    bounds = np.tile([1e-12, 1e6], (len(residuals), 1))
    variances = np.zeros_like(residuals)
    process.compute_variance(parameters, residuals, variances, garch.long_run_variance, bounds)
    law, shape = (Normal(), []) if freedom is None else (StudentsT(), [freedom])
    expected = law.loglikelihood(np.array(shape), residuals, variances, individual=True)
    actual = conditional_law(market, returns).log_density(returns)[:, 0]
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


@pytest.mark.parametrize("garch", [SYMMETRIC, ASYMMETRIC])
def test_the_mean_variance_is_the_long_run_variance(garch):
    path = simulate(MarketDescription(4000, 60, volatility=garch), seed=0)
    variance = np.nanvar(path.log_returns, axis=0)
    error = variance.std() / np.sqrt(len(variance))
    assert abs(variance.mean() - garch.long_run_variance) < 4 * error
    assert error < 0.05 * garch.long_run_variance  # close enough to tell the long-run variance from others


def test_the_first_law_has_the_stated_initial_variance():
    garch = Garch(omega=3e-6, alpha=0.08, beta=0.9, initial=9e-4)
    law = simulate(MarketDescription(5, 2, volatility=garch), seed=0).law
    np.testing.assert_allclose(law.variance[:2], 9e-4, rtol=1e-12)  # the first return is made in the second session


def test_losses_raise_the_next_variance_more_than_gains():
    market = MarketDescription(3, 2, volatility=ASYMMETRIC)
    law = conditional_law(market, np.array([[0.0, 0.0], [-0.04, 0.04], [0.0, 0.0]]))
    difference = law.variance[2, 0] - law.variance[2, 1]
    assert difference == pytest.approx(0.1 * 0.04**2, rel=1e-10)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"omega": 0.0, "alpha": 0.1, "beta": 0.8}, "omega must be positive"),
        ({"omega": 1e-6, "alpha": 0.2, "beta": 0.8}, "below 1"),
        ({"omega": 1e-6, "alpha": 0.1, "beta": 0.8, "gamma": 0.2}, "below 1"),
        ({"omega": 1e-6, "alpha": 0.1, "beta": 0.8, "gamma": -0.2}, "must not be negative"),
        ({"omega": 1e-6, "alpha": 0.1, "beta": 0.8, "initial": 0.0}, "initial"),
        ({"omega": float("nan"), "alpha": 0.1, "beta": 0.8}, "finite"),
    ],
)
def test_impossible_parameters_are_refused(parameters, named):
    with pytest.raises(ConfigError, match=named):
        Garch(**parameters)


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError, match=r"omega must be positive.*below 1"):
        Garch(omega=-1.0, alpha=0.5, beta=0.6)


@pytest.mark.parametrize("volatility", [0.0, -0.01, float("inf")])
def test_a_volatility_must_be_positive(volatility):
    with pytest.raises(ConfigError, match="positive"):
        ConstantVolatility(volatility)
