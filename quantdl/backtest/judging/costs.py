"""What a run paid, at which cost its profit is gone, how the book could be left, and how large it could grow."""

import math
from dataclasses import dataclass

from quantdl.backtest.book.costs import Costs
from quantdl.backtest.judging.liquidity import Capacity, capacities, exit_report
from quantdl.backtest.plan.evidence import BreakEven
from quantdl.backtest.running.result import BacktestResult


@dataclass(frozen=True)
class ExitFigures:
    """The slowest and dearest exit of a run.

    Attributes:
        days: Most sessions the book would have taken to sell at the participation cap; None where a position could
            never be sold, because its asset had no volume.
        days_half_volume: The same if only half the volume were there.
        cost: Largest cost of leaving, as a fraction of equity, at the stated commission and spread.
        cost_five_spreads: The same at five times the spread.
    """

    days: float | None
    days_half_volume: float | None
    cost: float
    cost_five_spreads: float


@dataclass(frozen=True)
class ExitWaived:
    """What stands in place of an exit where the plan waives liquidity: nothing was measured."""


@dataclass(frozen=True)
class CostFigures:
    """What trading cost. Money is in the account's currency, positive when paid.

    Attributes:
        commission: Money paid.
        spread: Money paid for half the spread, each way.
        impact: Money lost to the market impact of the run's own fills.
        total: All costs, borrowing included.
        share_of_initial_equity: ``total`` as a fraction of the initial money.
        annual_turnover: Filled notional a year, in multiples of equity.
        stated_bps: Commission and half the spread each way, as the plan states them, in basis points.
        break_even: Cost at which the profit is gone.
        exit: How the book could have been left.
        capacities: How large the book could grow, per impact coefficient.
    """

    commission: float
    spread: float
    impact: float
    total: float
    share_of_initial_equity: float
    annual_turnover: float
    stated_bps: float
    break_even: BreakEven
    exit: ExitFigures | ExitWaived
    capacities: tuple[Capacity, ...]


def cost_figures(result: BacktestResult, costs: Costs, break_even: BreakEven, bars_per_year: float) -> CostFigures:
    """Add up what a run paid.

    Args:
        result: The run.
        costs: As its plan states them.
        break_even: Of the same run.
        bars_per_year: Bars of the calendar in a year.
    """
    equity, fills = result.equity, result.fills
    total = float(equity["costs"].sum())
    return CostFigures(
        commission=float(fills["commission"].sum()),
        spread=float(fills["spread"].sum()),
        impact=float(fills["impact"].sum()),
        total=total,
        share_of_initial_equity=total / result.initial_equity,
        annual_turnover=float(equity["turnover"].sum()) * bars_per_year / len(equity),
        stated_bps=1e4 * costs.proportional,
        break_even=break_even,
        exit=_exit(result, costs),
        capacities=capacities(result),
    )


def _exit(result: BacktestResult, costs: Costs) -> ExitFigures | ExitWaived:
    found = exit_report(result, costs.commission_bps, costs.half_spread_bps)
    if found is None:
        return ExitWaived()
    days = found.days if math.isfinite(found.days) else None
    half = found.days_half_volume if math.isfinite(found.days_half_volume) else None
    return ExitFigures(days, half, found.cost, found.cost_five_spreads)
