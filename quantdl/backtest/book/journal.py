"""What is written down while a run is played: the book at each close, what was decided, and what the terms did."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Close:
    """The book at one close, after the session's fills. The fields are columns of `BacktestResult.equity`.

    Attributes:
        equity: Cash, dividends due and shares at their marks.
        cash: Money.
        due: Money of dividends gone ex and not paid yet, negative where shorts owe it.
        gross: Sum of absolute weights.
        net: Sum of weights.
        turnover: Filled notional over equity before the fills.
        costs: Money paid for trading and borrowing in the session.
        interest: Money that cash earned in the session, negative where cash was owed.
        held_return: Simple return of the book held into the session, before its trades.
        days_to_exit: Sessions that the slowest position takes to sell at the participation cap; NaN where it is waived.
        halted: Whether the run has been halted.
    """

    equity: float
    cash: float
    due: float
    gross: float
    net: float
    turnover: float
    costs: float
    interest: float
    held_return: float
    days_to_exit: float
    halted: bool


@dataclass(frozen=True)
class Event:
    """Something the engine did without a decision of the strategy.

    Attributes:
        session: Position of the session.
        item: The plan's item that asked for it.
        condition: Its short name.
        detail: What happened, in words and figures.
    """

    session: int
    item: str
    condition: str
    detail: str


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


@dataclass(eq=False)
class Journal:
    """One entry per session in the first five lists, one per decision and event in the others."""

    closes: list[Close] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    quantities: list[np.ndarray] = field(default_factory=list)
    exposures: list[np.ndarray] = field(default_factory=list)
    conditions: list[list[float]] = field(default_factory=list)
    decisions: list[RecordedDecision] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def note(self, session: int, item: str, condition: str, detail: str) -> None:
        """Record what the engine did without a decision of the strategy, under the plan's item that asked for it."""
        self.events.append(Event(session, item, condition, detail))
