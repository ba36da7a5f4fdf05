r"""Is one model better than another, or only luckier? Tests of scores that models got for the same days.

A difference is the first model's score minus the second's. Scores are losses, so a negative one speaks for the first.
Stock-days of one session move together and count as one cluster; returns over several bars overlap from session to
session and are scored in sets that do not.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreDifference:
    """Mean difference of two models' scores, and whether it may be chance.

    Attributes:
        mean: First minus second; negative when the first is better.
        error: Standard error of ``mean``.
        t: ``mean`` over ``error``, corrected where the test says so; 0 where the scores are the same throughout.
        p_value: Chance of a statistic at least as far from zero, in either direction, if both are equally good.
        n: Sessions, the number of independent pieces of evidence.
    """

    mean: float
    error: float
    t: float
    p_value: float
    n: int


def clustered_difference(difference: ArrayLike, session: ArrayLike) -> ScoreDifference:
    r"""Mean difference over stock-days, with the standard error that allows any dependence inside a session.

    .. math:: \frac1N \sqrt{\frac{G}{G - 1} \sum_g \Bigl(\sum_{i \in g} (d_i - \bar d)\Bigr)^2}

    over G sessions; with equally many stocks a session, the error of the mean of the sessions' means. The p-value is
    that of Student's t with G - 1 degrees of freedom.

    Args:
        difference: (N,) difference of each stock-day.
        session: (N,) session of each, of any type that can be told apart.

    Raises:
        ValueError: If the lengths differ, a difference is not finite, or there are fewer than 2 sessions.

    References:
        | Robust Inference with Multiway Clustering (Cameron, Gelbach and Miller, 2011), section 2.1

    Example:
        >>> result = clustered_difference([1.0, 3.0, 2.0, 4.0], ["mon", "mon", "tue", "tue"])
        >>> result.mean, result.error, result.n
        (2.5, 0.5, 2)
    """
    values, labels = _series(difference), np.asarray(session)
    if labels.shape != values.shape:
        raise ValueError(f"difference and session must be of one length, got {values.shape} and {labels.shape}.")
    cluster = np.unique(labels, return_inverse=True)[1]
    n_clusters = int(cluster.max()) + 1
    if n_clusters < 2:
        raise ValueError("a standard error needs at least 2 sessions, got 1.")
    mean = float(values.mean())
    sums = np.bincount(cluster, weights=values - mean)
    error = math.sqrt(n_clusters / (n_clusters - 1) * float((sums**2).sum())) / len(values)
    return _tested(mean, error, 1.0, n_clusters)


def diebold_mariano(difference: ArrayLike, horizon: int = 1, lags: int | None = None) -> ScoreDifference:
    r"""Test of equal accuracy that allows differences to be correlated in time, in the small-sample form.

    The long-run variance is that of Newey and West over ``lags`` (Bartlett weights, so it is never negative). The
    statistic is multiplied by the factor of Harvey, Leybourne and Newbold for forecasts ``horizon`` bars ahead,
    :math:`\sqrt{(n + 1 - 2h + h(h-1)/n) / n}`, and held against Student's t with n - 1 degrees of freedom.

    Args:
        difference: (n,) difference of each session, in time order; means over assets where there are several.
        horizon: Bars that a forecast looks ahead.
        lags: Autocovariances that count; None for :math:`4 (n / 100)^{2/9}`, and ``horizon - 1`` where that is more.

    Raises:
        ValueError: If a difference is not finite, or there are no more sessions than lags or than the horizon.

    References:
        | Comparing Predictive Accuracy (Diebold and Mariano, 1995)
        | Testing the Equality of Prediction Mean Squared Errors (Harvey, Leybourne and Newbold, 1997)
        | Automatic Lag Selection in Covariance Matrix Estimation (Newey and West, 1994)
    """
    values = _series(difference)
    n = len(values)
    used = max(horizon - 1, int(4.0 * (n / 100.0) ** (2.0 / 9.0))) if lags is None else lags
    if horizon < 1 or not 0 <= used < n or horizon >= n:
        raise ValueError(f"{n} sessions are too few for a horizon of {horizon} and {used} lags.")
    mean = float(values.mean())
    centered = values - mean
    variance = float(centered @ centered) / n
    for lag in range(1, used + 1):
        variance += 2.0 * (1.0 - lag / (used + 1.0)) * float(centered[lag:] @ centered[:-lag]) / n
    factor = math.sqrt((n + 1.0 - 2.0 * horizon + horizon * (horizon - 1.0) / n) / n)
    return _tested(mean, math.sqrt(max(variance, 0.0) / n), factor, n)


def model_confidence_set(
    scores: ArrayLike, seed: int, n_bootstraps: int = 1000, block: int | None = None
) -> FloatArray:
    """P-value of each model: the set of the models above 0.1 holds the best one with a probability of 90 %.

    The range statistic over the stationary bootstrap, as in arch.

    Args:
        scores: (T, M) score of each session and model, in time order.
        seed: Of the bootstrap.
        n_bootstraps: Resampled series.
        block: Mean length of a block in sessions; None for the square root of their number.

    Returns:
        (M,) p-values; the best model's is 1.

    Raises:
        ValueError: If there are fewer than 2 models, a score is not finite, or two models have the same scores
            throughout.

    References:
        | The Model Confidence Set (Hansen, Lunde and Nason, 2011)
    """
    table = np.asarray(scores, np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or len(table) < 2 or not np.isfinite(table).all():
        raise ValueError(f"scores must be finite, sessions by 2 models or more, got shape {table.shape}.")
    if len({column.tobytes() for column in table.T.copy()}) < table.shape[1]:
        raise ValueError("two models have the same scores throughout; leave one of them out.")
    from arch.bootstrap import MCS  # arch takes a second to import

    size = round(math.sqrt(len(table))) if block is None else block
    found = MCS(table, size=0.1, reps=n_bootstraps, block_size=size, method="R", bootstrap="stationary", seed=seed)
    found.compute()
    p_values: FloatArray = found.pvalues["Pvalue"].sort_index().to_numpy(np.float64)
    return p_values


def offset_sets(n: int, horizon: int) -> tuple[NDArray[np.int64], ...]:
    """Sessions whose returns over ``horizon`` bars do not overlap, once for every session to start at.

    Returns:
        ``horizon`` sets of positions in a row of ``n`` consecutive sessions, together all of them.

    Raises:
        ValueError: If a set would hold fewer than 2 sessions.

    Example:
        >>> [positions.tolist() for positions in offset_sets(5, 2)]
        [[0, 2, 4], [1, 3]]
    """
    if horizon < 1 or n < 2 * horizon:
        raise ValueError(f"{n} sessions make no {horizon} sets of at least 2 sessions each.")
    return tuple(np.arange(start, n, horizon) for start in range(horizon))


def combined_p_value(p_values: ArrayLike) -> float:
    """One p-value for several tests of one hypothesis, valid however they depend: some twice the median.

    By Rüger's rule n / k times the k-th smallest of n p-values (at most 1) is one, for any k chosen beforehand; here k
    is the larger half of n. A rejection needs half of the tests, where Bonferroni's rule (k = 1) needs one extreme one.

    Raises:
        ValueError: If nothing is given or a value is no probability.

    References:
        | Das maximale Signifikanzniveau des Tests (Rüger, 1978)
        | Combining p-values via averaging (Vovk and Wang, 2020), https://arxiv.org/abs/1212.4966

    Example:
        >>> round(combined_p_value([0.01, 0.02, 0.03, 0.2, 0.9]), 4)
        0.05
    """
    ordered = np.sort(np.asarray(p_values, np.float64).ravel())
    n = len(ordered)
    if n == 0 or not ((ordered >= 0) & (ordered <= 1)).all():
        raise ValueError("p_values must be one or more probabilities.")
    rank = (n + 1) // 2
    return min(float(ordered[rank - 1]) * n / rank, 1.0)


def _tested(mean: float, error: float, factor: float, n: int) -> ScoreDifference:
    if error == 0.0:
        alike = mean == 0.0
        return ScoreDifference(mean, error, 0.0 if alike else math.copysign(math.inf, mean), float(alike), n)
    t = factor * mean / error
    return ScoreDifference(mean, error, t, 2.0 * float(stats.t.sf(abs(t), n - 1)), n)


def _series(difference: ArrayLike) -> FloatArray:
    values = np.asarray(difference, np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError("difference must be one finite series; score both models on the same days.")
    return values
