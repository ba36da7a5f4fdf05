"""The verdict of a run for a reader who knows no statistics: what was found, what to do about it, and why.

It says nothing that the checklist and the metrics do not hold: which item weighs most is chosen here, and its figures
are put into a sentence. The statistics behind each sentence stand in the checklist.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from quantdl.backtest.judging.checklist import Checklist, ChecklistItem
from quantdl.backtest.plan.friction import COSTS_TOO_HIGH
from quantdl.backtest.plan.rules import NOTHING_TRADED
from quantdl.calendars.bars import bar_period, is_intraday
from quantdl.results.metrics import RunMetrics
from quantdl.shown import counted

_USE_NOTHING = "Do not use its figures before that is mended."
_LIMITS = "Do not rely on the limits of its plan."

_FAILED: Mapping[str, tuple[str, str]] = {
    "trusted_data": ("The run did not keep to the data that its plan trusts", _USE_NOTHING),
    "documentation": ("The record of the run does not agree with its own fills", _USE_NOTHING),
    "rules": ("Not every order follows a rule of the plan", _USE_NOTHING),
    "sample": ("The sample is not what the plan promises", _USE_NOTHING),
    "forecast_calibration": ("The forecasts do not agree with what happened", "Do not rely on its value at risk."),
    "sizing": ("The book did not keep the plan's limits of size and loss", _LIMITS),
    "invalidation": ("The run did not obey the conditions that should end it", _LIMITS),
    "fast_exit": ("The book could not be left as fast as the plan promises", _LIMITS),
    "horizon": ("A position was held longer than the plan allows", _LIMITS),
    "related_positions": ("Related positions together weighed more than the plan allows", _LIMITS),
    "abnormal_volatility": ("Under stress the book did not do what the plan says", _LIMITS),
    "friction": ("Costs or fills were not as the plan states", _USE_NOTHING),
    "hypothesis": ("The strategy did no better than holding every asset in equal parts", "Do not prefer it to them."),
}
"""What a failed item says and what follows from it, the one that weighs most first."""

_UNDECIDED: Mapping[str, tuple[str, str]] = {
    "trusted_data": ("", "Do not read its profit as what money would have earned."),
    "hypothesis": ("The claim could not be tested", "It speaks neither for its claim nor against it."),
    "friction": ("Not all costs are known", "Do not read from it how much money it could carry."),
    "fast_exit": ("How fast the book can be left is not known", "Do not count on leaving the book in time."),
    "forecast_calibration": ("The forecasts could not be tested", "It says nothing of the risk to come."),
}
_TESTED_IN_PART = (
    "Not every test of the forecasts could be made",
    "Rely on its value at risk only as far as the checklist says that it was tested.",
)
_NEVER_TRADED = ("The strategy never traded.", "Its figures are those of cash.")
_NO_PROFIT_LEFT = ("Its costs are more than the profit can bear", "Do not trade it at these costs.")


@dataclass(frozen=True)
class PlainVerdict:
    """A verdict in plain words.

    Attributes:
        headline: One sentence: what was found, with its figures.
        advice: One sentence: what to do about it.
        reasons: A sentence for every other check that failed, or, where none did, that could not be decided.
    """

    headline: str
    advice: str
    reasons: tuple[str, ...]


def plain_verdict(checklist: Checklist, metrics: RunMetrics, frequency: str = "1D") -> PlainVerdict:
    """Say in plain words what the checklist found.

    Args:
        checklist: The verdict and its items.
        metrics: Figures of the same run.
        frequency: Length of a bar, as the data card states it: what the counted losses are of.
    """
    failed = [item for item in checklist.items if item.passed is False]
    undecided = [item for item in checklist.items if item.passed is None]
    if failed:
        return _worst_of(failed, tuple(_FAILED), [_failure(item, metrics, frequency) for item in failed])
    if undecided:
        found = _worst_of(undecided, tuple(_UNDECIDED), [_doubt(item, metrics) for item in undecided])
        limits = f"Nothing broke the plan, but {found.headline[:1].lower()}{found.headline[1:]}"
        return PlainVerdict(limits, found.advice, found.reasons)
    advice = "The claim stands on this run, which is one past and no promise."
    return PlainVerdict(f"Every check of the plan holds: {_earned(metrics)}.", advice, ())


def _worst_of(items: list[ChecklistItem], order: tuple[str, ...], told: list[tuple[str, str]]) -> PlainVerdict:
    """Put the item that weighs most into the headline, and the others below it in their own order."""
    weights = [order.index(item.item) if item.item in order else len(order) for item in items]
    worst = weights.index(min(weights))
    headline, advice = told[worst]
    return PlainVerdict(headline, advice, tuple(said for place, (said, _) in enumerate(told) if place != worst))


def _failure(item: ChecklistItem, metrics: RunMetrics, frequency: str) -> tuple[str, str]:
    """Return what a failed item says and what follows from it."""
    finding, advice = _FAILED.get(item.item, (f"The check of {_words(item)} failed", _USE_NOTHING))
    if item.item == "forecast_calibration":
        return _miscalibrated(metrics, frequency), advice
    if item.item == "rules" and item.cause == NOTHING_TRADED:
        return _NEVER_TRADED
    if item.item == "hypothesis":
        return _sentence(finding, item.figure), advice
    if item.item == "friction" and _profit_is_gone(item, metrics):
        finding, advice = _NO_PROFIT_LEFT
    return _sentence(finding, item.cause), advice


def _doubt(item: ChecklistItem, metrics: RunMetrics) -> tuple[str, str]:
    """Return what an undecided item says and what follows from it."""
    finding, advice = _UNDECIDED.get(item.item, (f"The check of {_words(item)} is undecided", _USE_NOTHING))
    if item.item == "forecast_calibration" and any(one.christoffersen_p is not None for one in metrics.value_at_risk):
        finding, advice = _TESTED_IN_PART
    return _sentence(finding, item.cause), advice


def _words(item: ChecklistItem) -> str:
    return item.item.replace("_", " ")


def _sentence(finding: str, why: str) -> str:
    """Put a finding and its cause together; a cause that is a finding by itself stands alone."""
    told = ": ".join(part for part in (finding, why.rstrip(".")) if part)
    return f"{told[:1].upper()}{told[1:]}."


def _profit_is_gone(item: ChecklistItem, metrics: RunMetrics) -> bool:
    """Whether costs are as stated and too high: the break-even cost is below them, and nothing else is at fault."""
    bears = metrics.costs.break_even.lower_bps
    return bears < metrics.costs.stated_bps and item.cause.startswith(COSTS_TOO_HIGH)


def _miscalibrated(metrics: RunMetrics, frequency: str) -> str:
    """Say how the losses differ from what was predicted, at the level that is furthest off."""
    share, tests = metrics.rejects_below, metrics.value_at_risk
    known = [(one.christoffersen_p, -one.level, one) for one in tests if one.christoffersen_p is not None]
    rejecting = sorted(found for found in known if found[0] < share)
    if not rejecting:
        return "The book's losses did not fall where its predicted law says."
    worst = rejecting[0][2]
    limit, days = f"{100 * worst.level:g}% limit", counted(worst.n, _unit(frequency))
    if worst.kupiec_p is not None and worst.kupiec_p >= share:
        came = "lay further apart than chance would put them" if worst.clustered is False else "came close together"
        return f"Losses of the book worse than its {limit}, {worst.exceptions:,} on {days}, {came}."
    seen = f"only {worst.exceptions:,}" if worst.exceptions < worst.expected else f"{worst.exceptions:,}"
    return f"Losses of the book were worse than its {limit} on {seen} of {days}; {_promised(worst.expected)}."


def _promised(expected: float) -> str:
    whole = round(expected)
    if whole < 1:
        return "less than one was promised"
    return f"{whole:,} {'was' if whole == 1 else 'were'} promised"


def _unit(frequency: str) -> str:
    return "bar" if is_intraday(frequency) else bar_period(frequency) or "day"


def _earned(metrics: RunMetrics) -> str:
    """Say what both books earned and how far the strategy fell."""
    own, rival = metrics.strategy, metrics.baseline
    if own.cagr is None or rival.cagr is None:
        span, made, other = "in all", own.total_return, rival.total_return
    else:
        span, made, other = "a year", own.cagr, rival.cagr
    fell = f"stood at most {-own.max_drawdown:.1%} below its peak"
    return f"after all costs the strategy {_made(made)} {span}, where equal weight {_made(other)}, and {fell}"


def _made(returned: float) -> str:
    return f"{'lost' if returned < 0 else 'earned'} {abs(returned):.1%}"
