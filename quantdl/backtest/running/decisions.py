"""What a strategy answers when it is asked: new target weights, an explicit hold, or nothing."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from quantdl.backtest.running.view import MarketView


@dataclass(frozen=True, eq=False)
class Decision:
    """Target weights for the whole book.

    Attributes:
        weights: (A,) fractions of equity after costs; cash is what is left to one.
        rule: Name of the plan's rule that asks for it, or one name per asset.
    """

    weights: np.ndarray
    rule: str | tuple[str, ...]


@dataclass(frozen=True)
class Hold:
    """An explicit decision to keep the shares held, which refreshes the horizon of the book."""

    rule: str


class Strategy(Protocol):
    """Decides at a close with what is known then. The only thing a strategy file must define."""

    def decide(self, view: MarketView) -> Decision | Hold | None:
        """Return new targets, an explicit hold, or None when there is nothing to decide."""
        ...
