"""Curves are checked once; returns of a curve, and the curve of returns."""

import math

import numpy as np
import pandas as pd
import pytest

from quantdl.risk.curves.equity_curves import MeasuredCurve, compound_growth, equity_of_returns, excess_returns
from quantdl.risk.curves.metrics import performance, performance_of
from quantdl.risk.undefined import Undefined


def test_excess_returns_are_those_that_the_sharpe_ratio_is_of():
    """A rate that changes: each bar earns the one known at its beginning, compounded to a bar."""
    days = pd.bdate_range("2024-01-01", periods=301)
    curve = pd.Series(np.cumprod([100.0, *(1 + np.random.default_rng(0).normal(0.001, 0.01, 300))]), days)
    rates = pd.Series(np.linspace(0.01, 0.05, 301), days)
    found = excess_returns(curve, 252.0, rates)
    by_hand = curve.pct_change().to_numpy()[1:] - ((1 + rates.to_numpy()[:-1]) ** (1 / 252) - 1)
    assert found.index.equals(days[1:])
    assert found.to_numpy() == pytest.approx(by_hand, rel=1e-12)
    assert performance(curve, 252.0, rates).sharpe_per_bar == pytest.approx(by_hand.mean() / by_hand.std(ddof=1))


def test_cash_that_earns_over_night_only_is_subtracted_over_night_only():
    """Two bars a session and 250 sessions a year: the excess over 5 % is the return itself within a session."""
    bars = pd.to_datetime([f"2024-01-{day:02d} {hour}:00" for day in (2, 3) for hour in (12, 16)])
    curve = pd.Series([100.0, 101.0, 102.0, 101.0], bars)
    elapsed = pd.Series([0.0, 0.0, 1 / 250, 1 / 250], bars)
    excess = excess_returns(curve, 500, 0.05, elapsed)
    assert excess.tolist() == pytest.approx([0.01, 102 / 101 - 1.05 ** (1 / 250), -1 / 102], rel=1e-12)


def test_returns_and_their_curve_are_one_another():
    returns = pd.Series(np.random.default_rng(5).normal(0.0, 0.02, 300), pd.bdate_range("2024-01-02", periods=300))
    curve = MeasuredCurve.of(equity_of_returns(returns, "2024-01-01"), 252)
    assert curve.returns == pytest.approx(returns.to_numpy(), abs=1e-15)
    assert (str(curve.start), curve.session(1)) == ("2024-01-01", returns.index[0].date())


def test_a_loss_on_the_first_day_is_in_the_curve_of_returns():
    """quantstats 438: without the capital before the first return, -10 % on the first day is no drawdown."""
    curve = equity_of_returns(pd.Series([-0.10], pd.to_datetime(["2024-01-02"])), "2024-01-01")
    assert performance(curve, 252).max_drawdown == pytest.approx(-0.10, abs=1e-15)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.01, np.nan, 0.02], r"got nan at 2024-01-02.* \(1 of 3\)"),
        ([np.nan] * 3, r"got nan at 2024-01-01.* \(3 of 3\)"),
        ([0.01, np.inf, 0.02], "got inf at 2024-01-02"),
        ([], "at least one return"),
    ],
)
def test_a_missing_return_is_no_return_of_zero(values, message):
    returns = pd.Series(values, pd.bdate_range("2024-01-01", periods=len(values)), dtype=float)
    with pytest.raises(ValueError, match=message):
        equity_of_returns(returns, "2023-12-29")


def test_the_capital_stands_before_the_first_return():
    returns = pd.Series([0.01], pd.to_datetime(["2024-01-02"]))
    with pytest.raises(ValueError, match="before must be earlier"):
        equity_of_returns(returns, "2024-01-02")


def test_growth_is_by_the_years_between():
    assert compound_growth(1.0, 4.0, 2.0) == pytest.approx(1.0, abs=1e-15)
    assert compound_growth(1.0, 9.0, 1.0) == pytest.approx(8.0, rel=1e-14)
    assert compound_growth(1.0, 0.0, 2.0) == -1.0
    for first, last, years in ((1.0, 2.0, 0.0), (1.0, -1.0, 1.0), (1e-200, 1e200, 1.0)):
        with pytest.raises(Undefined):
            compound_growth(first, last, years)


def test_two_calendar_years_are_two_years_within_a_day():
    days = pd.to_datetime(["2021-01-01", "2023-01-01"])
    assert MeasuredCurve.of(pd.Series([1.0, 2.0], days), 1).calendar_years() == pytest.approx(2.0, abs=1 / 365)
    assert math.isclose(MeasuredCurve.of(pd.Series([1.0, 2.0], days), 1).growth(2.0), math.sqrt(2) - 1)


def test_the_first_values_of_a_curve_are_a_curve_of_their_own():
    whole = equity_of_returns(
        pd.Series(np.linspace(-0.01, 0.02, 300), pd.bdate_range("2024-01-02", periods=300)), "2024-01-01"
    )
    cut, alone = MeasuredCurve.of(whole, 252, 0.02).first(101), MeasuredCurve.of(whole.iloc[:101], 252, 0.02)
    assert performance_of(cut) == performance_of(alone)
    assert cut.not_annual == alone.not_annual == "100 sessions; a year of 252 is needed to annualise"
