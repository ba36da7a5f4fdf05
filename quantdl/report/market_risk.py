"""Predicted value at risk against realised losses, and the tests of it."""

from collections.abc import Mapping

from quantdl.report import figures
from quantdl.report.contents import RunContents
from quantdl.report.document import Cell, Part, Row, Section, Table, header, heading_row, notice, number, row
from quantdl.report.formatting import COUNT, NOT_RECORDED, RATIO, Unit, in_words, p_value
from quantdl.report.quantities import reason_of
from quantdl.report.record import Record

SIGNIFICANCE = 0.05
TESTS = (
    ("kupiec_p", "Kupiec p", "frequency"),
    ("independence_p", "Independence p", "clustering"),
    ("christoffersen_p", "Christoffersen p", "both"),
)
NOTE = (
    "Kupiec asks whether exceptions are as frequent as promised, the independence test whether they cluster, "
    "Christoffersen's test both at once. A p-value below 0.05 rejects the predictions. The Basel zone counts "
    "exceptions at 99% over the last 250 sessions: green up to 4, yellow 5 to 9, red from 10. Z2 is the test of "
    "expected shortfall of Acerbi and Székely: zero is expected, below it the predicted shortfall is too small."
)


def section(run: RunContents) -> Section:
    """Show predictions, losses, exceptions and the backtests of value at risk."""
    lead = "Was the book's loss beyond the predicted value at risk as often as promised, and not in clusters?"
    tests = run.metrics.records("value_at_risk")
    if run.risk is None:
        why = "This run predicted no value at risk, so losses cannot be held against a prediction."
        parts: tuple[Part, ...] = (notice(why),)
    else:
        parts = (figures.losses_against_predictions(run.risk, prediction_source(run)),)
    parts += (
        (tests_table({run.name: tests}),)
        if tests
        else (notice("No backtest of value at risk is recorded for this run."),)
    )
    return Section("value-at-risk", "Value at risk against losses", "Value at risk", lead, parts)


def prediction_source(run: RunContents) -> str:
    """Name what made the predictions: the model, or history where the run has no model."""
    if run.risk is not None and "source" in run.risk.columns:
        named = sorted({str(source) for source in run.risk["source"].dropna()})
        if named:
            return in_words(", ".join(named)).lower()
    kind = run.config.text("model", "kind")
    return f"the {kind} model" if kind else "historical simulation"


def tests_table(tests: Mapping[str, tuple[Record, ...]]) -> Table:
    """Lay out the backtests of one run, or of several under their names."""
    every = [test for of_run in tests.values() for test in of_run]
    further = any(test.number("z2") is not None for test in every)
    names = ("Exceptions", "Expected", "Sessions", *(name for _, name, _ in TESTS), "Basel zone")
    labels = (Cell("Level"), Cell("Finding"), *header(*names, *(("Z2",) if further else ()), numeric_from=0))
    rows: list[Row] = []
    for name, of_run in tests.items():
        rows += [heading_row(name)] if len(tests) > 1 else []
        rows += [_row(test, further) for test in of_run]
    return Table("Backtests of value at risk", labels, tuple(rows), NOTE)


def _row(test: Record, further: bool) -> Row:
    level = test.number("level")
    p_values = [_p(test, key) for key, _, _ in TESTS]
    zone = test.text("basel_zone")
    cells = (
        _finding(test),
        number(test.number("exceptions"), COUNT),
        number(test.number("expected"), Unit("", 1.0, 1)),
        number(test.number("n"), COUNT),
        *p_values,
        Cell(zone or reason_of(test, "basel_zone"), numeric=True, tone="plain" if zone else "muted"),
        *((_shortfall_test(test),) if further else ()),
    )
    return row(f"{100 * level:g}%" if level is not None else NOT_RECORDED, *cells)


def _shortfall_test(test: Record) -> Cell:
    cell, value = number(test.number("z2"), RATIO, reason_of(test, "z2")), test.number("z2_p")
    if value is None:
        return cell
    return Cell(cell.text, numeric=True, tone="bad" if value < SIGNIFICANCE else "plain", under=f"p {p_value(value)}")


def _p(test: Record, key: str) -> Cell:
    value = test.number(key)
    if value is None:
        return Cell(reason_of(test, key), numeric=True, tone="muted")
    return Cell(p_value(value), numeric=True, tone="bad" if value < SIGNIFICANCE else "plain")


def _finding(test: Record) -> Cell:
    """Say in words what the p-values say, naming the aspect that failed."""
    asked = (*((key, what) for key, _, what in TESTS), ("z2_p", "shortfall"))
    known = [(what, value) for key, what in asked if (value := test.number(key)) is not None]
    if not known:
        return Cell("? undecided", tone="open", pill=True)
    failed = [what for what, value in known if value < SIGNIFICANCE]
    if not failed:
        return Cell("\u2713 not rejected", tone="good", pill=True)
    aspects = [what for what in failed if what != "both"] or ["jointly"]
    return Cell(f"\u2717 rejected: {', '.join(aspects)}", tone="bad", pill=True)
