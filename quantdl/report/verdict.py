"""The head of the report: verdict with its reason, hypothesis as stated, one checklist row per plan item."""

from dataclasses import dataclass

from quantdl.backtest.plan.evidence import ReportRow
from quantdl.backtest.plan.items import ITEMS
from quantdl.report.contents import RunContents
from quantdl.report.document import Tone
from quantdl.report.formatting import NOT_RECORDED, capitalized, counted, in_words
from quantdl.report.record import Record


@dataclass(frozen=True)
class Verdict:
    """The banner: a sign, a title and the plain reason."""

    tone: Tone
    sign: str
    title: str
    reason: str
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Thesis:
    """The hypothesis as the plan states it, and what the plan says about it."""

    hypothesis: str
    author: str
    about: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ChecklistRow:
    """One item of the plan and how it fared."""

    item: str
    status: str
    tone: Tone
    statement: str
    figure: str
    cause: str
    evidence: str
    evidence_title: str


@dataclass(frozen=True)
class Checklist:
    """All items of the plan, and how many of them hold."""

    lead: str
    rows: tuple[ChecklistRow, ...]


def verdict(checklist: Record) -> Verdict:
    """Put the recorded verdict into a sentence that names every failed or undecided item."""
    stated = checklist.text("verdict")
    items = checklist.records("items")
    failed = [item for item in items if item.flag("passed") is False]
    undecided = [item for item in items if item.flag("passed") is None]
    causes = tuple(cause_of(item) for item in failed or undecided)
    reason = checklist.text("reason")
    match stated:
        case "defended":
            return Verdict("good", "\u2713", "Defended", reason or _all_hold(items, undecided), ())
        case "relative evidence only":
            default = (
                "The plan was obeyed, but something outside it limits what this run can show: compare it with other "
                "runs on the same data, and do not read its figures as what money would have earned."
            )
            return Verdict("open", "\u2248", "Relative evidence only", reason or default, causes)
        case "not defended":
            default = _failures(len(items), len(failed), len(undecided))
            return Verdict("bad", "\u2717", "Not defended", reason or default, causes)
    return Verdict(
        "open", "?", in_words(stated) or "No verdict", reason or "No verdict is recorded for this run.", causes
    )


def _failures(n_items: int, n_failed: int, n_undecided: int) -> str:
    besides = f", {n_undecided} could not be decided" if n_undecided else ""
    return f"{counted(n_failed, 'check')} of {n_items} failed{besides}: the claim does not stand on this run."


def _all_hold(items: tuple[Record, ...], undecided: list[Record]) -> str:
    if undecided:
        return f"No check failed; {len(undecided)} of {len(items)} could not be decided, see the checklist."
    return f"Each of the {len(items)} checks of the plan holds, with the evidence linked below."


def cause_of(item: Record) -> str:
    """Name an item and why it did not pass, or what is known of it."""
    what = item.text("cause") or item.text("figure") or item.text("statement")
    return f"{in_words(item.text('item'))}: {what}" if what else in_words(item.text("item"))


def thesis(config: Record) -> Thesis:
    """Quote the hypothesis, its author and what would refute it from the plan."""
    stated = config.record("plan", "hypothesis")
    rivals = stated.record("other_explanations")
    about = (
        ("Refuted by", stated.text("refuted_by")),
        ("Yardstick", in_words(stated.text("yardstick"))),
        ("Market context", stated.text("market_context")),
        *((f"Rival: {in_words(kind).lower()}", rivals.text(kind)) for kind in ("trend", "volatility", "liquidity")),
    )
    return Thesis(
        hypothesis=stated.text("statement") or config.text("plan", "hypothesis") or "No hypothesis is recorded.",
        author=config.text("plan", "documentation", "author"),
        about=tuple((name, text) for name, text in about if text),
    )


def checklist(run: RunContents) -> Checklist:
    """Lay out the recorded checklist in its own order."""
    items = run.checklist.records("items")
    if not items:
        return Checklist("No checklist is recorded for this run.", ())
    counts = {state: sum(1 for item in items if item.flag("passed") is state) for state in (True, False, None)}
    lead = (
        f"{counts[True]} of {len(items)} hold, {counts[False]} failed, {counts[None]} undecided. Each row is an item "
        "of the trading plan, checked before, during and after the run."
    )
    return Checklist(lead, tuple(_row(item) for item in items))


def _row(item: Record) -> ChecklistRow:
    status, tone = _status(item.flag("passed"))
    shown = row_of(item.text("item"))
    return ChecklistRow(
        item=shown.title,
        status=status,
        tone=tone,
        statement=capitalized(item.text("statement")),
        figure=capitalized(item.text("figure")),
        cause="" if item.flag("passed") else capitalized(item.text("cause")),
        evidence=shown.section,
        evidence_title=shown.section_title,
    )


def _status(passed: bool | None) -> tuple[str, Tone]:
    if passed is None:
        return "? Undecided", "open"
    return ("\u2713 Pass", "good") if passed else ("\u2717 Fail", "bad")


def row_of(item: str) -> ReportRow:
    """Return how the report shows an item: as the plan's list says, and one that is not listed with the key figures.

    Example:
        >>> row_of("related_positions")
        ReportRow(title='Related positions', section='exposures', section_title='Exposures')
    """
    listed = (known.row for known in ITEMS if known.name == item)
    return next(listed, ReportRow(in_words(item) or NOT_RECORDED, "figures", "Key figures"))
