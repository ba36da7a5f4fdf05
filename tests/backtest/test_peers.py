"""The same books as other programs keep: job A2 of the side-by-side benchmarks, 33 years of twenty stocks."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import Decision, prepare
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.related_positions import SectorGroups
from quantdl.backtest.running.asking import play_strategy
from quantdl.market.sources import load_sp500
from quantdl.portfolio import inverse_volatility_weights
from tests.backtest.worlds import plan_for, span

# Plain numpy with exact targets after fees; vectorbt ends at 120,486,463.74 and bt at 120,483,970.25 with targets
# before fees, 1e-4 apart.
A2_FINAL_VALUE = 120_495_984.97


class MonthEnds:
    """The last trading day of each month of the data from row 60 on, the data's last day included."""

    def __init__(self, sessions):
        months = sessions.to_period("M")
        last = np.append(months[1:] != months[:-1], True)
        self.days = set(sessions[last & (np.arange(len(sessions)) >= 60)])

    def decide(self, view):
        if view.session not in self.days:
            return None
        return Decision(inverse_volatility_weights(view.simple_returns(60)), "rebalance")


def test_a2_monthly_inverse_volatility_at_the_decision_close():
    panel = load_sp500()
    plan = plan_for(
        panel,
        friction={"fill_at": "decision_close"},
        horizon={"bars": 23},
        related_positions={"groups": SectorGroups("sector"), "max_group_gross": 0.98},
        invalidation=(DrawdownLimit("drawdown", 0.57),),
    )
    never = float("inf")  # the job has no stops
    plan = replace(plan, sizing=replace(plan.sizing, stop_loss=never, max_loss_per_trade=never))
    job = prepare(panel, plan, *span(panel), 1e6)
    result = play_strategy(job, MonthEnds(panel.sessions))
    assert result.equity["equity"].iloc[-1] == pytest.approx(A2_FINAL_VALUE, rel=1e-9)
    assert len(result.decisions) == 394
    assert result.events.empty
