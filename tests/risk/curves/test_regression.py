"""Alpha and beta against statsmodels, a known law and the definition sheet."""

import math

import numpy as np
import pytest
import statsmodels.api as sm

from quantdl.risk.curves.long_run import bandwidth
from quantdl.risk.curves.regression import regression
from tests.risk.curves import definition_sheet as sheet
from tests.risk.curves.made_curves import heavy_returns


@pytest.fixture(scope="module")
def pair():
    index = heavy_returns(800, seed=1)
    return 0.0001 + 0.7 * index + heavy_returns(800, seed=2, mean=0.0), index


def test_estimates_and_errors_are_those_of_statsmodels(pair):
    own, index = pair
    theirs = sm.OLS(own, sm.add_constant(index)).fit(cov_type="HAC", cov_kwds={"maxlags": bandwidth(800) - 1})
    found = regression(own, index, 252)
    assert (found.alpha / 252, found.beta) == pytest.approx(tuple(theirs.params), rel=1e-10)
    assert (found.alpha_error / 252, found.beta_error) == pytest.approx(tuple(theirs.bse), rel=1e-8)
    assert found.r_squared == pytest.approx(theirs.rsquared, rel=1e-10)
    assert found.residual_volatility == pytest.approx(math.sqrt(theirs.mse_resid * 252), rel=1e-10)
    assert found.appraisal_ratio == pytest.approx(found.alpha / found.residual_volatility, rel=1e-12)
    assert found.treynor == pytest.approx(own.mean() * 252 / theirs.params[1], rel=1e-10)


def test_estimates_are_those_of_the_definition_sheet(pair):
    found = regression(*pair, 252)
    assert (found.alpha / 252, found.beta) == pytest.approx(sheet.least_squares(*pair), rel=1e-9)


def test_intervals_hold_the_truth_where_residuals_grow_with_the_benchmark():
    """400 pairs of 500 bars with alpha .0002 and beta .8; classical errors would hold beta in some 80 %."""
    rng = np.random.default_rng(5)
    held = []
    for _ in range(400):
        index = 0.0003 + 0.01 * rng.standard_t(6, 500)
        own = 0.0002 + 0.8 * index + np.abs(index) * rng.standard_normal(500)
        found = regression(own, index, 252)
        held.append(
            (found.alpha_lower <= 0.0002 * 252 <= found.alpha_upper, found.beta_lower <= 0.8 <= found.beta_upper)
        )
    assert np.mean(held, axis=0) == pytest.approx([0.95, 0.95], abs=0.04)


def test_a_leveraged_benchmark_has_its_leverage_as_beta_and_no_alpha(pair):
    _, index = pair
    found = regression(2.0 * index, index, 252)
    assert (found.beta, found.r_squared) == pytest.approx((2.0, 1.0), abs=1e-12)
    assert found.alpha == pytest.approx(0.0, abs=1e-12)
    assert found.appraisal_ratio is None and found.undefined["appraisal_ratio"] == "the benchmark explains every return"


@pytest.mark.parametrize(
    ("own", "index", "reason"),
    [
        ([0.01, -0.01] * 40, [0.01] * 80, "zero variance: every return of the benchmark is the same"),
        ([0.01, -0.01] * 5, [0.02, -0.01] * 5, "needs at least 24 returns, got 10"),
    ],
)
def test_without_a_fit_every_figure_is_none_for_one_reason(own, index, reason):
    found = regression(np.array(own), np.array(index), 252)
    assert found.beta is None and set(found.undefined.values()) == {reason}
    assert len(found.undefined) == 12


def test_a_constant_curve_has_a_beta_of_zero_and_no_share_explained(pair):
    found = regression(np.full(800, 0.001), pair[1], 252)
    assert found.beta == pytest.approx(0.0, abs=1e-15)
    assert found.undefined["r_squared"] == "zero variance: every return is the same"
    assert found.undefined["treynor"] == "beta is not above zero"


def test_less_than_a_year_is_not_annualised(pair):
    found = regression(pair[0][:100], pair[1][:100], 252, "100 sessions; a year of 252 is needed to annualise")
    assert found.alpha is None and found.alpha_lower is None and found.beta is not None
