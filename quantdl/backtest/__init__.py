"""Backtests that refuse to run without a trading plan, obey it, and say afterwards whether it was kept."""

from quantdl.backtest.attribution import pnl_by_context, pnl_by_rule, results_by_regime, results_by_stress_window
from quantdl.backtest.baseline import equal_weight_baseline
from quantdl.backtest.break_even import break_even_cost_bps
from quantdl.backtest.checklist import assess
from quantdl.backtest.decisions import Decision, Hold, Strategy
from quantdl.backtest.engine import run_backtest
from quantdl.backtest.evidence import BreakEven, CalibrationTest, Checklist, ChecklistItem, Evidence, Yardstick
from quantdl.backtest.forecasts import Forecasts
from quantdl.backtest.invalidation import ExceptionProcess
from quantdl.backtest.liquidity import Capacity, ExitReport, capacities, exit_report
from quantdl.backtest.plan import Plan
from quantdl.backtest.plan_checks import plan_faults
from quantdl.backtest.plan_data_checks import check_plan, data_faults
from quantdl.backtest.plan_faults import PlanFault
from quantdl.backtest.replay import Replay
from quantdl.backtest.result import BacktestResult, RecordedDecision
from quantdl.backtest.view import MarketView

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
