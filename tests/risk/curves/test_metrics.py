"""Performance figures against published values (empyrical's tests, arch's S&P 500) and hand ledgers."""

import json
import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from arch.data import sp500
from hypothesis import given, strategies as st

from quantdl.records import to_plain
from quantdl.risk.curves.metrics import PerformanceMetrics, drawdown_curve, performance, worst_drawdown


def curve_of(returns, start="2000-01-03"):
    """Equity that earns the returns, the initial capital of 1 first."""
    equity = np.cumprod(np.concatenate([[1.0], 1.0 + np.asarray(returns, dtype=float)]))
    return pd.Series(equity, pd.bdate_range(start, periods=len(equity)))


MIXED = np.array([1, 10, -4, 2, 3, 2, 1, -10]) / 100
NEGATIVE = np.array([0, -6, -7, -1, -9, -2, -6, -8, -5]) / 100
POSITIVE = np.array([1, 2, 1, 1, 1, 1, 1, 1, 1]) / 100
ONE = [-0.00171614, 0.01322056, 0.03063862, -0.01422057, -0.00489779, 0.01268925, -0.03357711, 0.01797036]
TWO = [0.01846232, 0.00793951, -0.01448395, 0.00422537, -0.00339611, 0.03756813, 0.0151531, 0.03549769]


@pytest.fixture(scope="module")
def index_1999_to_2018():
    return performance(sp500.load()["Close"].astype(float), bars_per_year=252)


def year_of(returns) -> tuple[float, PerformanceMetrics]:
    """Figures of returns that make up a whole year, and the root of how many such years go into 252 bars.

    empyrical annualises eight bars by 252, which is refused here; times this root, a year of eight has its figures.
    """
    return math.sqrt(252 / len(returns)), performance(curve_of(returns), len(returns))


def test_the_mixed_series_of_empyrical():
    root, metrics = year_of(MIXED)
    assert metrics.total_return == pytest.approx(0.03893, abs=5e-6)
    assert metrics.volatility * root == pytest.approx(0.91364654, abs=5e-9)
    assert metrics.sharpe * root == pytest.approx(1.72386140, abs=5e-9)
    assert metrics.sortino * root == pytest.approx(2.60553125, abs=5e-9)
    assert metrics.downside_risk * root == pytest.approx(0.60448325, abs=5e-9)
    assert metrics.max_drawdown == pytest.approx(-0.10, abs=1e-12)
    assert (1.0 + metrics.cagr_bars) ** (252 / 8) - 1.0 == pytest.approx(2.33029, abs=5e-6)


def test_empyrical_counts_its_leading_nan_as_a_ninth_bar():
    """Its annual return 1.91359254 and Calmar 19.13592537 need 9 bars for 8 returns; a flat first bar does the same."""
    flat_first = curve_of(np.concatenate([[0.0], MIXED]))
    flat_first.index = pd.Timestamp("2000-01-03") + pd.to_timedelta(np.linspace(0, 365.25, 10), unit="D")
    metrics = performance(flat_first, 9)
    annual = (1.0 + metrics.cagr_bars) ** (252 / 9) - 1.0
    assert annual == pytest.approx(1.91359254, abs=5e-9)
    assert metrics.calmar * annual / metrics.cagr == pytest.approx(19.13592537, abs=1e-6)


def test_the_negative_and_positive_series_of_empyrical():
    (root, negative), (_, positive) = year_of(NEGATIVE), year_of(POSITIVE)
    assert negative.total_return == pytest.approx(-0.36590, abs=1e-5)
    assert negative.max_drawdown == pytest.approx(-0.36590, abs=1e-5)
    assert negative.sharpe * root == pytest.approx(-24.40680863, abs=5e-9)
    assert negative.sortino * root == pytest.approx(-13.53274308, abs=5e-9)
    assert positive.sharpe * root == pytest.approx(52.91502622, abs=5e-9)
    assert positive.sortino is None
    assert positive.undefined["sortino"] == "no return is below the risk-free rate"


