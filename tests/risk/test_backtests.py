"""Tests of forecasts against the published tables, simulation under the null, and planted faults."""

import math

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.backtests import (
    acerbi_szekely_z2,
    basel_zone,
    berkowitz,
    christoffersen,
    christoffersen_counts,
    exceptions,
    kolmogorov_smirnov,
    kupiec,
    kupiec_counts,
    simulate_z2,
)

CHI2_1, CHI2_2 = 3.841459, 5.991465  # 5 % critical values


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


def test_basel_traffic_light_of_250_days():
    """Cumulative per cent as printed by the committee's table."""
    printed = [8.11, 28.58, 54.32, 75.81, 89.22, 95.88, 98.63, 99.60, 99.89, 99.97, 99.99]
    zones = [basel_zone(count) for count in range(11)]
    np.testing.assert_allclose([100 * zone.cumulative_probability for zone in zones], printed, atol=0.0051)
    assert [zone.zone for zone in zones] == ["green"] * 5 + ["yellow"] * 5 + ["red"]
    assert basel_zone(250).zone == "red"


@pytest.mark.parametrize(
    ("df", "five_per_cent"), [(math.inf, -0.703), (100, -0.698), (10, -0.707), (5, -0.736), (3, -0.811)]
)
def test_critical_values_of_z2(df, five_per_cent):
    null = simulate_z2(250, 0.975, df, n_paths=60_000, seed=1)
    assert np.quantile(null, 0.05) == pytest.approx(five_per_cent, abs=0.02)
    assert null.mean() == pytest.approx(0.0, abs=0.01)


def test_critical_value_of_z2_far_out():
    null = simulate_z2(250, 0.975, math.inf, n_paths=200_000, seed=2)
    assert np.quantile(null, 0.0001) == pytest.approx(-1.756, abs=0.12)


def test_z2_is_the_same_when_whole_series_are_simulated():
    """The shortcut draws exceptions only; here every loss is drawn and tested."""
    rng = np.random.default_rng(3)
    var, shortfall = stats.t.isf(0.025, 5), stats.t.expect(lambda x: x, (5,), lb=stats.t.isf(0.025, 5)) / 0.025
    losses = rng.standard_t(5, (4000, 250))
    z2 = 1 - (losses * (losses > var)).sum(1) / (250 * 0.025 * shortfall)
    shortcut = simulate_z2(250, 0.975, 5, n_paths=20_000, seed=4)
    assert stats.ks_2samp(z2, shortcut).pvalue > 0.001
    result = acerbi_szekely_z2(losses[0], np.full(250, var), np.full(250, shortfall), 0.975)
    assert result.statistic == pytest.approx(z2[0], rel=1e-6)
    assert result.p_value == pytest.approx(np.mean(z2 <= z2[0]), abs=0.03)


def test_z2_accepts_right_and_rejects_understated_shortfall():
    losses = np.random.default_rng(5).standard_normal(2000)
    var, shortfall = np.full(2000, 1.959963985), np.full(2000, 2.337802792)
    right = acerbi_szekely_z2(losses, var, shortfall, 0.975, degrees_of_freedom=math.inf)
    wrong = acerbi_szekely_z2(1.3 * losses, var, shortfall, 0.975, degrees_of_freedom=math.inf)
    assert right.p_value > 0.05
    assert wrong.statistic < -0.5
    assert wrong.p_value < 0.001
    assert right == acerbi_szekely_z2(losses, var, shortfall, 0.975, degrees_of_freedom=math.inf)


@pytest.mark.parametrize("shortfall", [[0.0], [-1.0], [math.nan], [0.1, 0.1]])
def test_z2_refuses_an_impossible_shortfall(shortfall):
    with pytest.raises(ValueError, match="expected_shortfall must be finite, positive"):
        acerbi_szekely_z2([0.1], [0.05], shortfall, 0.975)


def test_z2_needs_a_law_with_a_mean():
    with pytest.raises(ValueError, match="more than 1 degree"):
        simulate_z2(250, 0.975, 1.0, 10, 0)


@pytest.mark.parametrize("test", [kolmogorov_smirnov, berkowitz])
def test_uniform_pits_are_rejected_about_as_often_as_promised(test):
    pits = np.random.default_rng(6).random((1000, 300))
    rejected = np.mean([test(row).p_value < 0.05 for row in pits])
    assert rejected == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize("test", [kolmogorov_smirnov, berkowitz])
def test_a_law_that_is_too_narrow_is_found(test):
    z = np.random.default_rng(7).standard_normal(1000)
    assert test(stats.norm.cdf(1.3 * z)).p_value < 0.01


def test_berkowitz_finds_memory_that_kolmogorov_smirnov_does_not_look_for():
    rng = np.random.default_rng(8)
    z = np.zeros(1000)
    for t in range(1, 1000):
        z[t] = 0.3 * z[t - 1] + math.sqrt(1 - 0.09) * rng.standard_normal()
    assert berkowitz(stats.norm.cdf(z)).p_value < 1e-6


def test_berkowitz_is_the_likelihood_ratio_of_the_regression():
    """The same statistic from scipy's regression and normal densities."""
    pit = np.random.default_rng(9).beta(1.2, 0.9, 200)
    z = stats.norm.ppf(pit)
    fit = stats.linregress(z[:-1], z[1:])
    residual = z[1:] - fit.intercept - fit.slope * z[:-1]
    free = stats.norm.logpdf(residual, scale=np.sqrt(np.mean(residual**2))).sum()
    assert berkowitz(pit).statistic == pytest.approx(2 * (free - stats.norm.logpdf(z[1:]).sum()), rel=1e-9)


def test_an_impossible_return_gives_a_finite_statistic():
    pit = np.random.default_rng(10).random(100)
    pit[[3, 60]] = 0.0, 1.0
    result = berkowitz(pit)
    assert math.isfinite(result.statistic)
    assert result.p_value < 0.01


@pytest.mark.parametrize("pit", [[], [1.1], [-0.1], [math.nan], [[0.1, 0.2]]])
def test_what_is_not_a_series_of_probabilities_is_refused(pit):
    for test in (kolmogorov_smirnov, berkowitz):
        with pytest.raises(ValueError, match="pit must be one series"):
            test(pit)


def test_berkowitz_needs_ten_observations():
    with pytest.raises(ValueError, match="at least 10 observations, got 9"):
        berkowitz(np.full(9, 0.5))
