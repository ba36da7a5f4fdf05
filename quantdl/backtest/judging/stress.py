"""Sharp moves at half the volume and five times the spread: how the book could be left then, and the run over again.

Liquidity goes when it is needed. So the sessions of a run in which prices moved sharply are looked at apart: the stress
windows of the plan, the sessions that it calls stressed, and the ten in which the market moved most.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from quantdl.backtest.book.terms import Terms
from quantdl.backtest.book.trailing import simple_returns
from quantdl.backtest.judging.liquidity import leaving_costs, spreads_by_bar
from quantdl.backtest.running.engine import Job
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.session_results import Period

LESS_VOLUME, MORE_SPREAD = 0.5, 5.0
SHARPEST = 10


@dataclass(frozen=True)
class SharpExit:
    """The slowest and the dearest exit among some sessions, of the book held into each of them or out of it.

    Attributes:
        name: Of the sessions.
        sessions: How many.
        days: Most sessions that it takes to sell the book at the participation cap; None where a position could not be
            sold, or liquidity is waived.
        days_half_volume: The same at half the volume.
        cost: Largest cost of leaving, as a fraction of equity: commission and each position's spread as known then,
            without impact.
        cost_five_spreads: The same at five times the spread.
    """

    name: str
    sessions: int
    days: float | None
    days_half_volume: float | None
    cost: float
    cost_five_spreads: float


@dataclass(frozen=True)
class ThinnerRun:
    """The recorded decisions taken again with half the volume and five times the spread in all sharp sessions.

    Attributes:
        sessions: Sharp sessions.
        total_return: Of the run so made.
        stated_return: Of the run as it was.
        max_drawdown: Largest fall from a peak of the run so made, as a positive fraction.
        stated_drawdown: Of the run as it was.
        worst_trade: Largest loss of a trade over equity at its entry, zero or more.
        stated_worst_trade: Of the run as it was.
    """

    sessions: int
    total_return: float
    stated_return: float
    max_drawdown: float
    stated_drawdown: float
    worst_trade: float
    stated_worst_trade: float


@dataclass(frozen=True)
class StressTest:
    """How the book could have been left in sharp moves, and what would have come of the run."""

    exits: tuple[SharpExit, ...]
    thinner: ThinnerRun


def stress_test(
    result: BacktestResult, job: Job, windows: Iterable[Period], rerun: Callable[[Job], BacktestResult]
) -> StressTest:
    """Look at the sharp moves of a run.

    Args:
        result: The run.
        job: What it was run on.
        windows: The stress windows of its plan.
        rerun: Carries out a job; `replay` repeats the recorded decisions.
    """
    sharp = sharp_sessions(result, job, windows)
    exits = tuple(_exit(name, chosen, result, job) for name, chosen in sharp.items())
    together = np.any([*sharp.values()], axis=0)
    thinner = rerun(replace(job, terms=_thinner(job, together)))
    figures = ThinnerRun(
        sessions=int(together.sum()),
        total_return=thinner.final_equity / thinner.initial_equity - 1.0,
        stated_return=result.final_equity / result.initial_equity - 1.0,
        max_drawdown=_drawdown(thinner),
        stated_drawdown=_drawdown(result),
        worst_trade=_worst_trade(thinner),
        stated_worst_trade=_worst_trade(result),
    )
    return StressTest(exits, figures)


def sharp_sessions(result: BacktestResult, job: Job, windows: Iterable[Period]) -> dict[str, np.ndarray]:
    """Return by name (T,) which sessions of the run belong to a sharp move; names without any session are left out.

    A stress window is the plan's, a session is stressed by what was known when it began, and the market's move is the
    mean simple return of the assets that traded.
    """
    days = result.session_of_each
    found = {
        item.name: np.asarray((days >= pd.Timestamp(item.first)) & (days <= pd.Timestamp(item.last)))
        for item in windows
    }
    found["sessions that began stressed"] = np.asarray(result.regimes["regime"] == "stressed")
    returns = simple_returns(job.tape.continuous)[job.first : job.stop]
    counts = np.isfinite(returns).sum(axis=1)
    moves = np.abs(np.where(counts > 0, np.nansum(returns, axis=1) / np.maximum(counts, 1), 0.0))
    sharpest = np.zeros(len(days), dtype=bool)
    sharpest[np.argsort(-moves, kind="stable")[:SHARPEST]] = True
    found[f"the {min(SHARPEST, len(days))} sharpest sessions"] = sharpest & (moves > 0)
    return {name: chosen for name, chosen in found.items() if chosen.any()}


def _exit(name: str, chosen: np.ndarray, result: BacktestResult, job: Job) -> SharpExit:
    """Look at the closes of sessions and at those before them: what is to be left in a move was held into it."""
    closes = chosen | np.append(chosen[1:], False)
    days = float(result.equity["days_to_exit"].to_numpy()[closes].max())
    cost, dear = (leaving_costs(result, job, times)[closes] for times in (1.0, MORE_SPREAD))
    return SharpExit(
        name=name,
        sessions=int(chosen.sum()),
        days=days if math.isfinite(days) else None,
        days_half_volume=days / LESS_VOLUME if math.isfinite(days) else None,
        cost=float(cost.max()),
        cost_five_spreads=float(dear.max()),
    )


def _thinner(job: Job, sharp: np.ndarray) -> Terms:
    """Return the terms with less volume and wider spreads for the fills of sharp sessions.

    A fill may use what was known at the close before it, so that row is changed too.
    """
    rows = job.first + np.flatnonzero(sharp)
    known = np.union1d(rows, np.maximum(rows - 1, 0))
    spreads, volume = spreads_by_bar(job.terms), np.array(job.terms.dollar_volume)
    bars = np.array(job.terms.bar_dollars)
    spreads[known] = MORE_SPREAD * (spreads[known] - job.terms.conversion) + job.terms.conversion
    volume[known] *= LESS_VOLUME
    bars[rows] *= LESS_VOLUME
    return replace(job.terms, half_spreads=spreads, dollar_volume=volume, bar_dollars=bars)


def _drawdown(result: BacktestResult) -> float:
    equity = np.concatenate([[result.initial_equity], result.equity["equity"].to_numpy()])
    return float((1.0 - equity / np.maximum.accumulate(equity)).max())


def _worst_trade(result: BacktestResult) -> float:
    return float(max(0.0, -result.trades["return_on_equity"].min())) if len(result.trades) else 0.0
