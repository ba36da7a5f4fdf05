"""What the book held against what the plan allows: gross and net, per group, per asset."""

import pandas as pd

from quantdl.backtest.judging.summaries import LargestExposure
from quantdl.backtest.plan.sizing import Sizing
from quantdl.report import charts
from quantdl.report.document import Cell, Part, Row, Section, Table, header, notice, number, row, shortened
from quantdl.report.formatting import PERCENT, points_above
from quantdl.results.run_record import RunRecord

LONGEST = 40


def section(run: RunRecord) -> Section:
    """Show gross, net and group exposure against the caps of the plan."""
    lead = (
        "Weights of the book after the fills of each close, as fractions of equity. Caps bind when a decision is "
        "taken; between decisions prices may carry a weight past them."
    )
    plan, exposure, groups = run.setup.plan, run.tables.exposure, run.tables.groups
    cap = plan.related_positions.max_group_gross
    parts: list[Part] = [charts.book_exposure(exposure["gross"], exposure["net"], _book_caps(plan.sizing))]
    if len(groups.columns):
        parts.append(charts.group_exposure(_most_important_first(groups, run.breakdowns.groups), cap))
        parts.append(_largest(run.breakdowns.groups, cap, "Group", "exposures.parquet"))
    else:
        parts.append(notice("No assets of this run were related, so there are no groups to hold against the cap."))
    parts.append(_largest(run.breakdowns.assets, plan.sizing.max_weight, "Asset", "weights.parquet"))
    return Section("exposures", "Exposures against caps", "Exposures", lead, tuple(parts))


def _most_important_first(groups: pd.DataFrame, largest: tuple[LargestExposure, ...]) -> pd.DataFrame:
    """Order groups as their table does where there are too many to draw."""
    if len(groups.columns) <= charts.MOST_GROUPS:
        return groups
    return groups[[one.name for one in largest if one.name in groups.columns]]


def _book_caps(sizing: Sizing) -> list[charts.Cap]:
    caps = (("Gross cap", sizing.max_gross), ("Net cap", sizing.max_net))
    return [charts.Cap(label, value) for label, value in caps if value is not None]


def _largest(found: tuple[LargestExposure, ...], cap: float, what: str, where: str) -> Table:
    noun = what.lower()
    rows, note = shortened([_row(one, cap) for one in found], LONGEST, f"{noun}s", where)
    columns = header(what, "Largest [%]", "On", "At the end [%]", "Cap [%]", "Largest against cap")
    measure = "weight" if noun == "asset" else "exposure"
    return Table(f"Largest {measure} per {noun}", columns, rows, note)


def _row(one: LargestExposure, cap: float) -> Row:
    on = "never held" if one.on is None else str(one.on)
    cells = number(one.largest, PERCENT), Cell(on, numeric=True), number(one.last, PERCENT), number(cap, PERCENT)
    return row(one.name, *cells, _against(one.largest, cap))


def _against(largest: float, cap: float) -> Cell:
    above = points_above(largest, cap)
    if above is None:
        return Cell("\u2713 within", numeric=True, tone="good", pill=True)
    return Cell(f"\u2191 {above} points above", numeric=True, tone="open", pill=True)
