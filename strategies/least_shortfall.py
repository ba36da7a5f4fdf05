"""Least shortfall: the long-only book whose predicted expected shortfall is least, moved only as far as it pays.

Hypothesis: a model's joint law tells which shares will lose together, well enough to avoid some of the worst losses.
Refuted by: an expected shortfall of the realised returns that is no smaller than that of equal weight.

Rules:
    rebalance: at each session of the plan's cadence, draw the returns from fill to exit from the model's joint law and
        move to the fully invested book of least expected shortfall under the plan's caps, counting what the move costs.
        Without a model the trailing returns over the same horizon stand in; a share needs nine tenths of them.
"""

from dataclasses import dataclass

import numpy as np

from quantdl.backtest import Decision, MarketView
from quantdl.portfolio import TradingTerms, least_shortfall_weights, within_limits


@dataclass(frozen=True)
class Strategy:
    """Decides on the plan's cadence.

    Attributes:
        level: Confidence of the expected shortfall.
        turnover_penalty: Extra price per unit of weight traded, beyond its cost, that damps churning.
        history: Trailing bars that stand in for draws without a model.
    """

    level: float = 0.95
    turnover_penalty: float = 0.0
    history: int = 500

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not 0.5 < self.level < 1:
            raise ValueError(f"level must lie between 0.5 and 1, got {self.level}.")
        if self.turnover_penalty < 0:
            raise ValueError(f"turnover_penalty must not be negative, got {self.turnover_penalty}.")

    def decide(self, view: MarketView) -> Decision | None:
        """Return the weights of least predicted shortfall when a rebalance is due."""
        if not view.rebalance_due:
            return None
        draws = view.trailing_returns(self.history) if view.draws is None else view.draws
        draws = np.where(view.listed, draws, np.nan)
        if len(draws) < 1 / (1 - self.level) or not np.isfinite(draws).all(axis=0).any():
            return None
        terms = TradingTerms(view.weights, view.cost_fraction, self.turnover_penalty)
        weights = least_shortfall_weights(draws, self.level, view.limits, terms, invested=view.limits.max_gross)
        return Decision(within_limits(weights, view.limits), "rebalance")
