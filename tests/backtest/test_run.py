"""A plan carried out on data."""

import pandas as pd
import pytest

from quantdl.backtest import prepare, run_backtest
from quantdl.errors import RunError
from tests.backtest.worlds import FLAT, Schedule, plan_for, random_walk, run, span, world


@pytest.mark.parametrize("money", [0.0, -1.0, float("nan")])
def test_a_run_starts_with_money(money):
    with pytest.raises(RunError, match="initial_equity"):
        run(world(FLAT), {}, initial_equity=money)


def test_progress_reaches_the_end():
    seen = []
    panel = world(FLAT)
    run_backtest(
        panel, plan_for(panel), Schedule({}), *span(panel), progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(n, 12) for n in range(1, 13)]


def test_a_job_spans_both_sessions_named():
    panel = world(random_walk(30, 2))
    job = prepare(panel, plan_for(panel), panel.sessions[4], f"{panel.sessions[9]:%Y-%m-%d}", 500.0)
    assert (job.first, job.stop, job.initial_equity) == (4, 10, 500.0)
    assert job.terms.due[:4].tolist() == [False] * 4 and job.terms.due[4]
    between = prepare(panel, plan_for(panel), panel.sessions[4] + pd.Timedelta(hours=1), "2100-01-01")
    assert (between.first, between.stop) == (5, 30)
