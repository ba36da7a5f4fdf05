"""Two finished runs side by side: their figures, and whether the returns of one are better than by chance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from quantdl.results.run_record import STRATEGY
from quantdl.results.tables import read_by_session
from quantdl.risk.curves.paired_returns import FEWEST_BARS, PairedReturns, bars_in_common, compare_returns
from quantdl.runs.manifest import RunFolder

_COMPARED = ("strategy", "costs", "forecast")
_SELECTION = ("n_trials", "probabilistic_sharpe", "deflated_sharpe", "overfitting_probability")


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
    """

    first: str
    second: str
    figures: tuple[Pair, ...]
    bars: int
    start: date | None
    end: date | None
    returns: PairedReturns | None
    undefined: str


def compare_runs(first: RunFolder, second: RunFolder) -> RunComparison:
    """Put two runs side by side, and test their returns over the bars that both have.

    Args:
        first: A run of `quantdl run`.
        second: Another.

    Raises:
        RunError: If one of them lacks a file that every run has.
        IntegrityError: If a file is not what was written.
    """
    one, other = (dict(_figures(run)) for run in (first, second))
    pairs = tuple(_pair(name, one.get(name), other.get(name)) for name in {**one, **other})
    curves = [read_by_session(run, "curves", STRATEGY)[STRATEGY].dropna() for run in (first, second)]
    axes = [curve.index.to_numpy() for curve in curves]
    rows = bars_in_common(*axes)
    shared = axes[0][rows[0]]
    own, rival = (
        curve.to_numpy()[later] / curve.to_numpy()[later - 1] - 1.0 for curve, later in zip(curves, rows, strict=True)
    )
    enough = len(shared) >= FEWEST_BARS
    found = compare_returns(own, rival) if enough else None
    undefined = "" if enough else f"needs {FEWEST_BARS} returns over the same bars, there are {len(shared)}"
    if found is not None and found.sharpe is None:
        undefined = "a book that does not vary has no Sharpe ratio"
    start, end = (None, None) if not len(shared) else (_day(shared[0]), _day(shared[-1]))
    return RunComparison(str(first.path), str(second.path), pairs, len(shared), start, end, found, undefined)


def _figures(run: RunFolder) -> Iterator[tuple[str, float | str | None]]:
    yield "verdict", str(_block(run.read_json("checklist.json")).get("verdict"))
    metrics, selection = _block(run.read_json("metrics.json")), _block(run.read_json("selection.json"))
    for part in _COMPARED:
        for name, value in _block(metrics.get(part)).items():
            if value is None or isinstance(value, int | float | str):
                yield (name if part == STRATEGY else f"{part}.{name}"), value
    for name in _SELECTION:
        value = selection.get(name)
        yield f"selection.{name}", value if isinstance(value, int | float) else None


def _pair(name: str, first: float | str | None, second: float | str | None) -> Pair:
    are_numbers = isinstance(first, int | float) and isinstance(second, int | float)
    return Pair(name, first, second, float(first) - float(second) if are_numbers else None)  # type: ignore[arg-type]


def _day(instant: np.datetime64) -> date:
    day: date = instant.astype("datetime64[D]").item()
    return day


def _block(plain: object) -> Mapping[str, object]:
    return plain if isinstance(plain, dict) else {}
