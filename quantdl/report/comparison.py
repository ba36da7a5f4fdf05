"""Several runs side by side: verdicts, curves, figures, tests, and what their configs do differently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quantdl.errors import RunError
from quantdl.report import calibration, html, market_risk, performance
from quantdl.report.document import Bullets, Cell, Part, Row, Section, Table, Words, header, notice, number, row
from quantdl.report.formatting import (
    PERCENT,
    PROBABILITY,
    RATIO,
    RETURN_SCORE,
    SCORE,
    SMALL_RATIO,
    Unit,
    counted,
    in_words,
    p_value,
    plainly,
    with_unit,
)
from quantdl.report.verdict import cause_of, verdict
from quantdl.results.comparison import ComparedRuns, RunComparison
from quantdl.results.run_record import RunRecord, read_run
from quantdl.runs.store import RunFolder
from quantdl.scoring.comparisons import ScoreDifference


def write_comparison(runs: Sequence[RunFolder], destination: Path, tests: ComparedRuns | None = None) -> Path:
    """Write one HTML file that holds several runs against each other.

    Args:
        runs: At least two opened run folders, in the order of the columns.
        destination: The file to write; it is replaced.
        tests: Of the first run against each of the others; None shows none.

    Returns:
        The file written.

    Raises:
        RunError: If there are fewer than two runs, one of them lacks a file that every run has, or the disk refuses.
        IntegrityError: If a file of a run is not what was written.
    """
    if len(runs) < 2:
        raise RunError(f"A comparison needs at least two runs, got {len(runs)}. For one run use `quantdl report RUN`.")
    contents = tuple(map(read_run, runs))
    named = dict(zip(labels(contents), contents, strict=True))
    tested = () if tests is None else (_tests(tuple(named), tests),)
    sections = (_verdicts(named), _curves(named), *tested, _figures(named), _scores(named), _configs(named))
    title = f"Comparison of {len(named)} runs"
    page = html.Page(title, "comparison", html.entries(sections))
    return html.save(
        html.render("comparison.html", page, {"title": title, "names": tuple(named), "sections": sections}), destination
    )


def labels(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Name each run; runs of one name are told apart by the end of their id.

    The end, because ids begin with the time and runs of one day begin alike.
    """
    names = [run.name for run in runs]
    return tuple(f"{run.name} ({run.run_id[-6:]})" if names.count(run.name) > 1 else run.name for run in runs)


def _verdicts(runs: dict[str, RunRecord]) -> Section:
    rows = tuple(_verdict_row(name, run) for name, run in runs.items())
    columns = header("Run", "Verdict", "Checks that fail or are undecided", "Fingerprint of the data", numeric_from=9)
    parts: list[Part] = [Table("Verdicts", columns, rows)]
    if len({run.card.fingerprint for run in runs.values()}) > 1:
        parts.append(notice("These runs do not stand on the same data, so their figures are not directly comparable."))
    items = dict.fromkeys(item.item for run in runs.values() for item in run.checklist.items)
    lines = tuple(row(in_words(item), *(_state(run, item) for run in runs.values())) for item in items)
    parts.append(Table("Checklists", header("Plan item", *runs, numeric_from=9), lines))
    return Section("verdicts", "Verdicts", "Verdicts", "", tuple(parts))


def _verdict_row(name: str, run: RunRecord) -> Row:
    found = verdict(run.checklist)
    causes = "; ".join(cause_of(item).rstrip(".") for item in run.checklist.items if not item.passed)
    return row(
        name,
        Cell(f"{found.sign} {found.title}", tone=found.tone, pill=True),
        Cell(causes or "none"),
        Cell(run.card.fingerprint[:19]),
        under=run.run_id,
    )


def _state(run: RunRecord, name: str) -> Cell:
    found = [item.passed for item in run.checklist.items if item.item == name]
    if not found:
        return Cell("not checked", tone="muted")
    if found[0] is None:
        return Cell("? undecided", tone="open", pill=True)
    return Cell("\u2713 pass", tone="good", pill=True) if found[0] else Cell("\u2717 fail", tone="bad", pill=True)


def _curves(runs: dict[str, RunRecord]) -> Section:
    books = {name: performance.strategy_curve(run) for name, run in runs.items()}
    lead = "Each run after its own costs, over its own sessions."
    return Section("equity", "Equity and drawdown", "Equity and drawdown", lead, (performance.equity_chart(books),))


def _tests(names: tuple[str, ...], tests: ComparedRuns) -> Section:
    """Say whether the first run differs from each of the others by more than chance, in words and in figures."""
    lead = f"{names[0]} against each of the others, over the bars and forecasts that both have."
    parts: list[Part] = []
    for name, pair in zip(names[1:], tests.pairs, strict=True):
        differences = _differences(pair)
        parts.append(Bullets(tuple(_sentence(one, names[0], name) for one in differences)))
        over = f", {counted(pair.bars, 'return')} from {pair.start} to {pair.end}" if pair.bars else ""
        rows = tuple(map(_difference_row, differences))
        columns = header(f"{names[0]} less {name}", "Difference", "Standard error", "t", "p")
        parts.append(Table(f"Against {name}{over}", columns, rows, narrow=True))
        why_not = (pair.undefined, f"forecasts: {pair.forecasts_undefined}" if pair.forecasts_undefined else "")
        parts += [notice(f"Undefined: {reason}.") for reason in why_not if reason]
    if any(value is not None for value in tests.confidence_set):
        rows = tuple(row(name, number(p, PROBABILITY)) for name, p in zip(names, tests.confidence_set, strict=True))
        note = (
            "The runs above 0.1 hold the one with the best log scores with a probability of 90%; the less evidence "
            "there is, the more runs stay in this set."
        )
        parts.append(Table("Model confidence set of the forecasts", header("Run", "p"), rows, note, narrow=True))
    parts.append(Words(_HOW_TESTED, style="note"))
    return Section("tests", "More than chance?", "Tests", lead, tuple(parts))


