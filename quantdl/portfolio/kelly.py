"""Fractional Kelly: the book whose wealth is expected to grow fastest under the caps, and a stated part of it."""

from functools import partial

import numpy as np
from scipy.linalg import null_space

from quantdl.portfolio.convex import Local, Smooth, along_central_path
from quantdl.portfolio.limits import Limits, within_limits

_NOTHING = 1e-9  # smaller weights are what the barrier left of zero
_GAP = 1e-13  # largest loss of expected log growth


def kelly_weights(draws: np.ndarray, limits: Limits, fraction: float = 1.0) -> np.ndarray:
    r"""Find the weights of greatest expected logarithmic growth under the caps, and return a fraction of them.

    .. math:: w^* = \arg\max_{w} \; \frac{1}{S} \sum_s \log(1 + w^\top R_s), \quad R_s = e^{x_s} - 1,
              \qquad w = f \, w^*

    Cash earns nothing; take its return off the draws where it does. The objective is concave, so there is one growth
    rate, and one book where no asset repeats others. It is found by a barrier method to a growth of 1e-13, with a
    domain: no draw may ruin the book. At the optimum each draw leaves at least 1/S of the wealth.

    What is known of means is little, and full Kelly bets all of it: half of it gives up a quarter of the growth for
    half of the volatility.

    Args:
        draws: (S, A) log returns over one period. A column with a value that is not finite is an asset that cannot be
            held.
        limits: The caps on the full Kelly book; a fraction of it keeps them. A cap of zero on net weights is an
            equality: with ``max_net`` 0, what is sold short pays for what is bought.
        fraction: Part of the full Kelly book that is held, above 0 and at most 1.

    Shape:
        - output: (A,), all zero where no asset is worth holding

    Raises:
        ValueError: If ``fraction`` is out of range.

    References:
        | A new interpretation of information rate (Kelly, 1956), https://doi.org/10.1002/j.1538-7305.1956.tb03809.x
        | Growth versus security in dynamic investment analysis (MacLean, Ziemba and Blazenko, 1992)

    Example:
        A bet that wins a tenth six times in ten, and else loses a tenth: (0.6 - 0.4) / 0.1 = 2 times equity.

        >>> one = Limits(True, 3.0, 3.0, 3.0, np.zeros(1, int), ("all",), 3.0, 3.0)
        >>> kelly_weights(np.log1p(np.array([[0.1]] * 6 + [[-0.1]] * 4)), one).round(6).tolist()
        [2.0]
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie above 0 and at most at 1, got {fraction}.")
    present = np.isfinite(draws).all(axis=0)
    weights = np.zeros(len(present))
    if present.any() and len(draws) and _leaves_room(limits):
        best = _fastest_growth(np.expm1(draws[:, present]), limits, limits.group_of[present])
        weights[present] = np.where(np.abs(best) < _NOTHING, 0.0, best)
    return fraction * within_limits(weights, limits)


def expected_growth(weights: np.ndarray, draws: np.ndarray) -> float:
    """Return the mean of log(1 + w'R) over the draws: what a book's wealth is expected to grow by in a period.

    Args:
        weights: (A,) fractions of equity.
        draws: (S, A) log returns; columns of assets that are not held may be NaN.

    Returns:
        Logarithmic growth, minus infinity where a draw leaves nothing.

    Example:
        >>> round(expected_growth(np.array([0.5]), np.log1p(np.array([[1.0], [-0.5]]))), 6)
        0.058892
    """
    held = weights != 0
    wealth = 1.0 + np.expm1(draws[:, held]) @ weights[held]
    return float(np.log(wealth).mean()) if (wealth > 0).all() else float("-inf")


def _leaves_room(limits: Limits) -> bool:
    """Whether anything may be held: caps on gross weights are above zero, and of a long-only book those on net ones."""
    gross = min(limits.max_weight, limits.max_group_gross, limits.max_gross)
    return min(gross, limits.max_group_net, limits.max_net) > 0 if limits.long_only else gross > 0


def _fastest_growth(returns: np.ndarray, limits: Limits, group_of: np.ndarray) -> np.ndarray:
    """Return (A,) the full Kelly book."""
    if limits.long_only:
        rows, most = _long_only(limits, group_of)
        start = np.full(returns.shape[1], _half_way(rows, most))
        while (1.0 + returns @ start <= 0).any():
            start /= 2.0
        return _on_central_path(returns, rows, most, start)
    return _fastest_of_both_sides(returns, limits, group_of)


def _fastest_of_both_sides(returns: np.ndarray, limits: Limits, group_of: np.ndarray) -> np.ndarray:
    """Return (A,) the full Kelly book where shorts are allowed.

    Unknown are how large each weight is, of which the caps on gross weights are linear, and the weights themselves:
    where caps on net weights are zero, their coordinates in the space of weights that net to zero.
    """
    n_assets = returns.shape[1]
    rows, most = _both_sides(limits, group_of)
    nets = _zero_nets(limits, group_of)
    basis = null_space(nets) if len(nets) else np.eye(n_assets)
    n_free = basis.shape[1]
    if n_free == 0:
        return np.zeros(n_assets)
    start = np.concatenate([np.zeros(n_free), np.full(n_assets, _half_way(rows, most))])
    rows = np.hstack([rows[:, :n_assets] @ basis, rows[:, n_assets:]])
    return np.asarray(basis @ _on_central_path(returns @ basis, rows, most, start)[:n_free])


def _half_way(rows: np.ndarray, most: np.ndarray) -> float:
    """Return half of the largest number that all unknowns may be at once."""
    capped = most > 0  # the other rows say which unknowns are not negative
    return 0.5 * float((most[capped] / np.abs(rows[capped]).sum(axis=1)).min())


def _on_central_path(returns: np.ndarray, rows: np.ndarray, most: np.ndarray, start: np.ndarray) -> np.ndarray:
    return along_central_path(partial(_growth_with_barrier, returns, rows, most), start, 1.0, len(most) / _GAP)


def _growth_with_barrier(returns: np.ndarray, rows: np.ndarray, most: np.ndarray, sharpness: float) -> Smooth:
    """Return the growth lost, times the sharpness, and the barrier of the caps: rows of unknowns below their most."""
    n_draws, n_assets = returns.shape

    def around(unknown: np.ndarray) -> Local | None:
        wealth, slack = 1.0 + returns @ unknown[:n_assets], most - rows @ unknown
        if not (wealth.min() > 0 and slack.min() > 0):
            return None
        scaled = returns / wealth[:, None]
        gradient = rows.T @ (1.0 / slack)
        gradient[:n_assets] -= scaled.sum(axis=0) * (sharpness / n_draws)
        leaning = rows / slack[:, None]
        curvature = leaning.T @ leaning
        curvature[:n_assets, :n_assets] += scaled.T @ scaled * (sharpness / n_draws)
        value = -float(np.log(wealth).mean()) * sharpness - float(np.log(slack).sum())
        return Local(value, gradient, curvature)

    return around


def _long_only(limits: Limits, group_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (M, A) rows and (M,) the most each may be; those of most 0 say that no weight is negative."""
    each, members, all_of = _sums(group_of)
    rows = np.vstack([each, members, all_of, -each])
    caps = (
        (len(group_of), limits.max_weight),
        (members.shape[0], min(limits.max_group_gross, limits.max_group_net)),
        (1, min(limits.max_gross, limits.max_net)),
        (len(group_of), 0.0),
    )
    return rows, np.concatenate([np.full(count, cap) for count, cap in caps])


def _both_sides(limits: Limits, group_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (M, 2 A) rows over weights and their sizes; those of most 0 say that a size is no less than a weight.

    Caps of zero on net weights are left out: they are equalities, see `_zero_nets`.
    """
    each, members, all_of = _sums(group_of)
    caps = (
        (np.hstack([0 * each, each]), limits.max_weight),
        (np.hstack([0 * members, members]), limits.max_group_gross),
        (np.hstack([0 * all_of, all_of]), limits.max_gross),
        (np.hstack([members, 0 * members]), limits.max_group_net),
        (np.hstack([-members, 0 * members]), limits.max_group_net),
        (np.hstack([all_of, 0 * all_of]), limits.max_net),
        (np.hstack([-all_of, 0 * all_of]), limits.max_net),
    )
    kept = [(block, cap) for block, cap in caps if cap > 0]
    kept += [(np.hstack([-each, -each]), 0.0), (np.hstack([each, -each]), 0.0)]
    return np.vstack([block for block, _ in kept]), np.concatenate([np.full(len(block), cap) for block, cap in kept])


def _zero_nets(limits: Limits, group_of: np.ndarray) -> np.ndarray:
    """Return (E, A) sums of weights that must be zero."""
    _, members, all_of = _sums(group_of)
    found = [members] if limits.max_group_net == 0 else []
    found += [all_of] if limits.max_net == 0 else []
    return np.vstack(found) if found else np.zeros((0, len(group_of)))


def _sums(group_of: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of single weights, of those in each group that has any, and of all."""
    members = np.equal.outer(np.unique(group_of), group_of).astype(np.float64)
    return np.eye(len(group_of)), members, np.ones((1, len(group_of)))
