"""What is known after a run beside its record, and what an item of the checklist makes of both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# What sums of fills, their quotients and roots may round, as a share of the figure: a cap counts as kept within it.
ROUNDING = 1e-8


@dataclass(frozen=True)
class CalibrationTest:
    """One test of the forecasts against what happened.

    Attributes:
        name: The test, for instance ``"Kupiec, 99 % value at risk of the book"``.
        n_observations: How many sessions or cells it used.
        p_value: Its p-value, or None where the test is undefined.
        figure: The observed figures in words, for instance ``"14 exceptions in 1006 sessions, 10.1 expected"``.
    """

    name: str
    n_observations: int
    p_value: float | None
    figure: str


@dataclass(frozen=True)
class Yardstick:
    """The plan's yardstick for the strategy and for equal weight, both after costs.

    Attributes:
        strategy: Figure of the strategy.
        equal_weight: Figure of equal weight.
        basis: What the figures are measured in where the name of the yardstick does not say, for instance
            ``"per bar"``.
    """

    strategy: float
    equal_weight: float
    basis: str = ""


@dataclass(frozen=True)
class BreakEven:
    """The one-way cost at which the run's profit is gone.

    Attributes:
        bps: Cost in basis points of traded notional, or None where it lies outside the range searched.
        statement: The finding in words, which also says why there is no figure.
        lower_bps: The cost is at least this.
    """

    bps: float | None
    statement: str
    lower_bps: float


@dataclass(frozen=True)
class Exceptions:
    """Sessions in which the book lost more than the value at risk predicted at the close before.

    A bar within a session counts as one; it is named by the time at which it ended (a `datetime`).

    Attributes:
        level: Confidence of the value at risk.
        predicted: Sessions for which one was predicted.
        exceeded: Those of them that lost more.
    """

    level: float
    predicted: tuple[date, ...]
    exceeded: tuple[date, ...]


@dataclass(frozen=True, eq=False)
class PredictedLosses:
    """What was predicted at each close of the book held after it, and what it lost in the next session.

    Attributes:
        by_level: By confidence, session to the loss of the book, its value at risk and its expected shortfall.
        cells: Session to the part of the predicted law in which the loss fell, of 20 equally likely ones from 0 on.
    """

    by_level: Mapping[float, Mapping[date, tuple[float, float, float]]]
    cells: Mapping[date, int]


@dataclass(frozen=True)
class Evidence:
    """What the checklist needs beside the plan and the result.

    Trials and the deflated Sharpe ratio are not here: they change whenever another trial is run, and the checklist of
    a run must not. They stand in the run's ``selection.json``.

    Attributes:
        calibration: Tests of the forecasts; empty without a model.
        exceptions: Losses beyond the model's value at risk, one record per level; empty without a model.
        universe: ``"survivors"``, ``"point_in_time"`` or ``"unknown"``, from the data card.
        survivorship: The census's sentence on it.
        yardstick: The plan's yardstick, strategy and equal weight; None where it is undefined.
        break_even: Break-even cost by rerun, or None when it was not computed.
        reproduced_by: What repeats the run (config, data fingerprint, seed), or an empty text.
        position_draws: Session to (S, A) log returns over the plan's horizon, drawn from the laws that the run kept, a
            column of NaN for an absent asset; None without a model.
        outside_reads: Places at which the strategy opens data by itself, which may hold later rows.
        book: The model's predictions of the book beside its losses; None without a model.
    """

    calibration: tuple[CalibrationTest, ...]
    exceptions: tuple[Exceptions, ...]
    universe: str
    survivorship: str
    yardstick: Yardstick | None
    break_even: BreakEven | None
    reproduced_by: str
    position_draws: "Callable[[pd.Timestamp], np.ndarray] | None" = None
    outside_reads: tuple[str, ...] = ()
    book: PredictedLosses | None = None


@dataclass(frozen=True)
class ItemVerdict:
    """What the evidence says about one item.

    Attributes:
        statement: What was promised or claimed.
        figure: What was measured.
        failures: What was broken and by how much, without repeating the figure; any of them fails the item.
        doubts: Why nothing can be decided, where nothing failed.
    """

    statement: str
    figure: str
    failures: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def passed(self) -> bool | None:
        """Whether the evidence bears the item out; None where that is undefined or only relative."""
        return False if self.failures else None if self.doubts else True

    @property
    def cause(self) -> str:
        """Why it did not pass; empty when it did."""
        return "; ".join([*self.failures, *self.doubts])


@dataclass(frozen=True)
class ReportRow:
    """An item's row in the report.

    Attributes:
        title: The item in words.
        section: Name of the report's section that holds the evidence.
        section_title: Title of that section.
    """

    title: str
    section: str
    section_title: str
