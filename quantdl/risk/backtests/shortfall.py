"""Were losses beyond the value-at-risk as large as predicted? The tests Z1 and Z2 of Acerbi and Szekely."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from quantdl.risk.backtests.coverage import exceptions
from quantdl.risk.backtests.result import BoolArray, FloatArray, TestResult, refuse_overlap, tail_of

# Student-t laws beside the normal one that a predicted tail may be likened to.
_DEGREES = (1.1, 200.0)


def acerbi_szekely_z1(
    losses: ArrayLike,
    value_at_risk: ArrayLike,
    expected_shortfall: ArrayLike,
    level: float,
    degrees_of_freedom: float = 5.0,
    n_paths: int = 20_000,
    seed: int = 0,
    *,
    horizon: int = 1,
    step: int = 1,
) -> TestResult:
    r"""Test the size of exceptions alone, given that there are N of them.

    .. math:: Z_1 = 1 - \frac1N \sum_{L_t > \mathrm{VaR}_t} \frac{L_t}{\mathrm{ES}_t}

    Zero on average when the forecasts are right, negative when losses beyond the value-at-risk are larger than
    predicted; the test is one-sided. It does not ask how many exceptions there are, so it says something of the
    shortfall where the value-at-risk is right. The p-value comes from as many simulated exceptions of Student-t losses.

    Args:
        losses: Fractions lost, positive when money is lost, (T,).
        value_at_risk: Forecasts, (T,).
        expected_shortfall: Forecasts, positive, (T,).
        level: Confidence of both.
        degrees_of_freedom: Of the simulated losses; infinity for the normal.
        n_paths: Number of simulated series.
        seed: Of the simulation.
        horizon: Bars that each loss covers.
        step: Bars from the begin of one loss to that of the next.

    Raises:
        ValueError: If shapes differ, a value is not finite, an expected shortfall is not positive, there is no
            exception, or losses overlap.

    References:
        | Back-testing expected shortfall (Acerbi and Szekely, 2014)
    """
    refuse_overlap("acerbi_szekely_z1", horizon, step)
    tail = tail_of(level)
    loss, shortfall, hits = _checked(losses, value_at_risk, expected_shortfall)
    n = int(hits.sum())
    if n == 0:
        raise ValueError("Z1 is the mean over exceptions, and there is none: test a lower level, or more sessions.")
    statistic = 1.0 - float((loss[hits] / shortfall[hits]).mean())
    null = simulate_z1(n, 1.0 - tail, degrees_of_freedom, n_paths, seed)
    p_value = (1.0 + float((null <= statistic).sum())) / (n_paths + 1.0)
    note = _note(n_paths, degrees_of_freedom)
    return TestResult("acerbi_szekely_z1", statistic, p_value, len(loss), n, tail * len(loss), note, "simulated")


def acerbi_szekely_z2(
    losses: ArrayLike,
    value_at_risk: ArrayLike,
    expected_shortfall: ArrayLike,
    level: float,
    degrees_of_freedom: float = 5.0,
    n_paths: int = 20_000,
    seed: int = 0,
    *,
    horizon: int = 1,
    step: int = 1,
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
        horizon: Bars that each loss covers.
        step: Bars from the begin of one loss to that of the next.

    Raises:
        ValueError: If shapes differ, a value is not finite, an expected shortfall is not positive, or losses overlap.

    References:
        | Back-testing expected shortfall (Acerbi and Szekely, 2014)
    """
    refuse_overlap("acerbi_szekely_z2", horizon, step)
    tail = tail_of(level)
    loss, shortfall, hits = _checked(losses, value_at_risk, expected_shortfall)
    statistic = 1.0 - float((loss * hits / shortfall).sum()) / (len(loss) * tail)
    null = simulate_z2(len(loss), 1.0 - tail, degrees_of_freedom, n_paths, seed)
    p_value = (1.0 + float((null <= statistic).sum())) / (n_paths + 1.0)
    note, n = _note(n_paths, degrees_of_freedom), int(hits.sum())
    return TestResult("acerbi_szekely_z2", statistic, p_value, len(loss), n, tail * len(loss), note, "simulated")


def simulate_z1(n: int, level: float, degrees_of_freedom: float, n_paths: int, seed: int) -> FloatArray:
    """Draw Z1 of ``n`` exceptions under right forecasts of standard Student-t losses; output (n_paths,)."""
    random = np.random.default_rng(seed)
    return np.asarray(1.0 - _excesses((n_paths, n), level, degrees_of_freedom, random).mean(axis=1))


