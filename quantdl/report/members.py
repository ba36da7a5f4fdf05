"""How much of the predicted risk is due to not knowing the parameters; nothing for a model without members."""

from quantdl.report import charts
from quantdl.report.document import Cell, Part, Row, Section, Table, Words, header, notice, number, row
from quantdl.report.formatting import COUNT, PERCENT, headline, level_figure, stated, with_unit
from quantdl.results.run_record import RunRecord
from quantdl.risk.scores.member_spread import LevelParameterRisk, LevelSpread, MemberSpread

NOTE = (
    "The spread is the standard deviation over the members, averaged over sessions. The predicted law mixes all "
    "members, so it holds what they disagree on: the spread says how much of it that is, and is no further risk. "
    "Members share one data set and one idea of the market, and may be wrong together."
)


def section(run: RunRecord) -> Section | None:
    """Show the spread over the members; None where the model has no members."""
    found = run.metrics.member_spread
    if found is None:
        return None
    lead = "How far apart are the forecasts of the model's members? That is how uncertain its parameters are."
    parts: tuple[Part, ...]
    if found.book:
        said = [Words(_sentence(found.book[-1])), *(Words(_price(one)) for one in found.parameters[-1:])]
        parts = (*said, charts.value_at_risk_of_members(run.tables.risk), _table(found))
    else:
        parts = (notice("The book was never held over a session for which its risk was predicted."), _table(found))
    return Section("members", "Uncertainty of the parameters", "Parameters", lead, parts)


def _sentence(highest: LevelSpread) -> str:
    """Say in plain words how much of the predicted value at risk is not known."""
    shown = (highest.low, highest.high, highest.spread, highest.share, highest.widest_share)
    low, high, spread, share, widest = (headline(one, PERCENT) for one in shown)
    return (
        f"On average the members put the value at risk at {stated(highest.level)} between {low} and {high} of equity; "
        f"its standard deviation over them is {spread} of equity, {share} of the value at risk itself. It was widest "
        f"before {highest.widest_on}, with {widest}."
    )


def _price(highest: LevelParameterRisk) -> str:
    """Say how much of the expected shortfall is due to not knowing the parameters."""
    shown = (highest.expected_shortfall, highest.known, highest.share, highest.variance_between)
    mixed, known, share, between = (headline(one, PERCENT) for one in shown)
    return (
        f"The expected shortfall at {stated(highest.level)} is {mixed} of equity; with the parameters known it would "
        f"be {known} on average, so not knowing them makes {share} of it. Of the variance of the loss, {between} lies "
        "between the members' means. Draws for sizing come from the mixture, so they hold it too."
    )


def _table(found: MemberSpread) -> Table:
    names = ("Forecasts", *(with_unit(name, PERCENT) for name in ("Predicted", "Spread over members", "Share")))
    rows: list[Row] = [
        row(f"Value at risk of the book, {stated(one.level)}", *_cells(one.n, one.value_at_risk, one.spread, one.share))
        for one in found.book
    ]
    rows += [
        row(
            f"{level_figure(one.probability)}% quantile of an asset's return",
            *_cells(one.n, one.size, one.spread, one.share),
        )
        for one in found.assets
    ]
    return Table("What the members disagree on", header("", *names), tuple(rows), NOTE)


def _cells(n: int, size: float, spread: float, share: float) -> tuple[Cell, ...]:
    return number(n, COUNT), number(size, PERCENT), number(spread, PERCENT), number(share, PERCENT)
