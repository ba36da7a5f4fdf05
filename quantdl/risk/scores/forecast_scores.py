"""Forecasts as a table, one row per session, return window and asset, and the scores of that table."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from quantdl.distributions import MixtureForecast
from quantdl.records import OMIT_DEFAULT
from quantdl.risk.backtests import kolmogorov_smirnov
from quantdl.risk.scores.model_scores import HorizonScores, horizon_scores
from quantdl.scoring import (
    coverage,
    crps,
    joint_log_score,
    log_score,
    pit,
    scored_cells,
)
from quantdl.sequences import NEXT_SESSION, ReturnWindow, forecast_windows
from quantdl.training.forecasting import ForecastBook, SessionLaws

COVERAGE_LEVELS = (0.5, 0.8, 0.9, 0.95, 0.98)
QUANTILES = {"q01": 0.01, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "q99": 0.99}
SPREAD_QUANTILES = ("q01", "q05")
"""Quantiles whose standard deviation over the members of an ensemble or a posterior is kept."""
_POOLED = "Kolmogorov-Smirnov, all stock-days pooled (they are dependent, so it rejects too often)"


@dataclass(frozen=True)
class MeanScores:
    """Mean scores over stock-days; lower is better.

    Attributes:
        nll: Mean negative log density of each asset's own law, in nats.
        joint_nll: Negative log density of each session's joint law, over the same stock-days, in nats per stock-day.
        crps: Mean continuous ranked probability score, in log return.
    """

    nll: float
    joint_nll: float
    crps: float


@dataclass(frozen=True)
class Coverage:
    """Share of outcomes inside the central interval of a level.

    Attributes:
        level: Probability of the interval.
        observed: Share of outcomes inside it.
        n: Outcomes; a whole number, written as ``12.0``.
    """

    level: float
    observed: float
    n: float

    @property
    def above_level(self) -> float:
        """Share of outcomes inside the interval beyond what its level promises; negative where it is too narrow."""
        return self.observed - self.level


@dataclass(frozen=True)
class AssetScores:
    """Mean scores of one asset; see `MeanScores`."""

    asset: str
    nll: float
    crps: float
    n: int


@dataclass(frozen=True)
class Uniformity:
    """A test of the probability integral transform: uniform if the laws are right.

    Attributes:
        test: What was tested, in words.
        statistic: Largest distance from the uniform distribution.
        p_value: Probability of one at least as large if the laws are right.
    """

    test: str
    statistic: float
    p_value: float


@dataclass(frozen=True)
class FitScores:
    """Scores of the sessions that one fit of a walk-forward served; see `MeanScores`.

    Attributes:
        fitted_through: Last session that the fit saw.
        first: First session at whose close it forecast.
        last: Last such session.
        nll: Of the stock-days it served.
        joint_nll: Of the same.
        crps: Of the same.
        coverage_90: Share of outcomes inside the central 90 % interval.
        n: Stock-days.
    """

    fitted_through: date
    first: date
    last: date
    nll: float
    joint_nll: float
    crps: float
    coverage_90: float
    n: int


@dataclass(frozen=True)
class ForecastScores:
    """Scores of the next session's forecasts over the test span.

    Attributes:
        model: Kind of the model.
        window: The return window scored.
        n: Stock-days scored.
        nll: See `MeanScores`.
        joint_nll: See `MeanScores`.
        crps: See `MeanScores`.
        coverage: Per level.
        assets: Per asset, in the order of the symbols.
        pit: Test of the probability integral transform.
        horizons: Of returns over several bars, in sets of sessions whose returns do not overlap; none for a horizon
            that has fewer than two sessions a set.
        fits: Of the sessions that each fit served, where the model was fitted anew in the test span.
    """

    model: str
    window: str
    n: int
    nll: float
    joint_nll: float
    crps: float
    coverage: tuple[Coverage, ...]
    assets: tuple[AssetScores, ...]
    pit: Uniformity
    horizons: tuple[HorizonScores, ...] = field(default=(), metadata=OMIT_DEFAULT)
    fits: tuple[FitScores, ...] = field(default=(), metadata=OMIT_DEFAULT)


def forecast_table(book: ForecastBook, step: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Lay the forecasts out, by window, session and asset.

    Args:
        book: The laws.
        step: Told how many pieces of it are done, and how many there are.

    Returns:
        Columns ``session`` (at whose close the forecast was made), ``window`` (``next_session``, ``position``, and
        ``position_21`` of a further horizon of 21 bars), ``asset``, ``present``, ``target``
        (realised log return, NaN where not observed), ``observed``, marginal quantiles ``q01`` to ``q99``,
        ``log_density`` (nats), ``crps`` (log return) and ``pit``, NaN where nothing was observed, and
        ``joint_log_density`` of the session's observed assets together. Where the laws have members, also
        ``q01_spread`` and ``q05_spread``, the standard deviation of the quantile over them (log return).
    """
    names = window_names(piece.window for piece in book.pieces)
    frames = []
    for number, piece in enumerate(book.pieces, start=1):
        frames.append(_frame(piece, book.assets, names[piece.window]))
        if step is not None:
            step(number, len(book.pieces))
    table = pd.concat(frames, ignore_index=True)
    return table.sort_values(["window", "session"], kind="stable", ignore_index=True)


def window_names(windows: Iterable[ReturnWindow]) -> dict[ReturnWindow, str]:
    """Name each return window of a model: the first one after the next session's is that of the position.

    Example:
        >>> from quantdl.sequences import forecast_windows
        >>> list(window_names(forecast_windows(5, also=[21])).values())
        ['next_session', 'position', 'position_21']
    """
    names: dict[ReturnWindow, str] = {}
    for window in windows:
        further = f"position_{window.bars}" if "position" in names.values() else "position"
        names.setdefault(window, "next_session" if window == NEXT_SESSION else further)
    return names


