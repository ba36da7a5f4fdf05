r"""Standard errors of means that are correlated in time: the long-run covariance, and what to hold its t against.

The Bartlett kernel with the bandwidth :math:`S = 1.3 \sqrt{T}` and the critical values of fixed-b asymptotics, as
Lazarus, Lewis, Stock and Watson recommend: with the usual short bandwidths and the normal law, intervals of
autocorrelated series are too short.
"""

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_BANDWIDTH = 1.3  # Lazarus et al. (2018), section 3
# Kiefer and Vogelsang (2005), table 1, Bartlett kernel: the quantile is a cubic in b = S / T.
_CRITICAL = {
    0.80: (1.2816, 1.3040, 0.5135, -0.3386),
    0.90: (1.6449, 2.1859, 0.3142, -0.3427),
    0.95: (1.9600, 2.9694, 0.4160, -0.5324),
    0.98: (2.3263, 4.1618, 0.5368, -0.9060),
}


def bandwidth(n: int) -> int:
    r"""Return :math:`\lceil 1.3 \sqrt{n} \rceil`, one more than the number of autocovariances that count.

    References:
        | HAR Inference: Recommendations for Practice (Lazarus, Lewis, Stock and Watson, 2018)
    """
    return math.ceil(_BANDWIDTH * math.sqrt(n))


def long_run_covariance(series: FloatArray, width: int) -> FloatArray:
    r"""Covariance of :math:`\sqrt{T}` times the mean of a stationary series, Bartlett kernel.

    .. math:: \hat\Omega = \sum_{|k| < S} \left( 1 - \frac{|k|}{S} \right) \hat\Gamma_k
        = \frac{1}{S T} \sum_t w_t w_t^\top, \quad w_t = \sum_{j=0}^{S-1} x_{t-j}

    The second form, of sums over all windows of S bars with zeros beyond the ends, is the same number: it is computed
    in one pass and cannot be negative.

    Args:
        series: (T, k), or (T,) for k = 1; its mean is taken off.
        width: Bandwidth S in bars, from 1 (no autocovariance counts).

    Shape:
        - output: (k, k)

    References:
        | A Simple, Positive Semi-Definite, Heteroskedasticity and Autocorrelation Consistent Covariance Matrix (Newey
          and West, 1987)

    Example:
        >>> long_run_covariance(np.array([1.0, -1.0, 1.0, -1.0]), 1)
        array([[1.]])
        >>> long_run_covariance(np.array([1.0, -1.0, 1.0, -1.0]), 2)
        array([[0.25]])
    """
    columns = series.reshape(len(series), -1)
    n, k = columns.shape
    padded = np.zeros((n + 2 * width - 1, k))
    padded[width : width + n] = columns - columns.mean(0)
    sums = padded.cumsum(0)
    windows = sums[width:] - sums[:-width]
    covariance: FloatArray = windows.T @ windows / (width * n)
    return covariance


def critical_value(n: int, width: int, confidence: float = 0.95) -> float:
    """Return what an estimate may be away from the truth, in standard errors of the Bartlett kernel.

    Args:
        n: Bars.
        width: Bandwidth, at most n.
        confidence: Of a two-sided interval: 0.80, 0.90, 0.95 or 0.98, for which there are published values.

    Raises:
        ValueError: If the confidence is none of these.

    References:
        | A New Asymptotic Theory for Heteroskedasticity-Autocorrelation Robust Tests (Kiefer and Vogelsang, 2005)

    Example:
        >>> round(critical_value(1000, bandwidth(1000)), 4)
        2.0854
    """
    if confidence not in _CRITICAL:
        raise ValueError(f"confidence must be one of {', '.join(map(str, _CRITICAL))}, got {confidence}.")
    b = width / n
    return float(sum(coefficient * b**power for power, coefficient in enumerate(_CRITICAL[confidence])))
