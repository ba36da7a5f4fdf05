"""What the book earned and risked beside equal weight: headline figures with intervals, the full table, the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.report import charts
from quantdl.report.document import Cell, Chart, Part, Row, Table, header, heading_row, notice, row
from quantdl.report.formatting import COUNT, PERCENT, RATIO, SMALL_RATIO, headline, interval, stated
from quantdl.report.quantities import Quantity, reason_of
from quantdl.results.metrics import RunMetrics
from quantdl.results.run_record import BASELINE, STRATEGY, RunRecord
from quantdl.risk.curves.metrics import PerformanceMetrics

TOTAL_RETURN = Quantity("total_return", "Total return", PERCENT)
CAGR = Quantity("cagr", "Return a year", PERCENT)
VOLATILITY = Quantity("volatility", "Volatility a year", PERCENT)
SHARPE = Quantity("sharpe", "Sharpe ratio", RATIO)
MAX_DRAWDOWN = Quantity("max_drawdown", "Maximum drawdown", PERCENT)
EXPECTED_SHORTFALL_95 = Quantity("expected_shortfall_95", "Expected shortfall 95%, one bar", PERCENT)
WORST_RETURN = Quantity("worst_return", "Worst bar", PERCENT)

HEADLINES = (CAGR, VOLATILITY, SHARPE, MAX_DRAWDOWN, EXPECTED_SHORTFALL_95)

GROUPS = (
    ("Growth", (
        TOTAL_RETURN,
        CAGR,
        Quantity("cagr_bars", "Return a year, by bars", PERCENT),
    )),
    ("Risk of a bar and of a year", (
        VOLATILITY,
        Quantity("downside_risk", "Downside risk a year", PERCENT),
        Quantity("value_at_risk_95", "Value at risk 95%, one bar", PERCENT),
        Quantity("value_at_risk_99", "Value at risk 99%, one bar", PERCENT),
        EXPECTED_SHORTFALL_95,
        Quantity("expected_shortfall_99", "Expected shortfall 99%, one bar", PERCENT),
        WORST_RETURN,
    )),
    ("Drawdown", (
        MAX_DRAWDOWN,
        Quantity("drawdown_peak", "Drawdown peak", COUNT),
        Quantity("drawdown_trough", "Drawdown trough", COUNT),
        Quantity("drawdown_recovery", "Drawdown recovery", COUNT),
    )),
    ("Return for risk", (
        SHARPE, Quantity("sharpe_per_bar", "Sharpe ratio of one bar", SMALL_RATIO),
        Quantity("sortino", "Sortino ratio", RATIO), Quantity("calmar", "Calmar ratio", RATIO),
    )),
    ("Shape of the returns", (
        Quantity("skew", "Skewness", RATIO), Quantity("excess_kurtosis", "Excess kurtosis", RATIO),
    )),
    ("Basis", (
        Quantity("start", "From the close of", COUNT),
        Quantity("end", "To the close of", COUNT),
        Quantity("n_returns", "Returns", COUNT),
        Quantity("bars_per_year", "Bars a year", RATIO),
        Quantity("risk_free_annual", "Risk-free rate a year", PERCENT),
    )),
)  # fmt: skip
NAMES = {STRATEGY: "Strategy", BASELINE: "Equal weight"}


@dataclass(frozen=True)
class Tile:
    """A headline figure with its interval and what stands beside it, the figure of equal weight for example."""

    label: str
    value: str
    beside: str
    in_words: bool
    interval: str = ""


def tiles(metrics: RunMetrics) -> tuple[Tile, ...]:
    """Pick the five figures a reader asks for first."""
    return tuple(_tile(metrics, shown) for shown in HEADLINES)


def _tile(metrics: RunMetrics, shown: Quantity) -> Tile:
    value = shown.value(metrics.strategy)
    beside = f"equal weight {_headline(shown, metrics.baseline)}"
    ends = "" if value is None else _interval(metrics, shown)
    return Tile(shown.name, _headline(shown, metrics.strategy), beside, value is None, ends)


def _interval(metrics: RunMetrics, shown: Quantity) -> str:
    """Write the interval of a figure; empty in a run that was made before there were any."""
    if shown is SHARPE:
        found = None if metrics.further is None else metrics.further.strategy.sharpe
    else:
        found = None if metrics.intervals is None else getattr(metrics.intervals, shown.field)
    if found is None or found.lower is None or found.upper is None:
        return ""
    return interval(found.lower, found.upper, shown.unit)


def intervals_note(metrics: RunMetrics) -> str:
    """Say what the intervals of the headline figures are; empty where there are none."""
    found = metrics.intervals
    if found is None or found.block is None:
        return ""
    return (
        f"Below each figure stands its interval of {stated(found.confidence)}: {found.n_resamples:,} histories "
        f"of the same length were put together from blocks of the returns, {found.block:.0f} bars on average; that of "
        "the Sharpe ratio allows for returns that follow one another. The past could have been any of these."
        f"{_without_interval(metrics)}"
    )


def _without_interval(metrics: RunMetrics) -> str:
    """Name the headline figures that have no interval, and why; empty where all have one."""
    reasons = {} if metrics.intervals is None else metrics.intervals.undefined
    missing = [one for one in HEADLINES if one.field in reasons and one.value(metrics.strategy) is not None]
    return "".join(f" {one.name} has no interval: {reasons[one.field]}." for one in missing)


def _headline(shown: Quantity, book: PerformanceMetrics) -> str:
    value = shown.value(book)
    return reason_of(book, shown.field) if value is None else headline(value, shown.unit)


def figures_lead(run: RunRecord) -> str:
    """Say on which span and basis the figures stand."""
    sample, basis = run.setup.plan.sample, run.metrics.strategy
    return (
        f"Out of sample, {sample.first} to {sample.last}, after all costs; the first return is from the close of "
        f"{basis.start}. Losses, value at risk and expected shortfall are positive when money is lost; drawdowns are "
        "returns from the peak. Equal weight holds the same assets in equal parts, at the same costs."
    )


def halt_warning(run: RunRecord) -> tuple[Part, ...]:
    """Say that the figures of a halted run are largely those of cash."""
    if run.metrics.halted_on is None:
        return ()
    counts = run.breakdowns
    return (
        notice(
            f"The run was halted on {run.metrics.halted_on}. {counts.n_halted:,} of its {counts.n_sessions:,} sessions "
            "were halted: the figures of the strategy cover them too, most of them in cash, so its risk looks smaller "
            "beside that of equal weight, which stayed invested."
        ),
    )


def figures_table(metrics: RunMetrics) -> tuple[Part, ...]:
    """Lay out every figure of the strategy beside that of equal weight, and the benchmark's where there is one."""
    books = {NAMES[STRATEGY]: metrics.strategy, NAMES[BASELINE]: metrics.baseline}
    if metrics.benchmark is not None:
        books[f"Benchmark ({metrics.benchmark.name})"] = metrics.benchmark.performance
    return (compared("Strategy and equal weight", books),)


