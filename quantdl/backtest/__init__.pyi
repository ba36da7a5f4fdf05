from .book.conditions import ExceptionProcess as ExceptionProcess
from .judging.attribution import pnl_by_context as pnl_by_context
from .judging.break_even import break_even_cost_bps as break_even_cost_bps
from .judging.by_strategy import StrategyBooks as StrategyBooks, shared_account as shared_account
from .judging.checklist import Checklist as Checklist, ChecklistItem as ChecklistItem, assess as assess
from .judging.liquidity import (
    Capacity as Capacity,
    capacities as capacities,
)
from .plan.checks import check_plan as check_plan, data_faults as data_faults, plan_faults as plan_faults
from .plan.evidence import (
    BreakEven as BreakEven,
    CalibrationTest as CalibrationTest,
    Evidence as Evidence,
    Exceptions as Exceptions,
    PredictedLosses as PredictedLosses,
    Yardstick as Yardstick,
)
from .plan.items import Plan as Plan
from .plan.refusals import PlanFault as PlanFault
from .run import prepare as prepare, run_backtest as run_backtest
from .running.baseline import equal_weight_baseline as equal_weight_baseline
from .running.combined import Allocated as Allocated, CombinedStrategy as CombinedStrategy
from .running.decisions import (
    Decision as Decision,
    Hold as Hold,
    Order as Order,
    Orders as Orders,
    PositionExits as PositionExits,
    RecordedDecision as RecordedDecision,
    Strategy as Strategy,
)
from .running.engine import Job as Job
from .running.replay import replay as replay
from .running.result import BacktestResult as BacktestResult
from .running.session_results import (
    results_by_regime as results_by_regime,
    results_by_stress_window as results_by_stress_window,
)
from .running.sweep import sweep_targets as sweep_targets
from .running.targets import (
    TableStrategy as TableStrategy,
    TargetTable as TargetTable,
    market_history as market_history,
    play_targets as play_targets,
)
from .running.view import Forecasts as Forecasts, MarketHistory as MarketHistory, MarketView as MarketView
from .running.weights import as_decision as as_decision
from .sensitivity.accounting import Frictions as Frictions, Prices as Prices
from .sensitivity.derivatives import Sensitivities as Sensitivities, sensitivities as sensitivities
from .sensitivity.twin import Twin as Twin, without_overlays as without_overlays
