"""What is known after a run that the run itself cannot know, and the checklist that judges both."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["defended", "relative evidence only", "not defended"]


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
    """The plan's yardstick for the strategy and for equal weight, both after costs."""

    strategy: float
    equal_weight: float


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
class Evidence:
    """What the checklist needs beside the plan and the result.

    Trials and the deflated Sharpe ratio are not here: they change whenever another trial is run, and the checklist of
    a run must not. They stand in the run's ``selection.json``.

    Attributes:
        calibration: Tests of the forecasts; empty without a model.
        universe: ``"survivors"``, ``"point_in_time"`` or ``"unknown"``, from the data card.
        survivorship: The census's sentence on it.
        yardstick: The plan's yardstick, strategy and equal weight; None where it is undefined.
        break_even: Break-even cost by rerun, or None when it was not computed.
        reproduced_by: What repeats the run (config, data fingerprint, seed), or an empty text.
    """

    calibration: tuple[CalibrationTest, ...]
    universe: str
    survivorship: str
    yardstick: Yardstick | None
    break_even: BreakEven | None
    reproduced_by: str


@dataclass(frozen=True)
class ChecklistItem:
    """One row of the checklist.

    Attributes:
        item: Name of the plan's item, or of the further evidence.
        passed: Whether the evidence bears it out; None where it is undefined or only relative.
        statement: What was promised or claimed.
        figure: What was measured.
        cause: Why it did not pass; empty when it did.
    """

    item: str
    passed: bool | None
    statement: str
    figure: str
    cause: str


@dataclass(frozen=True)
class Checklist:
    """The verdict and what it rests on."""

    verdict: Verdict
    items: tuple[ChecklistItem, ...]
