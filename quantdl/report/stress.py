"""The book held at the end of a run, put through crises of the past, events under the model, and thin markets."""

from collections.abc import Iterable

from quantdl.report.document import Bullets, Cell, Part, Row, Section, Table, heading_row, notice, number, row
from quantdl.report.formatting import COUNT, PERCENT, RATIO, Unit, counted, figure, headline
from quantdl.results.run_record import RunRecord
from quantdl.risk.stress.record import PositionLoss, StressFigure, StressReport, StressRow

KINDS = {
    "window": "Crises of the past",
    "calibration": "The worst year",
    "shock": "Stated shocks",
    "conditional": "Events of the market",
    "reverse": "Ways to a stated loss",
    "law": "Other volatilities and correlations",
    "liquidity": "Thin markets",
}
UNITS = {
    "fraction": PERCENT,
    "days": Unit("", 1.0, 0),
    "count": COUNT,
    "ratio": RATIO,
    "nats": Unit("nats", 1.0, 1, " nats"),
}
NOTE = (
    "A loss is a fraction of equity, positive when money is lost. The error is the standard error by simulation. Draws "
    "are how many equally weighted draws the loss rests on; a figure that would rest on too few is not given. "
    "Probabilities are those of the law named beside them, over its window."
)
SHOWN = 3


def section(run: RunRecord) -> Section | None:
    """Show what the book held at the end would lose in each scenario; nothing for a run without any."""
    found = run.stress
    if found is None:
        return None
    return section_of(found)


def section_of(found: StressReport) -> Section:
    """Show what a book loses in each scenario."""
    parts: tuple[Part, ...] = (notice(found.skipped),) if found.skipped else stress_parts(found)
    return Section("stress", f"Stress of the book held on {found.on}", "Stress", _lead(found), parts)


def stress_parts(found: StressReport) -> tuple[Part, ...]:
    """Lay out all scenarios, then what each assumed or left out."""
    rows: list[Row] = []
    for kind, title in KINDS.items():
        own = [one for one in found.rows if one.kind == kind]
        rows += [heading_row(title), *map(_row, own)] if own else []
    labels = ("Scenario", "Loss [%]", "Error [%]", "Draws", "Probability", "Largest losses [%]")
    columns = tuple(Cell(label, numeric=0 < at < 5) for at, label in enumerate(labels))
    notes = tuple(_notes(found.rows))
    more: tuple[Part, ...] = (_further(found.rows), Bullets(notes)) if notes else (_further(found.rows),)
    return (Table("Losses by scenario", columns, tuple(rows), NOTE, whole=True), *more)


def _lead(found: StressReport) -> str:
    if found.skipped:
        return "What would the book held at the end lose?"
    held = counted(found.positions, "position")
    return (
        f"What would the book held after {found.on} lose: {held}, gross {headline(found.gross, PERCENT)}, "
        f"net {headline(found.net, PERCENT)} of equity? Laws: {'; '.join(found.laws) or 'none'}."
    )


def _row(one: StressRow) -> Row:
    if one.loss is None:
        return row(
            one.name, Cell("not available", numeric=True, tone="muted"), *_blank(3), Cell(one.why_not, tone="muted")
        )
    cells = (
        number(one.loss, PERCENT),
        _optional(one.error, PERCENT),
        _optional(one.effective_number, COUNT),
        _probability(one),
        Cell(_positions(one.worst)),
    )
    return row(one.name, *cells, under=one.basis)


def _blank(n: int) -> tuple[Cell, ...]:
    return tuple(Cell("\u2013", numeric=True, tone="muted") for _ in range(n))


def _optional(value: float | None, unit: Unit) -> Cell:
    return _blank(1)[0] if value is None else number(value, unit)


def _probability(one: StressRow) -> Cell:
    if one.probability is None:
        return _blank(1)[0]
    under = "" if one.probability_error is None else f"\u00b1 {one.probability_error:.1g}"
    return Cell(f"{one.probability:.2g}", numeric=True, under=under)


def _positions(worst: Iterable[PositionLoss]) -> str:
    return ", ".join(f"{one.asset} {figure(one.loss, PERCENT)}" for one in tuple(worst)[:SHOWN])


def _further(rows: Iterable[StressRow]) -> Table:
    lines: list[Row] = []
    for one in rows:
        if one.figures:
            lines += [heading_row(one.name), *map(_figure_row, one.figures)]
    return Table("Further figures", (Cell("Figure"), Cell("Value", numeric=True), Cell("When, or where")), tuple(lines))


def _figure_row(one: StressFigure) -> Row:
    unit = UNITS[one.unit]
    text = f"{figure(one.value, unit)}{unit.suffix}" if one.unit != "days" else counted(int(one.value), "day")
    return row(one.name, Cell(text, numeric=True), Cell(one.when))


def _notes(rows: Iterable[StressRow]) -> Iterable[str]:
    return (f"{one.name}: {' '.join(one.notes)}" for one in rows if one.notes)
