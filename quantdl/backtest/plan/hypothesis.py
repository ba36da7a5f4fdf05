"""Hypothesis: why the strategy should work, what would refute it, and what else could explain its profit."""

from dataclasses import dataclass
from typing import Literal

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow
from quantdl.backtest.plan.texts import Sentence

ROW = ReportRow("Hypothesis", "figures", "Key figures")

_LOWER_IS_BETTER = ("max_drawdown", "expected_shortfall")


@dataclass(frozen=True)
class OtherExplanations:
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
class Hypothesis:
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
    if found is None:
        return ItemVerdict(hypothesis.statement, f"{name} undefined", doubts=("nothing to hold against equal weight",))
    behind = found.equal_weight - found.strategy
    name_and_basis = f"{name} {found.basis}".rstrip()
    figure = f"{name_and_basis} {found.strategy:.4f}, equal weight {found.equal_weight:.4f}"
    if name in _LOWER_IS_BETTER:
        behind = -behind
        figure += " at the same mean exposure"
    if run.result.halted_on is not None:
        figure += f", both up to the halt on {run.result.halted_on:%Y-%m-%d}"
    failures = (f"loses to equal weight on {name} by {behind:.4f}",) if behind > 0 else ()
    return ItemVerdict(hypothesis.statement, figure, failures)
