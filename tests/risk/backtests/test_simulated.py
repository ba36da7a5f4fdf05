"""Simulated p-values are uniform when the forecasts are right, whatever the statistic and however few are drawn."""

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.backtests.simulated import bernoulli_hits, scattered_hits, simulated_p_value


def test_with_chance_breaking_ties_p_values_are_uniform_even_of_a_statistic_with_few_values():
    random = np.random.default_rng(1)
    drawn = random.integers(0, 4, (4000, 20)).astype(float)
    p_values = [simulated_p_value(row[0], row[1:], random.random()) for row in drawn]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_without_chance_p_values_are_no_smaller_than_they_should_be():
    drawn = np.random.default_rng(2).integers(0, 4, (4000, 40)).astype(float)
    p_values = np.array([simulated_p_value(row[0], row[1:]) for row in drawn])
    for size in (0.05, 0.2, 0.5):
        assert (p_values <= size).mean() <= size + 3 * np.sqrt(size * (1 - size) / 4000)


def test_statistics_that_differ_by_rounding_are_ties():
    assert simulated_p_value(0.1 + 0.2, np.array([0.3, 0.3, 1.0])) == 1.0
    assert simulated_p_value(0.1 + 0.2, np.array([0.3, 0.3, 1.0]), tie_break=0.0) == 0.25


def test_independent_exceptions_come_as_often_as_stated():
    hits = bernoulli_hits(500, 0.05, 400, np.random.default_rng(3))
    assert hits.shape == (400, 500)
    assert hits.mean() == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 200_000))


@pytest.mark.parametrize("x", [0, 1, 7, 30])
def test_scattered_exceptions_are_as_many_as_stated_and_anywhere(x):
    hits = scattered_hits(30, x, 2000, np.random.default_rng(4))
    assert (hits.sum(axis=1) == x).all()
    np.testing.assert_allclose(hits.mean(axis=0), x / 30, atol=0.05)
