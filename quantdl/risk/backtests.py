"""Were the risk forecasts right? Tests of value-at-risk, expected shortfall and whole laws against what happened.

An exception is a loss above the value-at-risk forecast for it. ``level`` is the confidence of that forecast, 0.99 and
not 0.01. P-values are those of the null hypothesis "the forecasts are right": a small one speaks against them.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from quantdl.scoring import confidence

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class TestResult:
    """A test statistic and its p-value.

    Attributes:
        test: Name of the test.
        statistic: Likelihood ratio, or what the test says.
        p_value: Probability of a statistic at least as extreme if the forecasts are right.
        n: Number of observations.
        exceptions: Number of exceptions, None for a test that does not count them.
        expected: Expected number of exceptions, None likewise.
        note: What a reader must know to judge the p-value; often empty.
    """

    __test__ = False  # not a test case, whatever pytest thinks of the name

    test: str
    statistic: float
    p_value: float
    n: int
    exceptions: int | None = None
    expected: float | None = None
    note: str = ""


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


@dataclass(frozen=True)
class BaselZone:
    """Traffic light of the Basel committee.

    Attributes:
        zone: Green below a cumulative probability of 95 %, red from 99.99 % on, yellow between.
        exceptions: Number of exceptions.
        n: Number of observations.
        cumulative_probability: Chance of so many exceptions or fewer if the forecasts are right.
    """

    zone: Literal["green", "yellow", "red"]
    exceptions: int
    n: int
    cumulative_probability: float


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


def kupiec(hits: ArrayLike, level: float) -> TestResult:
    """Test the number of exceptions: likelihood ratio, one degree of freedom.

    Args:
        hits: One bool per session, True for an exception, (T,).
        level: Confidence of the value-at-risk.

    Raises:
        ValueError: If there is no observation or ``level`` is outside (0, 1).

    References:
        | Techniques for Verifying the Accuracy of Risk Measurement Models (Kupiec, 1995)
    """
    marked = _marked(hits)
    return kupiec_counts(int(marked.sum()), len(marked), level)


def kupiec_counts(n_exceptions: int, n: int, level: float) -> TestResult:
    r"""Kupiec's test from counts: :math:`2 \log [ L(x / n) / L(1 - \alpha) ]` of the binomial likelihood, 0 log 0 = 0.

    Example:
        >>> result = kupiec_counts(20, 252, level=0.95)
        >>> round(result.statistic, 4), round(result.p_value, 4)
        (3.9126, 0.0479)
    """
    tail = _tail(level)
    if not 0 <= n_exceptions <= n or n < 1:
        raise ValueError(f"exceptions must lie between 0 and the number of observations, got {n_exceptions} of {n}.")
    ratio = 2.0 * (_bernoulli(n_exceptions, n, n_exceptions / n) - _bernoulli(n_exceptions, n, tail))
    ratio = max(ratio, 0.0)  # rounding can leave -1e-16
    return TestResult("kupiec", ratio, float(stats.chi2.sf(ratio, 1)), n, n_exceptions, tail * n)


def christoffersen(hits: ArrayLike, level: float) -> Christoffersen:
    """Test number and independence of exceptions in the order they came.

    Coverage counts all T observations, independence the T - 1 steps between neighbours. The p-values are asymptotic:
    with few exceptions independence rejects right forecasts too seldom (1 % of the time instead of 5 % for 1,000
    sessions at level 0.99), with some tens of them too often (8 % for 1,000 sessions at 0.95).

    Args:
        hits: One bool per session in time order, True for an exception, (T,).
        level: Confidence of the value-at-risk.

    Raises:
        ValueError: If there are fewer than 2 observations or ``level`` is outside (0, 1).

    References:
        | Evaluating Interval Forecasts (Christoffersen, 1998)
    """
    marked = _marked(hits)
    if len(marked) < 2:
        raise ValueError("independence needs at least 2 observations.")
    before, after = marked[:-1], marked[1:]
    n00, n01 = int((~before & ~after).sum()), int((~before & after).sum())
    n10, n11 = int((before & ~after).sum()), int((before & after).sum())
    return _christoffersen(kupiec(marked, level), n00, n01, n10, n11)


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
    return _christoffersen(kupiec_counts(n01 + n11, n00 + n01 + n10 + n11, level), n00, n01, n10, n11)


def basel_zone(n_exceptions: int, n: int = 250, level: float = 0.99) -> BaselZone:
    """Place a number of exceptions in the Basel traffic light.

    Example:
        >>> [basel_zone(count).zone for count in (4, 5, 9, 10)]
        ['green', 'yellow', 'yellow', 'red']

    References:
        | Supervisory Framework for the Use of "Backtesting" (Basel Committee on Banking Supervision, 1996)
    """
    if not 0 <= n_exceptions <= n or n < 1:
        raise ValueError(f"exceptions must lie between 0 and the number of observations, got {n_exceptions} of {n}.")
    probability = float(stats.binom.cdf(n_exceptions, n, _tail(level)))
    zone: Literal["green", "yellow", "red"]
    zone = "green" if probability < 0.95 else "yellow" if probability < 0.9999 else "red"
    return BaselZone(zone, n_exceptions, n, probability)


def acerbi_szekely_z2(
    losses: ArrayLike,
    value_at_risk: ArrayLike,
    expected_shortfall: ArrayLike,
    level: float,
    degrees_of_freedom: float = 5.0,
    n_paths: int = 20_000,
    seed: int = 0,
) -> TestResult:
    r"""Test expected shortfall: number and size of exceptions together.

    .. math:: Z_2 = 1 - \sum_t \frac{L_t \, 1\{L_t > \mathrm{VaR}_t\}}{T (1 - \alpha) \, \mathrm{ES}_t}

    Zero on average when the forecasts are right, negative when risk is understated; the test is one-sided. The
    p-value comes from simulated Student-t losses (the critical value depends little on the law: -0.70 for the
    normal, -0.74 for 5 degrees of freedom at 5 %, 250 observations and level 0.975).

    Args:
        losses: Fractions lost, positive when money is lost, (T,).
        value_at_risk: Forecasts, (T,).
        expected_shortfall: Forecasts, positive, (T,).
        level: Confidence of both.
        degrees_of_freedom: Of the simulated losses; infinity for the normal.
        n_paths: Number of simulated series.
        seed: Of the simulation.

    Raises:
        ValueError: If shapes differ, a value is not finite, or an expected shortfall is not positive.

    References:
        | Back-testing expected shortfall (Acerbi and Szekely, 2014)
    """
    tail = _tail(level)
    hits = exceptions(losses, value_at_risk)
    loss, shortfall = np.asarray(losses, np.float64), np.asarray(expected_shortfall, np.float64)
    if shortfall.shape != loss.shape or not (np.isfinite(shortfall).all() and (shortfall > 0).all()):
        raise ValueError("expected_shortfall must be finite, positive and as long as losses.")
    statistic = 1.0 - float((loss * hits / shortfall).sum()) / (len(loss) * tail)
    null = simulate_z2(len(loss), 1.0 - tail, degrees_of_freedom, n_paths, seed)
    p_value = (1.0 + float((null <= statistic).sum())) / (n_paths + 1.0)
    note = f"p-value from {n_paths} simulated series of Student-t losses, {degrees_of_freedom:g} degrees of freedom"
    return TestResult("acerbi_szekely_z2", statistic, p_value, len(loss), int(hits.sum()), tail * len(loss), note)


def simulate_z2(n: int, level: float, degrees_of_freedom: float, n_paths: int, seed: int) -> FloatArray:
    """Draw Z2 under right forecasts of standard Student-t losses; output (n_paths,).

    Only exceptions are drawn: their number is binomial and their size has the law's own tail.
    """
    if not degrees_of_freedom > 1:
        raise ValueError(f"expected shortfall needs more than 1 degree of freedom, got {degrees_of_freedom}.")
    tail = _tail(level)
    law = stats.norm() if math.isinf(degrees_of_freedom) else stats.t(degrees_of_freedom)
    threshold = float(law.isf(tail))
    heavier = 1.0 if math.isinf(degrees_of_freedom) else 1.0 + (threshold**2 + 1.0) / (degrees_of_freedom - 1.0)
    shortfall = float(law.pdf(threshold)) / tail * heavier  # (df + x**2) / (df - 1) for Student-t, 1 for the normal
    random = np.random.default_rng(seed)
    counts = random.binomial(n, tail, n_paths)
    excess = law.isf(tail * random.uniform(size=int(counts.sum()))) / shortfall
    sums = np.bincount(np.repeat(np.arange(n_paths), counts), weights=excess, minlength=n_paths)
    return 1.0 - sums / (n * tail)


def kolmogorov_smirnov(pit: ArrayLike) -> TestResult:
    """Test that probability integral transforms are uniform on (0, 1): largest gap to the uniform distribution.

    Observations must be independent. Pooled over assets of one session they are not, and the test then rejects too
    often; give it one asset or one book at a time.

    Raises:
        ValueError: If there is no observation or one is outside [0, 1].
    """
    values = _pit(pit)
    result = stats.kstest(values, "uniform")
    return TestResult("kolmogorov_smirnov", float(result.statistic), float(result.pvalue), len(values))


def berkowitz(pit: ArrayLike) -> TestResult:
    r"""Test that probability integral transforms are uniform and independent in time.

    :math:`z_t = \Phi^{-1}(\mathrm{PIT}_t)` is fitted as a first-order autoregression; the likelihood ratio against
    mean 0, variance 1 and no memory has three degrees of freedom. The first observation is conditioned on. Values
    within 1e-12 of 0 or 1 are moved there, so one impossible return cannot give an infinite statistic.

    Raises:
        ValueError: If there are fewer than 10 observations or one is outside [0, 1].

    References:
        | Testing Density Forecasts, with Applications to Risk Management (Berkowitz, 2001)
    """
    values = _pit(pit)
    if len(values) < 10:
        raise ValueError(f"berkowitz needs at least 10 observations, got {len(values)}.")
    z = special.ndtri(np.clip(values, 1e-12, 1.0 - 1e-12))
    before, after = z[:-1], z[1:]
    design = np.column_stack([np.ones_like(before), before])
    coefficients, *_ = np.linalg.lstsq(design, after)
    n = len(after)
    variance = max(float(((after - design @ coefficients) ** 2).mean()), 1e-300)
    fitted = -0.5 * n * (math.log(variance) + 1.0)
    ratio = max(2.0 * (fitted + 0.5 * float((after**2).sum())), 0.0)
    return TestResult("berkowitz", ratio, float(stats.chi2.sf(ratio, 3)), len(values))


def _christoffersen(coverage: TestResult, n00: int, n01: int, n10: int, n11: int) -> Christoffersen:
    unmarked, marked = n00 + n01, n10 + n11
    together = _bernoulli(n01 + n11, unmarked + marked, (n01 + n11) / max(unmarked + marked, 1))
    apart = _bernoulli(n01, unmarked, n01 / max(unmarked, 1)) + _bernoulli(n11, marked, n11 / max(marked, 1))
    ratio = max(2.0 * (apart - together), 0.0)
    note = "" if marked and unmarked else "no step from an exception to compare with one from a quiet session"
    chances = float(stats.chi2.sf(ratio, 1)), float(stats.chi2.sf(coverage.statistic + ratio, 2))
    counted = coverage.n, coverage.exceptions, coverage.expected
    return Christoffersen(
        coverage,
        TestResult("christoffersen_independence", ratio, chances[0], *counted, note),
        TestResult("christoffersen_conditional", coverage.statistic + ratio, chances[1], *counted, note),
    )


def _bernoulli(successes: int, n: int, probability: float) -> float:
    """Log likelihood of so many successes, with 0 log 0 = 0."""
    return float(special.xlogy(successes, probability) + special.xlog1py(n - successes, -probability))


def _tail(level: float) -> float:
    return round(1.0 - confidence(level), 12)


def _marked(hits: ArrayLike) -> BoolArray:
    marked = np.asarray(hits)
    if marked.ndim != 1 or marked.size == 0:
        raise ValueError(f"hits must be one series with at least one observation, got shape {marked.shape}.")
    if marked.dtype != np.bool_:
        raise ValueError(f"hits must be bool (True marks an exception), got {marked.dtype}.")
    return marked


def _pit(pit: ArrayLike) -> FloatArray:
    values = np.asarray(pit, np.float64)
    if values.ndim != 1 or values.size == 0 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("pit must be one series of probabilities between 0 and 1.")
    return values
