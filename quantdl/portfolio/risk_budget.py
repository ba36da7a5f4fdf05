"""Predicted expected shortfall of a book and of its positions, and books cut to what they may lose by it."""

import math

import numpy as np

from quantdl.portfolio.limits import Limits, ShortfallLimit

WITHOUT_FORECAST = float("inf")
"""Predicted loss of a position in an asset that the law leaves out: nothing can be promised of it."""


def expected_shortfall(losses: np.ndarray, level: float) -> np.ndarray:
    r"""Return the mean of the worst ``1 - level`` share of losses; the last of them counts in part.

    The same figure as `quantdl.risk.expected_shortfall`, on arrays.

    Args:
        losses: Equally likely losses, positive when money is lost.
        level: Confidence, from 0.5 on and below 1.

    Shape:
        - losses: (S, \*), draws first
        - output: (\*)

    Raises:
        ValueError: If ``level`` is out of range, or the tail holds not even one of the losses.

    Example:
        >>> float(expected_shortfall(np.array([0.0, 0.1, 0.2, 0.3]), 0.5))
        0.25
    """
    share = worst_share(len(losses), level)
    return np.asarray(np.tensordot(share, -np.sort(-losses, axis=0), axes=1))


def worst_share(n_losses: int, level: float) -> np.ndarray:
    """Return (S,) what each loss counts in the expected shortfall, from the largest loss to the smallest; sums to one.

    Raises:
        ValueError: If ``level`` is out of range, or the tail holds not even one of the losses.

    Example:
        >>> worst_share(5, 0.7).round(4).tolist()
        [0.6667, 0.3333, 0.0, 0.0, 0.0]
    """
    if not 0.5 <= level < 1:
        raise ValueError(f"level must lie between 0.5 and 1, got {level}.")
    tail = round(n_losses * (1.0 - level), 6)
    if tail < 1:
        needed = math.ceil(round(1.0 / (1.0 - level), 6))
        raise ValueError(f"level {level:g} needs at least {needed} losses, got {n_losses}.")
    return np.asarray(np.clip(tail - np.arange(n_losses), 0.0, 1.0) / tail)


def predicted_shortfall(weights: np.ndarray, draws: np.ndarray, level: float) -> float:
    """Return the predicted expected shortfall of a book over the period of the draws.

    Args:
        weights: (A,) fractions of equity.
        draws: (S, A) log returns drawn from a joint law, NaN for an asset that it leaves out.
        level: Confidence.

    Returns:
        A fraction of equity, positive when money is lost; infinite where the law leaves out an asset that is held.

    Raises:
        ValueError: If ``level`` is out of range or too high for so few draws.

    Example:
        >>> draws = np.log1p(np.array([[-0.2, 0.1], [0.1, -0.2], [0.0, 0.0], [0.1, 0.1]]))
        >>> round(predicted_shortfall(np.array([0.5, 0.5]), draws, 0.5), 6)
        0.05
    """
    held = weights != 0
    if np.isnan(draws[:, held]).any():
        return WITHOUT_FORECAST
    return float(expected_shortfall(-(np.expm1(draws[:, held]) @ weights[held]), level))


def position_shortfalls(weights: np.ndarray, draws: np.ndarray, level: float) -> np.ndarray:
    """Return (A,) the predicted expected shortfall of each position by itself, as a fraction of the book's equity.

    Args:
        weights: (A,) fractions of equity.
        draws: (S, A) log returns drawn from a law, NaN for an asset that it leaves out.
        level: Confidence.

    Returns:
        Zero where nothing is held, infinite where the law leaves out what is held.

    Raises:
        ValueError: If ``level`` is out of range or too high for so few draws.

    Example:
        >>> draws = np.log1p(np.array([[-0.2, 0.1], [0.1, -0.2], [0.0, 0.0], [0.1, 0.1]]))
        >>> position_shortfalls(np.array([0.5, -0.5]), draws, 0.75).round(6).tolist()
        [0.1, 0.05]
    """
    held = weights != 0
    known = held & ~np.isnan(draws).any(axis=0)
    losses = -np.expm1(np.where(known, draws, 0.0)) * weights
    return np.where(held & ~known, WITHOUT_FORECAST, expected_shortfall(losses, level))


def within_risk_budget(weights: np.ndarray, draws: np.ndarray, limits: Limits) -> np.ndarray:
    """Cut a book until its predicted expected shortfall, and that of each position, is what the plan allows.

    First each position is cut to its own limit, then the whole book is scaled down: shortfalls grow in proportion, so
    nothing is cut further than needed. A book that keeps the other caps keeps them afterwards, so cut with
    `within_limits` first. What is cut stays in cash; an asset that the law leaves out gets weight zero. A book without
    a limit on predicted losses is returned as it is.

    Args:
        weights: (A,) wanted weights.
        draws: (S, A) log returns over the plan's horizon, as in ``view.draws``.
        limits: The caps, as in ``view.limits``.

    Shape:
        - output: (A,)

    Raises:
        ValueError: If a level of the plan is too high for so few draws.

    Example:
        A book that loses a fifth of what is invested may be invested by a quarter if it may lose a twentieth.

        >>> both = Limits(True, 1.0, 1.0, 1.0, np.zeros(1, int), ("all",), 1.0, 1.0, ShortfallLimit(0.75, 0.05))
        >>> draws = np.log1p(np.array([[-0.2], [0.1], [0.0], [0.1]]))
        >>> within_risk_budget(np.array([1.0]), draws, both).round(6).tolist()
        [0.25]
    """
    if limits.position_shortfall is None and limits.book_shortfall is None:
        return weights
    weights = np.where(np.isnan(draws).any(axis=0), 0.0, weights)
    if limits.position_shortfall is not None:
        own = position_shortfalls(weights, draws, limits.position_shortfall.level)
        weights = weights * _kept(own, limits.position_shortfall)
    if limits.book_shortfall is not None:
        whole = predicted_shortfall(weights, draws, limits.book_shortfall.level)
        weights = weights * _kept(np.array(whole), limits.book_shortfall)
    return weights


def _kept(found: np.ndarray, allowed: ShortfallLimit) -> np.ndarray:
    """Return what part of a weight, or of a book, keeps the limit."""
    return np.asarray(allowed.limit / np.maximum(found, allowed.limit))
