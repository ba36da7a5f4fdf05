"""The cost at which a profit is gone."""

import pytest

from quantdl.backtest import (
    break_even_cost_bps,
    run_backtest,
)
from tests.backtest.judging.books import ITEMS, Churn, Keep, asking, job_of, rising
from tests.backtest.worlds import plan_for, span


def growth_at(panel, strategy, bps):
    plan = plan_for(panel, **ITEMS, friction={"commission_bps": bps, "half_spread_bps": 0.0})
    return run_backtest(panel, plan, strategy, *span(panel)).equity["equity"].iloc[-1] / 1e6 - 1


def test_at_the_break_even_cost_nothing_is_earned():
    panel = rising(0.002)
    found = break_even_cost_bps(job_of(panel), asking(Churn))
    # The whole position is sold and bought every day: cost about drift / 2 each way.
    assert found.bps == pytest.approx(10.0, rel=0.05)
    assert growth_at(panel, Churn(), found.bps - 0.1) > 0 > growth_at(panel, Churn(), found.bps + 0.1)
    assert found.lower_bps == found.bps
    assert "gone at" in found.statement


def test_few_runs_find_it():
    panel, runs = rising(0.002), []

    def strategy():
        runs.append(1)
        return Churn()

    break_even_cost_bps(job_of(panel), asking(strategy))
    assert len(runs) <= 8


def test_a_loser_breaks_even_nowhere():
    panel = rising(-0.001)
    found = break_even_cost_bps(job_of(panel), asking(Keep))
    assert (found.bps, found.lower_bps) == (0.0, 0.0)
    assert "even without costs" in found.statement


def test_a_holder_of_winners_never_breaks_even():
    panel = rising(0.01)
    found = break_even_cost_bps(job_of(panel), asking(Keep))
    assert (found.bps, found.lower_bps) == (None, 1000.0)
