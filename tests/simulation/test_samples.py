"""Tests of the ready-made markets: each plants what its name says, and knows its own density."""

import numpy as np
import pytest
from scipy import integrate, stats

from quantdl.simulation import correlation_jump_market, sector_shock_market, skewed_bimodal_market, spill_over_market


def test_the_skewed_law_has_its_stated_moments_and_a_density_of_one():
    market = skewed_bimodal_market(20000, 2, seed=0)
    returns = market.panel.log_returns()[1:].ravel()
    assert returns.mean() == pytest.approx(0.0, abs=4 * 0.012 / np.sqrt(40000))
    assert np.var(returns / 0.012) == pytest.approx(0.904375, rel=0.03)
    assert stats.skew(returns) == pytest.approx(-0.8934375 / 0.904375**1.5, abs=0.03)
    order = np.argsort(returns)
    area = integrate.trapezoid(np.exp(market.true_log_density[1:].ravel()[order]), returns[order])
    assert area == pytest.approx(1.0, abs=0.01)


def test_yesterdays_returns_of_the_group_predict_and_those_of_other_groups_do_not():
    returns = spill_over_market(5000, n_groups=2, group_size=3, strength=0.6, seed=0).panel.log_returns()[1:]
    friends = returns[:-1, 1:3].mean(axis=1)
    slope = np.polyfit(friends, returns[1:, 0], 1)[0]
    assert slope == pytest.approx(0.6, abs=0.06)
    others = returns[:-1, 3:].mean(axis=1)
    assert abs(np.polyfit(others, returns[1:, 0], 1)[0]) < 0.06


def test_correlation_jumps_when_it_is_told_to():
    correlation = np.repeat([0.1, 0.8], 5000)
    market = correlation_jump_market(correlation, 3, seed=0)
    returns = market.panel.log_returns()
    assert np.corrcoef(returns[1:5000].T)[0, 1] == pytest.approx(0.1, abs=0.05)
    assert np.corrcoef(returns[5000:].T)[0, 1] == pytest.approx(0.8, abs=0.05)
    expected = stats.norm.logpdf(returns[1:], 0, 0.012)
    np.testing.assert_allclose(market.true_log_density[1:], expected, atol=1e-6)


def test_the_assets_of_a_sector_are_shaken_together_and_for_days():
    """The log of a return's size is the log volatility and noise of its own, whose variance is pi**2 / 8."""
    returns = sector_shock_market(20000, 8, 2, seed=0).panel.log_returns()[1:]
    size = np.log(np.abs(returns / 0.012))
    size -= size.mean(axis=0)
    first, second = size[:, ::2], size[:, 1::2]
    # Each mean over eight sectors has a standard error of 0.005.
    assert (first * second).mean() == pytest.approx(0.36, abs=0.02)  # the square of the spread of the log volatility
    assert (first[:-1] * second[1:]).mean() == pytest.approx(0.8 * 0.36, abs=0.02)  # a session later
    assert (first[:, :-1] * second[:, 1:]).mean() == pytest.approx(0.0, abs=0.02)  # another sector
    assert (first**2).mean() - (first * second).mean() == pytest.approx(np.pi**2 / 8.0, abs=0.04)


def test_a_sectors_density_is_that_of_its_hidden_volatility():
    """The mean log density of a normal return given its volatility is -log(volatility) less a constant."""
    market = sector_shock_market(20000, 3, 2, seed=1)
    expected = -np.log(0.012) - 0.5 * np.log(2.0 * np.pi) - 0.5  # the log of the multiple has mean zero
    assert market.true_log_density[1:].mean() == pytest.approx(expected, abs=0.03)
