"""Do exceptions come alone? Christoffersen's tests, with the exact laws of their ratios."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from quantdl.risk.backtests.coverage import coverage_ratios, kupiec, kupiec_counts, log_likelihood
from quantdl.risk.backtests.result import TIES, FloatArray, TestResult, marked, refuse_overlap, tail_of

_NEGLIGIBLE = 1e-18  # chance of one kind of series; all that are left out come to less than 1e-10


@dataclass(frozen=True)
class Christoffersen:
    """Are exceptions as many as they should be, and do they come alone?

    Attributes:
        coverage: Kupiec's test, one degree of freedom.
        independence: An exception makes another one tomorrow neither more nor less likely, one degree of freedom.
        conditional_coverage: Both at once, two degrees of freedom.
    """

    coverage: TestResult
    independence: TestResult
    conditional_coverage: TestResult


def christoffersen(
    hits: ArrayLike, level: float, *, exact: bool = False, horizon: int = 1, step: int = 1
) -> Christoffersen:
    """Test number and independence of exceptions in the order they came.

    Coverage counts all T observations, independence the T - 1 steps between neighbours. The chi-square p-values are
    asymptotic: with few exceptions independence rejects right forecasts too seldom (1 % of the time instead of 5 % for
    1,000 sessions at level 0.99), with some tens of them too often (8 % for 1,000 sessions at 0.95). The exact ones
    are those of `independence_law`: for independence given the number of exceptions, so no probability is presumed,
    and for both at once over all series of so many observations. They reject right forecasts with 5 % at most.

    Args:
        hits: One bool per session in time order, True for an exception, (T,).
        level: Confidence of the value-at-risk.
        exact: Whether the p-values are exact.
        horizon: Bars that each loss covers.
        step: Bars from the begin of one loss to that of the next.

    Raises:
        ValueError: If there are fewer than 2 observations, ``level`` is outside (0, 1), or losses overlap.

    References:
        | Evaluating Interval Forecasts (Christoffersen, 1998)
    """
    refuse_overlap("christoffersen", horizon, step)
    found = marked(hits)
    if len(found) < 2:
        raise ValueError("independence needs at least 2 observations.")
    before, after = found[:-1], found[1:]
    n00, n01 = int((~before & ~after).sum()), int((~before & after).sum())
    n10, n11 = int((before & ~after).sum()), int((before & after).sum())
    result = _results(kupiec(found, level, exact=exact), n00, n01, n10, n11)
    return _exact(result, tail_of(level)) if exact else result


def christoffersen_counts(n00: int, n01: int, n10: int, n11: int, level: float) -> Christoffersen:
    """Christoffersen's tests from counts of steps: n01 steps lead from a session without an exception to one with it.

    Coverage is that of the sessions stepped into, ``n01 + n11`` exceptions in all ``n00 + n01 + n10 + n11``.

    Example:
        >>> result = christoffersen_counts(218, 14, 14, 6, level=0.95)
        >>> round(result.independence.statistic, 4), round(result.conditional_coverage.statistic, 4)
        (9.5296, 13.4421)
    """
    if min(n00, n01, n10, n11) < 0:
        raise ValueError(f"counts must not be negative, got {(n00, n01, n10, n11)}.")
    return _results(kupiec_counts(n01 + n11, n00 + n01 + n10 + n11, level), n00, n01, n10, n11)


def independence_ratios(n00: ArrayLike, n01: ArrayLike, n10: ArrayLike, n11: ArrayLike) -> FloatArray:
    """Return the likelihood ratio of independence for counts of steps, each of one shape."""
    quiet, after_one = np.add(n00, n01), np.add(n10, n11)
    into = np.add(n01, n11)
    together = log_likelihood(into, quiet + after_one, into / np.maximum(quiet + after_one, 1))
    apart = log_likelihood(n01, quiet, np.asarray(n01) / np.maximum(quiet, 1))
    apart = apart + log_likelihood(n11, after_one, np.asarray(n11) / np.maximum(after_one, 1))
    return np.maximum(2.0 * (apart - together), 0.0)


def independence_law(n: int, n_exceptions: int) -> tuple[FloatArray, FloatArray]:
    r"""Return the values that the ratio of independence may take given the number of exceptions, and their chances.

    Given their number x, all places of independent exceptions are equally likely, whatever their probability. The
    ratio knows only the number r of rows in which they stand and whether the series begins (a = 1) and ends (b = 1)
    without one. Of all series

    .. math:: \binom{x - 1}{r - 1} \binom{n - x - 1}{r - 2 + a + b}

    are of that kind, with :math:`n_{01} = r - 1 + a`, :math:`n_{10} = r - 1 + b` and :math:`n_{11} = x - r`.

    Args:
        n: Observations.
        n_exceptions: Exceptions among them.
    """
    quiet = n - n_exceptions
    if n_exceptions == 0 or quiet == 0:
        return np.zeros(1), np.ones(1)
    rows, a, b = np.meshgrid(np.arange(1, n_exceptions + 1), [0, 1], [0, 1], indexing="ij")
    gaps = rows - 1 + a + b
    possible = (gaps >= 1) & (gaps <= quiet)
    rows, a, b, gaps = rows[possible], a[possible], b[possible], gaps[possible]
    n01, n10, n11 = rows - 1 + a, rows - 1 + b, n_exceptions - rows
    ratios = independence_ratios(n - 1 - n01 - n10 - n11, n01, n10, n11)
    logs = _log_choose(n_exceptions - 1, rows - 1) + _log_choose(quiet - 1, gaps - 1) - _log_choose(n, n_exceptions)
    return ratios, np.exp(logs)


def conditional_coverage_chance(ratio: float, n: int, tail: float) -> float:
    """Return the chance of a ratio of both at once of ``ratio`` or more in ``n`` observations of right forecasts."""
    ratios, reached = _conditional_coverage_law(n, tail)
    first = int(np.searchsorted(ratios, ratio * (1.0 - TIES) - TIES))
    return min(float(reached[first]), 1.0) if first < len(ratios) else 0.0


@lru_cache(maxsize=4)
def _conditional_coverage_law(n: int, tail: float) -> tuple[FloatArray, FloatArray]:
    """Ratios of both at once, increasing, and the chance of each or more; many books and assets share one."""
    counts = np.arange(n + 1)
    weights, coverage = stats.binom.pmf(counts, n, tail), coverage_ratios(counts, n, tail)
    ratios, chances = [], []
    for x in np.flatnonzero(weights > 1e-12):
        of_order, chance = independence_law(n, int(x))
        kept = chance * weights[x] > _NEGLIGIBLE
        ratios.append(of_order[kept] + coverage[x])
        chances.append(chance[kept] * weights[x])
    every = np.concatenate(ratios)
    order = np.argsort(every)
    return every[order], np.cumsum(np.concatenate(chances)[order][::-1])[::-1]


def _exact(found: Christoffersen, tail: float) -> Christoffersen:
    alone, both, n = found.independence, found.conditional_coverage, found.coverage.n
    ratios, chances = independence_law(n, found.coverage.exceptions or 0)
    chance = float(chances[ratios >= alone.statistic * (1.0 - TIES) - TIES].sum())
    return Christoffersen(
        found.coverage,
        replace(alone, p_value=min(chance, 1.0), how="exact"),
        replace(both, p_value=conditional_coverage_chance(both.statistic, n, tail), how="exact"),
    )


def _results(coverage: TestResult, n00: int, n01: int, n10: int, n11: int) -> Christoffersen:
    ratio = float(independence_ratios(n00, n01, n10, n11))
    compared = n00 + n01 > 0 and n10 + n11 > 0
    note = "" if compared else "no step from an exception to compare with one from a quiet session"
    chances = float(stats.chi2.sf(ratio, 1)), float(stats.chi2.sf(coverage.statistic + ratio, 2))
    counted = coverage.n, coverage.exceptions, coverage.expected
    return Christoffersen(
        coverage,
        TestResult("christoffersen_independence", ratio, chances[0], *counted, note),
        TestResult("christoffersen_conditional", coverage.statistic + ratio, chances[1], *counted, note),
    )


def _log_choose(n: ArrayLike, k: ArrayLike) -> FloatArray:
    n, k = np.asarray(n, np.float64), np.asarray(k, np.float64)
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))
