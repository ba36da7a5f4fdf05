"""Intervals by resampled histories: closed forms for independent returns, and what cannot be resampled."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.intervals import RESAMPLES, curve_intervals
from quantdl.risk.curves.metrics import performance_of
from tests.risk.curves.made_curves import measured

RETURNS = np.random.default_rng(1).normal(0.0004, 0.01, 1008)


@pytest.fixture(scope="module")
def found():
    return curve_intervals(measured(RETURNS))


def test_the_interval_of_volatility_is_that_of_independent_normal_returns(found):
    metrics = performance_of(measured(RETURNS))
    expected = 1.96 * metrics.volatility / math.sqrt(2 * len(RETURNS))
    assert found.volatility.upper - metrics.volatility == pytest.approx(expected, rel=0.25)
    assert metrics.volatility - found.volatility.lower == pytest.approx(expected, rel=0.25)


def test_the_interval_of_growth_is_that_of_a_sum_of_independent_returns(found):
    years = measured(RETURNS).calendar_years()
    error = 1.96 * np.log1p(RETURNS).std() * math.sqrt(len(RETURNS)) / years
    middle = np.log1p(RETURNS).sum() / years
    assert math.log1p(found.cagr.lower) == pytest.approx(middle - error, abs=0.2 * error)
    assert math.log1p(found.cagr.upper) == pytest.approx(middle + error, abs=0.2 * error)


def test_every_interval_holds_the_figure_of_the_curve(found):
    metrics = performance_of(measured(RETURNS))
    for name in ("cagr", "volatility", "expected_shortfall_95", "max_drawdown"):
        interval = getattr(found, name)
        assert interval.lower < getattr(metrics, name) < interval.upper, name
    assert found.max_drawdown.upper < 0
    assert (found.n_resamples, dict(found.undefined)) == (RESAMPLES, {})


def test_the_same_curve_gives_the_same_intervals(found):
    assert curve_intervals(measured(RETURNS)) == found


def test_nothing_is_annualised_over_less_than_a_year():
    found = curve_intervals(measured(RETURNS[:100]))
    assert found.cagr is None and found.volatility is None and found.max_drawdown is not None
    assert "a year of 252" in found.undefined["cagr"]


def test_a_tail_of_fewer_than_ten_losses_has_no_interval():
    thin, enough = (curve_intervals(measured(RETURNS[:n])) for n in (199, 200))
    assert thin.expected_shortfall_95 is None and enough.expected_shortfall_95 is not None
    assert thin.undefined["expected_shortfall_95"] == "199 returns; 200 are needed for 10 losses in the tail"
    assert thin.max_drawdown is not None


@pytest.mark.slow
def test_four_in_five_intervals_of_a_year_hold_the_truth_of_independent_normal_returns():
    mean, deviation, n_years = 0.0004, 0.01, 150
    truths = {
        "volatility": deviation * math.sqrt(252),
        "expected_shortfall_95": deviation * stats.norm.pdf(stats.norm.ppf(0.95)) / 0.05 - mean,
    }
    random_state = np.random.default_rng(3)
    years = [curve_intervals(measured(random_state.normal(mean, deviation, 280))) for _ in range(n_years)]
    for name, truth in truths.items():
        held = sum(getattr(one, name).lower <= truth <= getattr(one, name).upper for one in years)
        assert 0.8 * n_years <= held < n_years, name  # of 300 they held .88 and .90; less three standard errors


def test_a_ruined_book_and_one_of_few_returns_say_why_they_have_none():
    few = curve_intervals(measured(RETURNS[:23]))
    assert few.max_drawdown is None and few.undefined["max_drawdown"].startswith("23 returns; 24 are needed")
    equity = pd.Series(np.append(np.linspace(100, 50, 299), 0.0), pd.bdate_range("2020-01-01", periods=300))
    ruined = curve_intervals(MeasuredCurve.of(equity, 252))
    assert ruined.cagr is None and "ruined" in ruined.undefined["cagr"]


def test_a_book_that_never_moved_has_intervals_of_no_width():
    found = curve_intervals(measured(np.zeros(300)))
    assert (found.volatility.lower, found.volatility.upper) == (0.0, 0.0)
    assert (found.max_drawdown.lower, found.max_drawdown.upper) == (0.0, 0.0)
