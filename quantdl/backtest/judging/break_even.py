"""The one-way cost at which a strategy's profit is gone, found by running it again at other costs."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from quantdl.backtest.plan.evidence import BreakEven
from quantdl.backtest.running.engine import Job
from quantdl.backtest.running.result import BacktestResult

# No stock costs this much to trade; a strategy that still earns is not limited by its costs.
HIGHEST_BPS = 1000.0


def break_even_cost_bps(job: Job, rerun: Callable[[Job], BacktestResult], tolerance_bps: float = 0.1) -> BreakEven:
    """Find the commission plus half-spread at which final equity equals initial equity.

    Every try is a whole run under the terms, halts and stops included; impact and borrowing stay as stated. The cost
    tried is the same fraction of every notional: it takes the place of the commission in all its parts, fees per share
    and the least of a fill included, and of the spreads of all assets. Bisection on a bracket that regula falsi narrows
    (Illinois rule): a handful of runs.

    Args:
        job: The run at its stated costs.
        rerun: Carries out a job. `replay` repeats recorded decisions where asking the strategy takes long.
        tolerance_bps: Width of the bracket at which to stop.
    """

    def growth(bps: float) -> float:
        """Return the logarithm of final over initial equity at a cost, at least -20."""
        costs = replace(
            job.terms.costs,
            commission_bps=bps,
            half_spread_bps=0.0,
            commission_per_share=0.0,
            commission_minimum=0.0,
        )
        result = rerun(replace(job, terms=replace(job.terms, costs=costs, half_spreads=None)))
        return float(np.log(max(result.equity["equity"].iloc[-1] / job.initial_equity, 2e-9)))

    free = growth(0.0)
    if free == 0.0:
        return BreakEven(0.0, "Nothing was earned and nothing lost, with costs or without.", 0.0)
    if free < 0:
        return BreakEven(0.0, f"The run loses even without costs ({np.expm1(free):+.2%}).", 0.0)
    stated = job.terms.costs.proportional * 1e4
    bracket = _bracket(growth, free, max(stated, 1.0))
    if bracket is None:
        return BreakEven(None, f"The run still earns at {HIGHEST_BPS:g} bps each way.", HIGHEST_BPS)
    bps = _root(growth, *bracket, tolerance_bps)
    return BreakEven(bps, f"The profit is gone at {bps:.1f} bps each way; the plan states {_stated(job)}.", bps)


def _stated(job: Job) -> str:
    """Return the stated costs in words."""
    costs = job.terms.costs
    average = "" if job.terms.half_spreads is None else " on average"
    return f"{costs.proportional * 1e4:g} bps{average}{f' and {costs.fees}' if costs.fees else ''}"


Bracket = tuple[float, float, float, float]


def _bracket(growth: Callable[[float], float], free: float, guess: float) -> Bracket | None:
    """Return costs that enclose the root, and the growth at them; None when the run earns at the highest cost."""
    low, at_low, high = 0.0, free, guess
    while True:
        at_high = growth(high)
        if at_high <= 0:
            return low, at_low, high, at_high
        if high >= HIGHEST_BPS:
            return None
        slope = (at_low - at_high) / (high - low)
        ahead = 1.1 * (high + at_high / slope) if slope > 0 else 2 * high
        low, at_low, high = high, at_high, min(max(ahead, 1.5 * high), HIGHEST_BPS)


def _root(
    growth: Callable[[float], float], low: float, at_low: float, high: float, at_high: float, tol: float
) -> float:
    """Narrow the bracket by the Illinois rule, by bisection where that stalls."""
    side = 0
    for step in range(60):
        if high - low <= tol:
            break
        cost = (low * at_high - high * at_low) / (at_high - at_low) if step % 4 < 3 else 0.5 * (low + high)
        cost = min(max(cost, low + 0.4 * tol), high - 0.4 * tol)
        value = growth(cost)
        if value > 0:
            low, at_low = cost, value
            at_high *= 0.5 if side == 1 else 1.0
            side = 1
        else:
            high, at_high = cost, value
            at_low *= 0.5 if side == -1 else 1.0
            side = -1
    return 0.5 * (low + high)
