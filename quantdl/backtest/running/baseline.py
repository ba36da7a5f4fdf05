"""The honest rival: equal weight, rebalanced monthly, at the plan's own costs but free of its caps and stops."""

from dataclasses import replace

import pandas as pd

from quantdl.backtest.plan.friction import VolumeWaiver
from quantdl.backtest.plan.horizon import PeriodEnd
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.related_positions import NamedGroups, RelatedPositions
from quantdl.backtest.plan.rules import Rule
from quantdl.backtest.plan.sizing import Sizing
from quantdl.backtest.running.decisions import Decision
from quantdl.backtest.running.engine import play
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.view import MarketView
from quantdl.market.panel import Panel
from quantdl.portfolio import equal_weights

_NEVER = float("inf")


class _EqualWeight:
    def decide(self, view: MarketView) -> Decision | None:
        return Decision(equal_weights(view.listed), "rebalance") if view.rebalance_due and view.listed.any() else None


def equal_weight_baseline(
    panel: Panel,
    plan: Plan,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str,
    initial_equity: float = 1_000_000.0,
) -> BacktestResult:
    """Run equal weight over the span: same data, fills, commission and spread as the plan, nothing else of it.

    All listed assets in equal parts at the first session and at each month's end. Liquidity is unlimited, so the
    baseline is the same whatever a strategy's size, caps and invalidation are.
    """
    return play(
        panel, _baseline_plan(plan, panel), _EqualWeight(), pd.Timestamp(start), pd.Timestamp(end), None, initial_equity
    )


def _baseline_plan(plan: Plan, panel: Panel) -> Plan:
    """Return the plan without caps, stops and conditions; never checked, because nothing in it can bind."""
    waiver = VolumeWaiver("waiver", plan.documentation.author, "the baseline trades without limits")
    return replace(
        plan,
        horizon=replace(plan.horizon, bars=len(panel.sessions), rebalance=PeriodEnd("period_end", "month")),
        rules=(Rule("rebalance", "rebalance", "hold every listed asset in equal parts"),),
        sizing=Sizing("equal weight", True, 1.0, 1.0, None, _NEVER, _NEVER),
        related_positions=RelatedPositions(NamedGroups("named", {"all": panel.assets}), 1.0, None),
        friction=replace(plan.friction, borrow=None, liquidity=waiver),
        invalidation=(),
        abnormal_volatility=replace(plan.abnormal_volatility, in_stress="trade"),
    )
