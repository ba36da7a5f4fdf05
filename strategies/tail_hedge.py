"""Tail hedge by standing aside: equal weight, and mostly cash while the model predicts unusually heavy losses.

Hypothesis: a model's joint law tells when large losses of the whole book are likely, so a book that stands aside then
loses less in bad times than it gives up in good ones.
Refuted by: an expected shortfall that is no smaller than that of equal weight at the same exposure, after costs.

Rules:
    rebalance: at each session of the plan's cadence, give every listed share the same part of equity.
    stand_aside: at any close, when the predicted expected shortfall of that book, from fill to exit, lies above the
        ``high`` quantile of its own last ``memory`` predictions, cut every position to ``remains`` of its full size.
    return: at the first session of the cadence at which the prediction lies below the ``low`` quantile, buy the full
        book again. In between the small book is kept.

Without a model the trailing returns over the plan's horizon stand in for draws. The first ``memory`` predictions only
fill the memory: until then the book is held in full.
"""

from dataclasses import dataclass, field

import numpy as np

from quantdl.backtest import Decision, MarketView
from quantdl.portfolio import equal_weights, within_limits


@dataclass(frozen=True)
class Strategy:
    """Decides on the plan's cadence, and in between when it stands aside; it remembers its predictions.

    Attributes:
        level: Confidence of the expected shortfall.
        memory: Predictions among which the present one is ranked.
        high: Quantile of them above which it stands aside.
        low: Quantile below which it returns.
        remains: Part of the full book that is kept while it stands aside.
        history: Trailing bars that stand in for draws without a model.
    """

    level: float = 0.95
    memory: int = 250
    high: float = 0.9
    low: float = 0.7
    remains: float = 0.3
    history: int = 120
    predicted: list[float] = field(default_factory=list, init=False, repr=False)
    aside: list[bool] = field(default_factory=lambda: [False], init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not 0.5 < self.level < 1:
            raise ValueError(f"level must lie between 0.5 and 1, got {self.level}.")
        if self.memory < 20:
            raise ValueError(f"memory must be at least 20 predictions, got {self.memory}.")
        if not 0 < self.low <= self.high < 1:
            raise ValueError(f"low and high must be quantiles, low at most high, got {self.low} and {self.high}.")
        if not 0 <= self.remains < 1:
            raise ValueError(f"remains must be at least 0 and below 1, got {self.remains}.")

    def decide(self, view: MarketView) -> Decision | None:
        """Return the full book, a part of it, or None when nothing is due."""
        if not view.listed.any():
            return None
        full = within_limits(equal_weights(view.listed), view.limits)
        rank = self._rank(view, full)
        if not self.aside[0] and rank > self.high:
            self.aside[0] = True
            return Decision(self._small(full, view), "stand_aside")
        if not view.rebalance_due:
            return None
        if self.aside[0] and rank < self.low:
            self.aside[0] = False
            return Decision(full, "return")
        return Decision(self._small(full, view), "stand_aside") if self.aside[0] else Decision(full, "rebalance")

    def _small(self, full: np.ndarray, view: MarketView) -> np.ndarray:
        """Return the book that is kept while standing aside: no position of it is larger than what is held."""
        return np.minimum(self.remains * full, np.maximum(view.weights, 0.0))

    def _rank(self, view: MarketView, book: np.ndarray) -> float:
        """Return the share of the last predictions that the present one exceeds; 0 while there are too few."""
        shortfall = self._shortfall(view, book)
        past, self.predicted[:] = self.predicted[-self.memory :], [*self.predicted[-self.memory + 1 :], shortfall]
        return float(np.mean(np.array(past) < shortfall)) if len(past) == self.memory else 0.0

    def _shortfall(self, view: MarketView, book: np.ndarray) -> float:
        """Return the mean loss beyond the value at risk, as a fraction; shares that are not served are left out."""
        draws = self._trailing(view) if view.draws is None else view.draws
        served = np.isfinite(draws).all(axis=0) & (book > 0)
        losses = np.sort(-np.expm1(draws[:, served]) @ book[served])
        worst = losses[int(np.floor(self.level * len(losses))) :]
        return float(worst.mean()) if len(worst) else 0.0

    def _trailing(self, view: MarketView) -> np.ndarray:
        """Return (S, A) the last log returns over the plan's horizon, overlapping."""
        closes = view.shared_closes(self.history + view.horizon_bars)
        return np.asarray(np.log(closes[view.horizon_bars :] / closes[: -view.horizon_bars]))
