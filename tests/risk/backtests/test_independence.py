"""Christoffersen's tests against a published table, the enumeration of all series, and planted clusters."""

import math
from itertools import product

import numpy as np
import pytest

from quantdl.risk.backtests import christoffersen, christoffersen_counts, kupiec, kupiec_counts
from quantdl.risk.backtests.independence import conditional_coverage_chance, independence_law

CHI2_1, CHI2_2 = 3.841459, 5.991465  # 5 % critical values


def test_christoffersen_reference_table():
    result = christoffersen_counts(218, 14, 14, 6, level=0.95)
    assert result.coverage.statistic == pytest.approx(3.912551, abs=5e-7)
    assert result.independence.statistic == pytest.approx(9.529569, abs=5e-7)
    assert result.conditional_coverage.statistic == pytest.approx(13.442120, abs=5e-7)
    assert result.conditional_coverage.p_value == pytest.approx(math.exp(-13.442120 / 2), rel=1e-6)  # chi2 with 2


def test_christoffersen_of_a_series_counts_its_steps():
    """0 0 1 1 0 1: n00 = 1, n01 = 2, n10 = 1, n11 = 1 and 3 exceptions in 6 observations."""
    hits = np.array([0, 0, 1, 1, 0, 1], dtype=bool)
    result = christoffersen(hits, 0.95)
    assert result.independence.statistic == christoffersen_counts(1, 2, 1, 1, 0.95).independence.statistic
    assert result.coverage == kupiec_counts(3, 6, 0.95)
    assert result.conditional_coverage.statistic == pytest.approx(
        result.coverage.statistic + result.independence.statistic
    )


def test_exceptions_that_come_in_clusters_are_found_although_their_number_is_right():
    hits = np.zeros(1000, dtype=bool)
    hits[300:350] = True
    result = christoffersen(hits, 0.95)
    assert result.coverage.statistic == pytest.approx(0.0, abs=1e-12)
    assert result.independence.statistic > CHI2_1
    assert result.conditional_coverage.statistic > CHI2_2


@pytest.mark.parametrize("value", [False, True])
def test_a_series_without_variety_cannot_show_dependence(value):
    result = christoffersen(np.full(300, value), 0.99)
    assert result.independence.statistic == 0
    assert result.independence.p_value == 1
    assert "no step from" in result.independence.note


@pytest.mark.parametrize("test", ["coverage", "independence", "conditional_coverage"])
def test_right_forecasts_are_rejected_about_as_often_as_promised(test):
    """1,000 sessions at 95 %; the chi-square law is approximate, worst for independence."""
    hits = np.random.default_rng(0).random((2000, 1000)) < 0.05
    rejected = np.mean([getattr(christoffersen(row, 0.95), test).p_value < 0.05 for row in hits])
    assert 0.03 < rejected < 0.10


@pytest.mark.parametrize(
    ("hits", "message"),
    [
        (np.zeros(5), "hits must be bool"),
        (np.zeros((2, 2), dtype=bool), "one series"),
        (np.zeros(0, dtype=bool), "at least one observation"),
    ],
)
def test_what_is_not_a_series_of_exceptions_is_refused(hits, message):
    for test in (kupiec, christoffersen):
        with pytest.raises(ValueError, match=message):
            test(hits, 0.99)
    with pytest.raises(ValueError, match="at least 2"):
        christoffersen(np.array([True]), 0.99)
    with pytest.raises(ValueError, match="must not be negative"):
        christoffersen_counts(1, -1, 0, 0, 0.99)


ALL_SERIES = [np.array(bits, dtype=bool) for bits in product([False, True], repeat=9)]


@pytest.mark.parametrize("n_exceptions", range(10))
def test_the_law_of_the_ratio_is_that_of_all_series_with_as_many_exceptions(n_exceptions):
    """Nine sessions have 512 series; the law comes from counts of rows, here each series is tested by itself."""
    chosen = [hits for hits in ALL_SERIES if hits.sum() == n_exceptions]
    ratios = np.array([christoffersen(hits, 0.9).independence.statistic for hits in chosen])
    values, chances = independence_law(9, n_exceptions)
    assert chances.sum() == pytest.approx(1.0)
    for value in ratios:
        expected = np.mean(ratios >= value - 1e-9)
        assert chances[values >= value - 1e-9].sum() == pytest.approx(expected, abs=1e-12)
        assert christoffersen(chosen[int(np.abs(ratios - value).argmin())], 0.9, exact=True).independence.p_value == (
            pytest.approx(expected, abs=1e-12)
        )


def test_the_exact_p_value_of_both_at_once_adds_up_over_all_series():
    ratios = np.array([christoffersen(hits, 0.8).conditional_coverage.statistic for hits in ALL_SERIES])
    chances = np.array([0.2 ** hits.sum() * 0.8 ** (9 - hits.sum()) for hits in ALL_SERIES])
    for at in (0, 3, 77, 200, 511):
        expected = chances[ratios >= ratios[at] - 1e-9].sum()
        assert conditional_coverage_chance(float(ratios[at]), 9, 0.2) == pytest.approx(expected, rel=1e-9)
        found = christoffersen(ALL_SERIES[at], 0.8, exact=True)
        assert found.conditional_coverage.p_value == pytest.approx(expected, rel=1e-9)
        assert {found.coverage.how, found.independence.how, found.conditional_coverage.how} == {"exact"}


def test_exact_p_values_reject_right_forecasts_with_their_size_at_most():
    """At 0.99 and 500 sessions the law given x exceptions, weighted by their chances."""
    from scipy import stats

    size = 0.0
    for x in range(25):
        values, chances = independence_law(500, x)
        order = np.argsort(-values)
        p_values = np.array([chances[values >= value - 1e-9].sum() for value in values[order]])
        size += stats.binom.pmf(x, 500, 0.01) * chances[order][p_values <= 0.05].sum()
    assert 0.0 < size <= 0.05


def test_exceptions_of_overlapping_losses_are_refused():
    with pytest.raises(ValueError, match="christoffersen takes observations as independent"):
        christoffersen(np.zeros(300, dtype=bool), 0.99, horizon=5, step=2)
