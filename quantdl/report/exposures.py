"""What the book held against what the plan allows: gross and net, per group, per asset."""

import numpy as np
import pandas as pd

from quantdl.report import figures
from quantdl.report.contents import RunContents
from quantdl.report.document import (
    Cell,
    Part,
    Row,
    Section,
    Table,
    header,
    notice,
    number,
    row,
    shortened,
)
from quantdl.report.formatting import PERCENT, figure
from quantdl.report.record import Record

LONGEST = 40


def section(run: RunContents) -> Section:
    """Show gross, net and group exposure against the caps of the plan."""
    plan = run.config.record("plan")
    lead = (
        "Weights of the book after the fills of each close, as fractions of equity. Caps bind when a decision is "
        "taken; between decisions prices may carry a weight past them."
    )
    parts: list[Part] = []
    if "gross" in run.equity.columns:
        net = run.equity["net"] if "net" in run.equity.columns else None
        parts.append(figures.book_exposure(run.equity["gross"], net, _book_caps(plan.record("sizing"))))
    else:
        parts.append(notice("This run keeps no gross exposure."))
    parts += _group_parts(run, plan.number("related_positions", "max_group_gross"))
    largest = plan.number("sizing", "max_weight")
    if run.weights is not None and len(run.weights.columns):
        rows, note = _extremes(run.weights, largest, "assets", "weights.parquet")
        parts.append(Table("Largest weight per asset", _extreme_columns("Asset"), rows, note))
    return Section("exposures", "Exposures against caps", "Exposures", lead, tuple(parts))


def _book_caps(sizing: Record) -> list[figures.Cap]:
    caps = []
    for key, label in (("max_gross", "Gross cap"), ("max_net", "Net cap")):
        value = sizing.number(key)
        if value is not None:
            caps.append(figures.Cap(label, value))
    return caps


def _group_parts(run: RunContents, cap: float | None) -> list[Part]:
    if run.exposures is None or not len(run.exposures.columns):
        return [notice("No exposure per group is recorded for this run.")]
    rows, note = _extremes(run.exposures, cap, "groups", "exposures.parquet")
    table = Table("Largest exposure per group", _extreme_columns("Group"), rows, note)
    return [figures.group_exposure(run.exposures, cap), table]


def _extreme_columns(what: str) -> tuple[Cell, ...]:
    return header(what, "Largest [%]", "On", "At the end [%]", "Cap [%]", "Largest against cap")


def _extremes(frame: pd.DataFrame, cap: float | None, what: str, where: str) -> tuple[tuple[Row, ...], str]:
    """One row per column of ``frame``: its largest absolute value and when, largest first."""
    sizes = frame.abs().fillna(0.0)
    order = sizes.max().sort_values(ascending=False, kind="stable").index
    rows = [_extreme_row(str(column), sizes[column], frame[column], cap) for column in order]
    return shortened(rows, LONGEST, what, where)


def _extreme_row(name: str, sizes: pd.Series, values: pd.Series, cap: float | None) -> Row:
    largest = float(sizes.max())
    on = _day(sizes.idxmax()) if largest > 0 else "never held"
    last = float(np.nan_to_num(values.iloc[-1]))
    return row(name, number(largest, PERCENT), Cell(on, numeric=True), number(last, PERCENT), *_against(largest, cap))


def _against(largest: float, cap: float | None) -> tuple[Cell, Cell]:
    if cap is None:
        return Cell("none stated", numeric=True, tone="muted"), Cell("", numeric=True)
    if largest <= cap * (1 + 1e-9):
        return number(cap, PERCENT), Cell("\u2713 within", numeric=True, tone="good", pill=True)
    above = f"\u2191 {figure(largest - cap, PERCENT)} points above"
    return number(cap, PERCENT), Cell(above, numeric=True, tone="open", pill=True)


def _day(moment: object) -> str:
    return str(pd.Timestamp(str(moment)).date())
