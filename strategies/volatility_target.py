"""Volatility target: calm shares first, and no more of them than the volatility that was agreed on.

Hypothesis: volatility can be predicted and high volatility is not paid for, so a book held at constant predicted
volatility earns more per unit of risk than one held at constant size.
Refuted by: a Sharpe ratio below that of equal weight after costs, or realised volatility far from the target.

Rules:
    rebalance: at each session of the plan's cadence, weigh shares by inverse volatility and scale the book until its
        predicted volatility from fill to exit equals the target, or to the plan's caps if they come first; the rest is
        cash. The prediction is the model's joint law; without a model, the trailing returns.
"""

from dataclasses import dataclass

import numpy as np

from quantdl.backtest import Decision, MarketView
from quantdl.portfolio import inverse_volatility_weights, volatility_target_weights, within_limits


@dataclass(frozen=True)
class Strategy:
    """Decides on the plan's cadence.

    Attributes:
        target: Volatility of the book a year, as a fraction.
        window: Trailing returns of the inverse-volatility weights, in bars.
    """

    target: float = 0.10
    window: int = 60

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not 0 < self.target < 1:
            raise ValueError(f"target must be a yearly fraction between 0 and 1, got {self.target}.")
        if self.window < 2:
            raise ValueError(f"window must be at least 2 bars, got {self.window}.")

    def decide(self, view: MarketView) -> Decision | None:
        """Return the scaled book when a rebalance is due and the window is full."""
        returns = view.simple_returns(self.window)
        if not view.rebalance_due or len(returns) < self.window:
            return None
        weights = inverse_volatility_weights(returns) * view.listed
        if view.draws is None:
            closes = view.shared_closes(self.window + 1)
            draws, bars = np.log1p(closes[1:] / closes[:-1] - 1.0), 1
        else:
            draws, bars = view.draws, view.horizon_bars
            weights = weights * np.isfinite(draws).all(axis=0)
        target = self.target * np.sqrt(bars / view.bars_per_year)
        book = volatility_target_weights(within_limits(weights, view.limits), draws, target, view.limits.max_gross)
        return Decision(within_limits(book, view.limits), "rebalance")
