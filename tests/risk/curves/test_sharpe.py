"""The error of a Sharpe ratio: closed forms, the definition sheet, and how often the interval holds the truth."""

import math

import numpy as np
import pytest

from quantdl.risk.curves.metrics import performance_of
from quantdl.risk.curves.sharpe import FEWEST_RETURNS, sharpe_estimate, sharpe_of
from tests.risk.curves import definition_sheet as sheet
from tests.risk.curves.made_curves import heavy_returns, measured

ANNUAL = ("annual", "error", "lower", "upper", "long_run")


def test_every_figure_is_that_of_the_definition_sheet():
    curve = measured(heavy_returns(700), risk_free=0.02)
    found, excess = sharpe_estimate(curve), heavy_returns(700) - (1.02 ** (1 / 252) - 1)
    assert found.per_bar == pytest.approx(sheet.sharpe(excess), rel=1e-10)
    assert found.error_per_bar == pytest.approx(sheet.sharpe_error(excess, found.bandwidth), rel=1e-9)
    assert found.independent_error_per_bar == pytest.approx(sheet.mertens_error(excess), rel=1e-2)
    assert found.error == pytest.approx(found.error_per_bar * math.sqrt(252))
    long_run = excess.mean() / math.sqrt(sheet.long_run_variance(excess, found.bandwidth)) * math.sqrt(252)
    assert found.long_run == pytest.approx(long_run, rel=1e-9)
    assert found.upper - found.annual == pytest.approx(found.annual - found.lower)


def test_it_is_the_sharpe_ratio_of_the_metrics():
    curve = measured(heavy_returns(400), risk_free=0.03)
    metrics, found = performance_of(curve), sharpe_estimate(curve)
    assert (found.annual, found.per_bar) == (metrics.sharpe, metrics.sharpe_per_bar)


def test_the_error_of_independent_normal_returns_is_los():
    excess = 0.3 + np.random.default_rng(0).standard_normal(200_000)
    expected = math.sqrt((1 + 0.3**2 / 2) / len(excess))
    found = sharpe_of(excess, 252)
    assert found.independent_error_per_bar == pytest.approx(expected, rel=0.01)
    assert found.error_per_bar == pytest.approx(expected, rel=0.06)


def test_the_probability_of_the_hedge_fund_of_bailey_and_lopez_de_prado():
    """Mean 3.6 %, deviation 7.9 %, skewness -2.448, kurtosis 10.164 over 24 months: REFERENCE_VALUES 3.8 has .912709.

    Twenty-four returns with these moments: a two-parameter family is fitted to skewness and kurtosis.
    """
    from scipy.optimize import fsolve

    base = np.random.default_rng(4).standard_normal(21)

    def shape(tails):
        series = np.concatenate([base, tails])
        z = (series - series.mean()) / series.std()
        return [(z**3).mean() + 2.448, (z**4).mean() - 10.164, tails[2] - 0.9]

    series = np.concatenate([base, fsolve(shape, [-8.0, -1.0, 0.9])])
    assert shape(series[21:]) == pytest.approx([0, 0, 0], abs=1e-9)
    months = 0.036 + 0.079 * (series - series.mean()) / series.std(ddof=1)
    assert sharpe_of(months, 12).probability_positive == pytest.approx(0.912709, abs=5e-7)


def autoregressive(rows, count, slope, rng):
    shocks = rng.standard_normal((count + 200, rows)) * math.sqrt(1 - slope**2)
    series = np.zeros_like(shocks)
    for t in range(1, len(shocks)):
        series[t] = slope * series[t - 1] + shocks[t]
    return series[200:].T


LAWS = {
    "normal": lambda rng, rows, n: rng.standard_normal((rows, n)),
    "fat tails": lambda rng, rows, n: rng.standard_t(5, (rows, n)) / math.sqrt(5 / 3),
    "skewed": lambda rng, rows, n: (4 - rng.gamma(4.0, 1.0, (rows, n))) / 2,
    "momentum": lambda rng, rows, n: autoregressive(rows, n, 0.3, rng),
    "reversal": lambda rng, rows, n: autoregressive(rows, n, -0.2, rng),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("n", "truth"), [(60, 0.15), (1000, 0.06)])
def test_the_interval_holds_the_true_ratio_as_often_as_it_says(law, n, truth):
    """1,000 paths: the standard error of a share of 95 % is 0.7 points."""
    paths = truth + LAWS[law](np.random.default_rng(11), 1000, n)
    held = [found.lower_per_bar <= truth <= found.upper_per_bar for found in (sharpe_of(path, 252) for path in paths)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.025)


def test_errors_that_ignore_momentum_are_too_small():
    """The reason for the long-run variance: with a slope of .5 Mertens' interval of 95 % holds the truth in 75 %."""
    paths = 0.06 + autoregressive(500, 1000, 0.5, np.random.default_rng(2))
    found = [sharpe_of(path, 252) for path in paths]
    naive = np.mean([abs(one.per_bar - 0.06) < 1.96 * one.independent_error_per_bar for one in found])
    allowed = np.mean([one.lower_per_bar <= 0.06 <= one.upper_per_bar for one in found])
    assert naive < 0.80 < 0.92 < allowed


def test_a_rate_that_is_larger_leaves_a_smaller_ratio():
    returns = heavy_returns(500)
    ratios = [sharpe_estimate(measured(returns, risk_free=rate)).annual for rate in (-0.01, 0.0, 0.02, 0.2)]
    assert ratios == sorted(ratios, reverse=True) and len(set(ratios)) == 4


def test_the_unit_of_returns_is_no_matter():
    one, ten = sharpe_of(heavy_returns(300), 252), sharpe_of(10 * heavy_returns(300), 252)
    assert (one.annual, one.error) == pytest.approx((ten.annual, ten.error), rel=1e-12)


def test_wider_confidence_is_a_wider_interval():
    widths = [sharpe_of(heavy_returns(300), 252, confidence=level).upper for level in (0.80, 0.90, 0.95, 0.98)]
    assert widths == sorted(widths) and len(set(widths)) == 4


@pytest.mark.parametrize(
    ("returns", "name", "reason"),
    [
        ([], "per_bar", "needs at least 2 returns, got 0"),
        ([0.01] * 23, "per_bar", "zero variance"),
        ([0.01, -0.01] * 11, "error_per_bar", f"needs at least {FEWEST_RETURNS} returns, got 22"),
        ([0.01] * 300, "error_per_bar", "zero variance: every return is the same"),
        ([0.01, -0.01] * 11, "lower_per_bar", "needs at least 24 returns, got 22"),
    ],
)
def test_what_is_undefined_says_why(returns, name, reason):
    found = sharpe_of(np.array(returns), 252)
    assert getattr(found, name) is None and reason in found.undefined[name]


def test_less_than_a_year_is_not_annualised():
    found = sharpe_estimate(measured(heavy_returns(100)))
    assert all(getattr(found, name) is None and "100 sessions" in found.undefined[name] for name in ANNUAL)
    assert found.lower_per_bar < found.per_bar < found.upper_per_bar


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, -0.95])
def test_a_confidence_outside_of_the_table_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence must be one of"):
        sharpe_of(heavy_returns(100), 252, confidence=confidence)
