r"""Turnover: how much of a book is traded, against the weights that prices have drifted to.

A book that was left at :math:`w_{t-1}` holds :math:`w_{t-1,i} (1 + r_{t,i}) / (1 + \sum_j w_{t-1,j} r_{t,j})` when
the next decision comes. Comparing targets with the targets before counts trades that drift has already made, and
misses those that undo it.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def drifted_weights(weights: pd.DataFrame, returns: pd.DataFrame) -> pd.DataFrame:
    """Return the weights that each book has when its session's trades begin.

    Args:
        weights: (T, A) fractions of the book's value held after the trades of each session; the rest is cash, which
            earns nothing here.
        returns: (T, A) simple returns from the session before to this one, of the same sessions and assets; those of
            assets that were not held do not count and may be NaN.

    Returns:
        (T, A) of the same labels; the first session begins in cash.

    Raises:
        ValueError: If labels differ (which), a weight is not finite, an asset that is held has no return (which and
            when), or a book is worth nothing.
    """
    _check_labels(weights, returns)
    held = np.vstack([np.zeros(weights.shape[1]), weights.to_numpy(np.float64)[:-1]])
    moves = returns.to_numpy(np.float64)
    missing = (held != 0.0) & ~np.isfinite(moves)
    if missing.any():
        row, column = np.argwhere(missing)[0]
        raise ValueError(f"{weights.columns[column]} is held and has no return at {weights.index[row]}.")
    moves = np.where(held != 0.0, moves, 0.0)
    growth = 1.0 + (held * moves).sum(1)
    if not (growth > 0.0).all():
        raise ValueError(f"the book is worth nothing at {weights.index[int((growth <= 0.0).argmax())]}.")
    return pd.DataFrame(held * (1.0 + moves) / growth[:, None], weights.index, weights.columns)


def turnover(weights: pd.DataFrame, returns: pd.DataFrame) -> pd.Series:
    r"""Return the money traded in each session over the value of the book: :math:`\sum_i |w_{t,i} - w_{t^-,i}|`.

    Purchases and sales both count, as in the equity table of a backtest: a book that is exchanged for another has a
    turnover of 2. Half of it is the one-sided turnover of funds. Costs paid out of the book are not in it.

    Args:
        weights: See `drifted_weights`.
        returns: See `drifted_weights`.

    Returns:
        (T,) by session; the first is the purchase of the book.

    Raises:
        ValueError: As `drifted_weights`.

    Example:
        >>> days = pd.bdate_range("2024-01-01", periods=2)
        >>> weights = pd.DataFrame({"A": [0.5, 0.5], "B": [0.5, 0.5]}, days)
        >>> returns = pd.DataFrame({"A": [0.0, 0.2], "B": [0.0, 0.0]}, days)
        >>> turnover(weights, returns).round(4).tolist()
        [1.0, 0.0909]
    """
    traded = (weights - drifted_weights(weights, returns)).abs()
    return traded.sum(axis=1)


def annual_turnover(weights: pd.DataFrame, returns: pd.DataFrame, bars_per_year: float) -> float:
    """Return the money traded a year over the value of the book, the purchase of the first session left out.

    Args:
        weights: See `drifted_weights`.
        returns: See `drifted_weights`.
        bars_per_year: Bars of the calendar in a year.

    Raises:
        ValueError: As `drifted_weights`, and if there is no session after the first.
    """
    traded = turnover(weights, returns).to_numpy(np.float64)[1:]
    if not len(traded):
        raise ValueError(f"turnover needs at least 2 sessions, got {len(weights)}.")
    return float(traded.mean()) * bars_per_year


def _check_labels(weights: pd.DataFrame, returns: pd.DataFrame) -> None:
    for what, own, other in (
        ("assets", weights.columns, returns.columns),
        ("sessions", weights.index, returns.index),
    ):
        if not own.equals(other):
            differing = own.symmetric_difference(other)
            which = f"{differing[0]} is in only one of them" if len(differing) else "their order differs"
            raise ValueError(f"weights and returns must have the same {what}; {which}.")
    if not np.isfinite(weights.to_numpy(np.float64)).all():
        raise ValueError("weights must be finite; a weight of an asset that is not held is 0, not NaN.")
