"""Maximum diversification: the book whose volatility is least beside what its parts have by themselves."""

import numpy as np
from scipy import sparse

from quantdl.portfolio.constraints import Constraints, InfeasibleError, TradingTerms, book_constraints
from quantdl.portfolio.interior_point import QuadraticProgram, Rows, solve
from quantdl.portfolio.limits import Limits
from quantdl.portfolio.minimum_variance import checked_covariance, covariance_of, refuse_no_variance

_NOTHING = 1e-9  # smaller weights are what the method left of zero


def maximum_diversification_weights(
    draws: np.ndarray,
    limits: Limits,
    terms: TradingTerms,
    invested: float = 1.0,
    probabilities: np.ndarray | None = None,
) -> np.ndarray:
    r"""Find the weights of the greatest diversification ratio.

    .. math:: \max_w \; \frac{\sum_i w_i \sigma_i}{\sqrt{w^\top \Sigma w}}
              \quad \text{with} \quad \textstyle\sum_i w_i = \text{invested}

    under the caps on weights, groups, gross and net weights, and on turnover. The ratio does not change with the size
    of the book, so with :math:`y = k w` and :math:`\sum_i y_i \sigma_i = 1` it is greatest where
    :math:`y^\top \Sigma y` is least, and each constraint :math:`a^\top w \le b` becomes :math:`a^\top y \le b k`: a
    quadratic program. A price of
    trading has no place in a ratio: cap the turnover instead.

    Args:
        draws: (S, A) log returns over one period. A column with a value that is not finite, or one that does not move,
            is an asset that cannot be held.
        limits: The caps.
        terms: Weights held, and the cap on turnover.
        invested: Sum of the weights, above zero.
        probabilities: (S,) of the draws; equal where None.

    Shape:
        - output: (A,)

    Raises:
        ValueError: If ``invested`` is not positive, a price of trading is given, or a book has no predicted variance.
        InfeasibleError: If no book keeps all constraints, with those that collide.
        RuntimeError: If the solver fails.

    References:
        | Toward maximum diversification (Choueifaty and Coignard, 2008), https://doi.org/10.3905/JPM.2008.35.1.40

    Example:
        Of independent assets each is held in proportion to the inverse of its volatility.

        >>> moves = np.log1p(np.array([[0.01, 0.02], [-0.01, 0.02], [0.01, -0.02], [-0.01, -0.02]]))
        >>> limits = Limits(True, 1.0, 1.0, 1.0, np.zeros(2, int), ("all",), 1.0, 1.0)
        >>> maximum_diversification_weights(moves, limits, TradingTerms(np.zeros(2), 0.0, 0.0)).round(6).tolist()
        [0.666667, 0.333333]
    """
    if not invested > 0:
        raise ValueError(f"invested must be positive, got {invested}.")
    if terms.price > 0:
        raise ValueError("a ratio of risks has no price of trading; give terms without one and cap the turnover.")
    covariance = covariance_of(draws, probabilities)
    present = np.nan_to_num(np.diag(covariance)) > 1e-16
    weights = np.zeros(len(present))
    if not present.any():
        return weights
    inside = checked_covariance(covariance, present)
    scaled = inside / (np.trace(inside) / len(inside))
    found = _optimum(scaled, book_constraints(limits, present, invested, terms))
    refuse_no_variance(found, scaled, len(scaled))
    weights[present] = np.where(np.abs(found) < _NOTHING, 0.0, found)
    return np.asarray(weights * (invested / weights.sum()))


def diversification_ratio(weights: np.ndarray, draws: np.ndarray) -> float:
    """Return the mean volatility of the positions by weight, over the volatility of the book.

    Args:
        weights: (A,) fractions of equity, not all zero.
        draws: (S, A) log returns; columns of assets that are not held may be NaN.

    Returns:
        One for a single position, more the less the positions move together.

    Raises:
        ValueError: If nothing is held or the book does not move: then the ratio is not defined.

    Example:
        >>> moves = np.log1p(np.array([[0.01, 0.01], [-0.01, 0.01], [0.01, -0.01], [-0.01, -0.01]]))
        >>> round(diversification_ratio(np.array([0.5, 0.5]), moves), 6)
        1.414214
    """
    held = weights != 0
    if not held.any():
        raise ValueError("nothing is held: the diversification ratio is not defined.")
    returns = np.expm1(draws[:, held])
    volatility = float((returns @ weights[held]).std())
    if not volatility > 0:
        raise ValueError("the book does not move in any draw: the diversification ratio is not defined.")
    return float(np.abs(weights[held]) @ returns.std(axis=0)) / volatility


def _optimum(covariance: np.ndarray, keep: Constraints) -> np.ndarray:
    """Return (A,) weights; the last unknown is the size k of the book."""
    count, width = len(covariance), keep.matrix.shape[1]
    deviations = np.sqrt(np.diag(covariance))
    curvature = np.zeros((width + 1, width + 1))
    curvature[:count, :count] = covariance
    sized = sparse.hstack([keep.matrix, -keep.most[:, None]])
    positive = sparse.csr_array((-np.ones(1), ([0], [width])), shape=(1, width + 1))
    matrix = sparse.csr_array(sparse.vstack([sized, positive]))
    rows = Rows(matrix, np.zeros(matrix.shape[0]), np.full(matrix.shape[0], np.inf))
    equalities = np.zeros((2, width + 1))
    equalities[0, :count] = deviations
    equalities[1, :width], equalities[1, -1] = keep.total, -keep.invested
    size = count / (keep.invested * deviations.sum())
    start = size * np.concatenate([np.full(count, keep.invested / count), np.ones(width - count), [1.0]])
    program = QuadraticProgram(curvature, np.zeros(width + 1), (rows,), equalities, np.array([1.0, 0.0]))
    found = solve(program, start)
    if found is None or not found[-1] > 0:
        colliding = keep.colliding()
        if colliding:
            raise InfeasibleError(colliding)
        raise RuntimeError("the program of diversification was not solved, though some book keeps all constraints.")
    return np.asarray(found[:count] / found[-1])
