"""A strategy that repeats recorded decisions, to ask what they would have earned on other terms."""

import numpy as np

from quantdl.backtest.running.decisions import Decision, Hold
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.view import MarketView


class Replay:
    """Takes every decision of a result again at its session.

    Between two sessions of the cadence a position may only be reduced; there a target is cut to what this run holds.
    """

    def __init__(self, result: BacktestResult) -> None:
        """Index the decisions by session."""
        self.decisions = {decision.session: decision for decision in result.decisions}

    def decide(self, view: MarketView) -> Decision | Hold | None:
        """Return what was decided then."""
        recorded = self.decisions.get(view.session)
        if recorded is None:
            return None
        if recorded.weights is None:
            return Hold(recorded.rules[0])
        weights = recorded.weights
        if not view.rebalance_due:
            same_side = weights * view.weights > 0
            most = np.minimum(np.abs(weights), np.abs(view.weights))
            weights = np.where(same_side, np.sign(weights) * most, 0.0)
        return Decision(weights, recorded.rules)
