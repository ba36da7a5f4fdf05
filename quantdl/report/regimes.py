"""Results where the market was calm and where it was not, in stress windows, and along the rival explanations."""

from collections.abc import Mapping

from quantdl.backtest.judging.attribution import CurrencyResult
from quantdl.backtest.judging.periods import BothBooks, ContextResult, PeriodResult
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility, StressWindow
from quantdl.calendars.bars import bar_unit
from quantdl.report import charts
from quantdl.report.document import Part, Row, Section, Table, header, heading_row, notice, number, row
from quantdl.report.formatting import COUNT, PERCENT, Unit, counted, in_words, money_in, stated, with_unit
from quantdl.report.performance import NAMES
from quantdl.report.quantities import Quantity
from quantdl.results.run_record import BASELINE, STRATEGY, RunRecord

DOES = {"trade": "trades on", "reduce_only": "only reduces positions", "flat": "goes flat"}


def section(run: RunRecord) -> Section:
    """Show the results per regime and stress window, and when each regime held."""
    metrics, abnormal = run.metrics, run.setup.plan.abnormal_volatility
    money, unit = money_in(run.card.declaration.currency), bar_unit(run.card.declaration.frequency)
    parts: tuple[Part, ...] = (
        charts.regime_strip(run.tables.regimes["regime"]),
        _period_table("regime", metrics.regimes, money, unit),
        _stress_windows(metrics.stress_windows, abnormal.stress_windows, money, unit),
        contexts_table(metrics.contexts, money),
        *((currencies_table(metrics.currencies, money),) if metrics.currencies else ()),
    )
    return Section("regimes", "Results per regime", "Regimes", _lead(abnormal), parts)


def _lead(abnormal: AbnormalVolatility) -> str:
    return (
        f"A session's regime is read from the {abnormal.window_bars}-bar volatility of the equal-weighted market up to "
        f"the close before it: calm below {stated(abnormal.calm_below)} a year, stressed above "
        f"{stated(abnormal.stressed_above)}. In stress the plan {DOES[abnormal.in_stress]}."
    )


def period_figures(money: Unit, unit: str = "session") -> tuple[Quantity, ...]:
    """Return the figures of a period, money in the currency of the run, of bars that are called so."""
    return (
        Quantity("total_return", "Return", PERCENT),
        Quantity("pnl", "Profit and loss", money),
        Quantity("volatility", f"Volatility of one {unit}", PERCENT),
        Quantity("worst_session", f"Worst {unit}", PERCENT),
    )


def _stress_windows(found: Mapping[str, BothBooks], windows: tuple[StressWindow, ...], money: Unit, unit: str) -> Part:
    if not windows:
        return notice("The plan names no stress windows.")
    return _period_table(
        "stress window", found, money, unit, {one.name: f"{one.first} to {one.last}" for one in windows}
    )


def _period_table(
    what: str, periods: Mapping[str, BothBooks], money: Unit, unit: str, dates: Mapping[str, str] | None = None
) -> Table:
    """Head each period with its name and extent; below it a row for the strategy and one for the baseline."""
    rows: list[Row] = []
    figures = period_figures(money, unit)
    for name, both in periods.items():
        extent = (in_words(name), (dates or {}).get(name, ""), counted(int(both.strategy.sessions), unit))
        rows.append(heading_row(", ".join(text for text in extent if text)))
        for book, result in ((STRATEGY, both.strategy), (BASELINE, both.baseline)):
            rows.append(_period_row(NAMES[book], result, figures))
    return Table(f"Results per {what}", header("Book", *(shown.label for shown in figures)), tuple(rows))


def _period_row(label: str, book: PeriodResult, figures: tuple[Quantity, ...]) -> Row:
    return row(label, *(shown.cell(book, "too few sessions") for shown in figures))


def contexts_table(contexts: tuple[ContextResult, ...], money: Unit) -> Table:
    """Split the profit along the rival explanations of the plan."""
    rows: list[Row] = []
    for name in dict.fromkeys(line.context for line in contexts):
        rows.append(heading_row(in_words(name)))
        rows += [_context_row(line, money) for line in contexts if line.context == name]
    note = "States are as known when a session began. The profits of one context add up to the whole."
    columns = header("State of the market", "Sessions", with_unit("Profit and loss", money))
    return Table("Profit by rival explanation", columns, tuple(rows), note, narrow=True)


def currencies_table(found: tuple[CurrencyResult, ...], money: Unit) -> Table:
    """Split the profit by the currency of the quotes, and that into prices and rates."""
    rows = [row(one.currency, *(number(value, money) for value in (one.pnl, one.price, one.exchange))) for one in found]
    columns = header("Quoted in", with_unit("Profit and loss", money), "Of prices, less costs", "Of the rate")
    note = (
        "The rate earns its change on the value held at the close before; the rest are prices and dividends at the "
        "rate of the day, less costs. Cash stands in the currency of the book."
    )
    return Table("Profit by currency", columns, tuple(rows), note, narrow=True)


def _context_row(line: ContextResult, money: Unit) -> Row:
    return row(in_words(line.state), number(line.sessions, COUNT), number(line.pnl, money))
