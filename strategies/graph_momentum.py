"""Long and short by a graph: momentum of each share together with that of its neighbours.

Hypothesis: what moves a share for months is often shared by those that move with it, so its own past return, which is
noisy, tells more together with the returns of its neighbours in a graph of trailing correlations.
Refuted by: a Sharpe ratio no higher than that of equal weight, after costs and the fee for borrowing.

Rules:
    rebalance: at each session of the plan's cadence, join each share to the ``neighbours`` that it was most correlated
        with over the last ``window`` returns; an edge joins both ways. The signal of a share is ``own`` times its
        return over the last ``lookback`` bars plus 1 - ``own`` times that of its neighbours, weighted by correlation.
        Hold the ``fraction`` of shares with the highest signal long and as many with the lowest short, each side half
        of ``gross`` in equal parts. A share that lacks more than half of the window, or a price before the look-back,
        is left out; where fewer than two have a signal, the book is cash.

Sources:
    Returns to buying winners and selling losers (Jegadeesh and Titman, 1993).
    Shared analyst coverage: unifying momentum spillover effects (Ali and Hirshleifer, 2020): returns of linked firms
    predict those of a firm.
"""

from dataclasses import dataclass

import numpy as np

from quantdl.backtest import Decision, MarketView
from quantdl.portfolio import within_limits
from quantdl.relations.graphs import correlation_graph


@dataclass(frozen=True)
class Strategy:
    """Decides on the plan's cadence.

    Attributes:
        window: Returns that the graph is made of.
        neighbours: Shares that each share is joined to.
        lookback: Bars of the returns that are ranked.
        own: Part of the signal that is the share's own return.
        fraction: Share of the ranked assets on each side.
        gross: Absolute weights of both sides together.
    """

    window: int = 250
    neighbours: int = 5
    lookback: int = 126
    own: float = 0.5
    fraction: float = 0.25
    gross: float = 0.8

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not 1 <= self.lookback <= self.window or self.window < 20:
            given = f"{self.window} and {self.lookback}"
            raise ValueError(f"window must be at least 20 and lookback from 1 to window, got {given}.")
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, got {self.neighbours}.")
        if not 0 <= self.own <= 1:
            raise ValueError(f"own must lie between 0 and 1, got {self.own}.")
        if not 0 < self.fraction <= 0.5:
            raise ValueError(f"fraction must lie above 0 and at most at 0.5, got {self.fraction}.")
        if not 0 < self.gross <= 2:
            raise ValueError(f"gross must lie above 0 and at most at 2, got {self.gross}.")

    def decide(self, view: MarketView) -> Decision | None:
        """Return the long and the short side when a rebalance is due and the window is full."""
        if not view.rebalance_due or len(view.continuous_closes) <= self.window:
            return None
        signal = self._signal(np.log(view.continuous_closes[-1 - self.window :]))
        ranked = np.flatnonzero(np.isfinite(signal) & view.listed)
        weights = np.zeros(len(signal))
        if len(ranked) > 1:
            order = ranked[np.argsort(-signal[ranked], kind="stable")]
            side = min(max(1, round(self.fraction * len(order))), len(order) // 2)
            weights[order[:side]] = self.gross / 2 / side
            weights[order[-side:]] = -self.gross / 2 / side
        return Decision(within_limits(weights, view.limits), "rebalance")

    def _signal(self, logs: np.ndarray) -> np.ndarray:
        """Return (A,) signals from logarithms of prices; NaN where a share, or all its neighbours, have none."""
        returns = np.full_like(logs, np.nan)  # the first close has none, nor have those beside a gap
        returns[1:] = np.diff(logs, axis=0)
        joined = correlation_graph(returns, self.neighbours, self.window, self.window).adjacency(self.window)
        moved = logs[-1] - last_known(logs[: len(logs) - self.lookback])
        known = np.isfinite(moved)
        joined = joined * known
        total = joined.sum(axis=1)
        peers = joined @ np.where(known, moved, 0.0)
        peers = np.divide(peers, total, out=np.full(len(moved), np.nan), where=total > 0)
        return self.own * moved + (1.0 - self.own) * peers


def last_known(prices: np.ndarray) -> np.ndarray:
    """Return (A,) the last price of each column that is there; NaN where none is."""
    place = np.where(np.isfinite(prices), np.arange(len(prices))[:, None], 0).max(axis=0)
    return np.asarray(np.take_along_axis(prices, place[None], axis=0)[0])
