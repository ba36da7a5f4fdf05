"""Paired tests of two books: closed forms, another library, and books that are known to be alike or not."""

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.curves.paired_returns import bars_in_common, compare_returns


def books(n, seed, means=(0.0, 0.0), correlation=0.5):
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(n)
    return [mean + np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.standard_normal(n) for mean in means]


def test_without_lags_the_test_of_the_mean_is_the_paired_t_test():
    """Up to the divisor: the error is of n and not of n - 1, which the small-sample factor makes up for."""
    first, second = books(200, 0, (0.1, 0.0))
    found = compare_returns(first, second, lags=0).mean
    assert found.t == pytest.approx(stats.ttest_rel(first, second).statistic, rel=1e-12)
    assert found.p_value == pytest.approx(stats.ttest_rel(first, second).pvalue, rel=1e-9)
    assert found.mean == pytest.approx(first.mean() - second.mean())


def test_the_error_of_the_sharpe_ratios_of_normal_returns_is_that_of_jobson_korkie_and_memmel():
    """2 - 2 rho + (s1^2 + s2^2 - 2 s1 s2 rho^2) / 2 over n (Memmel, 2003); large ratios, so that all terms count."""
    n, means, rho = 200_000, (0.8, -0.5), 0.6
    found = compare_returns(*books(n, 1, means, rho), lags=0).sharpe
    variance = (2 - 2 * rho + 0.5 * (means[0] ** 2 + means[1] ** 2 - 2 * means[0] * means[1] * rho**2)) / n
    assert found.mean == pytest.approx(means[0] - means[1], abs=4 * np.sqrt(variance))
    assert found.error == pytest.approx(np.sqrt(variance), rel=0.01)


def test_books_with_the_same_sharpe_ratio_are_told_apart_as_often_as_chance_does():
    """Heavy tails and a volatility that clusters; twice the leverage is the same Sharpe ratio and another mean."""
    width = np.exp(0.5 * np.sin(np.arange(600) / 40))[:, None]
    rejected = 0
    for seed in range(200):
        returns = width * (0.1 + np.random.default_rng(seed).standard_t(5, (600, 2))) * [1.0, 2.0]
        rejected += compare_returns(*returns.T).sharpe.p_value < 0.05
    assert rejected / 200 == pytest.approx(0.05, abs=0.04)


def test_a_better_book_is_found():
    found = compare_returns(*books(1_000, 2, (0.2, 0.0)))
    assert found.mean.p_value < 0.001 and found.sharpe.p_value < 0.001 and found.mean.mean > 0
    assert found.correlation == pytest.approx(0.5, abs=0.08)


def test_returns_that_are_correlated_in_time_widen_the_error():
    rng = np.random.default_rng(3)
    slow = np.convolve(rng.standard_normal(2_004), np.ones(5) / 5, "valid")
    other = rng.standard_normal(2_000)
    with_lags, without = (compare_returns(slow, other * 0.01, lags=lags).mean.error for lags in (10, 0))
    assert with_lags > 1.8 * without


def test_the_order_of_the_books_turns_signs_alone():
    first, second = books(300, 4, (0.1, 0.0))
    one, other = compare_returns(first, second), compare_returns(second, first)
    assert one.mean.t == pytest.approx(-other.mean.t) and one.sharpe.t == pytest.approx(-other.sharpe.t)
    assert one.sharpe.p_value == pytest.approx(other.sharpe.p_value)


def test_the_difference_of_shortfalls_is_that_of_the_measure():
    """The mean of the worst twentieth, where the number of bars divides so."""
    first, second = books(400, 6, (0.0, 0.3))
    worst = [np.sort(-book)[-20:].mean() for book in (first, second)]
    assert compare_returns(first, second).shortfall.mean == pytest.approx(worst[0] - worst[1], rel=1e-9)


def test_the_error_of_the_shortfalls_is_the_spread_over_samples():
    """Independent normal books: their shortfalls differ over many samples as far as the error of one says."""
    found = [compare_returns(*books(1_000, seed, correlation=0.0), lags=0).shortfall for seed in range(300)]
    assert np.mean([one.error for one in found]) == pytest.approx(np.std([one.mean for one in found]), rel=0.12)


def test_books_with_the_same_shortfall_are_told_apart_as_often_as_chance_does():
    rejected = sum(compare_returns(*books(1_000, seed)).shortfall.p_value < 0.05 for seed in range(1_000, 1_300))
    assert rejected / 300 == pytest.approx(0.05, abs=0.035)


def test_a_book_that_loses_more_is_found():
    first, second = books(2_000, 7)
    found = compare_returns(1.5 * first, second).shortfall
    assert found.mean > 0 and found.p_value < 0.001


def test_too_few_bars_have_no_tail_to_compare():
    first, second = books(99, 9)
    assert compare_returns(first, second).shortfall is None


def test_a_book_of_cash_has_no_sharpe_ratio_to_compare():
    first, _ = books(100, 5)
    found = compare_returns(first, np.zeros(100))
    assert found.sharpe is None and found.correlation is None
    assert found.mean.mean == pytest.approx(first.mean())


@pytest.mark.parametrize("rate", [1e-4, 5e-3])
def test_a_book_that_grows_by_the_same_each_bar_has_no_sharpe_ratio_to_compare(rate):
    """Its returns differ by the rounding of its equity alone."""
    equity = 1e6 * (1.0 + rate) ** np.arange(300)
    cash = equity[1:] / equity[:-1] - 1.0
    assert cash.std() > 0.0
    other = np.random.default_rng(1).normal(0.0005, 0.01, 299)
    for pair in ((cash, other), (other, cash)):
        found = compare_returns(*pair)
        assert found.sharpe is None and found.correlation is None
    varied = compare_returns(cash + 1e-9 * other, other)
    assert varied.sharpe is not None


@pytest.mark.parametrize("second", [np.zeros(99), np.zeros(100) * np.nan, np.zeros((100, 1))])
def test_series_that_cannot_be_paired_are_refused(second):
    with pytest.raises(ValueError, match="expected two series|finite"):
        compare_returns(np.arange(100.0), second)


def test_few_bars_are_refused():
    with pytest.raises(ValueError, match="20 bars or more"):
        compare_returns(np.arange(19.0), np.arange(19.0))


def test_only_returns_between_the_same_two_bars_are_paired():
    days = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]")
    some = days[[1, 2, 4, 5, 6, 9]]
    one, other = bars_in_common(days, some)
    assert days[one].tolist() == some[other].tolist() == [days[2], days[5], days[6]]
    assert [len(rows) for rows in bars_in_common(days, days[:1])] == [0, 0]
