"""What trading cost, by kind, what it could have cost before the profit was gone, and how the book could be left."""

from quantdl.backtest.judging.costs import CostFigures
from quantdl.backtest.judging.liquidity import ExitFigures
from quantdl.backtest.judging.stress import StressTest
from quantdl.backtest.judging.summaries import CostShare
from quantdl.backtest.plan.friction import Friction, MeasuredVolume, StatedVolume, VolumeWaiver
from quantdl.backtest.plan.items import Plan
from quantdl.report import charts
from quantdl.report.document import Bullets, Part, Section, Table, Words, header, notice, number, row
from quantdl.report.formatting import BPS, COUNT, PERCENT, RATIO, TIMES_EQUITY, Unit, money_in, stated, with_unit
from quantdl.report.quantities import Quantity
from quantdl.results.run_record import RunRecord

KINDS = {"commission": "Commission", "spread": "Half spread", "impact": "Impact", "other": "Borrow and other"}
COSTS = (
    Quantity("share_of_initial_equity", "Costs over initial equity", PERCENT),
    Quantity("annual_turnover", "Turnover a year", TIMES_EQUITY),
    Quantity("stated_bps", "Stated one-way cost", BPS),
)
AVERAGE = Quantity("average_bps", "Average one-way cost: fees, spread and impact over the value traded", BPS)
BREAK_EVEN = Quantity("bps", "Break-even one-way cost", BPS)
EXIT = (
    Quantity("days", "Sessions to leave the book", RATIO),
    Quantity("days_half_volume", "Sessions to leave it at half the volume", RATIO),
    Quantity("cost", "Cost of leaving, over equity", PERCENT),
    Quantity("cost_five_spreads", "Cost of leaving at five times the spread, over equity", PERCENT),
)


def section(run: RunRecord) -> Section:
    """Show what trading cost, by kind, and what it could have cost before the profit was gone."""
    lead = "Every figure of this report is after these costs."
    shares, costs, money = run.breakdowns.costs, run.metrics.costs, money_in(run.card.declaration.currency)
    parts: list[Part] = []
    if shares:
        drawn = run.tables.costs
        parts.append(charts.cumulative_costs({KINDS[str(kind)]: drawn[kind] for kind in drawn.columns}))
        parts.append(_cost_table(shares, costs, money))
    else:
        parts.append(notice("This run paid no costs: it never traded, or its plan charges none."))
    parts += _cost_figures(costs, money)
    parts += _stress(costs.stress)
    parts += _terms(run.setup.plan)
    parts.append(_liquidity(run.setup.plan.friction))
    return Section("costs", "Costs and liquidity", "Costs", lead, tuple(parts))


def _cost_table(shares: tuple[CostShare, ...], costs: CostFigures, money: Unit) -> Table:
    rows = [
        row(
            KINDS[one.kind],
            number(one.paid, money),
            number(one.share_of_costs, PERCENT),
            number(one.share_of_initial_equity, PERCENT),
        )
        for one in shares
    ]
    together = number(costs.total, money), number(1.0, PERCENT), number(costs.share_of_initial_equity, PERCENT)
    columns = header("Kind", with_unit("Paid", money), "Share of costs [%]", "Of initial equity [%]")
    return Table("Costs by kind", columns, (*rows, row("Together", *together)), narrow=True)


def _cost_figures(costs: CostFigures, money: Unit) -> list[Part]:
    """Lay out the cost figures, the break-even cost, the way out of the book and its capacity."""
    rows = [row(shown.label, shown.cell(costs)) for shown in COSTS]
    if costs.traded is not None:
        rows.append(row(with_unit("Value traded", money), number(costs.traded, money)))
        rows.append(row(AVERAGE.label, AVERAGE.cell(costs)))
    rows.append(row(BREAK_EVEN.label, BREAK_EVEN.cell(costs.break_even, "outside the range tried")))
    if isinstance(costs.exit, ExitFigures):
        rows += [row(shown.label, shown.cell(costs.exit, "a position could not be sold")) for shown in EXIT]
    capacities = tuple(dict.fromkeys(one.statement for one in costs.capacities))
    return [
        Table("Costs in figures", header("Figure", "Value"), tuple(rows), costs.break_even.statement, narrow=True),
        Words(f"{with_unit('Capacity', money)}, the size at which impact eats half of the gross profit:"),
        Bullets(capacities),
    ]


def _stress(stress: StressTest | None) -> list[Part]:
    """Lay out how the book could be left in sharp moves, and the run at half the volume and five times the spread."""
    if stress is None:
        return []
    names = header("Sharp move", "Sessions", *(shown.label for shown in EXIT))
    reason = "not known: waived, or a position could not be sold"
    rows = [
        row(one.name, number(float(one.sessions), COUNT), *(shown.cell(one, reason) for shown in EXIT))
        for one in stress.exits
    ]
    thinner = stress.thinner
    pairs = (
        ("Total return", thinner.stated_return, thinner.total_return),
        ("Largest drawdown", thinner.stated_drawdown, thinner.max_drawdown),
        ("Worst trade, over equity at entry", thinner.stated_worst_trade, thinner.worst_trade),
    )
    again = [row(name, number(stated_as, PERCENT), number(found, PERCENT)) for name, stated_as, found in pairs]
    note = (
        f"The recorded decisions, carried out with half the volume and five times the spread in all {thinner.sessions} "
        "sessions of these moves."
    )
    return [
        Table("Leaving the book in sharp moves", names, tuple(rows)),
        Table(
            "The run in thin markets", header("Figure", "As stated [%]", "Thin [%]"), tuple(again), note, narrow=True
        ),
    ]


def _terms(plan: Plan) -> list[Part]:
    """List what the plan states beside basis points, and who signed for a cost of zero."""
    words = list(plan.friction.special_terms)
    words += [f"orders in whole lots of {plan.sizing.lot_shares:,}"] if plan.sizing.lot_shares is not None else []
    if not words:
        return []
    bullets = Bullets(tuple(f"{text[0].upper()}{text[1:]}." for text in words))
    return [Words("Terms of trading that the plan states beside these:"), bullets]


def _liquidity(friction: Friction) -> Part:
    """Say what the plan states about liquidity."""
    match friction.liquidity:
        case VolumeWaiver(signed_by=signed, reason=reason):
            waived = f"Liquidity is waived, signed by {signed}: {reason}"
            return notice(f"{waived} Fills are unlimited and capacity is undefined.")
        case StatedVolume(participation=share, basis=basis):
            return notice(f"Dollar volume is stated, fills capped at {stated(share)} of it. Basis: {basis}")
        case MeasuredVolume(participation=share):
            return notice(f"Dollar volume is measured, fills capped at {stated(share)} of it.")
