"""Predicted value at risk against realised losses, and the tests of it."""

from collections.abc import Mapping

from quantdl.report import charts, forecast_tests
from quantdl.report.document import Cell, Part, Row, Section, Table, Words, header, heading_row, notice, number, row
from quantdl.report.formatting import COUNT, ONE_DIGIT, RATIO, SMALL_RATIO, figure, in_words, p_value, stated
from quantdl.report.quantities import reason_of
from quantdl.results.metrics import RunMetrics
from quantdl.results.run_record import RunRecord
from quantdl.risk.book.level_tests import LevelTests

SIGNIFICANCE = 0.05
CLUSTERING = "clustering"
JUDGED = "christoffersen_p"
"""The test by which the checklist judges a level."""
TESTS = (
    ("kupiec_p", "Kupiec p", "frequency"),
    ("independence_p", "Independence p", CLUSTERING),
    (JUDGED, "Christoffersen p", "both"),
)
NOTE = (
    "Kupiec asks whether exceptions are as frequent as promised, the independence test whether one makes another in "
    "the next session more or less likely, Christoffersen's test both at once; their p-values are exact for so many "
    "sessions. The checklist judges forecasts by Christoffersen's test and rejects{below}; right forecasts then fail "
    "any of its tests in 5% of the runs. Any other p-value below 0.05 is called below 0.05 alone, and rejects nothing: "
    "one of twenty tests of right forecasts is. The Basel zone counts exceptions at 99% over the last 250 sessions: "
    "green up to 4, yellow 5 to 9, red from 10. Z2 is the test of expected shortfall of Acerbi and "
    "Székely: zero is expected, below it the predicted shortfall is too small."
)


def section(run: RunRecord) -> Section:
    """Show predictions, losses, exceptions and the backtests of value at risk."""
    lead = "Was the book's loss beyond the predicted value at risk as often as promised, and not in clusters?"
    parts: tuple[Part, ...]
    if run.tables.risk.empty:
        parts = (notice("The book was never held over a session for which a value at risk could be predicted."),)
    else:
        drawn = charts.losses_against_predictions(run.tables.risk, prediction_source(run))
        law = () if run.tables.book_law is None else (charts.predicted_law(run.tables.book_law),)
        parts = (*law, drawn, tests_table({run.name: run.metrics}), *_sessions_held(run), *forecast_tests.parts(run))
    parts += tuple(
        notice(f"At {stated(test.level)}, {test.left_out.statement}.")
        for test in run.metrics.value_at_risk
        if test.left_out is not None
    )
    return Section("value-at-risk", "Value at risk against losses", "Value at risk", lead, parts)


def prediction_source(run: RunRecord) -> str:
    """Name what made the predictions: the model, or history where the run has no model."""
    return in_words(", ".join(sorted({str(source) for source in run.tables.risk["source"]}))).lower()


def _sessions_held(run: RunRecord) -> tuple[Part, ...]:
    """Say why fewer sessions are tested than the run has; nothing where all are."""
    total = run.breakdowns.n_sessions
    if all(test.n == total for test in run.metrics.value_at_risk):
        return ()
    text = (
        f"The test span has {figure(total, COUNT)} sessions. Those over which positions were held are tested: the "
        "first is the one after the first fill, and a book of cash has nothing to lose."
    )
    return (Words(text, style="note"),)


def tests_table(runs: Mapping[str, RunMetrics]) -> Table:
    """Lay out the backtests of one run, or of several under their names."""
    further = any(test.z2 is not None for of_run in runs.values() for test in of_run.value_at_risk)
    names = ("Exceptions", "Expected", "Sessions", *(name for _, name, _ in TESTS), "Basel zone")
    labels = (Cell("Level"), Cell("Result"), *header(*names, *(("Z2",) if further else ()), numeric_from=0))
    rows: list[Row] = []
    for name, of_run in runs.items():
        rows += [heading_row(name)] if len(runs) > 1 else []
        rows += [_row(test, of_run.rejects_below, further) for test in of_run.value_at_risk]
    limits = {figure(of_run.rejects_below, SMALL_RATIO) for of_run in runs.values()}
    below = f" below {limits.pop()}" if len(limits) == 1 else ""
    return Table("Backtests of value at risk", labels, tuple(rows), NOTE.format(below=below))


def _row(test: LevelTests, rejects_below: float, further: bool) -> Row:
    zone = test.basel_zone
    cells = (
        _result(test, rejects_below),
        number(test.exceptions, COUNT),
        number(test.expected, ONE_DIGIT),
        _sessions(test),
        *(_p(test, field, rejects_below) for field, _, _ in TESTS),
        Cell(zone or reason_of(test, "basel_zone"), numeric=True, tone="plain" if zone else "muted"),
        *((_shortfall_test(test),) if further else ()),
    )
    return row(stated(test.level), *cells)


def _sessions(test: LevelTests) -> Cell:
    cell = number(test.n, COUNT)
    left_out = 0 if test.left_out is None else test.left_out.n
    return Cell(cell.text, numeric=True, under=f"{left_out:,} left out") if left_out else cell


def _shortfall_test(test: LevelTests) -> Cell:
    cell, value = number(test.z2, RATIO, reason_of(test, "z2")), test.z2_p
    if value is None:
        return cell
    return Cell(cell.text, numeric=True, under=f"p {p_value(value)}")


def _p(test: LevelTests, field: str, rejects_below: float) -> Cell:
    value: float | None = getattr(test, field)
    if value is None:
        return Cell(reason_of(test, field), numeric=True, tone="muted")
    return Cell(p_value(value), numeric=True, tone="bad" if field == JUDGED and value < rejects_below else "plain")


def _result(test: LevelTests, rejects_below: float) -> Cell:
    """Say in words what the p-values say: what the checklist rejects, and else what is unlikely by one test alone."""
    judged = getattr(test, JUDGED)
    rejected = judged is not None and judged < rejects_below
    aspects = (*((field, aspect) for field, _, aspect in TESTS), *(() if rejected else (("z2_p", "shortfall"),)))
    known = [(aspect, value) for field, aspect in aspects if (value := getattr(test, field)) is not None]
    if not known:
        return Cell("? undecided", tone="open", pill=True)
    order = "even spacing" if test.clustered is False else CLUSTERING
    failed = [order if aspect == CLUSTERING else aspect for aspect, value in known if value < SIGNIFICANCE]
    shown = ", ".join([aspect for aspect in failed if aspect != "both"] or ["jointly"])
    if rejected:
        return Cell(f"\u2717 rejected: {shown}", tone="bad", pill=True)
    if failed:
        return Cell(f"below {SIGNIFICANCE:g} alone: {shown}", tone="muted", pill=True)
    return Cell("\u2713 not rejected", tone="good", pill=True)
