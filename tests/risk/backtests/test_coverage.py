"""Kupiec's test against published tables, binomial enumeration and counts that cannot be."""

import math

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.backtests import basel_zone, exceptions, kupiec, kupiec_counts

CHI2_1 = 3.841459  # 5 % critical value


@pytest.mark.parametrize(
    ("x", "n", "tail", "ratio"),
    [
        (20, 252, 0.05, 3.9126),
        (0, 250, 0.01, 5.0252),
        (4, 250, 0.01, 0.7691),
        (5, 250, 0.01, 1.9568),
        (7, 250, 0.01, 5.4970),
        (10, 250, 0.01, 12.9555),
        (0, 255, 0.01, 5.126),
    ],
)
def test_kupiec_ratios(x, n, tail, ratio):
    assert kupiec_counts(x, n, 1 - tail).statistic == pytest.approx(ratio, abs=6e-4 if ratio == 5.126 else 6e-5)


def test_kupiec_p_value_without_an_exception():
    assert kupiec_counts(0, 250, 0.99).p_value == pytest.approx(0.0250, abs=5e-5)


@pytest.mark.parametrize(
    ("tail", "n", "lowest", "highest"),
    [
        (0.01, 255, 1, 6),
        (0.01, 510, 2, 10),
        (0.01, 1000, 5, 16),
        (0.025, 255, 3, 11),
        (0.025, 1000, 16, 35),
        (0.05, 255, 7, 20),
        (0.05, 510, 17, 35),
        (0.05, 1000, 38, 64),
        (0.10, 255, 17, 35),
    ],
)
def test_kupiec_non_rejection_sets(tail, n, lowest, highest):
    accepted = [x for x in range(n + 1) if kupiec_counts(x, n, 1 - tail).statistic < CHI2_1]
    assert (accepted[0], accepted[-1], len(accepted)) == (lowest, highest, highest - lowest + 1)


@pytest.mark.parametrize("n", [1, 250])
def test_no_exception_and_nothing_but_exceptions_are_handled(n):
    none, every = kupiec_counts(0, n, 0.99), kupiec_counts(n, n, 0.99)
    assert none.statistic == pytest.approx(-2 * n * math.log(0.99))
    assert every.statistic == pytest.approx(-2 * n * math.log(0.01))


def test_kupiec_of_a_series_counts_it():
    hits = np.zeros(250, dtype=bool)
    hits[[3, 50, 51, 200]] = True
    result = kupiec(hits, 0.99)
    assert result == kupiec_counts(4, 250, 0.99)
    assert (result.n, result.exceptions, result.expected) == (250, 4, pytest.approx(2.5))


@pytest.mark.parametrize(("x", "n"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(x, n):
    with pytest.raises(ValueError, match="exceptions must lie between 0"):
        kupiec_counts(x, n, 0.99)
    with pytest.raises(ValueError, match="exceptions must lie between 0"):
        basel_zone(x, n)


def test_an_exception_is_a_loss_above_not_at_the_forecast():
    assert exceptions([0.02, 0.020001, -0.05], [0.02, 0.02, 0.02]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("losses", "var", "message"),
    [
        ([0.1, 0.2], [0.1], "series of one length"),
        ([], [], "series of one length"),
        ([math.nan], [0.1], "must be finite"),
        ([0.1], [math.inf], "must be finite"),
    ],
)
def test_losses_without_a_forecast_are_refused(losses, var, message):
    with pytest.raises(ValueError, match=message):
        exceptions(losses, var)


@pytest.mark.parametrize(("n", "level"), [(250, 0.99), (250, 0.95), (60, 0.975)])
def test_the_exact_p_value_adds_up_the_counts_that_are_less_likely_by_their_ratio(n, level):
    counts = np.arange(n + 1)
    chances = stats.binom.pmf(counts, n, 1 - level)
    ratios = [kupiec_counts(int(x), n, level).statistic for x in counts]
    for x in (0, 3, 9):
        added = sum(chance for chance, ratio in zip(chances, ratios, strict=True) if ratio >= ratios[x] - 1e-9)
        found = kupiec_counts(x, n, level, exact=True)
        assert found.p_value == pytest.approx(added, rel=1e-9)
        assert (found.how, found.statistic) == ("exact", ratios[x])


@pytest.mark.parametrize(("n", "level"), [(250, 0.99), (500, 0.975), (1000, 0.95)])
def test_the_exact_p_value_never_rejects_right_forecasts_more_often_than_it_says(n, level):
    chances = stats.binom.pmf(np.arange(n + 1), n, 1 - level)
    p_values = np.array([kupiec_counts(x, n, level, exact=True).p_value for x in range(n + 1)])
    for size in (0.01, 0.05, 0.1, 0.5):
        assert chances[p_values <= size].sum() <= size + 1e-12


def test_losses_that_overlap_are_refused_with_the_step_that_would_do():
    with pytest.raises(ValueError, match=r"losses over 10 bars taken every 1 overlap\. Take every 10-th .*step=10"):
        kupiec(np.zeros(300, dtype=bool), 0.99, horizon=10)
    assert kupiec(np.zeros(30, dtype=bool), 0.9, horizon=10, step=10).n == 30
