"""A plan carried out on data: checked, turned into terms, and played."""

import pandas as pd

from quantdl.backtest.book.tape import read_tape
from quantdl.backtest.plan.checks import check_plan
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.terms import RiskFree, plan_terms
from quantdl.backtest.running.asking import play_strategy
from quantdl.backtest.running.decisions import Strategy
from quantdl.backtest.running.engine import Job, Progress
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.targets import TargetTable, play_targets
from quantdl.backtest.running.view import Forecasts
from quantdl.market.panel import Panel


def run_backtest(
    panel: Panel,
    plan: Plan,
    strategy: Strategy | TargetTable,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str,
    forecasts: Forecasts | None = None,
    initial_equity: float = 1_000_000.0,
    progress: Progress | None = None,
    risk_free: RiskFree = None,
) -> BacktestResult:
    """Run a strategy under its plan from ``start`` to ``end``, both inclusive.

    The panel may begin long before ``start``: that is history the strategy can see. Shares are fractional unless the
    plan states lots, and money is never rounded. Cash earns the risk-free rate where one is given, and nothing else.
    The result is the same to the last bit for the same arguments.

    Args:
        panel: Prices.
        plan: What must be obeyed.
        strategy: Decides at each close, or a table of what it decides.
        start: First session.
        end: Last session.
        forecasts: A model's predictions, or None.
        initial_equity: Money at the start.
        progress: Called with sessions done and sessions in all.
        risk_free: Annual rate that cash earns and cash owed costs, as a fraction: a number, or a series of the rate
            known at the end of each bar, by its label (`quantdl.market.panel.Panel.bars`), from the bar before
            ``start`` on. A bar earns the rate known when it begins, compounded. Give
            `quantdl.risk.performance` the same rate to subtract. None: cash earns nothing, and no rate should
            be subtracted.

    Raises:
        PlanError: If the plan is refused; every fault is named.
        LookAheadError: If the strategy asks for a forecast of a session that the model has seen.
        RunError: If the strategy fails, or decides what the plan forbids.
    """
    horizon = None if forecasts is None else forecasts.horizon_bars
    predicts_risk = forecasts is not None and forecasts.value_at_risk is not None
    check_plan(plan, panel, pd.Timestamp(start), pd.Timestamp(end), horizon, predicts_risk)
    job = prepare(panel, plan, start, end, initial_equity, risk_free)
    if isinstance(strategy, TargetTable):
        return play_targets(job, strategy, forecasts, progress)
    return play_strategy(job, strategy, forecasts, progress)


def prepare(
    panel: Panel,
    plan: Plan,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str,
    initial_equity: float = 1_000_000.0,
    risk_free: RiskFree = None,
) -> Job:
    """Return the job that a plan is on given data, without checking it: for reruns of a checked one.

    Args:
        panel: Prices.
        plan: What must be obeyed.
        start: First session.
        end: Last session, with all of its bars; or an instant with its zone, at which the last bar was known.
        initial_equity: Money at the start.
        risk_free: As for `run_backtest`.

    Raises:
        RunError: If there is no money to start with, or the rate is not known at some session.
    """
    first = int(panel.sessions.searchsorted(pd.Timestamp(start)))
    last = pd.Timestamp(end)
    stop = int((panel.sessions if last.tzinfo is None else panel.known_at).searchsorted(last, side="right"))
    tape = read_tape(panel, plan.friction.delisted_after_sessions, plan.trusted_data.unconfirmed_beyond)
    return Job(tape, plan_terms(plan, tape.panel, tape, first, stop, risk_free), first, stop, initial_equity)
