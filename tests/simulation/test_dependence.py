"""Tests of the common factors: the returns have the correlation of the loadings."""

import numpy as np
import pytest

from quantdl.errors import ConfigError
from quantdl.simulation import Factors, Garch, MarketDescription, Regimes, StudentTShocks, simulate

LOADINGS = Factors(loadings=((0.8, 0.1), (0.6, -0.3), (0.2, 0.7), (0.0, 0.0)))


def test_correlation_is_the_product_of_loadings():
    matrix = np.array(LOADINGS.loadings)
    expected = matrix @ matrix.T + np.diag(1 - np.square(matrix).sum(axis=1))
    np.testing.assert_allclose(LOADINGS.correlation(1.0), expected, atol=1e-15)
    half = 0.25 * matrix @ matrix.T
    np.testing.assert_allclose(LOADINGS.correlation(0.5)[0, 1:], half[0, 1:], atol=1e-15)


@pytest.mark.parametrize("shocks", [None, StudentTShocks(6.0)])
def test_standardised_returns_have_that_correlation(shocks):
    garch = Garch(omega=3e-6, alpha=0.08, beta=0.9)
    arguments = {} if shocks is None else {"shocks": shocks}
    path = simulate(MarketDescription(20000, 4, volatility=garch, factors=LOADINGS, **arguments), seed=0)
    standard = path.log_returns[1:] / np.sqrt(path.law.variance[1:])
    np.testing.assert_allclose(np.corrcoef(standard.T), LOADINGS.correlation(1.0), atol=0.035)


def test_each_regime_has_the_correlation_of_its_loadings():
    chain = Regimes(transition=((0.95, 0.05), (0.05, 0.95)), loading_multiples=(1.0, 0.0), common=True)
    path = simulate(MarketDescription(20000, 4, regimes=chain, factors=LOADINGS), seed=0)
    returns, regime = path.log_returns[1:], path.regimes[1:, 0]
    np.testing.assert_allclose(np.corrcoef(returns[regime == 0].T), LOADINGS.correlation(1.0), atol=0.04)
    np.testing.assert_allclose(np.corrcoef(returns[regime == 1].T), np.eye(4), atol=0.04)


@pytest.mark.parametrize(
    ("loadings", "named"),
    [
        (((0.9, 0.9),), "less than 1"),
        (((1.0,),), "less than 1"),
        (((0.5,), (0.5, 0.1)), "every asset needs a loading"),
        ((), "every asset needs a loading"),
        (((),), "every asset needs a loading"),
        (((float("nan"),),), "finite"),
    ],
)
def test_impossible_loadings_are_refused(loadings, named):
    with pytest.raises(ConfigError, match=named):
        Factors(loadings)
