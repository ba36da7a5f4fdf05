"""What a strategy answers when it is asked, and the form in which the engine takes an answer from whoever decides."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

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
class RecordedDecision:
    """A decision as it was taken, before the engine's own exits and cuts.

    Attributes:
        session: Close at which it was taken.
        weights: (A,) targets, or None for an explicit hold.
        rules: One rule name per asset.
        group_gross: Sum of absolute target weights of the heaviest group; 0 for a hold.
        group_net: Absolute sum of target weights of the most one-sided group; 0 for a hold.
    """

    session: pd.Timestamp
    weights: np.ndarray | None
    rules: tuple[str, ...]
    group_gross: float
    group_net: float


@dataclass(frozen=True, eq=False)
class BookNow:
    """The book at a close.

    Attributes:
        shares: (A,) shares held, negative when sold short.
        marks: (A,) last traded close so far; NaN before the first.
        money: Cash and dividends due.
    """

    shares: np.ndarray
    marks: np.ndarray
    money: float

    def values(self) -> np.ndarray:
        """Return (A,) money in each position, zero where flat."""
        return np.where(self.shares != 0, self.shares * self.marks, 0.0)

    def equity(self) -> float:
        """Return cash plus positions plus dividends due."""
        return self.money + float(self.values().sum())

    def weights(self) -> np.ndarray:
        """Return (A,) positions as fractions of equity; zero when equity is not positive."""
        values = self.values()
        equity = self.money + float(values.sum())
        return values / equity if equity > 0 else np.zeros_like(values)


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
    book: BookNow
    limits: Limits
    due: bool
    bars_since_decision: int | None


class Driver(Protocol):
    """Gives the engine its decisions: a strategy that is asked, or a record of targets."""

    def decide(self, now: Moment) -> Answer | None:
        """Return the decision taken at this close, within the caps, or None."""
        ...
