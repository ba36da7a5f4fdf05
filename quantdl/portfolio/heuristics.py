"""Weights from simple figures: equal parts, inverse volatility, a volatility target, a fixed fraction at risk."""

import numpy as np

# Below this standard deviation of simple returns a price does not move: it is stale, not safe.
STALE_DEVIATION = 1e-8


def equal_weights(available: np.ndarray) -> np.ndarray:
    """Share equity equally among the available assets.

    Args:
        available: (A,) bool.

    Shape:
        - output: (A,), all zero when nothing is available

    Example:
        >>> equal_weights(np.array([True, False, True])).tolist()
        [0.5, 0.0, 0.5]
    """
    count = int(np.count_nonzero(available))
    return np.where(available, 1.0 / max(count, 1), 0.0)


def inverse_volatility_weights(returns: np.ndarray) -> np.ndarray:
    r"""Weigh each asset by the inverse of its standard deviation.

    .. math:: w_i = \frac{1 / s_i}{\sum_j 1 / s_j}, \quad s_i \text{ with } n - 1 \text{ in the denominator}

    Args:
        returns: (N, A) simple returns. A column with a missing return, or one that hardly moves (s <= 1e-8, a stale
            price), gets weight zero.

    Shape:
        - output: (A,), all zero when no column counts

    Example:
        >>> inverse_volatility_weights(np.array([[0.01, 0.02, np.nan], [-0.01, -0.02, 0.0]])).round(4).tolist()
        [0.6667, 0.3333, 0.0]
    """
    if len(returns) < 2:
        return np.zeros(returns.shape[1])
    complete = np.isfinite(returns).all(axis=0)
    deviations = np.where(complete, returns, 0.0).std(axis=0, ddof=1)
    moving = complete & (deviations > STALE_DEVIATION)
    inverse = np.where(moving, 1.0 / np.where(moving, deviations, 1.0), 0.0)
    return np.asarray(inverse / max(inverse.sum(), np.finfo(np.float64).tiny))


def volatility_target_weights(
    weights: np.ndarray, draws: np.ndarray, target_volatility: float, max_gross: float
) -> np.ndarray:
    """Scale a book so that its predicted volatility equals the target, or to the gross cap if that comes first.

    Args:
        weights: (A,) book to scale.
        draws: (S, A) log returns over one period: drawn from a law, or the trailing ones. Columns of assets that are
            not held may be NaN.
        target_volatility: Standard deviation of the book's simple return over that period.
        max_gross: Largest sum of absolute weights.

    Shape:
        - output: (A,), all zero where no volatility can be predicted

    Raises:
        ValueError: If the target is not positive.

    Example:
        >>> draws = np.log1p(np.array([[0.02], [-0.02], [0.02], [-0.02]]))
        >>> volatility_target_weights(np.array([1.0]), draws, 0.01, 1.0).round(4).tolist()
        [0.433]
    """
    if not target_volatility > 0:
        raise ValueError(f"target_volatility must be positive, got {target_volatility}.")
    held = weights != 0
    gross = float(np.abs(weights).sum())
    if gross == 0 or len(draws) < 2:
        return np.zeros_like(weights)
    volatility = float((np.expm1(draws[:, held]) @ weights[held]).std(ddof=1))
    if not volatility > STALE_DEVIATION:
        return np.zeros_like(weights)
    return weights * min(target_volatility / volatility, max_gross / gross)


def fixed_fraction_weights(
    sides: np.ndarray, stop_distances: np.ndarray, fraction: float, max_weight: float, cost_fraction: float = 0.0
) -> np.ndarray:
    r"""Size each position so that reaching its stop costs a fixed fraction of equity, or to the cap if that is less.

    .. math:: |w_i| = \min\Big(\frac{f}{d_i + c \, (2 \mp d_i)}, \; w_{\max}\Big)

    with the costs c of entry and exit, the exit at 1 - d of the entry price for a long position, at 1 + d for a short.

    Args:
        sides: (A,) direction of each position: 1 long, -1 short, 0 none.
        stop_distances: (A,) how far the stop is from the price, as a positive fraction of it. NaN, zero or less: no
            stop, so no position.
        fraction: Part of equity that one trade may lose at its stop.
        max_weight: Largest absolute weight.
        cost_fraction: Cost each way as a fraction of what is traded, as in ``view.cost_fraction``.

    Shape:
        - output: (A,)

    Raises:
        ValueError: If ``fraction`` or ``max_weight`` is not positive or ``cost_fraction`` is negative.

    Example:
        >>> stops = np.array([0.05, 0.10, 0.05])
        >>> fixed_fraction_weights(np.array([1.0, -1.0, 0.0]), stops, 0.02, 0.25).round(9).tolist()
        [0.25, -0.2, 0.0]
    """
    if not (fraction > 0 and max_weight > 0 and cost_fraction >= 0):
        raise ValueError(
            "fraction and max_weight must be positive and cost_fraction not negative, got "
            f"{fraction}, {max_weight} and {cost_fraction}."
        )
    sides = np.sign(sides)
    stopped = np.isfinite(stop_distances) & (stop_distances > 0)
    distances = np.where(stopped, stop_distances, 1.0)
    lost = distances + cost_fraction * (2.0 - sides * distances)
    return np.asarray(np.where(stopped, sides * np.minimum(fraction / lost, max_weight), 0.0))
