"""What stress of a book leaves behind: a row a scenario, each with its figures or the reason why there are none."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

StressKind = Literal["window", "shock", "conditional", "reverse", "law", "calibration", "liquidity"]
FigureUnit = Literal["fraction", "days", "count", "ratio", "nats"]


@dataclass(frozen=True)
class PositionLoss:
    """What one position loses.

    Attributes:
        asset: Its name.
        weight: Fraction of equity, negative for a short position.
        move: Simple return of the asset in the scenario; a mean where the scenario is a law.
        loss: ``-weight * move``, a fraction of equity, positive when money is lost.
    """

    asset: str
    weight: float
    move: float
    loss: float


@dataclass(frozen=True)
class StressFigure:
    """One more figure of a scenario.

    Attributes:
        name: What it is.
        value: In its unit.
        unit: ``fraction`` (of equity), ``days``, ``count``, ``ratio`` or ``nats``.
        when: Session or span that it belongs to; empty for none.
    """

    name: str
    value: float
    unit: FigureUnit = "fraction"
    when: str = ""


@dataclass(frozen=True)
class StressRow:
    """One scenario on the book.

    Attributes:
        name: Of the scenario.
        kind: What kind it is of.
        basis: What it rests on, in words: a span, a law with its window, an event.
        loss: Fraction of equity, positive when money is lost; of a law its mean or its expected shortfall, as the basis
            says. None where there is none.
        error: Standard error of the loss by simulation; None where it is no estimate from draws.
        effective_number: How many equally weighted draws the loss rests on; None where there are none.
        probability: Of the event, under the law; None where it has none.
        probability_error: Its standard error.
        worst: Positions, largest loss first.
        figures: Further figures.
        notes: What was assumed or left out.
        why_not: Why there is no loss; empty where there is one.
    """

    name: str
    kind: StressKind
    basis: str
    loss: float | None
    error: float | None = None
    effective_number: float | None = None
    probability: float | None = None
    probability_error: float | None = None
    worst: tuple[PositionLoss, ...] = ()
    figures: tuple[StressFigure, ...] = ()
    notes: tuple[str, ...] = ()
    why_not: str = ""

    def figure(self, name: str) -> float:
        """Return a further figure by its name.

        Raises:
            KeyError: If there is none of it.
        """
        return {one.name: one.value for one in self.figures}[name]


@dataclass(frozen=True)
class StressReport:
    """Stress of one book.

    Attributes:
        on: Session at whose close the book is held.
        gross: Sum of absolute weights.
        net: Sum of weights.
        positions: Number of positions.
        laws: What the laws are, in words, one a window.
        rows: A row a scenario.
        notes: What holds for all rows.
        skipped: Why there is no stress at all; empty where there is.
    """

    on: date
    gross: float
    net: float
    positions: int
    laws: tuple[str, ...] = ()
    rows: tuple[StressRow, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str = ""
