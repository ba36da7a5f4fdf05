"""Results where the market was calm and where it was not, in stress windows, and along the rival explanations."""

from quantdl.report import figures
from quantdl.report.contents import RunContents
from quantdl.report.document import Cell, Part, Row, Section, Table, header, heading_row, notice, number, row
from quantdl.report.formatting import COUNT, MONEY, PERCENT, counted, in_words, stated, with_unit
from quantdl.report.performance import BASELINE, STRATEGY
from quantdl.report.quantities import Quantity, known_first, quantity, reason_of
from quantdl.report.record import Record

SPAN = (
    Quantity("return", "Return", PERCENT),
    Quantity("pnl", "Profit and loss", MONEY),
    Quantity("volatility", "Volatility of one session", PERCENT),
    Quantity("worst_session", "Worst session", PERCENT),
)
NOT_OF_SPANS = frozenset({"strategy", "baseline", "start", "end", "first", "last", "sessions", "undefined"})


def section(run: RunContents) -> Section:
    """Show the results per regime and stress window, and when each regime held."""
    parts: list[Part] = []
    if run.regimes is not None:
        parts.append(figures.regime_strip(run.regimes.set_index("session")["regime"]))
    for key, what in (("regimes", "regime"), ("stress_windows", "stress window")):
        spans = run.metrics.record(key)
        parts += [_span_table(spans, what)] if spans else [notice(f"No results per {what} are recorded for this run.")]
    parts += contexts_table(run.metrics)
    return Section("regimes", "Results per regime", "Regimes", _lead(run.config.record("plan")), tuple(parts))


def _lead(plan: Record) -> str:
    defined = plan.record("abnormal_volatility")
    calm, stressed = defined.number("calm_below"), defined.number("stressed_above")
    if calm is None or stressed is None:
        return "How the book fared when the market was calm and when it was not."
    bars, then = defined.number("window_bars"), defined.text("in_stress")
    window = f"the {bars:g}-bar volatility" if bars is not None else "the volatility"
    does = {"trade": "trades on", "reduce_only": "only reduces positions", "flat": "goes flat"}.get(then, then)
    return (
        f"A session's regime is read from {window} of the equal-weighted market up to the close before it: calm below "
        f"{stated(calm)} a year, stressed above {stated(stressed)}. In stress the plan {does}."
    )


def contexts_table(metrics: Record) -> tuple[Part, ...]:
    """Split the profit along the rival explanations of the plan."""
    contexts = metrics.records("contexts")
    if not contexts:
        return (notice("The profit of this run is not split along the plan's rival explanations."),)
    rows: list[Row] = []
    for name in dict.fromkeys(line.text("context") for line in contexts):
        rows.append(heading_row(in_words(name)))
        rows += [_context_row(line) for line in contexts if line.text("context") == name]
    note = "States are as known when a session began. The profits of one context add up to the whole."
    columns = header("State of the market", "Sessions", with_unit("Profit and loss", MONEY))
    return (Table("Profit by rival explanation", columns, tuple(rows), note, narrow=True),)


def _context_row(line: Record) -> Row:
    return row(in_words(line.text("state")), number(line.number("sessions"), COUNT), number(line.number("pnl"), MONEY))


def _span_table(spans: Record, what: str) -> Table:
    """Head each span with its name and extent; below it a row for the strategy and one for the baseline."""
    books = {name: _books(spans.record(name)) for name in spans.values}
    found = {key for lines in books.values() for _, book in lines for key in book.values} - NOT_OF_SPANS
    shown = [one for one in SPAN if one.key in found]
    shown += [quantity(key) for key in known_first(sorted(found - {one.key for one in SPAN}))]
    rows: list[Row] = []
    for name, lines in books.items():
        rows.append(heading_row(_extent(name, spans.record(name))))
        rows += [row(label, *(_span_cell(book, one) for one in shown)) for label, book in lines]
    return Table(f"Results per {what}", header("Book", *(one.label for one in shown)), tuple(rows))


def _span_cell(book: Record, shown: Quantity) -> Cell:
    return number(book.number(shown.key), shown.unit, reason_of(book, shown.key))


def _books(span: Record) -> list[tuple[str, Record]]:
    books = [(STRATEGY, span.record("strategy")), (BASELINE, span.record("baseline"))]
    return [(label, book) for label, book in books if book] or [(STRATEGY, span)]


def _extent(name: str, span: Record) -> str:
    first, last = span.text("start") or span.text("first"), span.text("end") or span.text("last")
    sessions = span.number("sessions") or span.number("strategy", "sessions")
    dates = f"{first} to {last}" if first and last else ""
    count = counted(int(sessions), "session") if sessions is not None else ""
    return ", ".join(text for text in (in_words(name), dates, count) if text)
