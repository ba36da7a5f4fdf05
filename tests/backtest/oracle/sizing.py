"""From target weights to shares: what costs leave over, and the cuts that stress and the fast exit demand."""

import numpy as np

# Room for rounding in weights that sum to a cap.
TOLERANCE = 1e-9

# Positions are cut to this share of what the fast exit allows: an order fills a session after it was sized, and a move
# of up to a tenth until then must not break the promise.
EXIT_ROOM = 0.9


def target_quantities(
    weights: np.ndarray, equity: float, quantities: np.ndarray, prices: np.ndarray, cost_fraction: float
) -> np.ndarray:
    r"""Return the shares at which every asset has its weight of equity *after* the costs of getting there.

    The value after costs solves :math:`v = v_0 - c \sum_i |w_i v - q_i p_i|`. The right side falls more slowly than the
    left rises (c times gross below one), so iterating it converges to the only solution.

    Args:
        weights: (A,) target weights.
        equity: Value before costs, positive.
        quantities: (A,) shares held.
        prices: (A,) price per share; NaN only where the weight is zero and nothing is held.
        cost_fraction: Cost of trading each way.

    Shape:
        - output: (A,)

    Example:
        >>> target_quantities(np.array([1.0]), 1000.0, np.array([0.0]), np.array([10.0]), 0.001).round(4).tolist()
        [99.9001]
    """
    prices = np.where(np.isfinite(prices), prices, 1.0)
    held = quantities * prices
    value = equity
    for _ in range(200):
        after = equity - cost_fraction * float(np.abs(weights * value - held).sum())
        if abs(after - value) <= 1e-16 * equity:
            break
        value = after
    return np.asarray(weights * value / prices)


def reduced_only(weights: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return the targets with every weight cut to what is held on the same side."""
    same_side = weights * current > 0
    return np.where(same_side, np.sign(weights) * np.minimum(np.abs(weights), np.abs(current)), 0.0)


def exit_values(tradable_dollars: np.ndarray, max_sessions: int) -> np.ndarray:
    """Return (A,) the largest positions, in money, that can be left within the plan's fast exit."""
    return tradable_dollars * max_sessions
