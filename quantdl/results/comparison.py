"""The typed record of runs that are held against each other: figures side by side, and tests of what they differ in."""

from dataclasses import dataclass
from datetime import date

from quantdl.risk.curves.paired_returns import PairedReturns
from quantdl.risk.scores.model_scores import AgainstOne


@dataclass(frozen=True)
class Pair:
    """One figure of both runs; None where it is undefined or the run has none.

    Attributes:
        figure: Its name, as metrics.json and selection.json have it.
        first: Of the first run.
        second: Of the second run.
        difference: First less second; None where one of them is no number.
    """

    figure: str
    first: float | str | None
    second: float | str | None
    difference: float | None


@dataclass(frozen=True)
class RunComparison:
    """Two runs side by side.

    Attributes:
        first: Folder of the first run.
        second: Folder of the second run.
        figures: All figures of both strategies.
        bars: Returns that both have over the same bars.
        start: Bar of the first of those, None where there are none.
        end: Bar of the last.
        returns: Tests of those, first less second; None where there are too few.
        undefined: Why ``returns``, or a part of it, is None; empty else.
        sharpe_difference: Sharpe ratio a year of the first less that of the second, over those bars; None where a bar
            of one is not as long as a bar of the other.
        sharpe_error: Its standard error.
        forecasts: Log scores of the first run's forecasts of single returns against those of the second, on what both
            have forecast; None where they cannot be compared.
        forecasts_undefined: Why; empty else.
    """

    first: str
    second: str
    figures: tuple[Pair, ...]
    bars: int
    start: date | None
    end: date | None
    returns: PairedReturns | None
    undefined: str
    sharpe_difference: float | None
    sharpe_error: float | None
    forecasts: AgainstOne | None
    forecasts_undefined: str


@dataclass(frozen=True)
class ComparedRuns:
    """Several runs, each held against the first.

    Attributes:
        pairs: The first run against each of the others, in their order.
        confidence_set: P-value of each run, the first included, in the model confidence set of their forecasts' log
            scores; None for a run without forecasts, and for all where fewer than two differ.
    """

    pairs: tuple[RunComparison, ...]
    confidence_set: tuple[float | None, ...]
