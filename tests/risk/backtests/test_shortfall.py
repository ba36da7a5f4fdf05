"""Z1 and Z2 against simulation of whole series, and tails that are planted too small."""

import math

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.backtests import (
    acerbi_szekely_z1,
    acerbi_szekely_z2,
    simulate_z1,
    simulate_z2,
    tail_degrees_of_freedom,
)


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


VAR_T5, ES_T5 = 2.570581836, 3.521811853  # Student-t with 5 degrees of freedom at 0.975


def test_z1_is_the_mean_over_the_exceptions_of_whole_series():
    losses = np.random.default_rng(11).standard_t(5, (4000, 250))
    shortfall = stats.t.expect(lambda x: x, (5,), lb=stats.t.isf(0.025, 5)) / 0.025
    hits = losses > stats.t.isf(0.025, 5)
    six = losses[hits.sum(axis=1) == 6]
    z1 = np.array([1 - row[row > stats.t.isf(0.025, 5)].mean() / shortfall for row in six])
    assert stats.ks_2samp(z1, simulate_z1(6, 0.975, 5, n_paths=20_000, seed=1)).pvalue > 0.001
    found = acerbi_szekely_z1(six[0], np.full(250, stats.t.isf(0.025, 5)), np.full(250, shortfall), 0.975)
    assert found.statistic == pytest.approx(z1[0], rel=1e-6)
    assert found.p_value == pytest.approx(np.mean(z1 <= z1[0]), abs=0.06)
    assert (found.exceptions, found.how) == (6, "simulated")


def test_z1_finds_a_shortfall_that_is_too_small_where_the_value_at_risk_is_right():
    losses = np.random.default_rng(12).standard_t(3, 3000)
    var, shortfall = np.full(3000, stats.t.isf(0.025, 3)), np.full(3000, 1.1 * stats.t.isf(0.025, 3))
    assert acerbi_szekely_z1(losses, var, shortfall, 0.975, math.inf).p_value < 0.01
    right = np.full(3000, stats.t.expect(lambda x: x, (3,), lb=var[0]) / 0.025)
    assert acerbi_szekely_z1(losses, var, right, 0.975, 3.0).p_value > 0.05


def test_z1_without_an_exception_is_refused():
    with pytest.raises(ValueError, match="mean over exceptions, and there is none"):
        acerbi_szekely_z1([0.0, 0.1], [1.0, 1.0], [2.0, 2.0], 0.975)


@pytest.mark.parametrize(
    ("df", "level", "var", "shortfall"),
    [
        (3, 0.99, 4.540702859, 7.003082036),
        (4, 0.975, 2.776445105, 3.993557023),
        (4, 0.99, 3.746947388, 5.220584194),
        (5, 0.99, 3.364929999, 4.452429112),
        (10, 0.99, 2.763769458, 3.363251475),
    ],
)
def test_the_tail_of_a_student_t_law_tells_its_degrees_of_freedom(df, level, var, shortfall):
    """At any scale, by the median of the sessions; shortfalls as published."""
    scale = np.array([0.01, 0.02, 0.03])
    assert tail_degrees_of_freedom(scale * var, scale * shortfall, level) == pytest.approx(df, rel=1e-6)


def test_tails_lighter_than_normal_and_heavier_than_any_are_told_by_the_ends():
    assert tail_degrees_of_freedom([1.959964], [2.337803], 0.975) == math.inf
    assert tail_degrees_of_freedom([1.0], [100.0], 0.975) == 1.1
    with pytest.raises(ValueError, match="no session has a positive"):
        tail_degrees_of_freedom([-1.0], [1.0], 0.975)


@pytest.mark.parametrize("test", [acerbi_szekely_z1, acerbi_szekely_z2])
def test_overlapping_losses_are_refused(test):
    with pytest.raises(ValueError, match="takes observations as independent"):
        test([0.1, 0.2], [0.05, 0.05], [0.06, 0.06], 0.975, horizon=10)
