"""Exponentially weighted means, and ratios of what they give."""

import numpy as np
from scipy.signal import lfilter


def decayed_mean(values: np.ndarray, half_life: float, axis: int = 0) -> np.ndarray:
    """Exponentially weighted mean of the values so far, with weights that sum to one from the first value on.

    Args:
        values: Numbers in time order along ``axis``.
        half_life: In bars.
        axis: The axis of time.

    Shape:
        - values, output: the same, of any number of axes
    """
    decay = 0.5 ** (1.0 / half_life)
    weighted: np.ndarray = lfilter([1.0 - decay], [1.0, -decay], values, axis=axis)
    mass = -np.expm1(np.arange(1, values.shape[axis] + 1) * np.log(decay))
    along = [1] * values.ndim
    along[axis] = -1
    return np.asarray(weighted / mass.reshape(along))


def log_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Logarithm of a ratio of non-negative numbers, held within a factor of e**4 and 0 where nothing is known."""
    return np.asarray(np.nan_to_num(known_log_ratio(numerator, denominator), nan=0.0))


def known_log_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Logarithm of a ratio of non-negative numbers, held within a factor of e**4, NaN where it is not known."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.clip(np.log(numerator / denominator), -4.0, 4.0))
