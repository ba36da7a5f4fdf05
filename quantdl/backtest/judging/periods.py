"""What both books earned in each regime and stress window, and along the rival explanations of the plan."""

import math
from dataclasses import dataclass, field

import pandas as pd

from quantdl.backtest.book.tape import Tape
from quantdl.backtest.judging.attribution import pnl_by_context
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility
from quantdl.backtest.plan.friction import MeasuredVolume
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.session_results import results_by_regime, results_by_stress_window
from quantdl.records import named


@dataclass(frozen=True)
class PeriodResult:
    """What one book earned over some of its sessions.

    Attributes:
        sessions: How many; a whole number, written as ``12.0``.
        pnl: Profit and loss in money.
        total_return: Compounded over the sessions; ``return`` in JSON.
        volatility: Standard deviation of one session's return; None for fewer than two sessions.
        worst_session: Lowest return of a session; None without sessions.
    """

    sessions: float
    pnl: float
    total_return: float = field(metadata=named("return"))
    volatility: float | None
    worst_session: float | None


@dataclass(frozen=True)
class BothBooks:
    """The same sessions of the strategy and of the equal-weight baseline."""

    strategy: PeriodResult
    baseline: PeriodResult


@dataclass(frozen=True)
class ContextResult:
    """Profit in one state of the market.

    Attributes:
        context: The rival explanation: ``"trend"``, ``"volatility"`` or ``"liquidity"``.
        state: As known when a session began, for instance ``"rising"``.
        sessions: Sessions in that state.
        pnl: Profit and loss in money; the states of one context add up to the whole.
    """

    context: str
    state: str
    sessions: int
    pnl: float


def both_by_regime(result: BacktestResult, baseline: BacktestResult) -> dict[str, BothBooks]:
    """Return the results per regime seen; both books ran under the same definition of regimes."""
    return _both(results_by_regime(result), results_by_regime(baseline))


def both_by_stress_window(
    result: BacktestResult, baseline: BacktestResult, abnormal: AbnormalVolatility
) -> dict[str, BothBooks]:
    """Return the results per stress window of the plan."""
    windows = abnormal.stress_windows
    return _both(results_by_stress_window(result, windows), results_by_stress_window(baseline, windows))


def context_results(result: BacktestResult, tape: Tape, plan: Plan) -> tuple[ContextResult, ...]:
    """Return the profit along the rival explanations of the plan."""
    measured = isinstance(plan.friction.liquidity, MeasuredVolume)
    table = pnl_by_context(result, tape, plan.abnormal_volatility.window_bars, measured)
    columns = (table[name].tolist() for name in ("context", "state", "sessions", "pnl"))
    return tuple(ContextResult(*row) for row in zip(*columns, strict=True))


def _both(own: pd.DataFrame, rival: pd.DataFrame) -> dict[str, BothBooks]:
    return {str(name): BothBooks(_period(own.loc[name]), _period(rival.loc[name])) for name in own.index}


def _period(row: "pd.Series[float]") -> PeriodResult:
    return PeriodResult(
        sessions=float(row["sessions"]),
        pnl=float(row["pnl"]),
        total_return=float(row["return"]),
        volatility=_known(row["volatility"]),
        worst_session=_known(row["worst_session"]),
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
