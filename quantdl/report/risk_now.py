"""What the book held at the end may lose: by level and window, where that comes from, and what would hurt it."""

from quantdl.backtest.judging.liquidity import ExitFigures
from quantdl.report import contributions, stress
from quantdl.report.costs import EXIT
from quantdl.report.document import Cell, Heading, Part, Row, Section, Table, Words, header, notice, number, row
from quantdl.report.formatting import PERCENT, SMALL_PERCENT, counted, headline, stated, with_unit
from quantdl.results.run_record import RunRecord
from quantdl.risk.book.figures import LevelFigures
from quantdl.risk.book.now import BookNow

_NOTE = (
    "Losses are positive, in percent of equity: a loss above the value at risk at 99% is expected on one bar in a "
    "hundred, and the expected shortfall is the mean of such losses. Errors are standard errors for so many draws, or "
    "past returns. A window of several bars is that of a position, from its fill to its exit."
)


def section(run: RunRecord) -> Section | None:
    """Show the risk of the last book; None for a run that holds nothing of it."""
    found = run.metrics.book_now
    further = [one for one in (contributions.section(run), stress.section(run)) if one is not None]
    if found is None and not further:
        return None
    parts = [*(() if found is None else _levels(found)), *_leaving(run)]
    for one in further:
        parts += [Heading(one.title), Words(one.lead), *one.parts]
    lead = "What may the book that was held after the last session lose, and where would the loss come from?"
    return Section("risk-now", "Risk of the book now", "Risk now", lead, tuple(parts))


def _levels(found: BookNow) -> tuple[Part, ...]:
    if not found.positions:
        return (notice(f"The book was flat after {found.session}: it can lose nothing before it buys again."),)
    words = (
        f"After the fills of {found.session}: {counted(found.positions, 'position')}, gross "
        f"{headline(found.gross, PERCENT)}, net {headline(found.net, PERCENT)} of equity. Predicted by {found.source}."
    )
    names = ("Value at risk", "Error", "Expected shortfall", "Error")
    columns = header("Window and level", *(with_unit(name, PERCENT) for name in names))
    rows = tuple(level_row(one) for one in found.levels)
    return Words(words), Table("Value at risk and expected shortfall", columns, rows, _NOTE, narrow=True)


def level_row(one: LevelFigures) -> Row:
    """Lay out the figures of one window and level, or why there are none."""
    label = f"{counted(one.bars, 'bar')}, {stated(one.level)}"
    if one.value_at_risk is None:
        return row(label, Cell(f"undefined: {one.reason}", tone="muted"), *(Cell("") for _ in range(3)))
    cells = (one.value_at_risk, one.value_at_risk_error, one.expected_shortfall, one.expected_shortfall_error)
    units = (PERCENT, SMALL_PERCENT, PERCENT, SMALL_PERCENT)
    return row(label, *(number(value, unit) for value, unit in zip(cells, units, strict=True)))


def _leaving(run: RunRecord) -> tuple[Part, ...]:
    """Say how long it took at most to leave the book, and at what cost, or that it was not measured."""
    found = run.metrics.costs.exit
    if not isinstance(found, ExitFigures):
        return (notice("Days to liquidate are undefined: the plan waives liquidity, so they were not measured."),)
    rows = tuple(row(shown.label, shown.cell(found, "a position could not be sold")) for shown in EXIT)
    note = "The slowest and the dearest exit of the run, so the book of its end is left no slower and no dearer."
    return (Table("Leaving the book", header("Figure", "Value"), rows, note, narrow=True),)
