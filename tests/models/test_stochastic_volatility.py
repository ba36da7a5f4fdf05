"""Stochastic volatility by Monte Carlo: known parameters come back, and the law beats GARCH on a market made so."""

import numpy as np
import pytest
import torch
from scipy import signal, stats

from quantdl.errors import DataError
from quantdl.models.classical.recursion import filtered_variance
from quantdl.models.classical.univariate_fits import ewma_t_fit, fit_garch_t
from quantdl.models.stochastic_volatility import StochasticVolatility, autoregression, fit_stochastic_volatility
from quantdl.simulation import sector_shock_market

MEMORY, SPREAD, DAILY = 0.95, 0.6, 0.012  # of the log volatility; the log variance has twice the spread


def simulated_returns(n: int, seed: int) -> np.ndarray:
    market = sector_shock_market(n + 1, 1, 1, seed, memory=MEMORY, spread=SPREAD)
    return market.panel.log_returns()[1:, 0]


def truth(draws: int) -> StochasticVolatility:
    """The true parameters as a posterior of one draw, repeated so that the state is drawn often."""
    innovation = 2.0 * SPREAD * np.sqrt(1.0 - MEMORY**2)
    ones = np.ones(draws)
    return StochasticVolatility(DAILY, 0.0 * ones, MEMORY * ones, innovation * ones, 1.0)


def true_log_densities(returns: np.ndarray, particles: int = 20_000) -> np.ndarray:
    """Log density of each return given those before it, by a bootstrap particle filter (Gordon and others, 1993)."""
    generator = np.random.default_rng(0)
    spread = 2.0 * SPREAD
    state, found = spread * generator.standard_normal(particles), []
    for value in returns:
        density = stats.norm.pdf(value, 0.0, DAILY * np.exp(0.5 * state))
        found.append(np.log(density.mean()))
        state = generator.choice(state, particles, p=density / density.sum())
        state = MEMORY * state + spread * np.sqrt(1.0 - MEMORY**2) * generator.standard_normal(particles)
    return np.array(found)


def test_the_scan_is_the_recursion():
    shocks = np.random.default_rng(0).standard_normal(37)
    expected = signal.lfilter([1.0], [1.0, -0.9], shocks)
    found = autoregression(torch.from_numpy(shocks), torch.tensor(0.9, dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_with_the_true_parameters_the_law_is_that_of_a_particle_filter():
    returns = simulated_returns(250, seed=3)
    law = truth(200).forecasts(returns, seed=0)
    assert (law.batch_shape, law.event_shape) == ((251,), (1,))
    found = law.rows(slice(0, 250)).log_prob(torch.from_numpy(returns)[:, None]).numpy()
    assert found.mean() == pytest.approx(true_log_densities(returns).mean(), abs=0.01)


def test_a_row_reads_earlier_returns_only():
    returns = simulated_returns(60, seed=1)
    changed = returns.copy()
    changed[40:] *= 5.0
    first, second = (truth(20).forecasts(values, seed=0).variance for values in (returns, changed))
    assert torch.equal(first[:41], second[:41]) and not torch.equal(first[41:], second[41:])


def test_a_short_chain_is_repeatable_and_leaves_random_states_alone():
    returns = simulated_returns(120, seed=2)
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    first, second = (fit_stochastic_volatility(returns, seed=5, draws=4, warm_up=4) for _ in range(2))
    assert np.array_equal(first.persistence, second.persistence) and np.array_equal(first.level, second.level)
    assert torch.equal(torch.random.get_rng_state(), before) and np.array_equal(np.random.get_state()[1], numpy_before)
    assert (np.abs(first.persistence) < 1.0).all() and (first.volatility > 0.0).all()


@pytest.mark.parametrize(("count", "match"), [(50, "got 50"), (5000, "Give the last 4,000")])
def test_too_few_and_too_many_returns_are_refused_with_the_fix(count, match):
    with pytest.raises(DataError, match=match):
        fit_stochastic_volatility(np.ones(count), seed=0)


def test_returns_that_do_not_vary_are_refused():
    with pytest.raises(DataError, match="must be finite and vary"):
        fit_stochastic_volatility(np.zeros(200), seed=0)


@pytest.mark.slow
def test_known_parameters_come_back_and_the_law_beats_ewma_and_garch():
    returns = simulated_returns(1500, seed=7)
    fitted = fit_stochastic_volatility(returns[:500], seed=0, draws=150, warm_up=150)
    assert fitted.split_r_hat < 1.1
    for draws, true in ((fitted.persistence, MEMORY), (fitted.volatility, 2.0 * SPREAD * np.sqrt(1.0 - MEMORY**2))):
        low, high = np.quantile(draws, [0.005, 0.995])
        assert low < true < high
    law = fitted.forecasts(returns, seed=0).rows(slice(500, 1500))
    score = -law.log_prob(torch.from_numpy(returns[500:])[:, None]).mean().item()
    scores = {"truth": -true_log_densities(returns)[500:].mean(), "stochastic_volatility": score}
    for name, fit in (("ewma_t", ewma_t_fit()), ("garch_t", fit_garch_t)):
        recursion = fit(returns[:500])
        freedom = recursion.degrees_of_freedom
        scale = np.sqrt(filtered_variance(returns, recursion) * (freedom - 2.0) / freedom)
        scores[name] = -stats.t.logpdf(returns, freedom, recursion.mean, scale)[500:].mean()
    print(scores)
    assert scores["stochastic_volatility"] - scores["truth"] < 0.02
    assert scores["stochastic_volatility"] < min(scores["ewma_t"], scores["garch_t"])
