"""Tests of the hidden Markov chain."""

import numpy as np
import pytest

from quantdl.errors import ConfigError
from quantdl.simulation import MarketDescription, Regimes, simulate

CHAIN = Regimes(transition=((0.98, 0.02), (0.06, 0.94)), means=(5e-4, -1e-3), volatility_multiples=(0.7, 2.0))


def test_the_long_run_law_of_two_regimes_is_the_closed_form():
    np.testing.assert_allclose(CHAIN.stationary, [0.75, 0.25], rtol=1e-12)  # 0.06 / (0.02 + 0.06)


def test_the_long_run_law_of_three_regimes_is_a_fixed_point():
    chain = Regimes(transition=((0.8, 0.1, 0.1), (0.3, 0.3, 0.4), (0.0, 0.5, 0.5)))
    np.testing.assert_allclose(chain.stationary @ chain.matrix, chain.stationary, atol=1e-14)
    np.testing.assert_allclose(np.linalg.matrix_power(chain.matrix, 500)[1], chain.stationary, atol=1e-12)


def test_a_path_visits_the_regimes_as_the_chain_says():
    chain = Regimes(CHAIN.transition, CHAIN.means, CHAIN.volatility_multiples)
    regimes = simulate(MarketDescription(4000, 20, regimes=chain), seed=0).regimes
    assert np.mean(regimes == 1) == pytest.approx(0.25, abs=0.02)
    left = np.mean(regimes[1:][regimes[:-1] == 0] == 1)
    assert left == pytest.approx(0.02, abs=0.002)


def test_the_variance_of_returns_is_that_of_the_mixture_of_regimes():
    path = simulate(MarketDescription(4000, 50, regimes=CHAIN), seed=0)
    means, volatilities = np.array([5e-4, -1e-3]), 0.01 * np.array([0.7, 2.0])
    weights = np.array([0.75, 0.25])
    expected = weights @ (means**2 + volatilities**2) - (weights @ means) ** 2
    assert np.nanvar(path.log_returns) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"transition": ((0.9, 0.2), (0.5, 0.5))}, "add to 1"),
        ({"transition": ((1.1, -0.1), (0.5, 0.5))}, "add to 1"),
        ({"transition": ((0.9, 0.1),)}, "as many columns as rows"),
        ({"transition": ()}, "as many columns as rows"),
        ({"transition": ((1.0, 0.0), (0.0, 1.0))}, "one long-run law"),
        ({"transition": ((0.5, 0.5), (0.5, 0.5)), "means": (0.0,)}, "means needs a finite number for each of 2"),
        ({"transition": ((0.5, 0.5), (0.5, 0.5)), "volatility_multiples": (1.0, 0.0)}, "must be positive"),
        ({"transition": ((0.5, 0.5), (0.5, 0.5)), "loading_multiples": (1.0, 0.5)}, "common=True"),
    ],
)
def test_what_is_no_chain_is_refused(arguments, named):
    with pytest.raises(ConfigError, match=named):
        Regimes(**arguments)