def next_session(table: pd.DataFrame) -> pd.DataFrame:
    """Return the scored rows of the next session's return: what models are compared on."""
    return table[(table["window"] == "next_session") & table["observed"]]


def mean_scores(scored: pd.DataFrame) -> MeanScores:
    """Average the scores of scored rows."""
    joint = scored.groupby("session")["joint_log_density"].first().sum()
    nll, mean_crps = -float(scored["log_density"].mean()), float(scored["crps"].mean())
    return MeanScores(nll, -float(joint) / len(scored), mean_crps)


def coverages(scored: pd.DataFrame, levels: Iterable[float] = COVERAGE_LEVELS) -> tuple[Coverage, ...]:
    """Count the outcomes inside the central interval of each level."""
    values = torch.tensor(scored["pit"].to_numpy(np.float64))[None]
    counted = torch.ones_like(values, dtype=torch.bool)
    return tuple(Coverage(level, float(coverage(values, counted, level)), float(len(scored))) for level in levels)


def forecast_scores(
    table: pd.DataFrame, model: str, horizons: Sequence[int] = (), fitted_through: Sequence[pd.Timestamp] = ()
) -> ForecastScores:
    """Score the forecasts of a table: those of the next session, and those over several bars.

    Args:
        table: Of `forecast_table`.
        model: Kind of the model.
        horizons: Bars from fill to exit of each position window, the model's own horizon first.
        fitted_through: Last session that each fit saw, increasing.
    """
    scored = next_session(table)
    means, uniform = mean_scores(scored), kolmogorov_smirnov(scored["pit"].to_numpy())
    return ForecastScores(
        model=model,
        window="next_session",
        n=len(scored),
        nll=means.nll,
        joint_nll=means.joint_nll,
        crps=means.crps,
        coverage=coverages(scored),
        assets=_asset_scores(scored),
        pit=Uniformity(_POOLED, uniform.statistic, uniform.p_value),
        horizons=tuple(_horizon_scores(table, model, horizons)),
        fits=tuple(_fit_scores(scored, fitted_through)) if len(fitted_through) > 1 else (),
    )


def _fit_scores(scored: pd.DataFrame, fitted_through: Sequence[pd.Timestamp]) -> Iterator[FitScores]:
    """Scores of the sessions from that of each fit to that of the next one; a fit that served none is left out."""
    serving = pd.DatetimeIndex(list(fitted_through)).searchsorted(scored["session"], side="right") - 1
    for number, rows in scored.groupby(serving, sort=True):
        means, (inside,) = mean_scores(rows), coverages(rows, (0.9,))
        yield FitScores(
            fitted_through=fitted_through[int(str(number))].date(),
            first=rows["session"].min().date(),
            last=rows["session"].max().date(),
            nll=means.nll,
            joint_nll=means.joint_nll,
            crps=means.crps,
            coverage_90=inside.observed,
            n=len(rows),
        )


def _horizon_scores(table: pd.DataFrame, model: str, horizons: Sequence[int]) -> Iterator[HorizonScores]:
    windows = forecast_windows(horizons[0], horizons[1:]) if horizons else ()
    for window, name in window_names(windows).items():
        scored = table[(table["window"] == name) & table["observed"]]
        if window.bars > 1 and scored["session"].nunique() >= 2 * window.bars:
            sessions = pd.DatetimeIndex(table["session"].unique()).sort_values()
            yield horizon_scores(model, scored.assign(nll=-scored["log_density"]), None, sessions, window.bars)


def _asset_scores(scored: pd.DataFrame) -> tuple[AssetScores, ...]:
    grouped = scored.groupby("asset", sort=True)
    return tuple(
        AssetScores(str(asset), -float(rows["log_density"].mean()), float(rows["crps"].mean()), len(rows))
        for asset, rows in grouped
    )


def _frame(piece: SessionLaws, assets: tuple[str, ...], window: str) -> pd.DataFrame:
    law, n_assets = piece.law, len(assets)
    scored = scored_cells(law, piece.observed)
    columns: dict[str, Tensor] = {"present": law.present, "target": piece.target.double(), "observed": scored}
    for name, probability in QUANTILES.items():
        columns[name] = law.icdf(probability)
    if isinstance(law, MixtureForecast):
        columns |= {f"{name}_spread": _quantile_spread(law, QUANTILES[name]) for name in SPREAD_QUANTILES}
    absent = [name for name in columns if name.startswith(tuple(QUANTILES))]
    columns["log_density"] = -log_score(law, piece.target, piece.observed)
    columns["crps"] = crps(law, piece.target, piece.observed)
    columns["pit"] = pit(law, piece.target, piece.observed)
    joint = -joint_log_score(law, piece.target, piece.observed)
    columns["joint_log_density"] = joint[:, None].expand(law.present.shape)
    frame = pd.DataFrame({name: value.detach().cpu().reshape(-1).numpy() for name, value in columns.items()})
    unknown = ["target", "log_density", "crps", "pit", "joint_log_density"]
    frame[unknown] = frame[unknown].astype(np.float64).where(frame["observed"], np.nan)
    frame[absent] = frame[absent].astype(np.float64).where(frame["present"], np.nan)
    frame.insert(0, "asset", np.tile(np.array(assets, dtype=object), len(piece.sessions)))
    frame.insert(0, "window", window)
    frame.insert(0, "session", piece.sessions.repeat(n_assets))
    return frame


def _quantile_spread(law: MixtureForecast, probability: float) -> Tensor:
    return law.spread(lambda member: member.icdf(probability))
