"""Equal weight: every listed share in equal parts. The baseline that any forecast has to beat after costs.

Hypothesis: which shares will do better cannot be known beforehand, so spreading money evenly is the best choice.
Refuted by: a strategy that beats it after costs on the plan's yardstick.

Rules:
    rebalance: at each session of the plan's cadence, give every listed share the same part of equity. A cap of the plan
        that is tighter leaves the rest in cash.
"""

from quantdl.backtest import Decision, MarketView
from quantdl.portfolio import equal_weights, within_limits


class Strategy:
    """Decides on the plan's cadence; has no parameters."""

    def decide(self, view: MarketView) -> Decision | None:
        """Return equal weights when a rebalance is due."""
        if not view.rebalance_due or not view.listed.any():
            return None
        return Decision(within_limits(equal_weights(view.listed), view.limits), "rebalance")