_HOW_TESTED = (
    "Each test is of the mean of a difference bar by bar, with errors that allow bars to be correlated in time "
    "(Diebold and Mariano; Ledoit and Wolf for Sharpe ratios). p is the chance of a difference at least as large if "
    "the runs were equally good. Several comparisons find something by chance more often than one does, and runs that "
    "were chosen because they did well look better than they are."
)
_CHANCE = 0.05


@dataclass(frozen=True)
class _Difference:
    """What is tested: ``high`` is said of the first run where the difference is positive, ``low`` where negative."""

    label: str
    unit: Unit
    mean: float
    error: float | None
    t: float
    p: float
    high: str
    low: str


def _differences(pair: RunComparison) -> tuple[_Difference, ...]:
    found: list[_Difference] = []
    if pair.returns is not None:
        mean, sharpe, tail = pair.returns.mean, pair.returns.sharpe, pair.returns.shortfall
        found.append(
            _difference("Mean return a bar", RETURN_SCORE, mean, "earned more a bar than", "earned less a bar than")
        )
        if sharpe is not None:
            ways = "has a higher Sharpe ratio than", "has a lower Sharpe ratio than"
            found.append(_difference("Sharpe ratio a bar", SMALL_RATIO, sharpe, *ways))
            if pair.sharpe_difference is not None and pair.sharpe_error is not None:
                yearly = replace(found.pop(), label="Sharpe ratio a year", unit=RATIO, mean=pair.sharpe_difference)
                found.append(replace(yearly, error=pair.sharpe_error))
        if tail is not None:
            ways = "loses more in its worst bars than", "loses less in its worst bars than"
            found.append(_difference("Expected shortfall of a bar at 95%", PERCENT, tail, *ways))
    if pair.forecasts is not None:
        of, ways = pair.forecasts, ("forecasts worse than", "forecasts better than")
        dependent = of.diebold_mariano_t, of.diebold_mariano_p
        found.append(_Difference("Negative log score of a forecast", SCORE, of.difference, None, *dependent, *ways))
    return tuple(found)


def _difference(label: str, unit: Unit, test: ScoreDifference, high: str, low: str) -> _Difference:
    return _Difference(label, unit, test.mean, test.error, test.t, test.p_value, high, low)


def _sentence(one: _Difference, first: str, second: str) -> str:
    """Say what a test found, so that it can be read without knowing the test."""
    if one.p >= _CHANCE:
        return f"{one.label}: {first} and {second} differ by no more than chance makes (p {p_value(one.p)})."
    return f"{one.label}: {first} {one.high if one.mean > 0 else one.low} {second} (p {p_value(one.p)})."


def _difference_row(one: _Difference) -> Row:
    figures = number(one.mean, one.unit), number(one.error, one.unit, ""), number(one.t, RATIO)
    return row(with_unit(one.label, one.unit), *figures, Cell(p_value(one.p), numeric=True))


def _figures(runs: dict[str, RunRecord]) -> Section:
    books = {name: run.metrics.strategy for name, run in runs.items()}
    table = performance.compared("Figures of the strategies", books)
    return Section("figures", "Key figures", "Key figures", "", (table,))


def _scores(runs: dict[str, RunRecord]) -> Section:
    parts: list[Part] = []
    scores = {name: run.metrics.forecast for name, run in runs.items()}
    if any(scores.values()):
        rows = tuple(row(name, *calibration.score_cells(of_run)) for name, of_run in scores.items())
        columns = header("Run", *(shown.label for shown in calibration.SCORES))
        note = "Scores are comparable only over the same assets and sessions. Lower is better."
        parts.append(Table("Forecast scores", columns, rows, note))
    else:
        parts.append(notice("None of these runs made forecasts."))
    tests = {name: run.metrics for name, run in runs.items() if run.metrics.value_at_risk}
    parts.append(market_risk.tests_table(tests) if tests else notice("None of these runs tested a value at risk."))
    return Section("forecasts", "Forecasts and value at risk", "Forecasts", "", tuple(parts))


def _configs(runs: dict[str, RunRecord]) -> Section:
    flat = {name: flattened(run.setup.resolved) for name, run in runs.items()}
    keys = sorted({key for values in flat.values() for key in values})
    differing = [key for key in keys if len({values.get(key, "not set") for values in flat.values()}) > 1]
    if not differing:
        return Section("configs", "Configs", "Configs", "", (Words("The resolved configs are the same."),))
    rows = tuple(row(key, *(Cell(values.get(key, "not set")) for values in flat.values())) for key in differing)
    lead = "Only the keys in which the resolved configs differ."
    return Section(
        "configs",
        "What the configs do differently",
        "Configs",
        lead,
        (Table("Differences", header("Key", *runs, numeric_from=9), rows),),
    )


def flattened(config: Mapping[str, object], before: str = "") -> dict[str, str]:
    """Write a nested config as dotted keys and texts.

    Example:
        >>> flattened({"plan": {"horizon": {"bars": 5}}, "seed": 7})
        {'plan.horizon.bars': '5', 'seed': '7'}
    """
    flat: dict[str, str] = {}
    for key, value in config.items():
        name = f"{before}{key}"
        flat |= flattened(value, f"{name}.") if isinstance(value, dict) and value else {name: plainly(value)}
    return flat
