"""Which of several models tells a book's risk best? FZ0 scores, compared by Diebold-Mariano and a confidence set."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from quantdl.risk.backtests.result import FloatArray, refuse_overlap
from quantdl.scoring import fz0
from quantdl.scoring.comparisons import ScoreDifference, diebold_mariano, model_confidence_set


@dataclass(frozen=True)
class BookScores:
    """Scores of several models' value-at-risk and expected shortfall for one book; lower is better.

    Attributes:
        mean: Mean FZ0 score of each model.
        best: The model with the lowest.
        against_best: Each other model minus the best, by Diebold and Mariano; positive where the other one is worse.
        confidence: P-value of each model in the model confidence set: those above 0.1 hold the best model with a
            probability of 90 %.
    """

    mean: Mapping[str, float]
    best: str
    against_best: Mapping[str, ScoreDifference]
    confidence: Mapping[str, float]


def compare_book_risk(
    losses: ArrayLike,
    predictions: Mapping[str, tuple[ArrayLike, ArrayLike]],
    level: float,
    seed: int,
    *,
    n_bootstraps: int = 1000,
    horizon: int = 1,
    step: int = 1,
) -> BookScores:
    """Score models by FZ0 on the same losses of a book, and say whether the best one may be so by luck.

    Args:
        losses: Fractions lost, positive when money is lost, in time order, (T,).
        predictions: By model, value-at-risk and expected shortfall for each loss, both (T,).
        level: Confidence of both.
        seed: Of the bootstrap of the confidence set.
        n_bootstraps: Resampled series.
        horizon: Bars that each loss covers.
        step: Bars from the begin of one loss to that of the next.

    Raises:
        ValueError: If there are fewer than 2 models, lengths differ, a value is not finite, an expected shortfall is
            not positive, two models predicted the same throughout, or losses overlap.

    References:
        | Dynamic Semiparametric Models for Expected Shortfall (and Value-at-Risk) (Patton, Ziegel and Chen, 2019)
        | The Model Confidence Set (Hansen, Lunde and Nason, 2011)
    """
    refuse_overlap("compare_book_risk", horizon, step)
    if len(predictions) < 2:
        raise ValueError(f"a comparison needs at least 2 models, got {len(predictions)}.")
    table = np.column_stack([_scores(name, losses, *both, level) for name, both in predictions.items()])
    names, means = list(predictions), table.mean(axis=0)
    best = int(means.argmin())
    differences = {name: diebold_mariano(table[:, at] - table[:, best]) for at, name in enumerate(names) if at != best}
    confident = model_confidence_set(table, seed, n_bootstraps)
    return BookScores(
        mean=dict(zip(names, means.tolist(), strict=True)),
        best=names[best],
        against_best=differences,
        confidence=dict(zip(names, confident.tolist(), strict=True)),
    )


def _scores(
    name: str, losses: ArrayLike, value_at_risk: ArrayLike, expected_shortfall: ArrayLike, level: float
) -> FloatArray:
    loss, var, shortfall = (np.array(x, np.float64) for x in (losses, value_at_risk, expected_shortfall))
    if loss.ndim != 1 or not loss.shape == var.shape == shortfall.shape:
        raise ValueError(f"{name}: losses and predictions must be series of one length, got {loss.shape}, {var.shape}.")
    if not all(np.isfinite(x).all() for x in (loss, var, shortfall)):
        raise ValueError(f"{name}: losses and predictions must be finite; leave out the sessions without a forecast.")
    try:
        score = fz0(torch.from_numpy(loss), torch.from_numpy(var), torch.from_numpy(shortfall), level)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return np.asarray(score.numpy())
