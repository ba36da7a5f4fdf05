"""Fast exit: within how many sessions the whole book can be flat."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quantdl.backtest.book.costs import costs_of_leaving
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility, StressWindow
from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING, ItemVerdict, ReportRow
from quantdl.backtest.plan.friction import Friction, Liquidity, VolumeWaiver, known_liquidity
from quantdl.backtest.plan.refusals import PlanFault, at_least
from quantdl.backtest.plan.spreads import conversion, half_spreads
from quantdl.calendars.bars import bar_unit

ROW = ReportRow("Fast exit", "costs", "Costs")


@dataclass(frozen=True)
class FastExit:
    """Within how many sessions the whole book can be flat at the participation cap. Decisions beyond it are cut.

    Attributes:
        max_sessions: Bars of the data: sessions, or so many bars where several lie in one. The cap is a share of what a
            bar trades, so that is what an exit is counted in.
    """

    max_sessions: int


def faults(fast_exit: FastExit, liquidity: Liquidity, horizon_bars: int) -> Iterator[PlanFault]:
    """Yield a fault for an exit that is slower than the planned one, or that nothing can slow down."""
    sessions = fast_exit.max_sessions
    yield from at_least("fast_exit.max_sessions", sessions, 1, "a number of sessions")
    if isinstance(liquidity, VolumeWaiver):
        if sessions > 1:
            expected = "1: with a volume waiver no fill is capped, so a longer exit can never bind"
            yield PlanFault("fast_exit.max_sessions", str(sessions), expected, "write 1 or state dollar volumes")
    elif sessions > horizon_bars:
        expected = f"at most the horizon of {horizon_bars} bars: a fast exit is no slower than a planned one"
        yield PlanFault("fast_exit.max_sessions", str(sessions), expected, f"set it to {horizon_bars} or less")


def data_faults(fast_exit: FastExit, n_bars: int, unit: str = "session") -> Iterator[PlanFault]:
    """Yield a fault for an exit that may take as long as the run, of so many bars."""
    if fast_exit.max_sessions >= n_bars:
        expected = f"fewer than the {n_bars} {unit}s of the span, or it can never bind"
        yield PlanFault("fast_exit.max_sessions", str(fast_exit.max_sessions), expected, "lower it")


def judge(fast_exit: FastExit, friction: Friction, abnormal: AbnormalVolatility, run: FinishedRun) -> ItemVerdict:
    """Measure how long the slowest position of each close would have taken to sell at the participation cap.

    Half the volume and five times the spread are named beside it, for the whole run and for each stress window.
    """
    most_sessions, unit = fast_exit.max_sessions, bar_unit(run.panel.card.declaration.frequency)
    statement = f"the book can be left within {most_sessions} {unit}{'' if most_sessions == 1 else 's'}"
    if isinstance(friction.liquidity, VolumeWaiver):
        return ItemVerdict(statement, "days to liquidate undefined", doubts=("liquidity is waived",))
    dollars = np.where(run.book.shares != 0, np.abs(run.book.shares * run.book.marks), 0.0)
    most = known_liquidity(friction, run.panel).most_dollars[run.book.rows]
    slowest = np.divide(dollars, most, out=np.where(dollars > 0, np.inf, 0.0), where=most > 0).max(axis=1)
    days, row = float(slowest.max()), int(slowest.argmax())
    cost, dear = (_costs(friction, run, times) for times in (1.0, 5.0))
    figure = (
        f"{days:.2f} {unit}s at a cost of {cost.max():.2%} of equity; {2 * days:.2f} with half the volume, "
        f"{dear.max():.2%} with five times the spread"
    )
    figure += "".join(_in_window(window, slowest, dear, run) for window in abnormal.stress_windows)
    excess = days - fast_exit.max_sessions
    more = f"{excess:.2f} {unit}s more than promised" if np.isfinite(days) else "a position could not be sold at all"
    slow = (f"{more}, on {run.day(row)}",) if excess > ROUNDING else ()
    return ItemVerdict(statement, figure, slow)


def _costs(friction: Friction, run: FinishedRun, times: float) -> np.ndarray:
    """Return (T,) what leaving the book of each close costs at so many times the spread, as a fraction of equity.

    Every position pays its own spread; what converting money costs is not multiplied.
    """
    book, quoted = run.book, half_spreads(friction.half_spread_bps, run.panel)
    spreads = friction.costs(None).half_spread_bps / 1e4 if quoted is None else quoted
    if quoted is not None and len(quoted) > 1:
        spreads = quoted[book.rows]
    positions = np.where(book.shares != 0, book.shares * book.marks, 0.0)
    paid = costs_of_leaving(friction.costs(None), positions, book.shares, spreads, times)
    paid = paid + (np.abs(positions) * conversion(run.panel, friction.conversion_bps)).sum(axis=1)
    return np.asarray(np.divide(paid, book.equity, out=np.zeros(len(paid)), where=book.equity > 0))


def _in_window(window: StressWindow, slowest: np.ndarray, dear: np.ndarray, run: FinishedRun) -> str:
    """Say what a stress window makes of it, from the close before it on; empty where the run has none of its sessions.

    Args:
        window: The window.
        slowest: (T,) sessions to sell the slowest position of each close.
        dear: (T,) cost of leaving at each close with five times the spread, as a fraction of equity.
        run: The run.
    """
    days = [day.date() for day in run.result.session_of_each]
    inside = np.array([window.first <= day <= window.last for day in days])
    if not inside.any():
        return ""
    closes, unit = inside | np.append(inside[1:], False), bar_unit(run.panel.card.declaration.frequency)
    half, cost = 2 * float(slowest[closes].max()), float(dear[closes].max())
    return f"; in {window.name} {half:.2f} {unit}s with half the volume, {cost:.2%} with five times the spread"
