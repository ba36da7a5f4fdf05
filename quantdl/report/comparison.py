"""Several runs side by side: verdicts, curves, figures, tests, and what their configs do differently."""

from collections.abc import Sequence
from pathlib import Path

from quantdl.errors import RunError
from quantdl.report import html, market_risk, performance
from quantdl.report.contents import RunContents, read_contents
from quantdl.report.document import Cell, Part, Row, Section, Table, Words, header, notice, row
from quantdl.report.formatting import in_words, plainly
from quantdl.report.quantities import known_first, quantity, recorded
from quantdl.report.record import Record
from quantdl.report.verdict import verdict
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
    contents = tuple(read_contents(run) for run in runs)
    named = dict(zip(labels(contents), contents, strict=True))
    sections = (_verdicts(named), _curves(named), _figures(named), _scores(named), _configs(named))
    title = f"Comparison of {len(named)} runs"
    page = html.Page(title, "comparison", html.entries(sections))
    return html.save(
        html.render("comparison.html", page, {"title": title, "names": tuple(named), "sections": sections}), destination
    )


def labels(runs: Sequence[RunContents]) -> tuple[str, ...]:
    """Name each run; runs of one name are told apart by the end of their id.

    The end, because ids begin with the time and runs of one day begin alike.
    """
    names = [run.name for run in runs]
    return tuple(f"{run.name} ({run.run_id[-6:]})" if names.count(run.name) > 1 else run.name for run in runs)


def _verdicts(runs: dict[str, RunContents]) -> Section:
    rows = tuple(_verdict_row(name, run) for name, run in runs.items())
    columns = header("Run", "Verdict", "Checks that fail or are undecided", "Fingerprint of the data", numeric_from=9)
    parts: list[Part] = [Table("Verdicts", columns, rows)]
    if len({run.card.text("fingerprint") for run in runs.values()}) > 1:
        parts.append(notice("These runs do not stand on the same data, so their figures are not directly comparable."))
    items = dict.fromkeys(item.text("item") for run in runs.values() for item in run.checklist.records("items"))
    lines = tuple(row(in_words(item), *(_state(run, item) for run in runs.values())) for item in items)
    parts.append(Table("Checklists", header("Plan item", *runs, numeric_from=9), lines))
    return Section("verdicts", "Verdicts", "Verdicts", "", tuple(parts))


def _verdict_row(name: str, run: RunContents) -> Row:
    found = verdict(run.checklist)
    open_items = [item for item in run.checklist.records("items") if item.flag("passed") is not True]
    causes = "; ".join(
        f"{in_words(item.text('item'))}: {(item.text('cause') or item.text('figure')).rstrip('.')}"
        for item in open_items
    )
    return row(
        name,
        Cell(f"{found.sign} {found.title}", tone=found.tone, pill=True),
        Cell(causes or "none"),
        Cell(run.card.text("fingerprint")[:19] or "not recorded"),
        under=run.run_id,
    )


def _state(run: RunContents, name: str) -> Cell:
    found = [item for item in run.checklist.records("items") if item.text("item") == name]
    if not found:
        return Cell("not checked", tone="muted")
    passed = found[0].flag("passed")
    if passed is None:
        return Cell("? undecided", tone="open", pill=True)
    return Cell("\u2713 pass", tone="good", pill=True) if passed else Cell("\u2717 fail", tone="bad", pill=True)


def _curves(runs: dict[str, RunContents]) -> Section:
    equity = {name: performance.equity_of(run) for name, run in runs.items()}
    lead = "Each run after its own costs, over its own sessions."
    return Section("equity", "Equity and drawdown", "Equity and drawdown", lead, (performance.equity_chart(equity),))


def _figures(runs: dict[str, RunContents]) -> Section:
    books = {name: run.metrics.record("strategy") for name, run in runs.items()}
    return Section(
        "figures", "Key figures", "Key figures", "", (performance.compared("Figures of the strategies", books),)
    )


def _scores(runs: dict[str, RunContents]) -> Section:
    parts: list[Part] = []
    scores = {name: run.metrics.record("forecast") for name, run in runs.items()}
    keys = known_first(
        [key for score in scores.values() for key, value in score.values.items() if isinstance(value, int | float)]
    )
    if keys:
        rows = tuple(row(name, *(recorded(score, key) for key in keys)) for name, score in scores.items())
        note = "Scores are comparable only over the same assets and sessions. Lower is better."
        parts.append(Table("Forecast scores", header("Run", *(quantity(key).label for key in keys)), rows, note))
    else:
        parts.append(notice("None of these runs made forecasts."))
    tests = {name: of_run for name, run in runs.items() if (of_run := run.metrics.records("value_at_risk"))}
    parts.append(market_risk.tests_table(tests) if tests else notice("None of these runs tested a value at risk."))
    return Section("forecasts", "Forecasts and value at risk", "Forecasts", "", tuple(parts))


def _configs(runs: dict[str, RunContents]) -> Section:
    flat = {name: flattened(run.config) for name, run in runs.items()}
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


def flattened(config: Record, before: str = "") -> dict[str, str]:
    """Write a nested config as dotted keys and texts.

    Example:
        >>> flattened(Record({"plan": {"horizon": {"bars": 5}}, "seed": 7}))
        {'plan.horizon.bars': '5', 'seed': '7'}
    """
    flat: dict[str, str] = {}
    for key, value in config.values.items():
        name = f"{before}{key}"
        flat |= flattened(Record(value), f"{name}.") if isinstance(value, dict) and value else {name: plainly(value)}
    return flat
