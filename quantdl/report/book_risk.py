"""The report of a book that is held: one HTML file in the look of the report of a run."""

from collections.abc import Iterable
from pathlib import Path

from quantdl.report import charts, html, risk_now, stress
from quantdl.report.document import (
    Bullets,
    Cell,
    Facts,
    Part,
    Row,
    Section,
    Table,
    Words,
    header,
    heading_row,
    notice,
    number,
    row,
    shortened,
)
from quantdl.report.formatting import (
    COUNT,
    PERCENT,
    RATIO,
    SMALL_PERCENT,
    counted,
    figure,
    headline,
    money_in,
    stated,
    with_unit,
)
from quantdl.report.performance import Tile
from quantdl.results.book_risk import BookRiskRecord
from quantdl.risk.book.figures import LevelFigures, MemberRange, PartFigures, PositionFigures
from quantdl.risk.book.trades import Change

LONGEST = 200
_ERRORS = "Errors are standard errors of the simulation, in percent of equity like the figures themselves."
_COMPONENTS = (
    "The component of a position is its weight times the derivative of the measure: what the position loses on average "
    "when the book loses its value at risk, or more than that. Components add up to the figure of the book. If closed: "
    "by how much the figure falls if the position is closed and its money kept as cash; these do not add up. "
    "The highest level of each window is shown; positions.csv has all of them."
)
_FACTORS = (
    "The market is the mean return of all assets of the prices, a group's factor the mean return of its assets apart "
    "from the market; each asset is regressed on both over the draws. Exposure: what the book loses for a fall of the "
    "factor by one. Own moves are what neither explains."
)


def write_book_risk_report(record: BookRiskRecord, destination: Path) -> Path:
    """Write the report of a book as a single HTML file.

    Args:
        record: Of the book.
        destination: The file to write; it is replaced.

    Raises:
        RunError: If the disk refuses.
    """
    sections = book_risk_sections(record)
    basis = record.basis
    subtitle = f"{basis.positions} \u00b7 close of {basis.session} \u00b7 {basis.data} \u00b7 {basis.model} model"
    page = html.Page(f"Risk of {basis.positions}", "book risk", html.entries(sections))
    content = {"title": "Risk of a book", "subtitle": subtitle, "tiles": tiles(record), "sections": sections}
    return html.save(html.render("book_risk.html", page, content), destination)


def tiles(record: BookRiskRecord) -> tuple[Tile, ...]:
    """The headline figures: value at risk and shortfall of the next bar at the highest level, and of the longest."""
    told = [one for one in record.figures.levels if not one.reason]
    highest = [one for one in told if one.level == max(other.level for other in told)]
    found = []
    for one in (highest[:1] + highest[-1:]) if len(highest) > 1 else highest:
        over = f"{stated(one.level)} over {counted(one.bars, 'bar')}"
        for name, value in (("Value at risk", one.value_at_risk), ("Expected shortfall", one.expected_shortfall)):
            found.append(Tile(name, headline(value or 0.0, PERCENT), over, in_words=False))
    return tuple(found)


def book_risk_sections(record: BookRiskRecord) -> tuple[Section, ...]:
    """All sections, in their order."""
    sections = (
        _measures(record),
        _contributions(record),
        _factors(record),
        _trades(record),
        None if record.stress is None else stress.section_of(record.stress),
        _leaving(record),
        _basis(record),
    )
    return tuple(section for section in sections if section is not None)


def _measures(record: BookRiskRecord) -> Section:
    money = money_in(record.basis.currency)
    lead = "What may the book lose? Losses are positive, in percent of equity."
    rows = [risk_now.level_row(one) for one in record.figures.levels]
    columns = header(
        "Window and level",
        with_unit("Value at risk", PERCENT),
        "Error [%]",
        with_unit("Expected shortfall", PERCENT),
        "Error [%]",
    )
    parts: list[Part] = [Table("Value at risk and expected shortfall", columns, tuple(rows), _ERRORS)]
    members = [one for one in record.figures.levels if one.value_at_risk_members is not None]
    if members:
        parts.append(_member_table(members))
    parts += [notice(note) for note in record.notes]
    held = tuple(
        row(one.asset, Cell(one.group or "none"), number(one.value, money), number(one.weight, PERCENT))
        for one in record.held
    )
    cash = row("Cash", Cell(""), number(record.cash, money), Cell(""))
    total = row("Equity", Cell(""), number(record.equity, money), Cell(""))
    names = header("Asset", "Group", with_unit("Value", money), with_unit("Weight", PERCENT), numeric_from=2)
    note = f"Gross {headline(record.gross, PERCENT)}, net {headline(record.net, PERCENT)} of equity."
    parts.append(Table("The book", names, (*held, cash, total), note))
    return Section("risk", "Risk of the book", "Risk of the book", lead, tuple(parts))


