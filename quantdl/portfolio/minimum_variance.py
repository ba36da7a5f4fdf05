"""The weights of least predicted variance."""

import numpy as np
from scipy import sparse

from quantdl.portfolio.constraints import Constraints, InfeasibleError, TradingTerms, book_constraints
from quantdl.portfolio.interior_point import QuadraticProgram, Rows, solve
from quantdl.portfolio.limits import Limits

_NOTHING = 1e-9  # smaller weights are what the method left of zero
_NO_VARIANCE = 1e-10  # of the mean variance of the assets


def minimum_variance_weights(
    draws: np.ndarray,
    limits: Limits,
    terms: TradingTerms,
    invested: float = 1.0,
    risk_aversion: float = 1.0,
    probabilities: np.ndarray | None = None,
) -> np.ndarray:
    """Find the weights whose simple return has the least predicted variance, see `minimum_variance_weights_of`.

    Args:
        draws: (S, A) log returns over one period. A column with a value that is not finite is an asset that cannot be
            held.
        limits: The caps.
        terms: Weights held, the price of changing them, and the cap on turnover.
        invested: Sum of the weights.
        risk_aversion: What half the variance counts in units of the return, beside the price of trading.
        probabilities: (S,) of the draws; equal where None.

    Shape:
        - output: (A,)

    Raises:
        ValueError: See `minimum_variance_weights_of`.
        InfeasibleError: If no book keeps all constraints, with those that collide.
    """
    return minimum_variance_weights_of(
        covariance_of(draws, probabilities), limits, terms, invested=invested, risk_aversion=risk_aversion
    )


def minimum_variance_weights_of(
    covariance: np.ndarray,
    limits: Limits,
    terms: TradingTerms,
    invested: float = 1.0,
    risk_aversion: float = 1.0,
) -> np.ndarray:
    r"""Find the weights of least variance under a covariance matrix, whoever made it.

    .. math:: \min_w \; \tfrac{a}{2} w^\top \Sigma w + (c + \lambda) \lVert w - w_0 \rVert_1
              \quad \text{with} \quad \textstyle\sum_i w_i = \text{invested}

    under the caps on weights, groups, gross and net weights, and on turnover. Without a price of trading the aversion a
    does not matter. A singular covariance is no obstacle: where several books share the least variance the one returned
    is in the middle of them, away from their caps. It is refused only where a book without any variance exists: that is
    what too few observations say of too many assets, and no risk that anyone could rely on.

    Args:
        covariance: (A, A) of simple returns; an asset with a value on the diagonal that is not finite cannot be held.
        limits: The caps.
        terms: Weights held, the price of changing them, and the cap on turnover.
        invested: Sum of the weights, not zero.
        risk_aversion: What half the variance counts in units of the return, beside the price of trading.

    Shape:
        - output: (A,)

    Raises:
        ValueError: If the covariance is not square, symmetric and positive semidefinite, a number is out of range, or
            some book has no predicted variance at all.
        InfeasibleError: If no book keeps all constraints, with those that collide.
        RuntimeError: If the solver fails.

    References:
        | Portfolio selection (Markowitz, 1952), https://doi.org/10.1111/j.1540-6261.1952.tb01525.x

    Example:
        Two independent assets are held in proportion to the inverse of their variances.

        >>> limits = Limits(True, 1.0, 1.0, 1.0, np.zeros(2, int), ("all",), 1.0, 1.0)
        >>> minimum_variance_weights_of(np.diag([0.01, 0.04]), limits, TradingTerms(np.zeros(2), 0.0, 0.0)).round(6)
        array([0.8, 0.2])
    """
    if invested == 0 or not risk_aversion > 0:
        raise ValueError(f"invested must not be 0 and risk_aversion positive, got {invested} and {risk_aversion}.")
    present = np.isfinite(np.diag(covariance))
    weights = np.zeros(len(present))
    if not present.any():
        return weights
    inside = checked_covariance(covariance, present)
    keep = book_constraints(limits, present, invested, terms)
    scale = float(np.trace(inside)) / len(inside)
    found = _optimum(inside / scale, keep, terms.current[present], terms.price / scale / risk_aversion)
    refuse_no_variance(found, inside / scale, int(present.sum()))
    weights[present] = np.where(np.abs(found) < _NOTHING, 0.0, found)
    return np.asarray(weights * (invested / weights.sum()))


