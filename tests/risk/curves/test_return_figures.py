"""Figures of single returns against the definition sheet, empyrical's printed values and hand ledgers."""

import json
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from arch.data import sp500
from hypothesis import given, strategies as st

from quantdl.records import to_plain
from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.return_figures import ReturnFigures, longest_run, omega_ratio, return_figures
from quantdl.risk.undefined import Undefined
from tests.risk.curves import definition_sheet as sheet
from tests.risk.curves.made_curves import heavy_returns, measured

MIXED = np.array([1, 10, -4, 2, 3, 2, 1, -10]) / 100


def test_every_figure_is_that_of_the_definition_sheet():
    returns = heavy_returns(500)
    found = return_figures(measured(returns, risk_free=0.03))
    excess = returns - (1.03 ** (1 / 252) - 1)
    expected = {
        "mean": returns.mean(),
        "geometric_mean": sheet.growth(returns) ** (1 / 500) - 1,
        "best_return": max(returns),
        "hit_rate": sheet.hit_rate(returns),
        "average_gain": np.mean([r for r in returns if r > 0]),
        "average_loss": np.mean([-r for r in returns if r < 0]),
        "payoff": sheet.payoff(returns),
        "profit_factor": sheet.profit_factor(returns),
        "gain_to_pain": sheet.gain_to_pain(returns),
        "omega": sheet.omega(excess),
        "kelly": sheet.kelly(excess),
        "kelly_of_bets": sheet.kelly_of_bets(returns),
        "tail_ratio": sheet.tail_ratio(returns),
        "common_sense_ratio": sheet.profit_factor(returns) * sheet.tail_ratio(returns),
        "stability": sheet.stability(returns),
        "autocorrelation": sheet.autocorrelation(returns),
        "longest_gain": sheet.longest(returns > 0),
        "longest_loss": sheet.longest(returns < 0),
    }
    assert set(expected) | {"best_session", "undefined"} == {one.name for one in fields(ReturnFigures)}
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-9), name
    assert found.undefined == {}


def test_the_omega_of_empyrical():
    """REFERENCE_VALUES 3.2: a required return of 1,000 % a year, compounded to a day."""
    assert return_figures(measured(MIXED, 252, risk_free=10.0)).omega == pytest.approx(0.83354263, abs=5e-9)


def test_without_a_rate_omega_is_the_profit_factor_and_one_more_than_gain_to_pain():
    found = return_figures(measured(heavy_returns(300)))
    assert found.omega == pytest.approx(found.profit_factor, rel=1e-12)
    assert found.profit_factor - 1 == pytest.approx(found.gain_to_pain, rel=1e-9)


def test_the_moments_of_the_sp500():
    """REFERENCE_VALUES 3.3: arch's S&P 500 from 1999 to 2018."""
    found = return_figures(MeasuredCurve.of(sp500.load()["Close"].astype(float), 252))
    assert found.mean == pytest.approx(0.000214278268, abs=5e-13)
    assert (1 + found.geometric_mean) ** 5030 - 1 == pytest.approx(1.041242690, abs=5e-9)


def test_a_fair_coin_that_pays_double_is_staked_a_quarter():
    """Kelly's own rule: p - q / b with p = q = 1/2 and b = 2."""
    found = return_figures(measured([0.02, -0.01] * 30))
    assert (found.hit_rate, found.payoff) == pytest.approx((0.5, 2.0), rel=1e-9)
    assert found.kelly_of_bets == pytest.approx(0.25, rel=1e-9)


def test_the_continuous_kelly_leverage_grows_fastest():
    """Along a year of small returns no other leverage on a fine grid ends higher, to the width of the grid."""
    returns = np.random.default_rng(3).normal(0.0008, 0.01, 20_000)
    leverages = np.linspace(0.5, 20, 79)
    best = leverages[np.argmax([np.log1p(size * returns).mean() for size in leverages])]
    assert return_figures(measured(returns)).kelly == pytest.approx(best, abs=0.5)


def test_a_return_of_zero_is_neither_a_gain_nor_a_loss():
    with_cash, without = (return_figures(measured(returns)) for returns in ([0.01, 0, 0, -0.02, 0], [0.01, -0.02]))
    for name in ("hit_rate", "average_gain", "average_loss", "payoff", "profit_factor"):
        assert getattr(with_cash, name) == pytest.approx(getattr(without, name), rel=1e-12)
    assert (with_cash.longest_gain, with_cash.longest_loss) == (1, 1)


def test_a_run_ends_at_the_other_sign_and_at_the_end():
    assert longest_run(np.array([True, True, False, True, True, True])) == 3
    assert longest_run(np.zeros(0, bool)) == longest_run(np.zeros(4, bool)) == 0


def test_the_order_of_returns_matters_for_runs_and_time_alone():
    returns = heavy_returns(400)
    there, back = return_figures(measured(returns)), return_figures(measured(returns[::-1]))
    for name in ("omega", "hit_rate", "payoff", "profit_factor", "kelly", "tail_ratio", "geometric_mean"):
        assert getattr(there, name) == pytest.approx(getattr(back, name), rel=1e-9)


def test_omega_needs_something_below_the_threshold():
    with pytest.raises(Undefined, match="no return is below the threshold"):
        omega_ratio(np.array([0.01, 0.0]))


@pytest.mark.parametrize(
    ("returns", "name", "reason"),
    [
        ([], "mean", "needs at least 1 return, got 0"),
        ([], "best_session", "there is no return"),
        ([0.01] * 30, "profit_factor", "no return is below zero"),
        ([0.01] * 30, "payoff", "no return is below zero"),
        ([-0.01] * 30, "average_gain", "no return is above zero"),
        ([0.01] * 30, "kelly", "zero variance: every return is the same"),
        ([0.01] * 30, "autocorrelation", "zero variance: every return is the same"),
        ([0.0] * 30, "hit_rate", "every return is zero"),
        ([0.0] * 30, "stability", "zero variance: the value never changes"),
        ([0.01, -0.01] * 9, "tail_ratio", "needs at least 20 returns, got 18"),
        ([0.01] * 30, "tail_ratio", "the 5% quantile of the returns is not below zero"),
        ([0.01] * 3 + [-1.0], "stability", "the curve ends at zero or below"),
    ],
)
def test_what_is_undefined_is_none_with_its_reason(returns, name, reason):
    found = return_figures(measured(returns)) if returns else return_figures(_capital_alone())
    assert getattr(found, name) is None and found.undefined[name] == reason


def _capital_alone():
    return MeasuredCurve.of(pd.Series([1.0], pd.to_datetime(["2024-01-02"])), 252)


@given(st.lists(st.floats(-0.99, 2.0), min_size=1, max_size=60), st.floats(-0.5, 0.5))
def test_a_figure_is_a_finite_number_or_has_a_reason(returns, rate):
    rendered = to_plain(return_figures(measured(returns, 252, rate)))
    assert {name for name, value in rendered.items() if value is None} == set(rendered["undefined"])
    json.dumps(rendered, allow_nan=False)
