"""The cost at which a profit is gone."""

import pytest

from quantdl.backtest import (
    break_even_cost_bps,
    run_backtest,
)
from quantdl.backtest.plan.spreads import StatedSpreads
from tests.backtest.judging.books import ITEMS, Churn, Keep, asking, job_of, rising
from tests.backtest.worlds import plan_for, span
from tests.raw_panels import raw_world


def raw_rising(drift):
    return raw_world(rising(drift).closes)


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


def test_fees_per_share_least_fees_and_spreads_by_asset_give_way_to_the_cost_that_is_tried():
    """The profit is gone at the same cost, whatever the plan charges: every run of the search replaces all of it."""
    panel = raw_rising(0.002)
    plain = break_even_cost_bps(job_of(panel), asking(Churn))
    spreads = StatedSpreads("stated", {"A00": 1.0, "A01": 30.0})
    fees = {"half_spread_bps": spreads, "commission_per_share": 0.01, "commission_minimum": 700.0}
    found = break_even_cost_bps(job_of(panel, friction=fees), asking(Churn))
    assert found.bps == pytest.approx(plain.bps, abs=0.1)
    assert found.statement.endswith("the plan states 20.5 bps on average and 0.01 a share, at least 700 a fill.")


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


def test_a_book_that_never_trades_neither_earns_nor_loses():
    class Never:
        def decide(self, view):
            return None

    found = break_even_cost_bps(job_of(rising(0.001)), asking(Never))
    assert found.statement == "Nothing was earned and nothing lost, with costs or without." and found.bps == 0.0