def covariance_of(draws: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
    """Return (A, A) the covariance of the simple returns of draws, NaN for an asset that the law leaves out.

    With S - 1 in the denominator where all draws are equally likely; with probabilities, the moment under them.

    Args:
        draws: (S, A) log returns.
        probabilities: (S,) of the draws; equal where None.

    Raises:
        ValueError: If there are fewer than two draws.
    """
    if len(draws) < 2:
        raise ValueError(f"a covariance needs at least 2 draws, got {len(draws)}.")
    present = np.isfinite(draws).all(axis=0)
    returns = np.expm1(np.where(present, draws, 0.0))
    shares = np.full(len(draws), 1.0 / len(draws)) if probabilities is None else np.asarray(probabilities, np.float64)
    moved = returns - shares @ returns
    found = (moved * shares[:, None]).T @ moved
    if probabilities is None:
        found *= len(draws) / (len(draws) - 1.0)
    return np.asarray(np.where(present & present[:, None], found, np.nan))


def checked_covariance(covariance: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return the covariance of the present assets.

    Raises:
        ValueError: If it is not symmetric and positive semidefinite, up to rounding, or all variances are zero.
    """
    inside = np.asarray(covariance, dtype=np.float64)[np.ix_(present, present)]
    size = float(np.abs(np.diag(inside)).max())
    if not np.isfinite(inside).all() or not np.abs(inside - inside.T).max() <= 1e-9 * size:
        raise ValueError("covariance must be symmetric, and finite between assets with a finite variance.")
    if not size > 0:
        raise ValueError("covariance is zero: none of the assets moves.")
    least = float(np.linalg.eigvalsh(inside)[0])
    if least < -1e-8 * size * len(inside):
        raise ValueError(f"covariance must be positive semidefinite; its least eigenvalue is {least:.3g}.")
    return np.asarray(inside)


def refuse_no_variance(weights: np.ndarray, covariance: np.ndarray, count: int) -> None:
    """Raise where a book has no predicted variance; ``covariance`` in units of the mean variance of the assets.

    Raises:
        ValueError: With the rank of the covariance.
    """
    if float(weights @ covariance @ weights) < _NO_VARIANCE * float(weights @ weights):
        rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
        raise ValueError(
            f"the covariance of {count} assets has rank {rank}, and a book within the constraints has no predicted "
            f"variance: give more draws than assets, leave out copies and hedges of others, or shrink the covariance."
        )


def _optimum(covariance: np.ndarray, keep: Constraints, held: np.ndarray, cost: float) -> np.ndarray:
    count, width = len(covariance), keep.matrix.shape[1]
    curvature = np.zeros((width, width))
    curvature[:count, :count] = covariance
    rows = [keep.rows()]
    if cost > 0:
        asset = sparse.csr_array(sparse.eye_array(count, width))
        both = sparse.csr_array(sparse.vstack([asset, -asset]))
        rows.append(Rows(both, np.concatenate([held, -held]), np.full(2 * count, cost)))
    start = np.concatenate([np.full(count, keep.invested / count), np.ones(width - count)])
    program = QuadraticProgram(curvature, np.zeros(width), tuple(rows), keep.total[None], np.array([keep.invested]))
    found = solve(program, start)
    if found is None:
        colliding = keep.colliding()
        if colliding:
            raise InfeasibleError(colliding)
        raise RuntimeError("the program of least variance was not solved, though some book keeps all constraints.")
    return np.asarray(found[:count])
