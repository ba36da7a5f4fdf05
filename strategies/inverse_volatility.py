"""Inverse volatility: the calmer a share has been, the more of it is held.

Hypothesis: risk lasts longer than return, so money spread evenly over past risk is spread evenly over coming risk.
Refuted by: a book that is no calmer than equal weight, or a lower Sharpe ratio after costs.

Rules:
    rebalance: at each session of the plan's cadence, weigh each share by one over the standard deviation of its last
        returns. A share without a full window of them, or whose price hardly moves, is left out. What a cap of the plan
        cuts off stays in cash.
"""

from dataclasses import dataclass

from quantdl.backtest import Decision, MarketView
from quantdl.portfolio import inverse_volatility_weights, within_limits


@dataclass(frozen=True)
class Strategy:
    """Decides on the plan's cadence.

    Attributes:
        window: Trailing returns of the standard deviation, in bars.
    """

    window: int = 60

    def __post_init__(self) -> None:
        """Check the window."""
        if self.window < 2:
            raise ValueError(f"window must be at least 2 bars, got {self.window}.")

    def decide(self, view: MarketView) -> Decision | None:
        """Return inverse-volatility weights when a rebalance is due and the window is full."""
        returns = view.simple_returns(self.window)
        if not view.rebalance_due or len(returns) < self.window:
            return None
        weights = inverse_volatility_weights(returns) * view.listed
        return Decision(within_limits(weights, view.limits), "rebalance")
