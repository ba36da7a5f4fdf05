"""Hypothesis: why the strategy should work, what would refute it, and what else could explain its profit."""

from dataclasses import dataclass
from typing import Literal

from quantdl.backtest.plan.texts import Sentence


@dataclass(frozen=True)
class OtherExplanations:
    """What else could produce the same profit: an honest rival to the hypothesis for each context."""

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
