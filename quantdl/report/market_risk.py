"""Predicted value at risk against realised losses, and the tests of it."""

from collections.abc import Mapping

from quantdl.report import charts, forecast_tests
from quantdl.report.document import Cell, Part, Row, Section, Table, header, heading_row, notice, number, row
from quantdl.report.formatting import COUNT, ONE_DIGIT, RATIO, in_words, p_value, stated
from quantdl.report.quantities import reason_of
from quantdl.results.run_record import RunRecord
from quantdl.risk.book.level_tests import LevelTests

SIGNIFICANCE = 0.05
CLUSTERING = "clustering"
TESTS = (
    ("kupiec_p", "Kupiec p", "frequency"),
    ("independence_p", "Independence p", CLUSTERING),
    ("christoffersen_p", "Christoffersen p", "both"),
)
NOTE = (
    "Kupiec asks whether exceptions are as frequent as promised, the independence test whether one makes another in "
    "the next session more or less likely, Christoffersen's test both at once; their p-values are exact for so many "
    "sessions. A p-value below 0.05 rejects the predictions by that test alone; the checklist judges all tests of the "
    "run together, and so asks each for a smaller one. The Basel zone counts exceptions at 99% over the last 250 "
    "sessions: green up to 4, yellow 5 to 9, red from 10. Z2 is the test of expected shortfall of Acerbi and "
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
        parts = (*law, drawn, tests_table({run.name: run.metrics.value_at_risk}), *forecast_tests.parts(run))
    parts += tuple(
        notice(f"At {stated(test.level)}, {test.left_out.statement}.")
        for test in run.metrics.value_at_risk
        if test.left_out is not None
    )
    return Section("value-at-risk", "Value at risk against losses", "Value at risk", lead, parts)


def prediction_source(run: RunRecord) -> str:
    """Name what made the predictions: the model, or history where the run has no model."""
    return in_words(", ".join(sorted({str(source) for source in run.tables.risk["source"]}))).lower()


def tests_table(tests: Mapping[str, tuple[LevelTests, ...]]) -> Table:
    """Lay out the backtests of one run, or of several under their names."""
    further = any(test.z2 is not None for of_run in tests.values() for test in of_run)
    names = ("Exceptions", "Expected", "Sessions", *(name for _, name, _ in TESTS), "Basel zone")
    labels = (Cell("Level"), Cell("Result"), *header(*names, *(("Z2",) if further else ()), numeric_from=0))
    rows: list[Row] = []
    for name, of_run in tests.items():
        rows += [heading_row(name)] if len(tests) > 1 else []
        rows += [_row(test, further) for test in of_run]
    return Table("Backtests of value at risk", labels, tuple(rows), NOTE)


def _row(test: LevelTests, further: bool) -> Row:
    zone = test.basel_zone
    cells = (
        _result(test),
        number(test.exceptions, COUNT),
        number(test.expected, ONE_DIGIT),
        _sessions(test),
        *(_p(test, field) for field, _, _ in TESTS),
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
    return Cell(cell.text, numeric=True, tone="bad" if value < SIGNIFICANCE else "plain", under=f"p {p_value(value)}")


def _p(test: LevelTests, field: str) -> Cell:
    value: float | None = getattr(test, field)
    if value is None:
        return Cell(reason_of(test, field), numeric=True, tone="muted")
    return Cell(p_value(value), numeric=True, tone="bad" if value < SIGNIFICANCE else "plain")


def _result(test: LevelTests) -> Cell:
    """Say in words what the p-values say, naming the aspect that failed."""
    aspects = (*((field, aspect) for field, _, aspect in TESTS), ("z2_p", "shortfall"))
    known = [(aspect, value) for field, aspect in aspects if (value := getattr(test, field)) is not None]
    if not known:
        return Cell("? undecided", tone="open", pill=True)
    order = "even spacing" if test.clustered is False else CLUSTERING
    failed = [order if aspect == CLUSTERING else aspect for aspect, value in known if value < SIGNIFICANCE]
    if not failed:
        return Cell("\u2713 not rejected", tone="good", pill=True)
    shown = [aspect for aspect in failed if aspect != "both"] or ["jointly"]
    return Cell(f"\u2717 rejected: {', '.join(shown)}", tone="bad", pill=True)
