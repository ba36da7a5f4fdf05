"""What is written down while a run is played: the book at each close, what was decided, and what the terms did."""

from dataclasses import dataclass, field

import numpy as np

from quantdl.backtest.running.decisions import RecordedDecision
from quantdl.backtest.running.tables import Close


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
