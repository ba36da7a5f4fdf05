"""Are exceptions as many as promised? Kupiec's test, with its exact p-value."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from quantdl.risk.backtests.result import TIES, BoolArray, FloatArray, TestResult, marked, refuse_overlap, tail_of


def exceptions(losses: ArrayLike, value_at_risk: ArrayLike) -> BoolArray:
    """Mark the losses above their value-at-risk, both (T,).

    Raises:
        ValueError: If the shapes differ, nothing is given, or a value is not finite.

    Example:
        >>> exceptions([0.01, 0.03, 0.02], [0.02, 0.02, 0.02]).tolist()
        [False, True, False]
    """
    loss, threshold = np.asarray(losses, np.float64), np.asarray(value_at_risk, np.float64)
    if loss.shape != threshold.shape or loss.ndim != 1 or loss.size == 0:
        raise ValueError(
            f"losses and value_at_risk must be two series of one length, got {loss.shape}, {threshold.shape}."
        )
    if not (np.isfinite(loss).all() and np.isfinite(threshold).all()):
        raise ValueError("losses and value_at_risk must be finite; leave out the sessions without a forecast.")
    return loss > threshold


def kupiec(hits: ArrayLike, level: float, *, exact: bool = False, horizon: int = 1, step: int = 1) -> TestResult:
    """Test the number of exceptions: likelihood ratio, one degree of freedom.

    Args:
        hits: One bool per session, True for an exception, (T,).
        level: Confidence of the value-at-risk.
        exact: Whether the p-value is that of the binomial law, see `kupiec_counts`.
        horizon: Bars that each loss covers.
        step: Bars from the begin of one loss to that of the next.

    Raises:
        ValueError: If there is no observation, ``level`` is outside (0, 1), or losses overlap.

    References:
        | Techniques for Verifying the Accuracy of Risk Measurement Models (Kupiec, 1995)
    """
    refuse_overlap("kupiec", horizon, step)
    found = marked(hits)
    return kupiec_counts(int(found.sum()), len(found), level, exact=exact)


def kupiec_counts(n_exceptions: int, n: int, level: float, *, exact: bool = False) -> TestResult:
    r"""Kupiec's test from counts: :math:`2 \log [ L(x / n) / L(1 - \alpha) ]` of the binomial likelihood, 0 log 0 = 0.

    The exact p-value is two-sided: the binomial probability of all counts whose ratio is at least that of ``x``. It
    rejects right forecasts with 5 % at most; the chi-square one does so with 1.8 to 9.5 % for 100 to 300 observations
    and with 4.2 to 5.5 % for 1,000, at levels from 0.95 to 0.99.

    Raises:
        ValueError: If the counts are impossible, or ``level`` is outside (0, 1).

    Example:
        >>> result = kupiec_counts(20, 252, level=0.95)
        >>> round(result.statistic, 4), round(result.p_value, 4)
        (3.9126, 0.0479)
        >>> round(kupiec_counts(20, 252, level=0.95, exact=True).p_value, 4)
        0.0588
    """
    tail = tail_of(level)
    if not 0 <= n_exceptions <= n or n < 1:
        raise ValueError(f"exceptions must lie between 0 and the number of observations, got {n_exceptions} of {n}.")
    counts = np.arange(n + 1)
    ratios = coverage_ratios(counts, n, tail)
    ratio = float(ratios[n_exceptions])
    if not exact:
        return TestResult("kupiec", ratio, float(stats.chi2.sf(ratio, 1)), n, n_exceptions, tail * n)
    chance = float(stats.binom.pmf(counts, n, tail)[ratios >= ratio * (1.0 - TIES) - TIES].sum())
    return TestResult("kupiec", ratio, min(chance, 1.0), n, n_exceptions, tail * n, how="exact")


def coverage_ratios(counts: np.ndarray, n: int, tail: float) -> FloatArray:
    """Return Kupiec's ratio of each number of exceptions in ``n`` observations."""
    ratios = 2.0 * (log_likelihood(counts, n, counts / n) - log_likelihood(counts, n, tail))
    return np.maximum(ratios, 0.0)  # rounding can leave -1e-16


def log_likelihood(successes: ArrayLike, n: ArrayLike, probability: ArrayLike) -> FloatArray:
    """Log likelihood of so many successes in n Bernoulli trials, with 0 log 0 = 0."""
    failures = np.asarray(n) - np.asarray(successes)
    return np.asarray(special.xlogy(successes, probability) + special.xlog1py(failures, -np.asarray(probability)))
