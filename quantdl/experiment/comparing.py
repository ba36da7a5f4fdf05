"""Finished runs side by side: their figures, and whether returns and forecasts of one are better than by chance."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from quantdl.results.comparison import ComparedRuns, Pair, RunComparison
from quantdl.results.run_record import STRATEGY
from quantdl.results.tables import read_by_session, read_parquet
from quantdl.risk.curves.paired_returns import FEWEST_BARS, PairedReturns, bars_in_common, compare_returns
from quantdl.risk.scores.forecast_scores import next_session
from quantdl.risk.scores.model_scores import AgainstOne, against_one, confidence_set
from quantdl.runs.manifest import RunFolder

_COMPARED = ("strategy", "costs", "forecast")
_FORECASTS = "forecasts"
_PAIR = ["session", "asset"]
_SAME_RETURN = 1e-6  # networks read returns in float32
_SEED = 0  # of the bootstrap of the confidence set
_SELECTION = ("n_trials", "probabilistic_sharpe", "deflated_sharpe", "overfitting_probability")


def compare_all(runs: Sequence[RunFolder]) -> ComparedRuns:
    """Hold the first of several runs against each of the others, and the forecasts of all that can be against all.

    Args:
        runs: Two or more of `quantdl run`.

    Raises:
        RunError: If one of them lacks a file that every run has.
        IntegrityError: If a file is not what was written.
    """
    pairs = tuple(compare_runs(runs[0], run) for run in runs[1:])
    comparable = [0, *(position for position, pair in enumerate(pairs, start=1) if pair.forecasts is not None)]
    scored = {str(position): days for position in comparable if (days := _scores(runs[position])) is not None}
    kept = confidence_set(scored, _SEED) if len(scored) > 1 else {}
    return ComparedRuns(pairs, tuple(kept.get(str(position)) for position in range(len(runs))))


def compare_runs(first: RunFolder, second: RunFolder) -> RunComparison:
    """Put two runs side by side, and test their returns and their forecasts where both have them.

    Args:
        first: A run of `quantdl run`.
        second: Another.

    Raises:
        RunError: If one of them lacks a file that every run has.
        IntegrityError: If a file is not what was written.
    """
    one, other = (dict(_figures(run)) for run in (first, second))
    pairs = tuple(_pair(name, one.get(name), other.get(name)) for name in {**one, **other})
    shared, own, rival = _shared_returns(first, second)
    found = compare_returns(own, rival) if len(shared) >= FEWEST_BARS else None
    undefined = "" if found else f"needs {FEWEST_BARS} returns over the same bars, there are {len(shared)}"
    if found is not None and found.sharpe is None:
        undefined = "a book that does not vary has no Sharpe ratio"
    forecasts, why_not = _compared_forecasts(first, second)
    return RunComparison(
        first=str(first.path),
        second=str(second.path),
        figures=pairs,
        bars=len(shared),
        start=_day(shared[0]) if len(shared) else None,
        end=_day(shared[-1]) if len(shared) else None,
        returns=found,
        undefined=undefined,
        **_yearly_sharpe(found, one.get("bars_per_year"), other.get("bars_per_year")),
        forecasts=forecasts,
        forecasts_undefined=why_not,
    )


def _shared_returns(first: RunFolder, second: RunFolder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bars over which both have a return, and the returns of each."""
    curves = [read_by_session(run, "curves", STRATEGY)[STRATEGY].dropna() for run in (first, second)]
    axes = [curve.index.to_numpy() for curve in curves]
    rows = bars_in_common(*axes)
    own, rival = (
        curve.to_numpy()[later] / curve.to_numpy()[later - 1] - 1.0 for curve, later in zip(curves, rows, strict=True)
    )
    return axes[0][rows[0]], own, rival


def _yearly_sharpe(found: PairedReturns | None, first: object, second: object) -> dict[str, float | None]:
    """The difference of Sharpe ratios with its error, over a year of the bars of both."""
    if found is None or found.sharpe is None or not isinstance(first, int | float) or first != second:
        return {"sharpe_difference": None, "sharpe_error": None}
    year = math.sqrt(first)
    return {"sharpe_difference": year * found.sharpe.mean, "sharpe_error": year * found.sharpe.error}


def _compared_forecasts(first: RunFolder, second: RunFolder) -> tuple[AgainstOne | None, str]:
    """Test the log scores of both runs' forecasts; or say why they cannot be compared."""
    own, rival = _scores(first), _scores(second)
    if own is None or rival is None:
        return None, "both runs need a model whose forecasts met a return"
    shared = own.merge(rival, on=_PAIR)["session"].nunique()
    if shared < FEWEST_BARS:
        return None, f"needs forecasts of {FEWEST_BARS} sessions in common, there are {shared}"
    if _differ(own, rival):
        return None, "the runs forecast different returns of the same asset and session: their prices differ"
    return against_one(own, rival, second.name), ""


def _scores(run: RunFolder) -> pd.DataFrame | None:
    """Log score of each asset's next return, as columns ``session, asset, nll, target``; None without any."""
    if f"{_FORECASTS}.parquet" not in run.files:
        return None
    columns = ("session", "asset", "window", "observed", "target", "log_density")
    days = next_session(read_parquet(run, _FORECASTS, *columns))
    days = days[days["observed"] & np.isfinite(days["log_density"])]
    scores = days[["session", "asset", "target"]].assign(nll=-days["log_density"])
    return None if scores.empty else scores


def _differ(own: pd.DataFrame, rival: pd.DataFrame) -> bool:
    """Whether two runs forecast different returns of one asset and session."""
    pairs = own.merge(rival, on=_PAIR)
    return bool(((pairs["target_x"] - pairs["target_y"]).abs() > _SAME_RETURN).any())


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
