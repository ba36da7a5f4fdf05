"""What a run paid, at which cost its profit is gone, how the book could be left, and how large it could grow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from quantdl.backtest.judging.liquidity import Capacity, ExitFigures, ExitWaived, capacities, exit_figures
from quantdl.backtest.judging.stress import StressTest
from quantdl.backtest.plan.evidence import BreakEven
from quantdl.backtest.running.engine import Job
from quantdl.backtest.running.result import BacktestResult
from quantdl.calendars.bars import less_than_a_year
from quantdl.records import OMIT_DEFAULT


@dataclass(frozen=True)
class CostFigures:
    """What trading cost. Money is in the account's currency, positive when paid.

    Attributes:
        commission: Money paid.
        spread: Money paid for half the spread, each way.
        impact: Money lost to the market impact of the run's own fills.
        total: All costs, borrowing included.
        share_of_initial_equity: ``total`` as a fraction of the initial money.
        annual_turnover: Filled notional a year, in multiples of equity; None for less than a year.
        stated_bps: Commission and half the spread each way, as the plan states them, in basis points.
        break_even: Cost at which the profit is gone.
        exit: How the book could have been left.
        capacities: How large the book could grow, per impact coefficient.
        stress: Sharp moves at half the volume and five times the spread; None where they were not looked at.
        undefined: Reason for each figure that is None.
        traded: Filled notional of all orders; None in runs of former versions.
        average_bps: Commission, spread and impact over ``traded``, in basis points: what was paid each way.
    """

    commission: float
    spread: float
    impact: float
    total: float
    share_of_initial_equity: float
    annual_turnover: float | None
    stated_bps: float
    break_even: BreakEven
    exit: ExitFigures | ExitWaived
    capacities: tuple[Capacity, ...]
    stress: StressTest | None = field(default=None, metadata=OMIT_DEFAULT)
    undefined: Mapping[str, str] = field(default_factory=dict, metadata=OMIT_DEFAULT)
    traded: float | None = field(default=None, metadata=OMIT_DEFAULT)
    average_bps: float | None = field(default=None, metadata=OMIT_DEFAULT)


def cost_figures(
    result: BacktestResult,
    job: Job,
    break_even: BreakEven,
    bars_per_year: float,
    stress: StressTest | None = None,
) -> CostFigures:
    """Add up what a run paid.

    Args:
        result: The run.
        job: What it was run on.
        break_even: Of the same run.
        bars_per_year: Bars of the calendar in a year.
        stress: Its sharp moves, see `quantdl.backtest.judging.stress`.
    """
    equity, fills = result.equity, result.fills
    ordered = fills[fills["order"] > 0]
    traded = float(ordered["notional"].sum())
    total = float(equity["costs"].sum())
    day_before, last = equity.index[0].date() - timedelta(days=1), equity.index[-1].date()
    short = less_than_a_year(len(equity), bars_per_year, day_before, last)
    reasons = {"annual_turnover": short, "average_bps": "" if traded else "nothing was traded"}
    return CostFigures(
        commission=float(fills["commission"].sum()),
        spread=float(fills["spread"].sum()),
        impact=float(fills["impact"].sum()),
        total=total,
        share_of_initial_equity=total / result.initial_equity,
        annual_turnover=None if short else float(equity["turnover"].sum()) * bars_per_year / len(equity),
        stated_bps=1e4 * job.terms.costs.proportional,
        break_even=break_even,
        exit=exit_figures(result, job),
        capacities=capacities(result),
        undefined={name: reason for name, reason in reasons.items() if reason},
        traded=traded,
        average_bps=1e4 * float(ordered["cost"].sum()) / traded if traded else None,
        stress=stress,
    )
