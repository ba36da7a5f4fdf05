"""Cross-sectional momentum: hold the shares that have risen most, leaving out the last month.

Hypothesis: shares that did better than others over the past year go on doing better for some months.
Refuted by: a Sharpe ratio no higher than that of equal weight, after costs.

Rules:
    rebalance: at each session of the plan's cadence, rank the shares by their return from ``lookback`` to ``skip`` bars
        ago and hold the best ``fraction`` of them in equal parts. A share without the whole look-back is left out. What
        a cap of the plan cuts off stays in cash.

Sources:
    Returns to buying winners and selling losers (Jegadeesh and Titman, 1993). The last month is left out because short
    returns tend to reverse.
"""

from dataclasses import dataclass

import numpy as np

from quantdl.backtest import Decision, MarketHistory, MarketView, TargetTable
from quantdl.portfolio import within_limits


@dataclass(frozen=True)
class Strategy:
    """Decides on the plan's cadence.

    Attributes:
        lookback: Bars over which returns are ranked, the skipped ones included.
        skip: Last bars that are left out.
        fraction: Share of the ranked assets that is held.
    """

    lookback: int = 252
    skip: int = 21
    fraction: float = 0.3

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not 0 <= self.skip < self.lookback:
            raise ValueError(f"skip must be at least 0 and below lookback ({self.lookback}), got {self.skip}.")
        if not 0 < self.fraction <= 1:
            raise ValueError(f"fraction must lie above 0 and at most at 1, got {self.fraction}.")

    def decide(self, view: MarketView) -> Decision | None:
        """Return equal weights of the best shares when a rebalance is due and some have the whole look-back."""
        closes = view.continuous_closes
        if not view.rebalance_due or len(closes) <= self.lookback:
            return None
        weights = self._best(closes[-1 - self.skip] / closes[-1 - self.lookback], view.listed)
        return None if weights is None else Decision(within_limits(weights, view.limits), "rebalance")

    def targets(self, history: MarketHistory) -> TargetTable:
        """Return what `decide` would at every session, so that a sweep plays it in one pass."""
        closes, rows, table = history.continuous_closes, [], []
        for t in np.flatnonzero(history.rebalance_due):
            if t < max(history.first, self.lookback):
                continue
            weights = self._best(closes[t - self.skip] / closes[t - self.lookback], history.listed[t])
            if weights is not None:
                rows.append(t)
                table.append(within_limits(weights, history.limits_at(t)))
        return TargetTable(np.array(rows, dtype=int), np.reshape(table, (-1, closes.shape[1])), "rebalance")

    def _best(self, past: np.ndarray, listed: np.ndarray) -> np.ndarray | None:
        """Return equal weights of the assets with the best past return; None where no asset has one."""
        ranked = np.flatnonzero(np.isfinite(past) & listed)
        if not len(ranked):
            return None
        best = ranked[np.argsort(-past[ranked], kind="stable")][: max(1, round(self.fraction * len(ranked)))]
        weights = np.zeros(len(past))
        weights[best] = 1.0 / len(best)
        return weights