@pytest.mark.parametrize(
    ("returns", "sortino", "downside"), [(ONE, 3.06396410, 0.20671788), (TWO, 38.09096312, 0.08349568)]
)
def test_the_data_frame_of_empyrical(returns, sortino, downside):
    root, metrics = year_of(returns)
    assert metrics.sortino * root == pytest.approx(sortino, abs=5e-7)
    assert metrics.downside_risk * root == pytest.approx(downside, abs=5e-9)


def test_sortino_of_the_red_rock_paper():
    """Annual returns, so one bar a year and no scaling."""
    metrics = performance(curve_of(np.array([17, 15, 23, -5, 12, 9, 13, -4]) / 100), 1)
    assert metrics.sortino == pytest.approx(4.41726104, abs=5e-9)


def test_the_sp500_from_1999_to_2018(index_1999_to_2018):
    metrics = index_1999_to_2018
    assert (metrics.start, metrics.end, metrics.n_returns) == (date(1999, 1, 4), date(2018, 12, 31), 5030)
    assert metrics.sharpe_per_bar == pytest.approx(0.000214278268 / 0.012030739663, rel=1e-8)
    assert metrics.skew == pytest.approx(-0.020482928, abs=5e-10)
    assert metrics.excess_kurtosis == pytest.approx(8.336117914, abs=5e-9)
    assert metrics.volatility == pytest.approx(0.190982071, abs=5e-10)
    assert metrics.sharpe == pytest.approx(0.282739229, abs=5e-10)
    assert metrics.sortino == pytest.approx(0.398614030, abs=5e-10)
    assert metrics.total_return == pytest.approx(1.041242690, abs=5e-10)
    assert metrics.cagr == pytest.approx(0.036342291, abs=5e-10)
    assert metrics.cagr_bars == pytest.approx(0.036395543, abs=5e-10)


def test_the_worst_fall_of_the_sp500(index_1999_to_2018):
    metrics = index_1999_to_2018
    assert metrics.max_drawdown == pytest.approx(-0.567753878, abs=5e-10)
    assert metrics.drawdown_peak == date(2007, 10, 9)
    assert metrics.drawdown_trough == date(2009, 3, 9)
    assert metrics.drawdown_recovery == date(2013, 3, 28)
    assert metrics.calmar == pytest.approx(0.036342291 / 0.567753878, rel=1e-8)


def test_the_tail_of_the_sp500(index_1999_to_2018):
    metrics = index_1999_to_2018
    assert metrics.value_at_risk_95 == pytest.approx(0.018648495, abs=5e-10)
    assert metrics.value_at_risk_99 == pytest.approx(0.033120172, abs=5e-10)
    assert metrics.expected_shortfall_95 == pytest.approx(0.028629073, abs=5e-10)
    assert metrics.expected_shortfall_99 == pytest.approx(0.047078955, abs=5e-10)


def test_nothing_is_undefined_on_a_long_series(index_1999_to_2018):
    assert index_1999_to_2018.undefined == {}


def test_a_loss_on_the_first_day_is_a_drawdown():
    metrics = performance(curve_of([-0.10]), 252)
    assert metrics.max_drawdown == pytest.approx(-0.10, abs=1e-15)
    assert metrics.worst_session == date(2000, 1, 4)
    assert metrics.drawdown_peak == date(2000, 1, 3)


def test_the_drawdown_of_a_price_is_measured_from_its_own_peak():
    equity = pd.Series([5000.0, 5100, 4900, 5200, 4800, 5050], pd.bdate_range("2024-01-01", periods=6))
    fall = worst_drawdown(equity)
    assert fall.depth == pytest.approx(-0.07692, abs=5e-6)
    assert (fall.peak, fall.trough, fall.recovery) == (date(2024, 1, 4), date(2024, 1, 5), None)
    metrics = performance(equity, 252)
    assert metrics.undefined["drawdown_recovery"] == "not recovered by 2024-01-08"


