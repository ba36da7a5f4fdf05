"""P-values of statistics whose law is not known: held against series that were simulated under right forecasts."""

import numpy as np

from quantdl.risk.backtests.result import TIES, BoolArray, FloatArray


def simulated_p_value(statistic: float, null: FloatArray, tie_break: float = 1.0) -> float:
    r"""Return the p-value of a statistic by simulated ones, large values speaking against the forecasts.

    .. math:: p = \frac{\#\{S_i > s\} + u \, (\#\{S_i = s\} + 1)}{N + 1}

    With u uniform on (0, 1) it is uniform if the forecasts are right, for any number N of simulated series; with u = 1
    all ties count as at least as extreme, so the p-value is not smaller than it should be, and needs no chance.

    Args:
        statistic: Observed.
        null: (N,) simulated under right forecasts.
        tie_break: u.

    References:
        | Monte Carlo tests with nuisance parameters (Dufour, 2006)

    Example:
        >>> simulated_p_value(3.0, np.array([1.0, 3.0, 5.0, 2.0]))
        0.6
    """
    margin = TIES * max(1.0, abs(statistic))
    above, ties = int((null > statistic + margin).sum()), int((np.abs(null - statistic) <= margin).sum())
    return (above + tie_break * (ties + 1)) / (len(null) + 1)


def bernoulli_hits(n: int, tail: float, n_paths: int, random: np.random.Generator) -> BoolArray:
    """Draw (n_paths, n) independent exceptions, each with probability ``tail``."""
    return np.asarray(random.random((n_paths, n), dtype=np.float32) < tail)


def scattered_hits(n: int, n_exceptions: int, n_paths: int, random: np.random.Generator) -> BoolArray:
    """Draw (n_paths, n) series of so many exceptions each, all places equally likely."""
    hits = np.zeros((n_paths, n), dtype=np.bool_)
    if n_exceptions:
        places = np.argpartition(random.random((n_paths, n), dtype=np.float32), n_exceptions - 1, axis=1)
        np.put_along_axis(hits, places[:, :n_exceptions], True, axis=1)
    return hits
