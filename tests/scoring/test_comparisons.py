"""Tests of differences against statsmodels, closed forms and simulation."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from quantdl.scoring import (
    clustered_difference,
    combined_p_value,
    diebold_mariano,
    model_confidence_set,
    offset_sets,
)


def test_clustered_error_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    session = np.repeat(np.arange(80), rng.integers(1, 6, 80))
    difference = rng.standard_normal(80)[session] + 0.3 * rng.standard_normal(len(session)) + 0.1
    fitted = sm.OLS(difference, np.ones_like(difference)).fit(cov_type="cluster", cov_kwds={"groups": session})
    result = clustered_difference(difference, session)
    assert result.mean == pytest.approx(fitted.params[0], rel=1e-12)
    assert result.error == pytest.approx(fitted.bse[0], rel=1e-10)
    assert result.n == 80


def test_clusters_of_equal_size_are_as_good_as_their_means():
    values = np.random.default_rng(1).standard_normal((50, 20))
    result = clustered_difference(values.ravel(), np.repeat(np.arange(50), 20))
    by_session = stats.ttest_1samp(values.mean(axis=1), 0.0)
    assert result.t == pytest.approx(by_session.statistic, rel=1e-10)
    assert result.p_value == pytest.approx(by_session.pvalue, rel=1e-9)


def test_stocks_that_move_together_are_no_more_evidence_than_one():
    day = np.random.default_rng(2).standard_normal(200)
    alone = clustered_difference(day, np.arange(200))
    copied = clustered_difference(np.repeat(day, 20), np.repeat(np.arange(200), 20))
    assert copied.t == pytest.approx(alone.t, rel=1e-10)


@pytest.mark.parametrize("lags", [0, 3, 9])
def test_diebold_mariano_has_the_long_run_variance_of_statsmodels(lags):
    rng = np.random.default_rng(3)
    noise = rng.standard_normal(300)
    difference = 0.1 + noise[1:] + 0.6 * noise[:-1]
    fitted = sm.OLS(difference, np.ones_like(difference)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False}
    )
    result = diebold_mariano(difference, lags=lags)
    n = len(difference)
    assert result.error == pytest.approx(fitted.bse[0], rel=1e-10)
    assert result.t == pytest.approx(fitted.tvalues[0] * math.sqrt((n - 1) / n), rel=1e-10)  # horizon 1


def test_the_small_sample_factor_is_that_of_harvey_leybourne_and_newbold():
    difference = np.random.default_rng(4).standard_normal(60)
    one, five = diebold_mariano(difference, 1, lags=4), diebold_mariano(difference, 5, lags=4)
    assert five.t / one.t == pytest.approx(math.sqrt((61 - 10 + 20 / 60) / 59), rel=1e-12)
    assert five.p_value == pytest.approx(2 * stats.t.sf(abs(five.t), 59), rel=1e-12)


def test_equal_models_are_rejected_about_as_often_as_the_level_says():
    rng = np.random.default_rng(5)
    rejected = [diebold_mariano(rng.standard_normal(250)).p_value < 0.05 for _ in range(600)]
    assert 0.025 < np.mean(rejected) < 0.085


def test_the_same_scores_are_no_difference():
    result = clustered_difference(np.zeros(10), np.arange(10))
    assert (result.t, result.p_value) == (0.0, 1.0)
    assert diebold_mariano(np.full(10, 0.5)).t == math.inf


@pytest.mark.parametrize("difference", [[], [0.1, math.nan], [[0.1]]])
def test_a_difference_that_is_no_finite_series_is_refused(difference):
    with pytest.raises(ValueError, match="one finite series"):
        diebold_mariano(difference)


def test_impossible_spans_are_refused():
    with pytest.raises(ValueError, match="at least 2 sessions"):
        clustered_difference([1.0, 2.0], ["a", "a"])
    with pytest.raises(ValueError, match="one length"):
        clustered_difference([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="too few"):
        diebold_mariano([1.0, 2.0, 1.5], horizon=3)


def test_the_confidence_set_keeps_equal_models_and_drops_a_worse_one():
    rng = np.random.default_rng(6)
    scores = rng.standard_normal((500, 4)) * 0.5 + rng.standard_normal((500, 1))
    scores[:, 2] += 0.2  # five standard errors
    p_values = model_confidence_set(scores, seed=1, n_bootstraps=500)
    assert p_values[2] < 0.01
    assert p_values.max() == 1.0
    assert (np.delete(p_values, 2) > 0.05).all()
    np.testing.assert_array_equal(p_values, model_confidence_set(scores, seed=1, n_bootstraps=500))


def test_the_confidence_set_refuses_what_it_cannot_tell_apart():
    column = np.random.default_rng(7).standard_normal((50, 1))
    with pytest.raises(ValueError, match="same scores throughout"):
        model_confidence_set(np.hstack([column, column]), seed=1)
    with pytest.raises(ValueError, match="2 models or more"):
        model_confidence_set(column, seed=1)


def test_offset_sets_share_no_bar_and_leave_none_out():
    sets = offset_sets(23, 5)
    assert len(sets) == 5
    assert sorted(np.concatenate(sets).tolist()) == list(range(23))
    for positions in sets:
        spanned = np.concatenate([np.arange(start, start + 5) for start in positions])
        assert len(set(spanned.tolist())) == len(spanned)


def test_too_few_sessions_for_offset_sets_are_refused():
    with pytest.raises(ValueError, match="no 5 sets"):
        offset_sets(9, 5)


def test_the_combined_p_value_is_twice_the_median_for_an_even_number():
    assert combined_p_value([0.01, 0.2, 0.03, 0.5]) == pytest.approx(0.06)
    assert combined_p_value([0.7, 0.8]) == 1.0
    assert combined_p_value([0.2]) == 0.2
    with pytest.raises(ValueError, match="probabilities"):
        combined_p_value([1.2])


def test_the_combined_p_value_holds_its_level_under_any_dependence():
    rng = np.random.default_rng(8)
    for correlation in (0.0, 0.5, 1.0):
        common, own = rng.standard_normal((4000, 1)), rng.standard_normal((4000, 5))
        p = stats.norm.sf(math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own)
        assert np.mean([combined_p_value(row) < 0.05 for row in p]) < 0.06
