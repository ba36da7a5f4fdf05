"""What the book earned and risked beside equal weight: headline figures, the full table, equity and drawdown."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.report import figures
from quantdl.report.contents import RunContents
from quantdl.report.document import Cell, Chart, Part, Row, Section, Table, header, heading_row, notice, row
from quantdl.report.formatting import counted, headline
from quantdl.report.quantities import known_first, quantity, reason_of, recorded
from quantdl.report.record import Record
from quantdl.risk.metrics import drawdown_curve

HEADLINES = ("cagr", "volatility", "sharpe", "max_drawdown", "expected_shortfall_99")

GROUPS = (
    ("Growth", ("total_return", "cagr", "cagr_bars")),
    ("Risk of a bar and of a year", (
        "volatility", "downside_risk", "value_at_risk_95", "value_at_risk_99", "expected_shortfall_95",
        "expected_shortfall_99", "worst_return",
    )),
    ("Drawdown", ("max_drawdown", "drawdown_peak", "drawdown_trough", "drawdown_recovery")),
    ("Return for risk", ("sharpe", "sortino", "calmar")),
    ("Shape of the returns", ("skew", "excess_kurtosis")),
    ("Basis", ("start", "end", "n_returns", "bars_per_year", "risk_free_annual")),
)  # fmt: skip
NOT_SHOWN = frozenset({"sharpe_per_bar", "worst_session", "undefined"})
STRATEGY, BASELINE = "Strategy", "Equal weight"


@dataclass(frozen=True)
class Tile:
    """A headline figure with the baseline's beside it."""

    label: str
    value: str
    beside: str
    in_words: bool


def tiles(metrics: Record) -> tuple[Tile, ...]:
    """Pick the five figures a reader asks for first."""
    return tuple(_tile(metrics, key) for key in HEADLINES if metrics.record("strategy"))


def _tile(metrics: Record, key: str) -> Tile:
    strategy, baseline = metrics.record("strategy"), metrics.record("baseline")
    value, other = strategy.number(key), baseline.number(key)
    unit = quantity(key).unit
    beside = (
        f"equal weight {headline(other, unit)}" if other is not None else f"equal weight {reason_of(baseline, key)}"
    )
    shown = headline(value, unit) if value is not None else reason_of(strategy, key)
    return Tile(quantity(key).name, shown, beside, value is None)


def figures_lead(run: RunContents) -> str:
    """Say on which span and basis the figures stand."""
    basis = run.metrics.record("strategy")
    span = (
        f"{basis.text('start')} to {basis.text('end')}"
        if basis.text("start")
        else f"{counted(len(run.equity), 'session')}"
    )
    return (
        f"Out of sample, {span}, after all costs. Losses, value at risk and expected shortfall are positive when "
        "money is lost; drawdowns are returns from the peak. Equal weight is the honest baseline on the same assets "
        "and costs."
    )


def halt_warning(run: RunContents) -> tuple[Part, ...]:
    """Say that the figures of a halted run are largely those of cash."""
    halt = halted_on(run)
    if halt is None:
        return ()
    idle = int(run.equity["halted"].sum())
    return (
        notice(
            f"The run was halted on {halt}. {idle:,} of its {len(run.equity):,} sessions were halted: the figures of "
            "the strategy cover them too, most of them in cash, so its risk looks smaller beside the baseline, which "
            "stayed invested."
        ),
    )


def halted_on(run: RunContents) -> str | None:
    """Return the first session at which the run was halted, or None."""
    stated = run.metrics.text("halted_on")
    if stated:
        return stated
    if "halted" not in run.equity.columns or not bool(run.equity["halted"].any()):
        return None
    return str(pd.DatetimeIndex(run.equity.index[run.equity["halted"].to_numpy(bool)])[0].date())


def figures_table(metrics: Record) -> tuple[Part, ...]:
    """Lay out every recorded figure of the strategy beside the baseline's."""
    books = {STRATEGY: metrics.record("strategy"), BASELINE: metrics.record("baseline")}
    if not books[STRATEGY]:
        return (notice("No performance figures are recorded for this run."),)
    benchmark = metrics.record("benchmark")
    if benchmark:
        figures = {key: value for key, value in benchmark.values.items() if key != "name"}
        books[f"Benchmark ({benchmark.text('name')})"] = Record(figures)
    parts: tuple[Part, ...] = (compared("Strategy and baseline", books),)
    if not books[BASELINE]:
        parts += (notice("No equal-weight baseline is recorded for this run, so nothing here is relative to one."),)
    return parts


def compared(caption: str, books: dict[str, Record]) -> Table:
    """Lay out the figures of several books, one column per book."""
    rows: list[Row] = []
    for title, keys in GROUPS:
        rows += [heading_row(title), *(_figure_row(books, key) for key in keys)]
    listed = {key for _, keys in GROUPS for key in keys} | NOT_SHOWN
    further = known_first([key for book in books.values() for key in book.values if key not in listed])
    if further:
        rows += [heading_row("Further figures"), *(_figure_row(books, key) for key in further)]
    note = (
        "Return a year is compound growth over calendar time (ACT/365.25). Sharpe and Sortino ratios are annualised "
        "with the bars a year below; the Sortino ratio counts all returns. Value at risk and expected shortfall here "
        "are those of the realised returns."
    )
    return Table(caption, header("Figure", *books), tuple(rows), note, narrow=len(books) < 4)


def _figure_row(books: dict[str, Record], key: str) -> Row:
    return row(quantity(key).label, *(_figure_cell(book, key) for book in books.values()))


def _figure_cell(book: Record, key: str) -> Cell:
    cell = recorded(book, key)
    worst = book.text("worst_session")
    if key.startswith("drawdown_") and book.get(key) is None:
        return Cell(book.text("undefined", key) or cell.text, numeric=True, tone="muted")
    return Cell(cell.text, numeric=True, under=worst) if key == "worst_return" and worst else cell


def curves_section(run: RunContents) -> Section:
    """Draw equity and drawdown against the baseline."""
    equity = {STRATEGY: equity_of(run)}
    if run.baseline is not None:
        equity[BASELINE] = _from_the_start(run.baseline, run)
    lead = "The strategy after all costs, beside equal weight over the same sessions with the same costs."
    parts: list[Part] = [equity_chart(equity, halted_on(run))]
    if run.baseline is None:
        parts.append(notice("This run keeps no equity curve of an equal-weight baseline."))
    return Section("equity", "Equity and drawdown", "Equity and drawdown", lead, tuple(parts))


def equity_of(run: RunContents) -> pd.Series:
    """Return the equity of the strategy, the initial money first."""
    return _from_the_start(run.equity["equity"], run)


def _from_the_start(equity: pd.Series, run: RunContents) -> pd.Series:
    """Put the initial money before the first session, so that the costs of that session are seen."""
    initial = run.config.number("backtest", "initial_equity")
    if initial is None:
        return equity
    sessions = pd.DatetimeIndex(equity.index)
    before = sessions[:1] - pd.Timedelta(days=1)
    return pd.Series(np.concatenate([[initial], equity.to_numpy(np.float64)]), before.append(sessions))


def equity_chart(equity: dict[str, pd.Series], halted: str | None = None) -> Chart:
    """Draw several equity curves with their drawdowns, and the session at which a run was halted."""
    drawdown = {name: drawdown_curve(series) for name, series in equity.items()}
    return figures.equity_and_drawdown(equity, drawdown, halted)
