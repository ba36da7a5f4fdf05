"""Every score of every stock-day, and a grid of quantiles, as tables: what models are compared on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantdl.scoring import (
    crps,
    fz0,
    interval_log_score,
    joint_log_score,
    log_score,
    marginal_expected_shortfall,
    marginal_value_at_risk,
    pit,
    scored_cells,
    tick_bounds,
)
from quantdl.training.forecasting import SessionLaws

GRID = (0.001, 0.005, *(percent / 100 for percent in range(1, 100)), 0.995, 0.999)
"""Probabilities of the quantiles that are kept of each law."""

TAIL_LEVELS = {"01": 0.99, "05": 0.95}
"""Confidence of the tails that are scored, by the ending of their columns."""


@dataclass(frozen=True, eq=False)
class Ticks:
    """Steps in which prices move, and the prices that move in them.

    Attributes:
        prices: (T, A) as they were quoted, at which returns end, on the axis of the forecasts' sessions.
        sizes: (A,) step of each asset.
    """

    prices: NDArray[np.float64]
    sizes: NDArray[np.float64]


def stock_days(
    pieces: Iterable[SessionLaws],
    assets: tuple[str, ...],
    axis: pd.DatetimeIndex,
    ticks: Ticks | None = None,
    with_tails: bool = True,
) -> pd.DataFrame:
    """Score every stock-day whose return was observed and whose asset the law has.

    Args:
        pieces: Laws of one return window, in time order.
        assets: (A,) symbols.
        axis: (T,) every session on which models count.
        ticks: Where given, ``nll`` is minus the log probability of the step in which the close was recorded.
        with_tails: Whether value at risk, shortfall and FZ0 are wanted, which take longest.

    Returns:
        Columns ``session`` (at whose close the forecast was made), ``ends`` (session at whose close the return ends),
        ``asset``, ``target`` (log return), ``nll`` (nats), ``joint_nll`` (nats, of the session's scored assets
        together, by density), ``crps`` (log return), ``pit``, and for the 1 and 5 % tails ``value_at_risk_01``,
        ``shortfall_01`` (positive, in log return) and ``fz0_01`` (NaN where the shortfall is not positive).
    """
    levels = TAIL_LEVELS if with_tails else {}
    return pd.concat([_scored(piece, assets, axis, ticks, levels) for piece in pieces], ignore_index=True)


def quantile_grid(pieces: Iterable[SessionLaws], assets: tuple[str, ...]) -> pd.DataFrame:
    """Lay out the quantiles of every law, whether or not its return was observed.

    Returns:
        Columns ``session``, ``asset``, and ``q0.1`` to ``q99.9``: log returns, by the percent that lie below.
    """
    frames = []
    for piece in pieces:
        present = piece.law.present
        probabilities = torch.tensor(GRID, dtype=torch.float64, device=present.device)[:, None, None]
        kept = present.cpu().numpy()
        values = piece.law.icdf(probabilities).detach().cpu().numpy()[:, kept]
        quantiles = {f"q{100 * p:g}": of for p, of in zip(GRID, values, strict=True)}
        frames.append(pd.DataFrame({**_labels(piece.sessions, assets, kept), **quantiles}))
    return pd.concat(frames, ignore_index=True)


def _scored(
    piece: SessionLaws,
    assets: tuple[str, ...],
    axis: pd.DatetimeIndex,
    ticks: Ticks | None,
    levels: Mapping[str, float],
) -> pd.DataFrame:
    law, target, observed = piece.law, piece.target, piece.observed
    scored = scored_cells(law, observed)
    ends = np.minimum(axis.get_indexer(piece.sessions) + piece.window.ends_after, len(axis) - 1)
    columns: dict[str, Tensor] = {"target": target.double()}
    columns["nll"] = log_score(law, target, observed) if ticks is None else _by_step(piece, ticks, ends)
    columns["joint_nll"] = joint_log_score(law, target, observed)[:, None].expand(target.shape)
    columns["crps"] = crps(law, target, observed)
    columns["pit"] = pit(law, target, observed)
    for name, level in levels.items():
        var, shortfall = marginal_value_at_risk(law, level), marginal_expected_shortfall(law, level)
        positive = scored & (shortfall > 0)
        score = fz0(-torch.where(scored, target, 0.0), var, torch.where(positive, shortfall, 1.0), level)
        columns[f"value_at_risk_{name}"], columns[f"shortfall_{name}"] = var, shortfall
        columns[f"fz0_{name}"] = torch.where(positive, score, torch.nan)
    kept = scored.cpu().numpy()
    labels = _labels(piece.sessions, assets, kept)
    labels["ends"] = axis[ends].to_numpy()[kept.nonzero()[0]]
    figures = {name: values.detach().cpu().numpy()[kept].astype(np.float64) for name, values in columns.items()}
    return pd.DataFrame({**labels, **figures})


def _by_step(piece: SessionLaws, ticks: Ticks, ends: NDArray[np.int64]) -> Tensor:
    close = torch.from_numpy(ticks.prices[ends]).to(piece.target.device)
    size = torch.from_numpy(ticks.sizes).to(piece.target.device).expand(close.shape)
    known = piece.observed & torch.isfinite(close)
    lower, upper = tick_bounds(piece.target, torch.where(known, close, 1.0), size)
    return interval_log_score(piece.law, lower, upper, piece.observed)


def _labels(
    sessions: pd.DatetimeIndex, assets: tuple[str, ...], kept: NDArray[np.bool_]
) -> dict[str, NDArray[np.generic]]:
    row, column = kept.nonzero()
    return {"session": sessions.to_numpy()[row], "asset": np.array(assets, dtype=object)[column]}