def compared(caption: str, books: Mapping[str, PerformanceMetrics]) -> Table:
    """Lay out the figures of several books, one column per book."""
    rows: list[Row] = []
    for title, group in GROUPS:
        rows += [heading_row(title), *(_figure_row(books, shown) for shown in group)]
    note = (
        "Return a year is compound growth over calendar time (ACT/365.25). Sharpe and Sortino ratios are annualised "
        "with the bars a year that the table states; the Sortino ratio counts all returns. Over less than a year "
        "nothing is annualised. Value at risk and expected shortfall here are those of the realised returns."
    )
    return Table(caption, header("Figure", *books), tuple(rows), note, narrow=len(books) < 4)


def _figure_row(books: Mapping[str, PerformanceMetrics], shown: Quantity) -> Row:
    return row(shown.label, *(_figure_cell(book, shown) for book in books.values()))


def _figure_cell(book: PerformanceMetrics, shown: Quantity) -> Cell:
    if shown.field.startswith("drawdown_") and getattr(book, shown.field) is None:
        return Cell(book.undefined.get(shown.field, "undefined"), numeric=True, tone="muted")
    cell = shown.cell(book)
    if shown is WORST_RETURN and book.worst_session is not None:
        return Cell(cell.text, numeric=True, under=str(book.worst_session))
    return cell


def picture(run: RunRecord) -> Chart:
    """Draw equity and drawdown of the strategy and of equal weight, with stress windows and a halt shaded."""
    return picture_of(run.tables.curves, run.metrics, run.setup.plan.abnormal_volatility.stress_windows)


def picture_of(curves: pd.DataFrame, metrics: RunMetrics, windows: Sequence[StressWindow]) -> Chart:
    """Draw the same of the parts of a run.

    Args:
        curves: Of both books, see `quantdl.results.run_record.RunTables`.
        metrics: Of the run, which know of its halt.
        windows: Spans that are shaded.
    """
    books = {NAMES[book]: (curves[book], curves[f"{book}_drawdown"]) for book in (STRATEGY, BASELINE)}
    spans = tuple(charts.Span(one.name, str(one.first), str(one.last)) for one in windows)
    return equity_chart(books, None if metrics.halted_on is None else str(metrics.halted_on), spans)


def strategy_curve(run: RunRecord) -> tuple[pd.Series, pd.Series]:
    """Return the growth of the strategy and its drawdown."""
    return run.tables.curves[STRATEGY], run.tables.curves[f"{STRATEGY}_drawdown"]


def equity_chart(
    books: Mapping[str, tuple[pd.Series, pd.Series]], halted: str | None = None, spans: Sequence[charts.Span] = ()
) -> Chart:
    """Draw growth and drawdown of several books, the session at which a run was halted, and spans that are shaded."""
    growth, drawdown = ({name: pair[place].dropna() for name, pair in books.items()} for place in (0, 1))
    return charts.equity_and_drawdown(growth, drawdown, halted, spans)