def _member_table(levels: Iterable[LevelFigures]) -> Table:
    rows: list[Row] = []
    for one in levels:
        label = f"{counted(one.bars, 'bar')}, {stated(one.level)}"
        for name, found in (
            ("value at risk", one.value_at_risk_members),
            ("expected shortfall", one.expected_shortfall_members),
        ):
            if found is not None:
                rows.append(row(f"{label}, {name}", *_range_cells(found)))
    names = ("Least [%]", "Largest [%]", "Spread [%]", "Share of it [%]")
    note = (
        "The law mixes all members. The spread is the standard deviation of the figure over them: how much of it is "
        "due to not knowing the parameters, which the figure holds already."
    )
    return Table("Under the members of the law", header("Window, level and figure", *names), tuple(rows), note)


def _range_cells(found: MemberRange) -> tuple[Cell, ...]:
    values = (found.low, found.high, found.spread, found.share)
    return tuple(number(value, PERCENT) for value in values)


def _contributions(record: BookRiskRecord) -> Section | None:
    positions = record.figures.positions
    if not positions:
        return None
    lead = "Where does the risk come from? Each position and each group, in percent of equity."
    spans = _spans(positions)
    nearest = spans[0]
    drawn = [one for one in positions if (one.bars, one.level) == nearest]
    title = f"Expected shortfall at {stated(nearest[1])} over {counted(nearest[0], 'bar')}, by position"
    parts: list[Part] = [
        charts.components("chart-components", title, {one.asset: one.expected_shortfall for one in drawn})
    ]
    parts += _without_components(positions, spans)
    parts.append(_position_table(positions, spans))
    parts.append(_part_table("What groups add", "Group", "Net weight [%]", record.figures.groups, spans))
    return Section("contributions", "Contributions", "Contributions", lead, tuple(parts))


def _without_components(rows: Iterable[PositionFigures | PartFigures], spans: list[tuple[int, float]]) -> list[Part]:
    """Say of each window and level that is shown why nothing is told of what adds to value at risk."""
    reasons = {(one.bars, one.level): one.value_at_risk_reason for one in rows}
    return [
        notice(f"What adds to value at risk over {counted(bars, 'bar')} at {stated(level)} is undefined: {reason}.")
        for bars, level in spans
        if (reason := reasons[bars, level])
    ]


def _spans(rows: Iterable[PositionFigures | PartFigures]) -> list[tuple[int, float]]:
    """Of each window, shortest first, the highest level that is told; the files beside the report have all levels."""
    highest: dict[int, float] = {}
    for one in rows:
        highest[one.bars] = max(one.level, highest.get(one.bars, 0.0))
    return list(highest.items())


def _position_table(positions: tuple[PositionFigures, ...], spans: list[tuple[int, float]]) -> Table:
    rows: list[Row] = []
    left_out = ""
    for bars, level in spans:
        rows.append(heading_row(f"{counted(bars, 'bar')}, {stated(level)}"))
        lines = [_position_row(one) for one in positions if (one.bars, one.level) == (bars, level)]
        shown, left_out = shortened(lines, LONGEST, "positions", "positions.csv")
        rows += shown
    names = ("Weight [%]", "VaR [%]", "Error [%]", "If closed [%]", "ES [%]", "Error [%]", "If closed [%]")
    note = " ".join((_COMPONENTS, left_out)).strip()
    return Table("What positions add", header("Asset", *names), tuple(rows), note)


def _position_row(one: PositionFigures) -> Row:
    many = "many positions"
    return row(
        one.asset,
        number(one.weight, PERCENT),
        number(one.value_at_risk, SMALL_PERCENT),
        number(one.value_at_risk_error, SMALL_PERCENT),
        number(one.value_at_risk_incremental, SMALL_PERCENT, many),
        number(one.expected_shortfall, SMALL_PERCENT),
        number(one.expected_shortfall_error, SMALL_PERCENT),
        number(one.expected_shortfall_incremental, SMALL_PERCENT, many),
        under=one.group,
    )


def _part_table(
    caption: str,
    first: str,
    exposure: str,
    parts: tuple[PartFigures, ...],
    spans: list[tuple[int, float]],
    note: str = "",
) -> Table:
    rows: list[Row] = []
    for bars, level in spans:
        rows.append(heading_row(f"{counted(bars, 'bar')}, {stated(level)}"))
        rows += [_part_row(one) for one in parts if (one.bars, one.level) == (bars, level)]
    columns = header(first, exposure, "VaR [%]", "Error [%]", "ES [%]", "Error [%]")
    return Table(caption, columns, tuple(rows), note)


