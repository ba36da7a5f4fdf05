"""Backtests that refuse to run without a trading plan, obey it, and say afterwards whether it was kept."""

from quantdl.backtest.book.liquidity import Capacity, ExitReport, capacities, exit_report
from quantdl.backtest.judging.attribution import (
    pnl_by_context,
    pnl_by_rule,
    results_by_regime,
    results_by_stress_window,
)
from quantdl.backtest.judging.break_even import break_even_cost_bps
from quantdl.backtest.judging.checklist import assess
from quantdl.backtest.judging.evidence import BreakEven, CalibrationTest, Checklist, ChecklistItem, Evidence, Yardstick
from quantdl.backtest.plan.checks import plan_faults
from quantdl.backtest.plan.data_checks import check_plan, data_faults
from quantdl.backtest.plan.faults import PlanFault
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.running.baseline import equal_weight_baseline
from quantdl.backtest.running.decisions import Decision, Hold, Strategy
from quantdl.backtest.running.engine import run_backtest
from quantdl.backtest.running.forecasts import Forecasts
from quantdl.backtest.running.invalidation import ExceptionProcess
from quantdl.backtest.running.replay import Replay
from quantdl.backtest.running.result import BacktestResult, RecordedDecision
from quantdl.backtest.running.view import MarketView

__all__ = [
    "BacktestResult",
    "BreakEven",
    "CalibrationTest",
    "Capacity",
    "Checklist",
    "ChecklistItem",
    "Decision",
    "Evidence",
    "ExceptionProcess",
    "ExitReport",
    "Forecasts",
    "Hold",
    "MarketView",
    "Plan",
    "PlanFault",
    "RecordedDecision",
    "Replay",
    "Strategy",
    "Yardstick",
    "assess",
    "break_even_cost_bps",
    "capacities",
    "check_plan",
    "data_faults",
    "equal_weight_baseline",
    "exit_report",
    "plan_faults",
    "pnl_by_context",
    "pnl_by_rule",
    "results_by_regime",
    "results_by_stress_window",
    "run_backtest",
]