def test_a_drawdown_ends_on_the_first_session_back_at_its_peak():
    equity = pd.Series([100.0, 120, 90, 120, 120, 130], pd.bdate_range("2024-01-01", periods=6))
    fall = worst_drawdown(equity)
    assert (fall.depth, fall.peak, fall.trough, fall.recovery) == (
        -0.25,
        date(2024, 1, 2),
        date(2024, 1, 3),
        date(2024, 1, 4),
    )
    assert drawdown_curve(equity).tolist() == [0, 0, -0.25, 0, 0, 0]


def test_equal_returns_have_no_sharpe_ratio():
    metrics = performance(curve_of([0.01] * 300), 252)
    assert metrics.sharpe is None
    assert metrics.skew is None
    assert metrics.undefined["sharpe"] == "zero variance: every return is the same"
    assert metrics.volatility == pytest.approx(0.0, abs=1e-12)
    assert metrics.cagr_bars == pytest.approx(1.01**252 - 1)


def test_cash_is_flat_and_every_missing_figure_says_why():
    metrics = performance(curve_of([0.0] * 300), 252)
    assert metrics.total_return == 0
    assert metrics.value_at_risk_99 == 0
    assert metrics.max_drawdown == 0
    for figure in ("sharpe", "sortino", "calmar", "skew", "drawdown_peak", "drawdown_trough", "drawdown_recovery"):
        assert getattr(metrics, figure) is None
        assert metrics.undefined[figure]


@given(st.lists(st.floats(-0.99, 2.0), max_size=130), st.floats(-0.5, 0.5), st.sampled_from([1.0, 12.0, 252.0]))
def test_a_figure_is_a_finite_number_or_has_a_reason(returns, risk_free, bars_per_year):
    metrics = performance(curve_of(returns), bars_per_year, risk_free)
    rendered = to_plain(metrics)
    missing = {name for name, value in rendered.items() if value is None}
    assert missing == set(metrics.undefined)
    json.dumps(rendered, allow_nan=False)


def test_one_value_has_a_return_of_zero_and_reasons_for_the_rest():
    metrics = performance(curve_of([]), 252)
    assert metrics.total_return == 0
    assert metrics.undefined["sharpe_per_bar"] == "needs at least 2 returns, got 0"
    assert metrics.undefined["cagr"] == "0 sessions; a year of 252 is needed to annualise"
    assert metrics.undefined["worst_session"] == "there is no return"


def test_too_few_losses_for_a_level_say_how_many_it_needs():
    metrics = performance(curve_of([0.01, -0.01] * 25), 252)
    assert metrics.value_at_risk_95 == pytest.approx(0.01)
    assert metrics.value_at_risk_99 is None
    assert "needs at least 100 losses, got 50" in metrics.undefined["expected_shortfall_99"]


def test_the_annual_risk_free_rate_is_turned_into_a_rate_per_bar():
    """2.52 % a year is about 1 bp a day, so the mean of 1 bp a day is nothing above it."""
    rate = 1.0001**252 - 1
    returns = [0.0101, -0.0099] * 126
    metrics = performance(curve_of(returns), 252, risk_free_annual=rate)
    assert metrics.sharpe == pytest.approx(0.0, abs=1e-10)
    assert performance(curve_of(returns), 252, 0.02).sharpe > performance(curve_of(returns), 252, 0.03).sharpe


def test_monthly_returns_are_annualised_by_twelve():
    year = [*MIXED, 0.01, -0.02, 0.03, 0.0]
    ratio = np.mean(year) / np.std(year, ddof=1)
    assert performance(curve_of(year), 12).sharpe == pytest.approx(ratio * math.sqrt(12), rel=1e-8)


