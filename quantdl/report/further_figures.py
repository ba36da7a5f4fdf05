"""Performance in detail: the Sharpe ratio's interval, active risk, single returns, falls and months."""

from collections.abc import Mapping
from dataclasses import replace

from quantdl.report.document import Cell, Part, Row, Section, Table, header, row
from quantdl.report.formatting import COUNT, PERCENT, PROBABILITY, RATIO, RATIO_END, figure, interval, stated
from quantdl.report.quantities import Quantity
from quantdl.results.metrics import FurtherMetrics
from quantdl.results.run_record import RunRecord
from quantdl.risk.curves.active_risk import ActiveRisk
from quantdl.risk.curves.calendar_returns import CalendarReturns
from quantdl.risk.curves.drawdown_spells import Spell

SHARPE = (
    Quantity("annual", "Ratio a year", RATIO),
    Quantity("error", "Standard error", RATIO),
    Quantity("lower", "Lower end", RATIO_END),
    Quantity("upper", "Upper end", RATIO_END),
    Quantity("long_run", "Over long horizons", RATIO),
    Quantity("probability_positive", "Probability above zero", PROBABILITY),
)
ACTIVE = (
    Quantity("active_return", "Active return a year", PERCENT),
    Quantity("growth_difference", "Difference of growth a year", PERCENT),
    Quantity("tracking_error", "Tracking error a year", PERCENT),
    Quantity("correlation", "Correlation", RATIO),
    Quantity("m2", "Return above it at its volatility", PERCENT),
    Quantity("up_capture", "Capture of its gains", RATIO),
    Quantity("down_capture", "Capture of its losses", RATIO),
    Quantity("hit_rate", "Bars ahead of it", PERCENT),
    Quantity("value_at_risk_95", "Active value at risk 95%, one bar", PERCENT),
    Quantity("expected_shortfall_95", "Active expected shortfall 95%, one bar", PERCENT),
    Quantity("relative_drawdown", "Deepest fall against it", PERCENT),
)
ALPHA = Quantity("alpha", "Alpha a year", PERCENT)
BETA = Quantity("beta", "Beta", RATIO)
REGRESSION = (
    Quantity("r_squared", "Variance explained", PERCENT),
    Quantity("residual_volatility", "Residual volatility a year", PERCENT),
    Quantity("appraisal_ratio", "Appraisal ratio", RATIO),
)
RETURNS = (
    Quantity("hit_rate", "Bars with a gain", PERCENT),
    Quantity("average_gain", "Mean gain", PERCENT),
    Quantity("average_loss", "Mean loss", PERCENT),
    Quantity("payoff", "Mean gain over mean loss", RATIO),
    Quantity("profit_factor", "Profit factor", RATIO),
    Quantity("omega", "Omega ratio over cash", RATIO),
    Quantity("tail_ratio", "Tail ratio", RATIO),
    Quantity("kelly", "Kelly leverage", RATIO),
    Quantity("autocorrelation", "Autocorrelation", RATIO),
    Quantity("longest_loss", "Most bars of loss in a row", COUNT),
)
DRAWDOWNS = (
    Quantity("count", "Falls", COUNT),
    Quantity("average_depth", "Mean depth", PERCENT),
    Quantity("share_under_water", "Sessions under water", PERCENT),
    Quantity("ulcer_index", "Ulcer index", PERCENT),
    Quantity("ulcer_performance", "Growth over cash by the ulcer index", RATIO),
)
CALENDAR = (
    Quantity("month_hit_rate", "Months with a gain", PERCENT),
    Quantity("best_month", "Best month", PERCENT),
    Quantity("worst_month", "Worst month", PERCENT),
    Quantity("month_gain_to_pain", "Gain to pain of months", RATIO),
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NAMES = ("Strategy", "Equal weight")


def section(run: RunRecord) -> Section | None:
    """Lay out what is said of the books beside the key figures; nothing for a run that does not hold it."""
    further = run.metrics.further
    if further is None:
        return None
    lead = "How sure the Sharpe ratio is, what is left against a plain book, and when the money was made and lost."
    parts: tuple[Part, ...] = (
        sharpe_table(further),
        active_table(further.active),
        books_table(further),
        falls_table(further.strategy.drawdowns.deepest),
        months_table(further.strategy.calendar),
    )
    return Section("further-figures", "Performance in detail", "Performance in detail", lead, parts)


def sharpe_table(further: FurtherMetrics) -> Table:
    """Lay out the Sharpe ratios and information ratios with their intervals."""
    estimates = {
        "Strategy, Sharpe ratio": further.strategy.sharpe,
        "Equal weight, Sharpe ratio": further.baseline.sharpe,
        **{f"Strategy against {one.benchmark}, information ratio": one.information for one in further.active},
    }
    confidence = further.strategy.sharpe.confidence
    rows = tuple(row(name, *(shown.cell(found) for shown in SHARPE)) for name, found in estimates.items())
    note = (
        f"The ends are those of an interval of {stated(confidence)}. Errors allow for returns that follow one another "
        "and for fat tails, so an interval that holds zero has not shown that the ratio is above it. Over long "
        "horizons is what the ratio of returns over many bars tends to: less than the ratio a year where gains follow "
        "gains, more where they follow losses. How much of it luck explains after many trials is told in Trials and "
        "selection, at the end."
    )
    return Table("Sharpe ratio and its error", header("Ratio", *(shown.label for shown in SHARPE)), rows, note)


def active_table(compared: tuple[ActiveRisk, ...]) -> Table:
    """Lay out the strategy against each of the others."""
    rows: list[Row] = [row(shown.label, *(_with_interval(one, shown) for one in compared)) for shown in (ALPHA, BETA)]
    rows += [row(shown.label, *(shown.cell(one.regression) for one in compared)) for shown in REGRESSION]
    rows += [row(shown.label, *(shown.cell(one) for one in compared)) for shown in ACTIVE]
    note = (
        "Alpha and beta are of the returns above cash, with intervals of 95% that allow for autocorrelation and "
        "changing volatility. Active is the strategy less the other. Capture is growth per bar over the bars in which "
        "the other gained or lost, over its own."
    )
    columns = header("Figure", *(f"Against {one.benchmark}" for one in compared))
    return Table("Active risk", columns, tuple(rows), note, narrow=len(compared) < 3)


def _with_interval(found: ActiveRisk, shown: Quantity) -> Cell:
    cell = shown.cell(found.regression)
    lower, upper = (getattr(found.regression, f"{shown.field}_{end}") for end in ("lower", "upper"))
    if lower is None or upper is None:
        return cell
    return Cell(cell.text, numeric=True, under=interval(lower, upper, replace(shown.unit, suffix="")))


def books_table(further: FurtherMetrics) -> Table:
    """Lay out returns, falls and months of both books."""
    books = (further.strategy, further.baseline)
    subjects: Mapping[str, tuple[Quantity, ...]] = {"returns": RETURNS, "drawdowns": DRAWDOWNS, "calendar": CALENDAR}
    rows = tuple(
        row(shown.label, *(shown.cell(getattr(book, subject)) for book in books))
        for subject, group in subjects.items()
        for shown in group
    )
    note = "Gains and losses are of single bars. The ulcer index is the root mean square of the drawdown."
    return Table("Returns, falls and months", header("Figure", *_NAMES), rows, note, narrow=True)


def falls_table(spells: tuple[Spell, ...]) -> Table:
    """Lay out the deepest falls of the strategy."""
    columns = header("Peak", "Trough", "Back at the peak", "Depth [%]", "Bars down", "Bars under water")
    rows = tuple(
        row(
            str(spell.peak),
            Cell(str(spell.trough), numeric=True),
            Cell("not yet", numeric=True, tone="muted")
            if spell.recovery is None
            else Cell(str(spell.recovery), numeric=True),
            *(
                Cell(figure(value, unit), numeric=True)
                for value, unit in ((spell.depth, PERCENT), (spell.bars_down, COUNT), (spell.bars_under_water, COUNT))
            ),
        )
        for spell in spells
    )
    return Table("Deepest falls of the strategy", columns, rows, narrow=True)


def months_table(calendar: CalendarReturns) -> Table:
    """Lay out the strategy's returns by month and year."""
    months = {(one.year, one.month): one.value for one in calendar.months}
    rows = tuple(
        row(
            str(year.year),
            *(_month(months.get((year.year, month))) for month in range(1, 13)),
            _month(year.value),
        )
        for year in calendar.years
    )
    note = "After all costs. The first and the last may be parts of a month and of a year."
    return Table("Returns of the strategy by month [%]", header("Year", *_MONTHS, "Year"), rows, note)


def _month(value: float | None) -> Cell:
    return Cell("", numeric=True) if value is None else Cell(figure(value, PERCENT), numeric=True)
