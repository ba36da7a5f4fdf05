"""What trading cost, by kind, what it could have cost before the profit was gone, and how the book could be left."""

import pandas as pd

from quantdl.report import figures
from quantdl.report.contents import RunContents
from quantdl.report.document import (
    Bullets,
    Part,
    Section,
    Table,
    Words,
    header,
    notice,
    number,
    row,
)
from quantdl.report.formatting import MONEY, NOT_RECORDED, PERCENT, Unit, stated, with_unit
from quantdl.report.quantities import known_first, quantity, recorded
from quantdl.report.record import Record

BPS = Unit("bp", 1.0, 1)
COST_KINDS = (("commission", "Commission"), ("spread", "Half spread"), ("impact", "Impact"))


def section(run: RunContents) -> Section:
    """Show what trading cost, by kind, and what it could have cost before the profit was gone."""
    lead = "Every figure of this report is after these costs."
    kinds = _costs_by_kind(run)
    initial = initial_equity(run)
    parts: list[Part] = []
    if kinds:
        parts.append(figures.cumulative_costs({name: series.cumsum() / initial for name, series in kinds.items()}))
        parts.append(_cost_table(kinds, initial))
    else:
        parts.append(notice("This run keeps no costs per session: either it never traded or it recorded none."))
    parts += _cost_figures(run.metrics.record("costs"))
    parts += _friction(run.config.record("plan", "friction"))
    return Section("costs", "Costs and liquidity", "Costs", lead, tuple(parts))


def _cost_figures(costs: Record) -> list[Part]:
    """Lay out the recorded cost figures, the break-even cost, the way out of the book and its capacity."""
    drawn = {"total", *(kind for kind, _ in COST_KINDS)}  # stand in the table by kind
    keys = known_first([key for key in costs.values if key not in drawn and costs.number(key) is not None])
    rows = [row(quantity(key).label, recorded(costs, key)) for key in keys]
    break_even, leaving = costs.record("break_even"), costs.record("exit")
    if break_even:
        rows.append(
            row(quantity("break_even_bps").label, number(break_even.number("bps"), BPS, "outside the range tried"))
        )
    rows += [row(quantity(key).label, recorded(leaving, key)) for key in known_first(list(leaving.values))]
    statement = break_even.text("statement")
    parts: list[Part] = []
    if rows:
        parts.append(Table("Costs in figures", header("Figure", "Value"), tuple(rows), statement, narrow=True))
    if not break_even:
        parts.append(notice("No break-even cost is recorded: the run was not repeated at higher costs."))
    capacities = dict.fromkeys(found for one in costs.records("capacities") if (found := one.text("statement")))
    if capacities:
        parts += [
            Words("Capacity, the size at which impact eats half of the gross profit:"),
            Bullets(tuple(capacities)),
        ]
    return parts


def initial_equity(run: RunContents) -> float:
    """Return the money the book started with."""
    stated = run.config.number("backtest", "initial_equity")
    return stated if stated else float(run.equity["equity"].iloc[0])


def _costs_by_kind(run: RunContents) -> dict[str, pd.Series]:
    """Add fills up per session and kind; what the book paid beyond its fills (borrow) is a kind of its own."""
    kinds: dict[str, pd.Series] = {}
    if run.fills is not None:
        for column, label in COST_KINDS:
            if column in run.fills.columns:
                per_session = run.fills.groupby("session")[column].sum()
                kinds[label] = per_session.reindex(run.equity.index, fill_value=0.0)
    kinds = {label: series for label, series in kinds.items() if float(series.sum()) > 0}
    if "costs" not in run.equity.columns:
        return kinds
    charged = run.equity["costs"].fillna(0.0)
    rest = charged - sum(kinds.values(), start=pd.Series(0.0, index=run.equity.index))
    if float(rest.sum()) > 1e-6 * max(1.0, float(charged.sum())):
        kinds["Borrow and other" if kinds else "All costs"] = rest
    return kinds


def _cost_table(kinds: dict[str, pd.Series], initial: float) -> Table:
    totals = {name: float(series.sum()) for name, series in kinds.items()}
    together = sum(totals.values())
    rows = [
        row(name, number(total, MONEY), number(total / together, PERCENT), number(total / initial, PERCENT))
        for name, total in totals.items()
    ]
    rows.append(row("Together", number(together, MONEY), number(1.0, PERCENT), number(together / initial, PERCENT)))
    columns = header("Kind", with_unit("Paid", MONEY), "Share of costs [%]", "Of initial equity [%]")
    return Table("Costs by kind", columns, tuple(rows), narrow=True)


def _friction(friction: Record) -> list[Part]:
    """Say what the plan states about liquidity."""
    liquidity = friction.record("liquidity")
    match liquidity.text("kind"):
        case "":
            return [notice("The plan of this run states nothing about liquidity.")]
        case "waiver":
            signed = liquidity.text("signed_by") or NOT_RECORDED
            waived = f"Liquidity is waived, signed by {signed}: {liquidity.text('reason')}"
            return [notice(f"{waived} Fills are unlimited and capacity is undefined.")]
        case kind:
            participation = liquidity.number("participation")
            limit = f", fills capped at {stated(participation)} of it" if participation is not None else ""
            basis = f" Basis: {liquidity.text('basis')}" if liquidity.text("basis") else ""
            return [notice(f"Dollar volume is {kind}{limit}.{basis}")]
