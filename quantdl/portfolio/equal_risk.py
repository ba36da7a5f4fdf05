"""Equal risk: every asset contributes the same to the predicted volatility, or expected shortfall, of the book."""

from functools import partial

import numpy as np

from quantdl.portfolio.convex import Local, Smooth, along_central_path, newton_minimum
from quantdl.portfolio.heuristics import STALE_DEVIATION
from quantdl.portfolio.risk_budget import expected_shortfall, worst_share

_GAP = 1e-9  # largest part of the risk by which the shortfall found may miss the best
_UNBALANCED = 1e-6  # a larger miss says that there is no such book


def equal_risk_weights(
    draws: np.ndarray, level: float | None = None, shares_of_risk: np.ndarray | None = None
) -> np.ndarray:
    r"""Find the fully invested long-only book in which every asset contributes the same to the predicted risk.

    .. math:: w \propto \arg\min_{y > 0} \; \rho(y) - \sum_i b_i \log y_i

    where :math:`\rho` is half the variance, or the expected shortfall, of the book's simple return. The logarithms make
    the optimum unique; there the contribution :math:`y_i \, \partial_i \rho` of each asset is its share :math:`b_i`.

    The shortfall of draws has corners, where its derivative is any of the averages over the tail in which the draws at
    the edge count in part; the optimum lies on one, and the contributions are equal for one of these averages.

    Args:
        draws: (S, A) log returns over one period. A column with a value that is not finite, or one that hardly moves
            (deviation of the simple returns at most 1e-8), gets weight zero.
        level: Confidence of the expected shortfall; None for volatility.
        shares_of_risk: (A,) share of the risk that each asset is to contribute, not negative, in any unit; equal where
            None. Those of assets that get no weight are left out.

    Shape:
        - output: (A,), sums to one; all zero where no asset counts

    Raises:
        ValueError: If ``level`` is out of range or too high for so few draws, a share is negative, or there is no such
            book, because assets hedge each other so well that a long-only book of them loses nothing.

    References:
        | An algorithm for computing risk parity weights (Spinu, 2013), https://doi.org/10.2139/ssrn.2297383
        | Constrained risk budgeting portfolios (Richard and Roncalli, 2019), https://arxiv.org/abs/1902.05710

    Example:
        >>> moves = np.log1p(np.array([[0.01, 0.02], [-0.01, 0.02], [0.01, -0.02], [-0.01, -0.02]]))
        >>> equal_risk_weights(moves).round(6).tolist()
        [0.666667, 0.333333]
    """
    wanted = np.ones(draws.shape[1]) if shares_of_risk is None else np.asarray(shares_of_risk, dtype=np.float64)
    if not (np.isfinite(wanted) & (wanted >= 0)).all():
        raise ValueError("shares_of_risk must be finite and not negative.")
    if level is not None:
        worst_share(len(draws), level)
    chosen = np.isfinite(draws).all(axis=0) & (wanted > 0)
    returns = np.expm1(np.where(chosen, draws, 0.0))
    deviations = returns.std(axis=0, ddof=1) if len(draws) > 1 else np.zeros(len(chosen))
    chosen &= deviations > STALE_DEVIATION
    weights = np.zeros(len(chosen))
    if chosen.any():
        scaled = returns[:, chosen] / deviations[chosen]  # in units of their own volatility: well conditioned
        budgets = wanted[chosen] / wanted[chosen].sum()
        sizes = _of_variance(scaled, budgets) if level is None else _of_shortfall(scaled, level, budgets)
        weights[chosen] = sizes / deviations[chosen]
        weights /= weights.sum()
    return weights


def risk_contributions(weights: np.ndarray, draws: np.ndarray, level: float | None = None) -> np.ndarray:
    """Return what each position contributes to the predicted volatility or expected shortfall; the sum is that risk.

    Euler's contributions, weight times derivative. That of the shortfall is the mean loss of the position in the draws
    in which the book loses most, the last of which counts in part.

    Args:
        weights: (A,) fractions of equity.
        draws: (S, A) log returns; columns of assets that are not held may be NaN.
        level: Confidence of the expected shortfall; None for volatility.

    Shape:
        - output: (A,)

    Raises:
        ValueError: If ``level`` is out of range or too high for so few draws.

    Example:
        >>> moves = np.log1p(np.array([[0.01, 0.02], [-0.01, 0.02], [0.01, -0.02], [-0.01, -0.02]]))
        >>> risk_contributions(np.array([0.5, 0.5]), moves, level=0.5).round(4).tolist()
        [0.0, 0.01]
    """
    losses = np.where(weights != 0, -weights * np.expm1(np.where(weights != 0, draws, 0.0)), 0.0)
    book = losses.sum(axis=1)
    if level is None:
        moved = losses - losses.mean(axis=0)
        deviation = book.std(ddof=1)
        return np.asarray(moved.T @ (book - book.mean()) / (len(book) - 1) / max(deviation, np.finfo(float).tiny))
    return np.asarray(worst_share(len(book), level) @ losses[np.argsort(-book, kind="stable")])


