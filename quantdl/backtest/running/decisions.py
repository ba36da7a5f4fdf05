"""What a strategy answers when it is asked, and the form in which the engine takes an answer from whoever decides."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from quantdl.backtest.book.accounting import Book
from quantdl.backtest.running.view import MarketView
from quantdl.portfolio.limits import Limits


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


@dataclass(frozen=True, eq=False)
class Answer:
    """A decision in the engine's form.

    Attributes:
        weights: (A,) targets, or None for an explicit hold.
        rules: One rule name per asset.
    """

    weights: np.ndarray | None
    rules: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Moment:
    """The close at which the engine asks for a decision.

    Attributes:
        t: Position of the session.
        book: The book after the session's fills.
        limits: The caps as of now.
        due: Whether new positions may be decided.
        bars_since_decision: Bars with a trade since the last decision, or None before the first.
    """

    t: int
    book: Book
    limits: Limits
    due: bool
    bars_since_decision: int | None


class Driver(Protocol):
    """Gives the engine its decisions: a strategy that is asked, or a record of targets."""

    def decide(self, now: Moment) -> Answer | None:
        """Return the decision taken at this close, within the caps, or None."""
        ...