def test_days_weeks_and_months_of_one_index_are_annualised_to_the_same():
    """quantstats 116: months annualised by 252 have 4.6 times the volatility; those of the S&P 500 are alike."""
    close = sp500.load()["Close"].astype(float)
    longer = {bars: close.resample(rule).last() for bars, rule in ((52.18, "W"), (12, "ME"))}
    by_length = {252: close, **{bars: pd.concat([close.iloc[:1], last]) for bars, last in longer.items()}}
    found = [performance(values, bars) for bars, values in by_length.items()]
    assert [one.volatility for one in found] == pytest.approx([0.17] * 3, abs=0.03)
    assert [one.cagr_bars for one in found] == pytest.approx([0.0364] * 3, abs=0.001)


def test_the_order_of_returns_does_not_change_sortino_or_tail():
    rng = np.random.default_rng(4)
    returns = rng.standard_t(4, 500) / 100
    there, back = performance(curve_of(returns), 252), performance(curve_of(returns[::-1]), 252)
    for figure in ("sortino", "sharpe", "value_at_risk_95", "expected_shortfall_95", "skew"):
        assert getattr(there, figure) == pytest.approx(getattr(back, figure), rel=1e-9)


def test_small_differences_of_large_numbers_survive():
    """NIST NumAcc4 scaled to returns: 1 % plus or minus 1e-10; one pass or float32 gives zero or ten times too much."""
    returns = 0.01 + np.array([2.0] + [1.0, 3.0] * 500) * 1e-10
    assert performance(curve_of(returns), 1).volatility == pytest.approx(1e-10, rel=1e-4)


def test_ruin_on_the_last_session_is_a_total_loss():
    equity = pd.Series([1.0, 0.5, 0.0], pd.to_datetime(["2023-01-02", "2023-07-03", "2024-01-01"]))
    metrics = performance(equity, 2)
    assert (metrics.total_return, metrics.cagr, metrics.max_drawdown) == (-1.0, -1.0, -1.0)


def test_debt_on_the_last_session_has_no_growth_rate():
    equity = pd.Series([1.0, 0.5, -0.2], pd.to_datetime(["2023-01-02", "2023-07-03", "2024-01-01"]))
    metrics = performance(equity, 2)
    assert metrics.total_return == pytest.approx(-1.2)
    assert metrics.undefined["cagr"] == "the curve ends below zero"
    assert metrics.undefined["calmar"] == "the curve ends below zero"


def test_growth_that_cannot_be_annualised_says_so():
    equity = pd.Series([1e-105, 1e200], pd.to_datetime(["2023-01-01", "2023-12-31"]))
    assert "overflows" in performance(equity, 1).undefined["cagr"]


ANNUAL = ("cagr", "cagr_bars", "volatility", "sharpe", "sortino", "downside_risk", "calmar")
OF_ANY_LENGTH = ("total_return", "sharpe_per_bar", "max_drawdown", "skew", "excess_kurtosis", "worst_return")


def test_ten_sessions_are_not_annualised():
    """A fortnight that earned 3 % would be 110 % a year."""
    metrics = performance(curve_of([0.003, -0.001, 0.004, 0.005, -0.002, 0.006, 0.004, 0.003, 0.006, 0.002]), 252)
    assert metrics.n_returns == 10 and metrics.total_return == pytest.approx(0.03, abs=1e-3)
    for name in ANNUAL:
        assert getattr(metrics, name) is None
        assert metrics.undefined[name] == "10 sessions; a year of 252 is needed to annualise"
    for name in OF_ANY_LENGTH:
        assert math.isfinite(getattr(metrics, name))


def test_the_year_begins_with_its_last_session():
    """252 returns at 252 bars a year are a year, 251 of consecutive business days are not."""
    returns = np.random.default_rng(1).normal(0.0005, 0.01, 252)
    whole, short = performance(curve_of(returns), 252), performance(curve_of(returns[:-1]), 252)
    assert all(getattr(whole, name) is not None for name in ANNUAL)
    assert whole.sharpe == pytest.approx(whole.sharpe_per_bar * math.sqrt(252))
    assert {name for name in ANNUAL if getattr(short, name) is None} == {*ANNUAL}
    assert short.undefined["calmar"].startswith("251 sessions;")


