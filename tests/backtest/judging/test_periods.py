"""Results of both books in a period, worked out from their equity by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import Hold, equal_weight_baseline, prepare, run_backtest
from quantdl.backtest.judging.periods import both_by_regime, both_by_stress_window, context_results
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.invalidation import DrawdownLimit
from tests.backtest.worlds import plan_for, random_walk, span, world

ITEMS = {"sample": {"minimum_sessions": 50}, "invalidation": (DrawdownLimit("drawdown", 0.57),)}


class Wait:
    def decide(self, view):
        return Hold("rebalance")


@pytest.fixture(scope="module")
def runs():
    panel = world(random_walk(120, 3))
    plan = plan_for(panel, **ITEMS)
    job = prepare(panel, plan, *span(panel))
    return job.tape, plan, run_backtest(panel, plan, Wait(), *span(panel)), equal_weight_baseline(job)


def test_a_book_in_cash_earns_nothing_beside_a_baseline_that_earns_what_its_equity_says(runs):
    _, plan, result, baseline = runs
    first, last = result.equity.index[10].date(), result.equity.index[14].date()
    abnormal = replace(plan.abnormal_volatility, stress_windows=(StressWindow("a week", first, last),))
    (found,) = both_by_stress_window(result, baseline, abnormal).values()
    assert (found.strategy.sessions, found.strategy.pnl, found.strategy.total_return) == (5.0, 0.0, 0.0)
    equity = baseline.equity["equity"].to_numpy()
    returns = equity[10:15] / equity[9:14] - 1
    assert found.baseline.pnl == pytest.approx(equity[14] - equity[9])
    assert found.baseline.total_return == pytest.approx(equity[14] / equity[9] - 1)
    assert found.baseline.volatility == pytest.approx(np.std(returns, ddof=1))
    assert found.baseline.worst_session == pytest.approx(returns.min())


def test_a_window_outside_the_run_has_no_figures_and_one_session_has_no_volatility(runs):
    _, plan, result, baseline = runs
    day = result.equity.index[3].date()
    windows = (StressWindow("before", date(2001, 1, 1), date(2001, 2, 1)), StressWindow("a day", day, day))
    found = both_by_stress_window(result, baseline, replace(plan.abnormal_volatility, stress_windows=windows))
    assert list(found) == ["before", "a day"]
    assert found["before"].baseline.sessions == 0
    assert found["before"].baseline.volatility is found["before"].baseline.worst_session is None
    assert found["a day"].baseline.volatility is None and found["a day"].baseline.worst_session is not None


def test_regimes_cover_every_session_once(runs):
    _, _, result, baseline = runs
    found = both_by_regime(result, baseline)
    counts = result.regimes["regime"].value_counts()
    assert {name: both.strategy.sessions for name, both in found.items()} == {str(k): v for k, v in counts.items()}
    total = sum(both.baseline.pnl for both in found.values())
    assert total == pytest.approx(baseline.equity["equity"].iloc[-1] - 1e6)


def test_the_states_of_a_context_add_up_to_the_whole(runs):
    tape, plan, _, baseline = runs
    rows = pd.DataFrame([vars(row) for row in context_results(baseline, tape, plan)])
    assert set(rows["context"]) == {"trend", "volatility", "liquidity"}
    for _, states in rows.groupby("context"):
        assert states["sessions"].sum() == len(baseline.equity)
        assert states["pnl"].sum() == pytest.approx(baseline.equity["equity"].iloc[-1] - 1e6)
    assert set(rows.loc[rows["context"] == "liquidity", "state"]) == {"undefined"}  # volume is waived
