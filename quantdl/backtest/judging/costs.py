"""What a run paid, at which cost its profit is gone, how the book could be left, and how large it could grow."""

from dataclasses import dataclass

from quantdl.backtest.book.costs import Costs
from quantdl.backtest.judging.liquidity import Capacity, ExitFigures, ExitWaived, capacities, exit_figures
from quantdl.backtest.plan.evidence import BreakEven
from quantdl.backtest.running.result import BacktestResult


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
        exit=exit_figures(result, costs),
        capacities=capacities(result),
    )
