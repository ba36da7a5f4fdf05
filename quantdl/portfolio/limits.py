"""The caps on a book, and weights shrunk until every cap holds."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ShortfallLimit:
    """A cap on predicted expected shortfall over the plan's horizon.

    Attributes:
        level: Confidence, from 0.5 on and below 1.
        limit: Most that may be lost by it, as a fraction of equity.
    """

    level: float
    limit: float


@dataclass(frozen=True, eq=False)
class Limits:
    """The caps on a book.

    Attributes:
        long_only: Whether negative weights are errors.
        max_weight: Largest absolute weight of one asset.
        max_gross: Largest sum of absolute weights.
        max_net: Largest absolute sum of weights.
        group_of: (A,) index into ``group_names`` of each asset's group.
        group_names: Name of each group.
        max_group_gross: Largest sum of absolute weights inside one group.
        max_group_net: Largest absolute sum of weights inside one group.
        book_shortfall: Cap on the predicted expected shortfall of the whole book; None for none.
        position_shortfall: Cap on that of each position by itself; None for none.
    """

    long_only: bool
    max_weight: float
    max_gross: float
    max_net: float
    group_of: np.ndarray
    group_names: tuple[str, ...]
    max_group_gross: float
    max_group_net: float
    book_shortfall: ShortfallLimit | None = None
    position_shortfall: ShortfallLimit | None = None

    @property
    def follows_forecasts(self) -> bool:
        """Whether a cap can be kept only with a model's draws."""
        return self.book_shortfall is not None or self.position_shortfall is not None

    def group_sums(self, weights: np.ndarray) -> np.ndarray:
        """Return (G,) the sum of ``weights`` (A,) inside each group."""
        return np.bincount(self.group_of, weights=weights, minlength=len(self.group_names))


def within_limits(weights: np.ndarray, limits: Limits) -> np.ndarray:
    """Shrink weights until every cap on weights holds; what is cut stays in cash.

    Caps on predicted shortfall are for `within_risk_budget`, which comes after it.

    Single weights first, then groups, then gross, then net: each step only makes weights smaller, so no earlier cap
    breaks again. Where a net cap is exceeded, only the larger of the long and the short side is scaled down.

    Args:
        weights: (A,) wanted weights.
        limits: The caps.

    Shape:
        - output: (A,)
    """
    lowest = 0.0 if limits.long_only else -limits.max_weight
    weights = np.clip(weights, lowest, limits.max_weight)
    fullness = limits.group_sums(np.abs(weights)) / limits.max_group_gross
    weights = weights / np.maximum(fullness, 1.0)[limits.group_of]
    for group in range(len(limits.group_names)):
        inside = limits.group_of == group
        weights = np.where(inside, _within_net(weights * inside, limits.max_group_net), weights)
    weights = weights * min(1.0, limits.max_gross / max(np.abs(weights).sum(), limits.max_gross))
    return _within_net(weights, limits.max_net)


def _within_net(weights: np.ndarray, cap: float) -> np.ndarray:
    """Scale the larger side down until the absolute net weight is at most ``cap``."""
    net = float(weights.sum())
    if abs(net) <= cap:
        return weights
    larger = np.sign(weights) == np.sign(net)
    side = float(np.abs(weights[larger]).sum())
    return np.where(larger, weights * (side - (abs(net) - cap)) / side, weights)
