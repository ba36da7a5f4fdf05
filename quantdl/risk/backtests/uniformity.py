"""Were whole laws right? Tests that probability integral transforms are uniform, and independent in time."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from quantdl.risk.backtests.result import TestResult, probabilities, refuse_overlap


def kolmogorov_smirnov(pit: ArrayLike, *, horizon: int = 1, step: int = 1) -> TestResult:
    """Test that probability integral transforms are uniform on (0, 1): largest gap to the uniform distribution.

    Observations must be independent. Pooled over assets of one session they are not, and the test then rejects too
    often; give it one asset or one book at a time.

    Args:
        pit: Predicted probability of an outcome this low or lower, (T,).
        horizon: Bars that each outcome covers.
        step: Bars from the begin of one outcome to that of the next.

    Raises:
        ValueError: If there is no observation, one is outside [0, 1], or outcomes overlap.
    """
    refuse_overlap("kolmogorov_smirnov", horizon, step)
    values = probabilities(pit)
    result = stats.kstest(values, "uniform")
    return TestResult("kolmogorov_smirnov", float(result.statistic), float(result.pvalue), len(values), how="exact")


def berkowitz(pit: ArrayLike, *, horizon: int = 1, step: int = 1) -> TestResult:
    r"""Test that probability integral transforms are uniform and independent in time.

    :math:`z_t = \Phi^{-1}(\mathrm{PIT}_t)` is fitted as a first-order autoregression; the likelihood ratio against
    mean 0, variance 1 and no memory has three degrees of freedom. The first observation is conditioned on. Values
    within 1e-12 of 0 or 1 are moved there, so one impossible return cannot give an infinite statistic.

    Args:
        pit: Predicted probability of an outcome this low or lower, in time order, (T,).
        horizon: Bars that each outcome covers.
        step: Bars from the begin of one outcome to that of the next.

    Raises:
        ValueError: If there are fewer than 10 observations, one is outside [0, 1], or outcomes overlap.

    References:
        | Testing Density Forecasts, with Applications to Risk Management (Berkowitz, 2001)
    """
    refuse_overlap("berkowitz", horizon, step)
    values = probabilities(pit)
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
