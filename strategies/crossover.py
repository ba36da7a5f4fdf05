"""Moving-average crossover: buy what has begun to rise, leave it when it turns or gives back too much.

Hypothesis: prices trend for weeks, so a short average above a long one tells of more to come.
Refuted by: a Sharpe ratio no higher than that of equal weight, after costs.

Rules:
    enter: at a session of the plan's cadence, buy an equal part of the book of each share whose fast average of closes
        lies above its slow one, and that is not held. A stop follows the best price since at a distance of ``trail``.
    leave: sell all of a share whose fast average lies below its slow one, or whose trailing stop is reached.
"""

from dataclasses import dataclass

import numpy as np

from quantdl.backtest import MarketView, Order, Orders, PositionExits


@dataclass(frozen=True)
class Strategy:
    """Decides on the plan's cadence; what it holds is left alone between entry and exit.

    Attributes:
        fast: Bars of the short average.
        slow: Bars of the long one.
        trail: Distance of the trailing stop from the best price since the entry, as a fraction.
        part: Weight of one purchase.
    """

    fast: int = 20
    slow: int = 100
    trail: float = 0.15
    part: float = 0.05

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not 1 <= self.fast < self.slow:
            raise ValueError(f"fast must be at least 1 bar and shorter than slow ({self.slow}), got {self.fast}.")
        for name, value in (("trail", self.trail), ("part", self.part)):
            if not 0 < value < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {value}.")

    def decide(self, view: MarketView) -> Orders | None:
        """Return the orders for the shares that have turned, or None when nothing is due."""
        closes = view.continuous_closes[-self.slow :]
        if not view.rebalance_due or len(closes) < self.slow:
            return None
        above = closes[-self.fast :].mean(axis=0) - closes.mean(axis=0)  # NaN without the whole window
        rising, falling = view.listed & (above > 0) & (view.shares == 0), (above < 0) & (view.shares > 0)
        room = int((view.limits.max_gross - np.abs(view.weights).sum()) / self.part)
        orders = [Order(view.assets[n], -float(view.shares[n]), "leave") for n in np.flatnonzero(falling)]
        bought = [n for n in np.flatnonzero(rising) if self.part <= view.limits.max_weight][: max(room, 0)]
        size = self.part * view.equity
        orders += [Order(view.assets[n], size / float(view.closes[-1, n]), "enter") for n in bought]
        exits = [PositionExits(view.assets[n], "leave", trail=self.trail) for n in bought]
        return Orders(tuple(orders), tuple(exits)) if orders else None
