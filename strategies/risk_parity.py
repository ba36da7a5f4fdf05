"""Risk parity: every share contributes the same to the predicted shortfall, and the book is no larger than its budget.

Hypothesis: a model's joint law tells what each share adds to the bad weeks of a book, so a book whose parts add the
same, held smaller when bad weeks are predicted to be worse, earns more per unit of risk than equal weight.
Refuted by: a Sharpe ratio below that of equal weight after costs, or realised shortfalls far above the budget.

Rules:
    rebalance: at each session of the plan's cadence, draw the returns from fill to exit from the model's joint law,
        weigh shares so that each contributes the same to the expected shortfall of the book, and cut the book to the
        plan's caps and to its budget of predicted shortfall; the rest is cash. Without a model the trailing returns
        over the same horizon stand in; a share needs nine tenths of them.
"""

from dataclasses import dataclass

import numpy as np

from quantdl.backtest import Decision, MarketView
from quantdl.portfolio import equal_risk_weights, within_limits, within_risk_budget


@dataclass(frozen=True)
class Strategy:
    """Decides on the plan's cadence.

    Attributes:
        level: Confidence of the expected shortfall to which all shares contribute the same.
        history: Trailing bars that stand in for draws without a model.
    """

    level: float = 0.95
    history: int = 500

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not 0.5 <= self.level < 1:
            raise ValueError(f"level must lie between 0.5 and 1, got {self.level}.")
        if self.history < 2:
            raise ValueError(f"history must be at least 2 bars, got {self.history}.")

    def decide(self, view: MarketView) -> Decision | None:
        """Return the book of equal contributions, within caps and budget, when a rebalance is due."""
        if not view.rebalance_due:
            return None
        draws = np.where(view.listed, view.trailing_returns(self.history) if view.draws is None else view.draws, np.nan)
        if len(draws) < 1 / (1 - self.level) or not np.isfinite(draws).all(axis=0).any():
            return None
        weights = within_limits(equal_risk_weights(draws, self.level) * view.limits.max_gross, view.limits)
        return Decision(within_risk_budget(weights, draws, view.limits), "rebalance")