def test_the_calendar_year_2001_is_a_year_although_new_york_traded_on_248_days():
    close = sp500.load()["Close"].astype(float).loc["2000-12-29":"2001-12-31"]
    metrics = performance(close, 251.7)
    assert metrics.n_returns == 248 and metrics.undefined == {"drawdown_recovery": "not recovered by 2001-12-31"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, math.nan, 1.0], "got nan at 2024-01-02"),
        ([1.0, 0.0, 1.0], "got 0.0 at 2024-01-02"),
        ([1.0, -1.0, 1.0], "got -1.0 at 2024-01-02"),
        ([1.0, 1.0, math.inf], "got inf at 2024-01-03"),
        ([0.0], "got 0.0 at 2024-01-01"),
        ([], "at least the initial capital"),
    ],
)
def test_a_curve_that_is_not_positive_is_refused(values, message):
    equity = pd.Series(values, pd.bdate_range("2024-01-01", periods=len(values)), dtype=float)
    with pytest.raises(ValueError, match=message):
        performance(equity, 252)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (pd.to_datetime(["2024-01-02", "2024-01-01"]), "increasing sessions"),
        (pd.to_datetime(["2024-01-02", "2024-01-02"]), "each session once"),
        (pd.RangeIndex(2), "sorted DatetimeIndex"),
    ],
)
def test_a_curve_without_a_time_axis_is_refused(index, message):
    with pytest.raises(ValueError, match=message):
        performance(pd.Series([1.0, 2.0], index), 252)


@pytest.mark.parametrize(("bars", "rate"), [(0, 0.0), (math.nan, 0.0), (252, -1.0), (252, math.nan)])
def test_a_year_without_bars_or_a_rate_below_minus_one_is_refused(bars, rate):
    with pytest.raises(ValueError, match="must be"):
        performance(curve_of([0.01]), bars, rate)


def test_dates_are_iso_text_in_json():
    rendered = to_plain(performance(curve_of(MIXED), 252))
    assert rendered["start"] == "2000-01-03"
    assert rendered["drawdown_recovery"] is None
    assert rendered["undefined"]["drawdown_recovery"] == "not recovered by 2000-01-13"


def test_a_constant_rate_as_a_series_is_the_rate():
    curve = curve_of(MIXED[1:])
    rates = pd.Series(0.03, curve.index)
    assert performance(curve, 252, rates) == performance(curve, 252, 0.03)


def test_a_bar_earns_the_rate_that_was_known_at_its_beginning():
    curve = curve_of([0.02, 0.01])
    rates = pd.Series([0.04, 0.10, np.nan], curve.index)  # the last rate is earned after the curve ends
    excess = np.array([0.02 - (1.04 ** (1 / 252) - 1), 0.01 - (1.10 ** (1 / 252) - 1)])
    metrics = performance(curve, 252, rates)
    assert metrics.sharpe_per_bar == pytest.approx(excess.mean() / excess.std(ddof=1), rel=1e-12)
    assert metrics.risk_free_annual == pytest.approx(0.07)


@pytest.mark.parametrize("rates", [[np.nan, 0.01, 0.01], [0.01, -1.0, 0.01]])
def test_a_rate_that_is_no_rate_is_refused(rates):
    curve = curve_of([0.02, 0.01])
    with pytest.raises(ValueError, match="risk_free_annual must be finite and above -1"):
        performance(curve, 252, pd.Series(rates, curve.index))


def test_rates_of_other_sessions_are_refused():
    curve = curve_of([0.02, 0.01])
    with pytest.raises(ValueError, match="must have the sessions of equity"):
        performance(curve, 252, pd.Series(0.01, curve.index + pd.Timedelta(days=1)))
