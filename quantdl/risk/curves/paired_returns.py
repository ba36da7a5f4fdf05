r"""Did one of two books earn more than the other over the same bars, or was it chance?

The tests allow returns that are correlated in time and between the books, and tails of any weight: a difference of the
two books is made for each bar, and the mean of those is tested as in `quantdl.scoring.comparisons.diebold_mariano`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantdl.risk.undefined import ROUNDING
from quantdl.scoring.comparisons import ScoreDifference, diebold_mariano

FloatArray = NDArray[np.float64]

FEWEST_BARS = 20
"""With fewer the long-run variance is not worth the name."""
FEWEST_BARS_OF_A_TAIL = 100
"""With fewer, fewer than five losses lie beyond the level of `SHORTFALL_LEVEL`."""
SHORTFALL_LEVEL = 0.95
"""Confidence of the shortfalls that are compared: beyond it a few years of sessions hold some fifty losses."""


@dataclass(frozen=True)
class PairedReturns:
    """The returns of two books, bar by bar.

    Attributes:
        mean: Mean return a bar of the first less that of the second; positive when the first earned more.
        sharpe: Sharpe ratio per bar of the first less that of the second; None where one of them does not vary, up to
            the rounding of `quantdl.risk.undefined.ROUNDING`.
        correlation: Of the two; None where one of them does not vary.
        shortfall: Expected shortfall a bar of the first at 95 % less that of the second, positive when the first loses
            more; None with fewer than 100 bars.
    """

    mean: ScoreDifference
    sharpe: ScoreDifference | None
    correlation: float | None
    shortfall: ScoreDifference | None


def compare_returns(first: ArrayLike, second: ArrayLike, lags: int | None = None) -> PairedReturns:
    r"""Test whether two books have the same mean return, the same Sharpe ratio and the same expected shortfall.

    The Sharpe ratio of each book is linearised around its moments, as in Ledoit and Wolf's robust test: with
    :math:`z = (r - \mu) / \sigma` a bar contributes :math:`z - \frac{s}{2} (z^2 - 1)` to the error of the estimate. The
    expected shortfall of a book is the mean over bars of :math:`q + (L - q)^+ / (1 - \alpha)`, with q its value at
    risk; an error of q does not matter at first order, because the mean is least there.

    Args:
        first: (T,) simple returns a bar, or returns less the risk-free rate, in time order.
        second: (T,) of the other book over the same bars.
        lags: Autocovariances that count, see `diebold_mariano`.

    Raises:
        ValueError: If the lengths differ, a return is not finite, or there are fewer than 20 bars.

    References:
        | Robust Performance Hypothesis Testing with the Sharpe Ratio (Ledoit and Wolf, 2008)
        | Optimization of conditional value-at-risk (Rockafellar and Uryasev, 2000), for the form of the shortfall
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.ndim != 1 or one.shape != other.shape or len(one) < FEWEST_BARS:
        raise ValueError(f"expected two series of {FEWEST_BARS} bars or more, got {one.shape} and {other.shape}.")
    mean = diebold_mariano(one - other, lags=lags)
    enough = len(one) >= FEWEST_BARS_OF_A_TAIL
    shortfall = diebold_mariano(_shortfall_of_each(one) - _shortfall_of_each(other), lags=lags) if enough else None
    if min(one.std(ddof=1), other.std(ddof=1)) <= ROUNDING:
        return PairedReturns(mean, None, None, shortfall)
    (sharpe, own), (rival, others) = _linearised(one), _linearised(other)
    difference = diebold_mariano(sharpe - rival + own - others, lags=lags)
    return PairedReturns(mean, difference, float(np.corrcoef(one, other)[0, 1]), shortfall)


def _linearised(returns: FloatArray) -> tuple[float, FloatArray]:
    """The Sharpe ratio and what each bar contributes to the error of its estimate; the contributions sum to zero."""
    deviation = float(returns.std())
    sharpe = float(returns.mean()) / deviation
    standard = (returns - returns.mean()) / deviation
    return sharpe, standard - 0.5 * sharpe * (standard**2 - 1.0)


def _shortfall_of_each(returns: FloatArray) -> FloatArray:
    """What each bar contributes to the expected shortfall, which is the mean of these."""
    losses, tail = np.sort(-returns), len(returns) * (1.0 - SHORTFALL_LEVEL)
    threshold = losses[len(losses) - 1 - math.floor(round(tail, 9))]
    contributions: FloatArray = threshold + np.maximum(-returns - threshold, 0.0) / (1.0 - SHORTFALL_LEVEL)
    return contributions


def bars_in_common(first: NDArray[np.datetime64], second: NDArray[np.datetime64]) -> tuple[NDArray[np.int64], ...]:
    """Positions, in two increasing axes of bars, of the returns that both share: those between the same two bars.

    Args:
        first: (T,) bars at which the first curve is known.
        second: (S,) of the second.

    Returns:
        Two arrays of positions of the later bar of each shared pair, 1 or more.

    Example:
        >>> days = np.array(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"], "datetime64[D]")
        >>> [positions.tolist() for positions in bars_in_common(days, days[[0, 1, 3]])]
        [[1], [1]]
    """
    _, one, other = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    follows = (np.diff(one) == 1) & (np.diff(other) == 1)
    return one[1:][follows], other[1:][follows]