def _part_row(one: PartFigures) -> Row:
    return row(
        one.name,
        number(one.exposure, PERCENT, "none"),
        number(one.value_at_risk, SMALL_PERCENT),
        number(one.value_at_risk_error, SMALL_PERCENT),
        number(one.expected_shortfall, SMALL_PERCENT),
        number(one.expected_shortfall_error, SMALL_PERCENT),
    )


def _factors(record: BookRiskRecord) -> Section | None:
    found = record.figures.factors
    if not found:
        return None
    lead = "How much of it is the market, the group, and the single asset?"
    spans = _spans(found)
    table = _part_table("What factors add", "Factor", "Exposure [%]", found, spans, _FACTORS)
    return Section("factors", "Factors", "Factors", lead, (*_without_components(found, spans), table))


def _trades(record: BookRiskRecord) -> Section:
    lead = "What would a trade change? Before and after are compared on the same draws, over the next bar."
    parts: list[Part] = [_hedge(record)]
    if record.trade is not None:
        money = money_in(record.basis.currency)
        bought = ", ".join(f"{figure(value, money)} of {asset}" for asset, value in record.trade.bought)
        parts.append(Words(f"The trade that was asked about buys {bought} (negative is sold)."))
        rows: list[Row] = []
        for one in record.trade.effects:
            rows.append(row(f"Value at risk, {stated(one.level)}", *_change_cells(one.value_at_risk)))
            rows.append(row(f"Expected shortfall, {stated(one.level)}", *_change_cells(one.expected_shortfall)))
        parts.append(Table("The trade", _CHANGES, tuple(rows), "Trading costs are left out."))
    return Section("trades", "Trades and hedge", "Trades and hedge", lead, tuple(parts))


_CHANGES = header("Figure", "Before [%]", "After [%]", "Difference [%]", "Error [%]")


def _change_cells(change: Change) -> tuple[Cell, ...]:
    values = (change.before, change.after, change.difference)
    return (*(number(value, PERCENT) for value in values), number(change.error, SMALL_PERCENT))


def _hedge(record: BookRiskRecord) -> Part:
    hedge, level = record.hedge, stated(record.hedge_level)
    if hedge is None:
        if not record.figures.positions:
            return notice("Too little is known of the book to look for a hedge.")
        return notice(f"No single instrument of the prices lowers the expected shortfall at {level}.")
    side, size = ("Sell", hedge.weight) if hedge.weight < 0 else ("Buy", hedge.weight)
    label = f"{side} {hedge.asset}, {headline(abs(size), PERCENT)} of equity"
    note = (
        f"The amount of one instrument, of those of the prices, at which the expected shortfall at {level} is least. "
        "Trading and borrowing costs are left out."
    )
    return Table(
        "Best hedge with one instrument", _CHANGES, (row(label, *_change_cells(hedge.expected_shortfall)),), note
    )


def _leaving(record: BookRiskRecord) -> Section:
    lead = "How long does it take to leave the book, and what does it cost?"
    found, money = record.liquidation, money_in(record.basis.currency)
    parts: list[Part] = []
    if found.days is None:
        fix = "State dollar_volume in the positions or in the config, or bring raw prices with volumes."
        parts.append(notice(f"Days to liquidate are undefined: {found.reason}. {fix}"))
    known = [one for one in found.positions if one.days is not None]
    if known:
        rows = tuple(
            row(
                one.asset,
                number(one.dollar_volume, money),
                number(one.days, RATIO),
                number(one.days_half_volume, RATIO),
            )
            for one in known
        )
        names = (with_unit("Traded a session", money), "Days", "Days at half the volume")
        note = f"Selling {stated(found.participation)} of what is traded in a session, all positions at once."
        parts.append(Table("Days to liquidate", header("Asset", *names), rows, note))
    costs = (
        row("As the spread is", number(found.cost, SMALL_PERCENT)),
        row("Five times the spread", number(found.cost_five_spreads, SMALL_PERCENT)),
    )
    parts.append(Table("Cost of leaving, over equity", header("", "Cost [%]"), costs, narrow=True))
    return Section("leaving", "Leaving the book", "Leaving the book", lead, tuple(parts))


def _basis(record: BookRiskRecord) -> Section:
    basis = record.basis
    pairs = (
        ("Positions", basis.positions),
        ("As of the close of", str(basis.session)),
        ("Next session", str(basis.next_session or "beyond the calendar")),
        ("Config", basis.config),
        ("Model", f"{basis.model}, fitted through {basis.fitted_through}"),
        ("Draws", f"{figure(basis.draws, COUNT)}, seed {basis.seed}"),
        ("Prices", basis.data),
        ("Fingerprint of the prices", basis.fingerprint),
    )
    lines = ("Nothing after the close was read: the prices end there, and the model is fitted on what is left.",)
    return Section("basis", "Basis", "Basis", "", (Facts(pairs), Bullets(lines)))
