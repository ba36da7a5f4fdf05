"""A sweep gives each set of parameters what a run of its own gives it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import TargetTable, play_targets, prepare, sweep_targets
from quantdl.backtest.book import kernel
from quantdl.backtest.plan.invalidation import CalibrationLimit
from quantdl.backtest.plan.terms import plan_terms
from quantdl.backtest.running.sweep import TablePlayer
from quantdl.errors import RunError
from tests.backtest.worlds import plan_for, random_walk, span, world

PANEL = world(random_walk(200, 3, seed=8))
TABLES = [
    TargetTable(
        np.arange(0, 200, step),
        np.random.default_rng(step).dirichlet([1.0] * 4, len(range(0, 200, step)))[:, :3] * 0.9,
        "rebalance",
        before_costs=step == 5,
    )
    for step in (1, 3, 5, 40)
]


def job(**items):
    return prepare(PANEL, plan_for(PANEL, **items), *span(PANEL), 1000.0)


@pytest.mark.parametrize("items", [{}, {"sizing": {"stop_loss": 0.01}, "horizon": {"bars": 20}}])
def test_each_row_is_the_run_of_its_table(items):
    swept = sweep_targets(job(**items), iter(TABLES))
    for (_, row), table in zip(swept.iterrows(), TABLES, strict=True):
        result = play_targets(job(**items), table)
        equity = result.equity["equity"]
        returns = equity / equity.shift(fill_value=1000.0) - 1
        assert row["equity"] == result.final_equity
        assert row["fills"] == len(result.fills)
        assert row["mean_return"] == pytest.approx(returns.mean(), rel=1e-9)
        assert row["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-9)
        peak = np.maximum(equity.cummax(), 1000.0)
        assert row["max_drawdown"] == pytest.approx((1 - equity / peak).max(), rel=1e-12)
        assert row["costs"] == pytest.approx(result.equity["costs"].sum(), rel=1e-12)
        assert row["turnover"] == pytest.approx(result.equity["turnover"].sum(), rel=1e-12)


def test_a_halt_of_one_set_leaves_the_next_alone():
    falling = world(np.column_stack([np.linspace(100, 30, 120), np.full(120, 100.0)]))
    patient = {"sizing": {"stop_loss": 0.6, "max_loss_per_trade": 0.7}, "horizon": {"bars": 110}}
    made = prepare(falling, plan_for(falling, **patient), *span(falling), 1000.0)
    tables = [TargetTable(np.array([0]), np.array([weights]), "rebalance") for weights in ([0.9, 0.0], [0.0, 0.9])]
    swept = sweep_targets(made, [*tables, tables[0]])
    assert swept["halted_on"].iloc[0] == play_targets(made, tables[0]).halted_on
    assert pd.isna(swept["halted_on"].iloc[1])
    assert swept.iloc[2].equals(swept.iloc[0])


def test_a_book_of_cash_has_no_sharpe_ratio():
    nothing = TargetTable(np.array([0]), np.zeros((1, 3)), "rebalance")
    (row,) = sweep_targets(job(), [nothing]).itertuples()
    assert row.equity == 1000.0 and np.isnan(row.sharpe) and row.fills == 0
    assert len(sweep_targets(job(), [])) == 0


def test_a_plan_that_follows_a_models_risk_cannot_be_swept():
    made = job()
    condition = (CalibrationLimit("calibration", 0.99, 0.05),)
    terms = plan_terms(plan_for(PANEL, invalidation=condition), PANEL, made.tape, made.first, made.stop)
    with pytest.raises(RunError, match="follows the risk that a model predicts"):
        sweep_targets(replace(made, terms=terms), TABLES)


def test_what_the_plan_forbids_stops_the_sweep():
    heavy = TargetTable(np.array([7]), np.array([[0.95, 0.0, 0.0]]), "rebalance")
    with pytest.raises(RunError, match=r"2018-01-09: weight 0\.95 of A00 breaks sizing\.max_weight"):
        sweep_targets(job(), [TABLES[0], heavy])


def test_quiet_sessions_are_passed_as_they_are_played_one_by_one():
    """A decision on every session takes the long way; holding says the same to the last bit."""
    walk = world(random_walk(300, 2, seed=4))
    made = prepare(walk, plan_for(walk, horizon={"bars": 290}), *span(walk), 1000.0)
    weights = np.full((300, 2), np.nan)
    weights[0], weights[150] = [0.5, 0.2], [0.1, 0.6]
    every = play_targets(made, TargetTable(np.arange(300), weights, "rebalance"))
    few = play_targets(made, TargetTable(np.array([0, 150]), weights[[0, 150]], "rebalance"))
    for name in ("equity", "quantities", "exposures", "conditions", "fills"):
        pd.testing.assert_frame_equal(getattr(every, name), getattr(few, name), check_exact=True)


def test_tables_with_steps_or_that_are_read_only_are_played_by_the_code_that_is_compiled():
    rows, weights = np.arange(0, 200, 2), np.tile([0.3, 0.2, 0.1], (100, 1))
    plain = TargetTable(rows, weights, "rebalance")
    locked = weights.copy()
    locked.flags.writeable = False
    others = (
        TargetTable(np.arange(200)[::2], np.repeat(weights, 2, axis=1)[:, ::2], "rebalance"),
        TargetTable(PANEL.sessions[rows], np.asfortranarray(weights), "rebalance"),
        TargetTable(rows.astype(np.int32), locked, "rebalance"),
    )
    expected = sweep_targets(job(), [plain])
    compiled = len(kernel.advance.signatures)
    for other in others:
        pd.testing.assert_frame_equal(sweep_targets(job(), [other]), expected, check_exact=True)
        play_targets(job(), other)
    assert len(kernel.advance.signatures) == compiled


def test_a_player_gives_the_equity_of_the_run_and_keeps_it_for_no_longer_than_the_next():
    player, made = TablePlayer(job()), job()
    first = player.play(TABLES[0])
    kept = first.equity_where_traded(made)
    pd.testing.assert_series_equal(
        kept, play_targets(made, TABLES[0]).equity["equity"], check_names=False, check_freq=False
    )
    player.play(TABLES[3])
    assert not np.array_equal(first.equity, kept)


def test_returns_that_are_all_the_same_deviate_by_nothing():
    flat = world(np.cumprod(np.full((120, 1), 1.001), axis=0))
    made = prepare(flat, plan_for(flat, horizon={"bars": 110}), *span(flat), 1000.0)
    (row,) = sweep_targets(made, [TargetTable(np.array([0]), np.zeros((1, 1)), "rebalance")]).itertuples()
    assert row.deviation == 0.0 and row.mean_return == 0.0
