"""Several runs side by side: verdicts, curves, figures, tests, and what their configs do differently."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from quantdl.errors import RunError
from quantdl.report import calibration, html, market_risk, performance
from quantdl.report.document import Cell, Part, Row, Section, Table, Words, header, notice, row
from quantdl.report.formatting import in_words, plainly
from quantdl.report.verdict import cause_of, verdict
from quantdl.results.run_record import RunRecord, read_run
from quantdl.runs.store import RunFolder


def write_comparison(runs: Sequence[RunFolder], destination: Path) -> Path:
    """Write one HTML file that holds several runs against each other.

    Args:
        runs: At least two opened run folders, in the order of the columns.
        destination: The file to write; it is replaced.

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
    sections = (_verdicts(named), _curves(named), _figures(named), _scores(named), _configs(named))
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
    tests = {name: run.metrics.value_at_risk for name, run in runs.items() if run.metrics.value_at_risk}
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
