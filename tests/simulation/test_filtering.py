"""Tests of the filtered law against the sum over every path the hidden regimes could have taken."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from quantdl.simulation import (
    Factors,
    Garch,
    Jumps,
    MarketDescription,
    NormalShocks,
    Regimes,
    StudentTShocks,
    conditional_law,
    simulate,
)

TRANSITION = ((0.9, 0.08, 0.02), (0.1, 0.85, 0.05), (0.3, 0.3, 0.4))
MEANS, MULTIPLES = (6e-4, 0.0, -2e-3), (0.6, 1.0, 2.5)


def regime_density(returns, regime, mean, variance, freedom, correlation):
    """Density of one session's returns (A,) in one regime, by scipy."""
    location = mean + MEANS[regime]
    scale = np.diag(MULTIPLES[regime] * np.sqrt(variance))
    seen = np.isfinite(returns)
    covariance = (scale @ correlation @ scale)[np.ix_(seen, seen)]
    if not seen.any():
        return 1.0
    if freedom is None:
        return stats.multivariate_normal(np.full(seen.sum(), location), covariance).pdf(returns[seen])
    law = stats.multivariate_t(np.full(seen.sum(), location), covariance * (freedom - 2) / freedom, df=freedom)
    return law.pdf(returns[seen])


def brute_force_joint(returns, mean, variances, freedom, correlation):
    """(T,) log density of each session given all before it, summed over all regime paths."""
    transition = np.array(TRANSITION)
    values, vectors = np.linalg.eig(transition.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary = stationary / stationary.sum()
    totals = []
    for length in range(1, len(returns) + 1):
        total = 0.0
        for path in product(range(3), repeat=length):
            weight = stationary[path[0]]
            for before, after in zip(path, path[1:], strict=False):
                weight *= transition[before, after]
            for session, regime in enumerate(path):
                weight *= regime_density(returns[session], regime, mean, variances[session], freedom, correlation)
            total += weight
        totals.append(total)
    return np.diff(np.log(np.array([1.0, *totals])))


@pytest.mark.parametrize("freedom", [None, 5.0])
@pytest.mark.parametrize("loadings", [None, ((0.7,), (0.5,))])
def test_common_regimes_are_filtered_as_the_sum_over_all_paths_says(freedom, loadings):
    shocks = NormalShocks() if freedom is None else StudentTShocks(freedom)
    chain = Regimes(TRANSITION, MEANS, MULTIPLES, common=True)
    factors = None if loadings is None else Factors(loadings)
    market = MarketDescription(7, 2, shocks=shocks, mean=1e-4, regimes=chain, factors=factors)
    returns = simulate(market, seed=5).log_returns[1:].copy()
    returns[2, 1] = np.nan  # a halt
    law = conditional_law(market, returns)
    correlation = np.eye(2) if loadings is None else np.array([[1.0, 0.35], [0.35, 1.0]])
    if loadings is None and freedom is not None:
        expected = brute_force_joint_of_independent_t(returns, freedom)
    else:
        expected = brute_force_joint(returns, 1e-4, np.full((6, 2), 1e-4), freedom, correlation)
    np.testing.assert_allclose(law.joint_log_density(returns), expected, rtol=1e-9)


def brute_force_joint_of_independent_t(returns, freedom):
    """As `brute_force_joint` for shocks that are independent, which a multivariate t never is."""
    transition = np.array(TRANSITION)
    stationary = np.linalg.matrix_power(transition, 2000)[0]
    totals = []
    for length in range(1, len(returns) + 1):
        total = 0.0
        for path in product(range(3), repeat=length):
            weight = stationary[path[0]] * np.prod([transition[pair] for pair in zip(path, path[1:], strict=False)])
            for session, regime in enumerate(path):
                scale = 0.01 * MULTIPLES[regime] * np.sqrt((freedom - 2) / freedom)
                densities = stats.t.pdf(returns[session], freedom, 1e-4 + MEANS[regime], scale)
                weight *= np.nanprod(densities)
            total += weight
        totals.append(total)
    return np.diff(np.log(np.array([1.0, *totals])))


def test_own_regimes_with_garch_and_jumps_are_filtered_as_the_sum_over_all_paths_says():
    garch = Garch(omega=4e-6, alpha=0.05, beta=0.85, gamma=0.04, initial=2e-4)
    chain = Regimes(TRANSITION, MEANS, MULTIPLES)
    market = MarketDescription(7, 2, volatility=garch, regimes=chain, jumps=Jumps(0.3, -0.02, 0.04, "bernoulli"))
    returns = simulate(market, seed=2).log_returns[1:]
    law = conditional_law(market, returns)
    stationary = np.linalg.matrix_power(np.array(TRANSITION), 2000)[0]
    for asset in range(2):
        variances = [2e-4]
        for value in returns[:-1, asset]:
            variances.append(4e-6 + (0.05 + 0.04 * (value < 0)) * value**2 + 0.85 * variances[-1])
        totals = [1.0]
        for length in range(1, 7):
            total = 0.0
            for path in product(range(3), repeat=length):
                weight = stationary[path[0]]
                weight *= np.prod([np.array(TRANSITION)[pair] for pair in zip(path, path[1:], strict=False)])
                for session, regime in enumerate(path):
                    variance = MULTIPLES[regime] ** 2 * variances[session]
                    calm = stats.norm.pdf(returns[session, asset], MEANS[regime], np.sqrt(variance))
                    jump_law = MEANS[regime] - 0.02, np.sqrt(variance + 0.04**2)
                    weight *= 0.7 * calm + 0.3 * stats.norm.pdf(returns[session, asset], *jump_law)
                total += weight
            totals.append(total)
        np.testing.assert_allclose(law.log_density(returns)[:, asset], np.diff(np.log(totals)), rtol=1e-9)


RICH = MarketDescription(
    60,
    3,
    shocks=StudentTShocks(5.0),
    volatility=Garch(omega=4e-6, alpha=0.05, beta=0.85, gamma=0.04),
    regimes=Regimes(TRANSITION, MEANS, (0.6, 1.0, 1.5), common=True),
    jumps=Jumps(0.1, -0.02, 0.04, common=True),
    factors=Factors(loadings=((0.5,), (0.6,), (-0.3,))),
)
OWN = MarketDescription(60, 3, regimes=Regimes(TRANSITION, MEANS, MULTIPLES), jumps=Jumps(0.1, -0.02, 0.04))


@pytest.fixture(scope="module", params=[RICH, OWN], ids=["common", "own"])
def market_with_returns(request):
    returns = simulate(request.param, seed=4).log_returns
    return request.param, returns, conditional_law(request.param, returns)


@settings(max_examples=25)
@given(cut=st.integers(1, 59), value=st.one_of(st.just(np.nan), st.floats(-0.5, 0.5)))
def test_later_returns_change_no_earlier_law_bit_for_bit(market_with_returns, cut, value):
    market, returns, before = market_with_returns
    changed = returns.copy()
    changed[cut:] = value
    after, short = conditional_law(market, changed), conditional_law(market, returns[:cut])
    for law, rows in ((after, cut + 1), (short, cut)):
        np.testing.assert_array_equal(law.common_weights[:rows], before.common_weights[:rows])
        np.testing.assert_array_equal(law.own_weights[:rows], before.own_weights[:rows])
        np.testing.assert_array_equal(law.scales[:rows], before.scales[:rows])


def test_a_surprising_return_changes_the_next_law():
    returns = simulate(OWN, seed=4).log_returns.copy()
    before = conditional_law(OWN, returns).variance
    returns[30] = 0.2
    after = conditional_law(OWN, returns).variance
    assert (after[31] > before[31]).all()


def test_a_regime_that_was_ruled_out_stays_ruled_out():
    """A chain that cannot stay in its second regime has no such session after one in which it must have been there."""
    chain = Regimes(transition=((0.5, 0.5), (1.0, 0.0)), volatility_multiples=(1.0, 1000.0))
    market = MarketDescription(4, 1, regimes=chain)
    law = conditional_law(market, np.array([[0.0], [9.0], [0.0], [0.0]]))
    np.testing.assert_allclose(law.own_weights[2, 0], [1.0, 0.0], atol=1e-12)
    assert np.isfinite(law.log_density(np.zeros((4, 1)))).all()


@pytest.mark.parametrize("common", [True, False])
def test_a_single_regime_is_certain_whatever_was_seen(common):
    chain = Regimes(transition=((1.0,),), volatility_multiples=(2.0,), common=common)
    law = conditional_law(MarketDescription(4, 2, regimes=chain), np.array([[0.0, np.nan], [9.0, 0.1]] * 2))
    weights = law.common_weights if common else law.own_weights
    assert weights.shape == ((4, 1) if common else (4, 2, 1))
    assert (weights == 1.0).all()
    np.testing.assert_allclose(law.scales, 0.02, rtol=1e-12)