def _of_variance(returns: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """Return (A,) sizes at which each variance contribution is its budget."""
    covariance = np.atleast_2d(np.cov(returns, rowvar=False))

    def around(sizes: np.ndarray) -> Local | None:
        if not sizes.min() > 0:
            return None
        value = 0.5 * float(sizes @ covariance @ sizes) - float(budgets @ np.log(sizes))
        return Local(value, covariance @ sizes - budgets / sizes, covariance + np.diag(budgets / sizes**2))

    sizes = newton_minimum(around, np.sqrt(budgets))
    _check_balance(float(np.abs(sizes * (covariance @ sizes) / budgets - 1.0).max()))
    return sizes


def _of_shortfall(returns: np.ndarray, level: float, budgets: np.ndarray) -> np.ndarray:
    """Return (A,) sizes at which the shortfall is one and each contribution its budget.

    The program of Rockafellar and Uryasev, t + sum of excesses over t, with a barrier that rounds its corners; the
    excesses are eliminated in closed form.
    """
    alone = expected_shortfall(-returns, level)
    if not alone.min() > 0:
        _check_balance(np.inf)
    sizes = budgets / alone
    start = np.append(sizes, np.quantile(-(returns @ sizes), level))
    barriers = 2.0 * len(returns)
    function = partial(_rounded_shortfall, returns, level, budgets)
    sizes = along_central_path(function, start, barriers, barriers / _GAP)[:-1]
    _check_balance(abs(float(expected_shortfall(-(returns @ sizes)[:, None], level)[0]) - 1.0))
    return sizes


def _rounded_shortfall(returns: np.ndarray, level: float, budgets: np.ndarray, sharpness: float) -> Smooth:
    """Return the objective times the sharpness, as a function of sizes and threshold.

    Of each draw whose loss is a above the threshold, the barriers leave ``k c u - log u - log(u - a)``, least at a u
    that solves a quadratic equation; k is the sharpness and c what an excess costs.
    """
    cost = sharpness / ((1.0 - level) * len(returns))

    def around(unknown: np.ndarray) -> Local | None:
        sizes, threshold = unknown[:-1], unknown[-1]
        if not sizes.min() > 0:
            return None
        beyond = cost * (-(returns @ sizes) - threshold)
        root = np.hypot(beyond, 2.0)
        half = 4.0 / (root + np.abs(beyond))  # the smaller of root + beyond and root - beyond, without cancellation
        plus, minus = np.where(beyond > 0, root + beyond, half), np.where(beyond > 0, half, root - beyond)
        excess, slack = (2.0 + plus) / (2.0 * cost), (2.0 + minus) / (2.0 * cost)
        slope, bend = 1.0 / slack, (1.0 - plus / (2.0 * root)) / slack**2
        value = sharpness * (threshold - float(budgets @ np.log(sizes)))
        value += float((cost * excess - np.log(excess) - np.log(slack)).sum())
        gradient = np.append(-(returns.T @ slope) - sharpness * budgets / sizes, sharpness - slope.sum())
        curvature = np.empty((len(unknown), len(unknown)))
        weighted = returns * bend[:, None]
        curvature[:-1, :-1] = returns.T @ weighted + np.diag(sharpness * budgets / sizes**2)
        curvature[:-1, -1] = curvature[-1, :-1] = weighted.sum(axis=0)
        curvature[-1, -1] = bend.sum()
        return Local(value, gradient, curvature)

    return around


def _check_balance(missed: float) -> None:
    if not missed < _UNBALANCED:
        raise ValueError(
            "there is no long-only book of equal risk: some of these assets hedge each other so well, or lose so "
            "little, that a book of them has no risk. Leave them out, or take a higher level or more draws."
        )