def simulate_z2(n: int, level: float, degrees_of_freedom: float, n_paths: int, seed: int) -> FloatArray:
    """Draw Z2 under right forecasts of standard Student-t losses; output (n_paths,).

    Only exceptions are drawn: their number is binomial and their size has the law's own tail.
    """
    tail, random = tail_of(level), np.random.default_rng(seed)
    counts = random.binomial(n, tail, n_paths)
    excess = _excesses((int(counts.sum()),), level, degrees_of_freedom, random)
    sums = np.bincount(np.repeat(np.arange(n_paths), counts), weights=excess, minlength=n_paths)
    return 1.0 - sums / (n * tail)


def tail_degrees_of_freedom(value_at_risk: ArrayLike, expected_shortfall: ArrayLike, level: float) -> float:
    """Return the degrees of freedom at which shortfall over value-at-risk is the median predicted one.

    Those of a Student-t law around zero; it serves to simulate losses whose tail is like the predicted one.

    Below 1.1 and above 200 there is no such law: the ends stand for it, infinity (the normal law) above.

    Args:
        value_at_risk: Forecasts, (T,).
        expected_shortfall: Forecasts, (T,).
        level: Confidence of both.

    Raises:
        ValueError: If ``level`` is outside (0, 1), or there is no session in which both are positive.

    Example:
        >>> round(tail_degrees_of_freedom([0.03364930], [0.04452429], 0.99), 3)
        5.0
    """
    var, shortfall = np.asarray(value_at_risk, np.float64), np.asarray(expected_shortfall, np.float64)
    positive = (var > 0) & (shortfall > 0)
    if not positive.any():
        raise ValueError("no session has a positive value_at_risk and expected_shortfall; state degrees_of_freedom.")
    tail, ratio = tail_of(level), float(np.median(shortfall[positive] / var[positive]))

    def distance(degrees: float) -> float:
        threshold, predicted = _tail_figures(tail, degrees)
        return predicted / threshold - ratio

    low, high = _DEGREES
    if distance(high) >= 0:
        return math.inf
    return low if distance(low) <= 0 else float(optimize.brentq(distance, low, high))


def _tail_figures(tail: float, degrees_of_freedom: float) -> tuple[float, float]:
    """Return value-at-risk and expected shortfall of the standard Student-t law."""
    law = stats.norm() if math.isinf(degrees_of_freedom) else stats.t(degrees_of_freedom)
    threshold = float(law.isf(tail))
    heavier = 1.0 if math.isinf(degrees_of_freedom) else 1.0 + (threshold**2 + 1.0) / (degrees_of_freedom - 1.0)
    return threshold, float(law.pdf(threshold)) / tail * heavier  # (df + x**2) / (df - 1) for Student-t, 1 for normal


def _excesses(
    shape: tuple[int, ...], level: float, degrees_of_freedom: float, random: np.random.Generator
) -> FloatArray:
    """Draw losses beyond the value-at-risk of the standard Student-t law, over its expected shortfall."""
    if not degrees_of_freedom > 1:
        raise ValueError(f"expected shortfall needs more than 1 degree of freedom, got {degrees_of_freedom}.")
    tail = tail_of(level)
    _, shortfall = _tail_figures(tail, degrees_of_freedom)
    law = stats.norm() if math.isinf(degrees_of_freedom) else stats.t(degrees_of_freedom)
    return np.asarray(law.isf(tail * random.uniform(size=shape)) / shortfall)


def _checked(
    losses: ArrayLike, value_at_risk: ArrayLike, expected_shortfall: ArrayLike
) -> tuple[FloatArray, FloatArray, BoolArray]:
    hits = exceptions(losses, value_at_risk)
    loss, shortfall = np.asarray(losses, np.float64), np.asarray(expected_shortfall, np.float64)
    if shortfall.shape != loss.shape or not (np.isfinite(shortfall).all() and (shortfall > 0).all()):
        raise ValueError("expected_shortfall must be finite, positive and as long as losses.")
    return loss, shortfall, hits


def _note(n_paths: int, degrees_of_freedom: float) -> str:
    if math.isinf(degrees_of_freedom):
        return f"p-value from {n_paths} simulated series of normal losses"
    return f"p-value from {n_paths} simulated series of Student-t losses, {degrees_of_freedom:.3g} degrees of freedom"
