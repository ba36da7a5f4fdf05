"""Scores of every stock-day against scipy, and which stock-days there are."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from quantdl.risk.scores.stock_days import GRID, Ticks, quantile_grid, stock_days
from quantdl.sequences import NEXT_SESSION, ReturnWindow
from quantdl.training.forecasting import SessionLaws
from tests.scipy_law import ScipyLaw

AXIS = pd.bdate_range("2018-12-28", periods=5)
LAWS = [stats.norm(0, 0.01), stats.t(4, 0.001, 0.02)]
ASSETS = ("AA", "BB")


def pieces(target, observed=None, present=None, window=NEXT_SESSION):
    given = torch.tensor(target, dtype=torch.float64)
    there = torch.ones_like(given, dtype=torch.bool)
    law = ScipyLaw(LAWS, there if present is None else torch.tensor(present))
    seen = there if observed is None else torch.tensor(observed)
    return [SessionLaws(AXIS[: len(given)], window, law, given, seen)]


def test_every_stock_day_has_the_scores_of_its_law():
    target = [[0.004, -0.09], [-0.03, 0.02]]
    days = stock_days(pieces(target), ASSETS, AXIS)
    assert days["asset"].tolist() == ["AA", "BB", "AA", "BB"]
    flat = np.ravel(target)
    laws = [LAWS[0], LAWS[1]] * 2
    np.testing.assert_allclose(days["nll"], [-law.logpdf(y) for law, y in zip(laws, flat, strict=True)])
    np.testing.assert_allclose(days["pit"], [law.cdf(y) for law, y in zip(laws, flat, strict=True)])
    np.testing.assert_allclose(days["value_at_risk_01"], [-law.ppf(0.01) for law in laws])
    np.testing.assert_allclose(days["joint_nll"], np.repeat(days["nll"].to_numpy().reshape(2, 2).sum(1), 2))
    beyond = 0.01 * stats.norm.pdf(stats.norm.ppf(0.95)) / 0.05
    np.testing.assert_allclose(days["shortfall_05"][[0, 2]], beyond, rtol=1e-6)
    var = 0.01 * stats.norm.ppf(0.95)
    by_hand = (0.03 - var) / (0.05 * beyond) + var / beyond + math.log(beyond) - 1
    assert days["fz0_05"][2] == pytest.approx(by_hand, rel=1e-6)


def test_a_return_is_dated_by_the_session_in_which_it_ends():
    days = stock_days(pieces([[0.0, 0.0]] * 2), ASSETS, AXIS)
    assert days["session"].tolist() == [AXIS[0], AXIS[0], AXIS[1], AXIS[1]]
    assert days["ends"].tolist() == [AXIS[1], AXIS[1], AXIS[2], AXIS[2]]
    later = stock_days(pieces([[0.0, 0.0]], window=ReturnWindow(1, 2)), ASSETS, AXIS, with_tails=False)
    assert later["ends"].tolist() == [AXIS[3]] * 2
    assert "fz0_01" not in later


def test_what_was_not_observed_or_not_forecast_has_no_row():
    observed, present = [[True, False], [True, True]], [[True, True], [False, True]]
    days = stock_days(pieces([[0.0, math.nan], [math.nan, 0.0]], observed, present), ASSETS, AXIS)
    assert list(zip(days["session"], days["asset"], strict=True)) == [(AXIS[0], "AA"), (AXIS[1], "BB")]
    assert np.isfinite(days.drop(columns=["session", "ends", "asset"])).all(axis=None)


def test_where_prices_move_in_ticks_the_score_is_the_probability_of_the_step():
    closes = np.array([[10.0, 2.0], [10.1, 2.0], [10.0, 2.1], [10.0, 2.0], [10.0, 2.0]])
    target = np.log(closes[1] / closes[0])
    days = stock_days(pieces([target.tolist()]), ASSETS, AXIS, Ticks(closes, np.array([0.1, 0.1])))
    step = [(math.log(10.05 / 10), math.log(10.15 / 10)), (math.log(1.95 / 2), math.log(2.05 / 2))]
    expected = [-math.log(law.cdf(high) - law.cdf(low)) for law, (low, high) in zip(LAWS, step, strict=True)]
    np.testing.assert_allclose(days["nll"], expected, rtol=1e-9)


def test_the_grid_has_the_quantiles_of_every_law_that_there_is():
    present = [[True, False]]
    grid = quantile_grid(pieces([[math.nan, math.nan]], [[False, False]], present), ASSETS)
    assert grid["asset"].tolist() == ["AA"]
    assert len(grid.columns) == 2 + 103
    assert list(grid.columns[:5]) == ["session", "asset", "q0.1", "q0.5", "q1"]
    np.testing.assert_allclose(grid.iloc[0, 2:].astype(float), LAWS[0].ppf(GRID), rtol=1e-12)
