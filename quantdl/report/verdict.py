"""The head of the report: verdict with its reason, hypothesis as stated, one checklist row per plan item."""

from dataclasses import dataclass

from quantdl.backtest.judging.checklist import Checklist as RunChecklist, ChecklistItem
from quantdl.backtest.plan.evidence import ReportRow
from quantdl.backtest.plan.items import ITEMS, Plan
from quantdl.report.document import Tone
from quantdl.report.formatting import capitalized, counted, in_words, with_minus


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


def verdict(checklist: RunChecklist) -> Verdict:
    """Put the verdict into a sentence that names every failed or undecided item."""
    items = checklist.items
    failed = [item for item in items if item.passed is False]
    undecided = [item for item in items if item.passed is None]
    causes = tuple(cause_of(item) for item in failed or undecided)
    match checklist.verdict:
        case "defended":
            reason = f"Each of the {len(items)} checks of the plan holds, with the evidence linked below."
            return Verdict("good", "\u2713", "Defended", reason, ())
        case "relative evidence only":
            reason = (
                "The plan was obeyed, but something outside it limits what this run can show: compare it with other "
                "runs on the same data, and do not read its figures as what money would have earned."
            )
            return Verdict("open", "\u2248", "Relative evidence only", reason, causes)
        case "not defended":
            reason = _failures(len(items), len(failed), len(undecided))
            return Verdict("bad", "\u2717", "Not defended", reason, causes)


def _failures(n_items: int, n_failed: int, n_undecided: int) -> str:
    besides = f", {n_undecided} could not be decided" if n_undecided else ""
    return f"{counted(n_failed, 'check')} of {n_items} failed{besides}: the claim does not stand on this run."


def cause_of(item: ChecklistItem) -> str:
    """Name an item and why it did not pass."""
    return f"{in_words(item.item)}: {item.cause}"


def thesis(plan: Plan) -> Thesis:
    """Quote the hypothesis, its author and what would refute it from the plan."""
    stated = plan.hypothesis
    rivals = stated.other_explanations
    about = (
        ("Refuted by", stated.refuted_by),
        ("Yardstick", in_words(stated.yardstick)),
        ("Market context", stated.market_context),
        ("Rival: trend", rivals.trend),
        ("Rival: volatility", rivals.volatility),
        ("Rival: liquidity", rivals.liquidity),
    )
    return Thesis(stated.statement, plan.documentation.author, about)


def checklist(found: RunChecklist) -> Checklist:
    """Lay out the recorded checklist in its own order."""
    items = found.items
    counts = {state: sum(1 for item in items if item.passed is state) for state in (True, False, None)}
    lead = (
        f"{counts[True]} of {len(items)} hold, {counts[False]} failed, {counts[None]} undecided. Each row is an item "
        "of the trading plan, checked before, during and after the run."
    )
    return Checklist(lead, tuple(_row(item) for item in items))


def _row(item: ChecklistItem) -> ChecklistRow:
    status, tone = _status(item.passed)
    shown = row_of(item.item)
    return ChecklistRow(
        item=shown.title,
        status=status,
        tone=tone,
        statement=capitalized(item.statement),
        figure=capitalized(with_minus(item.figure)),
        cause="" if item.passed else capitalized(item.cause),
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
    return next(listed, ReportRow(in_words(item), "figures", "Key figures"))
