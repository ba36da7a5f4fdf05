"""Whether the predicted laws were true: probability integral transform, coverage, scores, and each asset on its own."""

from quantdl.report import charts
from quantdl.report.document import Cell, Part, Row, Section, Table, header, notice, number, row
from quantdl.report.formatting import COUNT, PERCENT, RETURN_SCORE, SCORE, STATISTIC, counted, level_figure, p_value
from quantdl.report.quantities import Quantity
from quantdl.results.run_record import RunRecord
from quantdl.risk.scores.forecast_scores import AssetScores, Coverage, FitScores, ForecastScores, Uniformity
from quantdl.risk.scores.model_scores import HorizonScores
from quantdl.risk.scores.pit_histogram import PitHistogram, ReliabilityPoint

ENDS_SHOWN = 20
TAIL_QUANTILES = (0.01, 0.05, 0.95, 0.99)
WINDOWS = {"next_session": "the next session, close to close", "position": "the position, fill to exit"}

NLL = Quantity("nll", "Negative log score", SCORE)
JOINT_NLL = Quantity("joint_nll", "Joint negative log score per observed asset", SCORE)
CRPS = Quantity("crps", "CRPS", RETURN_SCORE)
OUTCOMES = Quantity("n", "Outcomes", COUNT)
SCORES = (NLL, JOINT_NLL, CRPS, OUTCOMES)
ASSET_SCORES = (NLL, CRPS, OUTCOMES)


def section(run: RunRecord) -> Section:
    """Show calibration and scores of the forecasts, or say that the run has none."""
    title = "Calibration of the forecasts"
    scores = run.metrics.forecast
    if scores is None:
        why = (
            "This run has no model, so it made no forecasts: there is nothing to calibrate. Its value at risk, where "
            "shown, comes from past returns."
        )
        return Section("calibration", title, "Calibration", "", (notice(why),))
    lead = (
        "Were outcomes as likely as the forecast said? Scores are means over all assets and sessions; lower is better."
    )
    points = run.breakdowns.reliability
    parts = (
        _pit_part(run.breakdowns.pit),
        *((charts.reliability_diagram(points), _hit_rates(points)) if points else ()),
        _coverage(scores.coverage),
        *_score_parts(scores),
        asset_table(scores.assets),
    )
    return Section("calibration", title, "Calibration", lead, parts)


def _pit_part(pit: PitHistogram | None) -> Part:
    if pit is None:
        return notice("No forecast of this run met an outcome, so there is no histogram of outcomes.")
    return charts.pit_histogram(pit)


def _hit_rates(points: tuple[ReliabilityPoint, ...]) -> Table:
    rows = tuple(
        row(
            level_figure(point.level),
            number(point.observed, PERCENT),
            number(point.above_level, PERCENT),
            Cell("yes" if point.inside else "no"),
        )
        for point in points
        if point.level in TAIL_QUANTILES
    )
    note = "The share of returns below each predicted quantile: below 1% too many mean that losses are understated."
    columns = header("Quantile [%]", "Below [%]", "Difference [percentage points]", "Inside its band")
    return Table("Returns below their quantiles", columns, rows, note, narrow=True)


def _coverage(levels: tuple[Coverage, ...]) -> Table:
    rows = tuple(_coverage_row(one) for one in levels)
    note = "The share of outcomes inside the central interval of each level; below its level, intervals are too narrow."
    columns = header("Central interval [%]", "Inside [%]", "Difference [percentage points]", "Outcomes")
    return Table("Coverage", columns, rows, note, narrow=True)


def _coverage_row(one: Coverage) -> Row:
    cells = number(one.observed, PERCENT), number(one.above_level, PERCENT), number(one.n, COUNT)
    return row(level_figure(one.level), *cells)


def _score_parts(scores: ForecastScores) -> tuple[Part, ...]:
    rows = tuple(row(shown.label, shown.cell(scores)) for shown in SCORES)
    note = f"Forecasts of {WINDOWS.get(scores.window, scores.window)}."
    table = Table("Scores", header("Score", scores.model), rows, note, narrow=True)
    horizons = (_horizons(scores.horizons),) if scores.horizons else ()
    return table, _uniformity(scores.pit), *horizons, *((_fits(scores.fits),) if scores.fits else ())


def _fits(fits: tuple[FitScores, ...]) -> Table:
    rows = tuple(
        row(
            str(one.fitted_through),
            Cell(f"{one.first} to {one.last}"),
            NLL.cell(one),
            JOINT_NLL.cell(one),
            CRPS.cell(one),
            number(one.coverage_90, PERCENT),
            OUTCOMES.cell(one),
        )
        for one in fits
    )
    note = "The model was fitted anew as time went on. Each fit forecast only what came after the last session it saw."
    labels = (shown.label for shown in (NLL, JOINT_NLL, CRPS))
    names = ("Fitted through", "Forecast at the closes of", *labels, "Inside 90% [%]", OUTCOMES.label)
    columns = header(*names, numeric_from=2)
    return Table("Scores of each fit", columns, rows, note)


def _horizons(horizons: tuple[HorizonScores, ...]) -> Table:
    rows = tuple(
        row(
            counted(one.bars, "bar"),
            number(one.nll, SCORE),
            number(one.crps_bp / 1e4, RETURN_SCORE),
            number(one.coverage_90, PERCENT),
            number(one.n, COUNT),
        )
        for one in horizons
    )
    note = (
        "Returns of positions, from the fill to the exit. Those of neighbouring sessions overlap, so sessions are "
        "scored in as many sets as a return has bars, no two returns of a set overlapping, and the sets are averaged."
    )
    columns = header("Return over", NLL.label, CRPS.label, "Inside 90% [%]", OUTCOMES.label)
    return Table("Scores over several bars", columns, rows, note)


def score_cells(scores: ForecastScores | None) -> tuple[Cell, ...]:
    """Build the cells of `SCORES` for one run, which may have made no forecasts."""
    return tuple(Cell("no model", numeric=True) if scores is None else shown.cell(scores) for shown in SCORES)


def _uniformity(test: Uniformity) -> Table:
    cells = number(test.statistic, STATISTIC), Cell(p_value(test.p_value), numeric=True)
    columns = header("Test", "Statistic", "p-value")
    return Table("Test of the probability integral transform", columns, (row(test.test, *cells),), narrow=True)


def asset_table(assets: tuple[AssetScores, ...]) -> Table:
    """List the scores per asset; of many assets, those with the best and those with the worst."""
    ranked, title, note = assets, "Scores per asset", ""
    if len(assets) > 2 * ENDS_SHOWN:
        by_score = sorted(assets, key=lambda asset: (asset.nll, asset.asset))
        ranked = (*by_score[:ENDS_SHOWN], *by_score[-ENDS_SHOWN:])
        title = f"Scores per asset: the {ENDS_SHOWN} best and the {ENDS_SHOWN} worst"
        note = f"By negative log-likelihood, best first, of {len(assets):,} assets; metrics.json holds them all."
    rows = tuple(row(one.asset, *(shown.cell(one) for shown in ASSET_SCORES)) for one in ranked)
    return Table(title, header("Asset", *(shown.label for shown in ASSET_SCORES)), rows, note)
