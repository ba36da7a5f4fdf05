"""The bets that the compiled engine multiplies are those of the reference, session by session."""

import numpy as np
import pandas as pd
import pytest
import torch

from quantdl.backtest import Forecasts, prepare, run_backtest
from quantdl.backtest.plan.invalidation import (
    CalibrationLimit,
    Combination,
    DrawdownLimit,
    ShortfallLimit,
    TransformLimit,
)
from quantdl.backtest.running.asking import StrategyDriver
from quantdl.errors import RunError
from quantdl.risk.book.predictions import BookRisk
from tests.backtest.oracle.engine import play
from tests.backtest.worlds import Schedule, plan_for, random_walk, span, world

N_SESSIONS, N_ASSETS = 260, 3
DEAD = (40, 41, 90, 200)
FOLLOWING = (
    DrawdownLimit("drawdown", 0.5),
    CalibrationLimit("calibration", 0.95, 0.0002),
    ShortfallLimit("risk_e_process", 0.9, 0.0002),
    TransformLimit("pit_drift", 0.0002),
    Combination(
        "all",
        "both",
        (CalibrationLimit("calibration", 0.9, 0.05), ShortfallLimit("risk_e_process", 0.95, 0.05)),
        5,
    ),
)


def market():
    """A random walk in which nothing trades in some sessions."""
    closes = random_walk(N_SESSIONS, N_ASSETS, 5)
    closes[[*DEAD]] = np.nan
    return world(closes, calendar="XNYS")


def losses_of(session, weights):
    """Losses of the book drawn at its session, sometimes too few for a level, sometimes none for an edge."""
    random = np.random.default_rng(session.day_of_year)
    n = {0: 9, 1: 59}.get(session.day_of_year % 7, 199)
    return 0.007 * random.standard_normal(n) * np.abs(weights).sum()


def book_risk(session, weights):
    return BookRisk(torch.from_numpy(losses_of(session, weights)))


def value_at_risk(session, weights, level):
    risk = book_risk(session, weights)
    return risk.value_at_risk(level) if risk.reaches(level) else None


FORECASTS = Forecasts(5, lambda session: np.zeros((1, N_ASSETS)), value_at_risk, book_risk)


def plan_of(panel, *conditions):
    return plan_for(
        panel, sample={"minimum_sessions": 50, "purge_bars": 6}, horizon={"bars": 5}, invalidation=conditions
    )


def schedule():
    random = np.random.default_rng(3)
    rows = {int(row): random.uniform(0.05, 0.3, N_ASSETS) for row in range(0, N_SESSIONS - 1, 4) if row not in DEAD}
    return Schedule(rows | {100: [0.0, 0.0, 0.0], 101: [0.0, 0.0, 0.0]})


def test_the_compiled_engine_keeps_the_money_of_the_reference():
    panel = market()
    plan = plan_of(panel, *FOLLOWING)
    job = prepare(panel, plan, *span(panel), 1000.0)
    reference = play(job, StrategyDriver(job, schedule(), FORECASTS), FORECASTS)
    result = run_backtest(panel, plan, schedule(), *span(panel), FORECASTS, 1000.0)
    pd.testing.assert_frame_equal(result.conditions, reference.conditions, rtol=1e-9, check_freq=False)
    assert list(result.conditions) == [
        "drawdown", "calibration", "risk_e_process", "pit_drift", "both: calibration", "both: risk_e_process", "both"
    ]  # fmt: skip
    course = result.conditions
    assert (course[["calibration", "risk_e_process", "pit_drift"]].nunique() > 100).all()
    assert result.halted_on == reference.halted_on


def test_two_conditions_of_one_kind_follow_their_own_levels():
    result = run_backtest(market(), plan_of(market(), *FOLLOWING), schedule(), *span(market()), FORECASTS, 1000.0)
    differ = result.conditions["calibration"] != result.conditions["both: calibration"]
    assert differ.sum() > 100


def test_forecasts_without_a_law_of_the_book_are_refused_where_a_condition_needs_it():
    panel = market()
    bare = Forecasts(5, lambda session: np.zeros((1, N_ASSETS)), value_at_risk)
    with pytest.raises(RunError, match="risk_e_process and pit_drift follow the whole predicted law"):
        run_backtest(panel, plan_of(panel, TransformLimit("pit_drift", 0.05)), schedule(), *span(panel), bare, 1000.0)


def test_a_law_that_is_not_finite_stops_the_run_and_says_what_to_do():
    class Endless(BookRisk):
        def value_at_risk(self, level):
            return 0.01

        def expected_shortfall(self, level):
            return float("inf")

    panel = market()
    broken = Forecasts(
        5, lambda session: np.zeros((1, N_ASSETS)), value_at_risk, lambda session, weights: Endless(torch.zeros(100))
    )
    with pytest.raises(RunError, match="an expected shortfall of inf at 0.9 .* correct book_risk of the forecasts"):
        run_backtest(
            panel, plan_of(panel, ShortfallLimit("risk_e_process", 0.9, 0.05)), schedule(), *span(panel), broken, 1000.0
        )
