"""Does the wait for the next exception depend on how long one has waited? The test of Christoffersen and Pelletier."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from quantdl.risk.backtests.result import FloatArray, TestResult, marked, refuse_few, refuse_overlap, tail_of
from quantdl.risk.backtests.simulated import scattered_hits, simulated_p_value

# The shape of the Weibull law is looked for here: one at the end says "in clusters" or "like a clock".
_SHAPES = (0.02, 50.0)
_HALVINGS = 48


def weibull_durations(
    hits: ArrayLike, level: float, *, n_paths: int = 4_999, seed: int = 0, horizon: int = 1, step: int = 1
) -> TestResult:
    r"""Test that durations between exceptions have no memory: likelihood ratio of Weibull against exponential.

    Durations D have density :math:`a^b b D^{b-1} e^{-(aD)^b}`; b = 1 is no memory, b < 1 means clusters. The duration
    before the first exception and that after the last are censored; one that begins with an exception has none before
    it. The scale is free in both, so this asks for clusters and not for the number of exceptions.

    The chi-square law (one degree of freedom) is off where exceptions are few, so the p-value is simulated: the same
    number of exceptions, all places equally likely. It presumes no probability and is exact.

    Args:
        hits: One bool per session in time order, True for an exception, (T,).
        level: Confidence of the value-at-risk; states how many exceptions were expected.
        n_paths: Simulated series; 0 for the chi-square p-value.
        seed: Of the simulation.
        horizon: Bars that each loss covers.
        step: Bars from the begin of one loss to that of the next.

    Raises:
        ValueError: If there are too few observations for the level, fewer than 2 exceptions, nothing but exceptions,
            or losses overlap.

    References:
        | Backtesting Value-at-Risk: A Duration-Based Approach (Christoffersen and Pelletier, 2004)
        | Monte Carlo tests with nuisance parameters (Dufour, 2006)
    """
    refuse_overlap("weibull_durations", horizon, step)
    found, tail = marked(hits), tail_of(level)
    refuse_few("weibull_durations", len(found), level)
    n, x = len(found), int(found.sum())
    if x < 2 or x == n:
        raise ValueError(
            f"durations need at least 2 exceptions and a session without one, got {x} in {n} sessions. "
            "Test a lower level, or more sessions."
        )
    ratio = float(weibull_ratios(found[None])[0])
    counted = n, x, tail * n
    if n_paths < 1:
        return TestResult("weibull_durations", ratio, float(stats.chi2.sf(ratio, 1)), *counted)
    null = weibull_ratios(scattered_hits(n, x, n_paths, np.random.default_rng(seed)))
    note = f"p-value from {n_paths} simulated series of {x} exceptions in any order"
    return TestResult("weibull_durations", ratio, simulated_p_value(ratio, null), *counted, note, how="simulated")


def durations(hits: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Return the durations of each of (N, T) series of exceptions, and the weight of those that ended.

    Returns:
        Durations (N, D), 1 where there is none, and (N, D) 1 for one between two exceptions, 0 for one that is
        censored and NaN where there is none.
    """
    n_paths, n = hits.shape
    path, place = np.nonzero(hits)
    counts = hits.sum(axis=1)
    slots = int(counts.max(initial=0)) + 1
    at = np.arange(len(path)) - np.repeat(np.cumsum(counts) - counts, counts)  # number of the exception in its path
    length, ended = np.ones((n_paths, slots)), np.full((n_paths, slots), np.nan)
    before = np.concatenate([[-1], place[:-1]])
    before[at == 0] = -1
    length[path, at] = place - before
    ended[path, at] = np.where(at == 0, 0.0, 1.0)
    ended[hits[:, 0], 0] = np.nan  # nothing was waited for
    some = counts > 0
    last = np.zeros(n_paths)
    last[path] = place  # the last one written stays
    rest = n - 1 - last
    rows, slot = np.flatnonzero(some & (rest > 0)), counts[some & (rest > 0)]
    length[rows, slot], ended[rows, slot] = rest[rows], 0.0
    length[np.isnan(ended)] = 1.0
    return length, ended


def weibull_ratios(hits: np.ndarray) -> FloatArray:
    """Return (N,) the likelihood ratio of each of (N, T) series of exceptions, 0 where no duration has ended."""
    length, ended = durations(hits)
    logs, there = np.log(length), ~np.isnan(ended)
    whole = np.where(there, ended, 0.0)
    number = whole.sum(axis=1)
    logs_of_whole = (whole * logs).sum(axis=1)
    low, high = (np.full(len(hits), math.log(shape)) for shape in _SHAPES)
    for _ in range(_HALVINGS):  # the score falls as the shape grows
        middle = 0.5 * (low + high)
        rises = _score(np.exp(middle), logs, there, number, logs_of_whole) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    free = _likelihood(np.exp(0.5 * (low + high)), logs, there, number, logs_of_whole)
    ratio = 2.0 * (free - _likelihood(np.ones(len(hits)), logs, there, number, logs_of_whole))
    return np.where(number > 0, np.maximum(ratio, 0.0), 0.0)


def _score(
    shape: FloatArray, logs: FloatArray, there: np.ndarray, number: FloatArray, logs_of_whole: FloatArray
) -> FloatArray:
    """Derivative of the likelihood by the shape, at the best scale."""
    powers = np.where(there, np.exp(shape[:, None] * (logs - logs.max(axis=1, keepdims=True))), 0.0)
    mean = (powers * logs).sum(axis=1) / np.maximum(powers.sum(axis=1), 1e-300)
    return np.asarray(number / shape + logs_of_whole - number * mean)


def _likelihood(
    shape: FloatArray, logs: FloatArray, there: np.ndarray, number: FloatArray, logs_of_whole: FloatArray
) -> FloatArray:
    """Log likelihood at a shape and the best scale for it, up to a constant."""
    top = logs.max(axis=1, keepdims=True)
    powers = np.where(there, np.exp(shape[:, None] * (logs - top)), 0.0)
    total = np.log(np.maximum(powers.sum(axis=1), 1e-300)) + shape * top[:, 0]
    return np.asarray(number * (np.log(shape) - total) + (shape - 1.0) * logs_of_whole)
