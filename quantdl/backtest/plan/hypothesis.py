"""Hypothesis: why the strategy should work, what would refute it, and what else could explain its profit."""

from dataclasses import dataclass
from typing import Literal

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import Sentence

ROW = ReportRow("Hypothesis", "figures", "Key figures")

_LOWER_IS_BETTER = ("max_drawdown", "expected_shortfall")
_IN_WORDS = {
    "sharpe": "Sharpe ratio",
    "total_return": "total return",
    "max_drawdown": "maximum drawdown",
    "expected_shortfall": "95% expected shortfall",
}


@dataclass(frozen=True)
class OtherExplanations(metaclass=Stated):
    """What else could produce the same profit: one other explanation for each context.

    Attributes:
        trend: That prices rose or fell for all.
        volatility: That the book was only calmer, or wilder.
        liquidity: That it was paid for holding what is hard to sell.
    """

    trend: Sentence
    volatility: Sentence
    liquidity: Sentence


@dataclass(frozen=True)
class Hypothesis(metaclass=Stated):
    """Why the strategy should work, and what would show that it does not.

    Attributes:
        statement: The claim, in one or two sentences.
        market_context: The market in which it should hold.
        refuted_by: The observation that would refute it.
        yardstick: The figure on which the strategy must not lose to equal weight after costs. Stated beforehand, so
            that it cannot be picked afterwards.
        other_explanations: Rival explanations; profit and loss are split along them after the run.
    """

    statement: Sentence
    market_context: Sentence
    refuted_by: Sentence
    yardstick: Literal["sharpe", "total_return", "max_drawdown", "expected_shortfall"]
    other_explanations: OtherExplanations


def judge(hypothesis: Hypothesis, run: FinishedRun) -> ItemVerdict:
    """Hold the strategy against equal weight on the yardstick that was stated beforehand."""
    name, found = hypothesis.yardstick, run.evidence.yardstick
    words = _IN_WORDS[name]
    if found is None:
        return ItemVerdict(hypothesis.statement, f"{words} undefined", doubts=("nothing to hold against equal weight",))
    behind = found.equal_weight - found.strategy
    own, rival = _told_apart(found.strategy, found.equal_weight, as_ratio=name == "sharpe")
    figure = f"{f'{words} {found.basis}'.rstrip()} {own}, equal weight {rival}"
    if name in _LOWER_IS_BETTER:
        behind = -behind
        figure += " at the same mean exposure"
    if run.result.halted_on is not None:
        figure += f", both up to the halt on {run.result.halted_on:%Y-%m-%d}"
    if behind <= 0:
        return ItemVerdict(hypothesis.statement, figure)
    lost = _written(behind, 4, as_ratio=name == "sharpe")
    return ItemVerdict(hypothesis.statement, figure, (f"loses to equal weight on its {words} by {lost}",))


def _told_apart(own: float, rival: float, *, as_ratio: bool) -> tuple[str, str]:
    """Write two figures with as many decimals as tell them apart, ratios as they are and fractions in percent.

    Example:
        >>> _told_apart(0.5234, 0.61, as_ratio=True), _told_apart(0.02591, 0.02592, as_ratio=False)
        (('0.52', '0.61'), ('2.5910%', '2.5920%'))
    """
    few, many = (tuple(_written(one, digits, as_ratio=as_ratio) for one in (own, rival)) for digits in (2, 4))
    first, second = many if few[0] == few[1] and own != rival else few
    return first, second


def _written(value: float, digits: int, *, as_ratio: bool) -> str:
    return f"{value:.{digits}f}" if as_ratio else f"{value:.{digits}%}"
