"""Tables made in Python are played as ever, and each is a trial of the ledger."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import TargetTable, prepare, run_backtest, sweep_targets
from quantdl.errors import PlanError, RunError
from quantdl.experiment import sweep_tables
from quantdl.runs import Ledger
from quantdl.runs.returns import synchronous_returns
from tests.backtest.worlds import plan_for, random_walk, world

PANEL = world(random_walk(200, 3, seed=8))
PLAN = plan_for(PANEL, first=20)
START, END = PANEL.sessions[20], PANEL.sessions[-1]


def table(seed: int, step: int = 5) -> TargetTable:
    rows = np.arange(20, 200, step)
    weights = np.random.default_rng(seed).dirichlet([1.0] * 4, len(rows))[:, :3] * 0.9
    return TargetTable(rows, weights, "rebalance")


TABLES = [table(seed) for seed in range(12)]


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.jsonl")


def test_the_figures_are_those_of_the_bare_pass(ledger):
    found = sweep_tables(PANEL, PLAN, iter(TABLES), START, END, ledger)
    bare = sweep_targets(prepare(PANEL, PLAN, START, END), TABLES)
    pd.testing.assert_frame_equal(found.figures.drop(columns="trial"), bare, check_exact=True)
    assert found.best == int(bare["sharpe"].to_numpy().argmax())


def test_each_table_is_a_trial_with_the_returns_of_its_run(ledger):
    found = sweep_tables(PANEL, PLAN, TABLES, START, END, ledger)
    records = ledger.read().records
    assert [record.trial for record in records] == list(found.figures["trial"])
    equity = run_backtest(PANEL, PLAN, TABLES[3], START, END).equity["equity"]
    returns = synchronous_returns(ledger, records[3], records)
    assert len(returns) == 12
    np.testing.assert_allclose(returns[records[3].trial], equity / equity.shift(fill_value=1e6) - 1, rtol=1e-12)
    assert found.selection.n_trials == found.selection.n_with_returns == 12
    assert 0.0 <= found.selection.overfitting_probability <= 1.0


def test_the_same_table_is_the_same_trial_and_another_one_is_not(ledger):
    twice = replace(TABLES[0], weights=np.asfortranarray(TABLES[0].weights), rules=["rebalance"] * 36)
    others = [replace(TABLES[0], before_costs=True), table(0, step=6), TABLES[1]]
    found = sweep_tables(PANEL, PLAN, [TABLES[0], twice, *others], START, END, ledger).figures["trial"]
    assert found[0] == found[1] and found.nunique() == 4
    cheaper = replace(PLAN, friction=replace(PLAN.friction, commission_bps=PLAN.friction.commission_bps + 1))
    assert sweep_tables(PANEL, cheaper, TABLES[:1], START, END, ledger).figures["trial"][0] not in set(found)
    assert sweep_tables(PANEL, PLAN, TABLES[:1], START, END, ledger, 5e5).figures["trial"][0] not in set(found)


def test_what_the_plan_forbids_is_refused_and_nothing_is_recorded(ledger):
    heavy = TargetTable(np.array([27]), np.array([[0.95, 0.0, 0.0]]), "rebalance")
    with pytest.raises(RunError, match=r"weight 0\.95 of A00 breaks sizing\.max_weight"):
        sweep_tables(PANEL, PLAN, [TABLES[0], heavy], START, END, ledger)
    with pytest.raises(PlanError, match="sample"):
        sweep_tables(PANEL, PLAN, TABLES, PANEL.sessions[30], END, ledger)
    assert not ledger.path.exists()


def test_a_span_that_begins_with_the_data_has_no_first_return(ledger):
    with pytest.raises(ValueError, match="at least one session before"):
        sweep_tables(PANEL, plan_for(PANEL), TABLES, PANEL.sessions[0], END, ledger)
