"""Where the predicted shortfall of a run came from: by position and by group."""

from quantdl.report import charts
from quantdl.report.document import Section, Table, Words, header, number, row, shortened
from quantdl.report.formatting import PERCENT, SMALL_PERCENT, counted, headline, stated
from quantdl.results.run_record import RunRecord
from quantdl.risk.book.run_contributions import PartContribution

LONGEST = 100
_NOTE = (
    "The component of a position is its weight times the derivative of the expected shortfall in it: what the position "
    "loses on average when the book loses most. Components add up to the shortfall of the book. Errors are standard "
    "errors for so many draws, or past returns."
)


def section(run: RunRecord) -> Section | None:
    """Show what positions and groups add to the predicted shortfall; None where the run does not hold it."""
    found = run.metrics.contributions
    if found is None:
        return None
    lead = "Which positions does the predicted loss come from?"
    words = (
        f"The expected shortfall at {stated(found.level)} of the book held after the fills of {found.session} is "
        f"{headline(found.total, PERCENT)} of equity over the next bar, by {found.source}. Averages are over "
        f"{counted(found.n_sessions, 'session')} evenly spaced over the run, with a mean of "
        f"{headline(found.mean_total, PERCENT)}."
    )
    drawn = {one.name: one.component for one in found.positions if one.weight}
    title = f"Expected shortfall at {stated(found.level)} by position, {found.session}"
    parts = (
        Words(words),
        charts.components("chart-contributions", title, drawn),
        _table("What positions add", "Asset", found.positions, _NOTE),
        _table("What groups add", "Group", found.groups, ""),
    )
    return Section("contributions", "Contributions to risk", "Contributions", lead, parts)


def _table(caption: str, first: str, rows: tuple[PartContribution, ...], note: str) -> Table:
    columns = header(first, "Weight [%]", "Component [%]", "Error [%]", "Mean weight [%]", "Mean component [%]")
    lines = [
        row(
            one.name,
            number(one.weight, PERCENT),
            number(one.component, SMALL_PERCENT),
            number(one.error, SMALL_PERCENT),
            number(one.mean_weight, PERCENT),
            number(one.mean_component, SMALL_PERCENT),
        )
        for one in rows
    ]
    shown, left_out = shortened(lines, LONGEST, "rows", "metrics.json")
    return Table(caption, columns, shown, " ".join((note, left_out)).strip())
