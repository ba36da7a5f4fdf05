"""Forecasts as a table and as scores."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from quantdl.distributions import AffineMarginals, Forecast, StudentTMarginals
from quantdl.scoring import crps_from_quantiles, crps_student_t, joint_log_score, log_score, pit, scored_cells
from quantdl.sequences import NEXT_SESSION
from quantdl.training.forecasting import ForecastBook, SessionLaws

QUANTILES = {"q01": 0.01, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "q99": 0.99}


def forecast_table(book: ForecastBook) -> pd.DataFrame:
    """One row per session, return window and asset, in that order.

    Columns: ``session`` (at whose close the forecast was made), ``window``, ``asset``, ``present``, ``target``
        (realised
    log return, NaN where not observed), ``observed``, marginal quantiles ``q01 .. q99``, ``log_density`` (nats),
    ``crps`` (log return) and ``pit``, NaN where nothing was observed; ``joint_log_density`` of the session's observed
    assets together.
    """
    frames = [_frame(piece, book.assets) for piece in book.pieces]
    table = pd.concat(frames, ignore_index=True)
    return table.sort_values(["window", "session"], kind="stable", ignore_index=True)


def _frame(piece: SessionLaws, assets: tuple[str, ...]) -> pd.DataFrame:
    law, n_assets = piece.law, len(assets)
    scored = scored_cells(law, piece.observed)
    columns: dict[str, Tensor] = {"present": law.present, "target": piece.target.double(), "observed": scored}
    for name, probability in QUANTILES.items():
        columns[name] = law.icdf(torch.tensor(probability, device=law.present.device))
    columns["log_density"] = -log_score(law, piece.target, piece.observed)
    columns["crps"] = marginal_crps(law, piece.target, piece.observed)
    columns["pit"] = pit(law, piece.target, piece.observed)
    joint = -joint_log_score(law, piece.target, piece.observed)
    columns["joint_log_density"] = joint[:, None].expand(law.present.shape)
    frame = pd.DataFrame({name: value.detach().cpu().reshape(-1).numpy() for name, value in columns.items()})
    unknown = ["target", "log_density", "crps", "pit", "joint_log_density"]
    frame[unknown] = frame[unknown].astype(np.float64).where(frame["observed"], np.nan)
    absent = list(QUANTILES)
    frame[absent] = frame[absent].astype(np.float64).where(frame["present"], np.nan)
    frame.insert(0, "asset", np.tile(np.array(assets, dtype=object), len(piece.sessions)))
    frame.insert(0, "window", "next_session" if piece.window == NEXT_SESSION else "position")
    frame.insert(0, "session", piece.sessions.repeat(n_assets))
    return frame


def marginal_crps(law: Forecast, target: Tensor, observed: Tensor) -> Tensor:
    """CRPS of each asset's own law, (B, A): in closed form where the law is Student-t, by quantiles otherwise."""
    scored = scored_cells(law, observed)
    marginals = law.marginals
    match marginals:
        case StudentTMarginals():
            freedom = marginals.own_degrees_of_freedom
        case AffineMarginals():
            freedom = law.dependence.degrees_of_freedom[:, None].expand(law.present.shape)
        case _:
            return crps_from_quantiles(law, target, observed)
    crps = crps_student_t(target.double(), marginals.location.double(), marginals.scale.double(), freedom.double())
    return torch.where(scored, crps, 0.0)


def next_session(table: pd.DataFrame) -> pd.DataFrame:
    """The scored rows of the next session's return: what models are compared on."""
    return table[(table["window"] == "next_session") & table["observed"]]


def mean_scores(scored: pd.DataFrame) -> dict[str, float]:
    """Mean scores of scored rows: ``nll`` and ``joint_nll`` in nats per asset, ``crps`` in log return."""
    joint = scored.groupby("session")["joint_log_density"].first().sum()
    return {
        "nll": -float(scored["log_density"].mean()),
        "joint_nll": -float(joint) / len(scored),
        "crps": float(scored["crps"].mean()),
    }


def coverage(scored: pd.DataFrame, levels: Iterable[float]) -> list[dict[str, float]]:
    """Share of outcomes inside the central interval of each level."""
    distance = (scored["pit"] - 0.5).abs()
    return [
        {"level": level, "observed": float((distance <= 0.5 * level).mean()), "n": float(len(scored))}
        for level in levels
    ]


def scores_by_asset(scored: pd.DataFrame) -> list[dict[str, object]]:
    """Mean scores per asset, in the order of the symbols."""
    grouped = scored.groupby("asset", sort=True)
    return [
        {
            "asset": str(asset),
            "nll": -float(rows["log_density"].mean()),
            "crps": float(rows["crps"].mean()),
            "n": len(rows),
        }
        for asset, rows in grouped
    ]
