"""Exponentially weighted means, ratios of what they give, and assets side by side, so that one call serves all."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

_BARS_AT_ONCE = 32  # of a transposed copy, so that what it reads and writes stays in the processor's cache


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


@dataclass(frozen=True, eq=False)
class Packing:
    """Where the cells of a mask stand when each asset's are moved together.

    Attributes:
        cells: (A, T) bool, the mask asset by asset.
        filled: (A, N) bool, which places of the packed array hold a cell: each asset's first ones.
    """

    cells: np.ndarray
    filled: np.ndarray

    @staticmethod
    def of(mask: np.ndarray) -> "Packing":
        """Pack the true cells of a mask (T, A); ``N`` is the number of cells of the asset that has most."""
        counts = mask.sum(axis=0)
        return Packing(np.ascontiguousarray(mask.T), np.arange(counts.max(initial=0)) < counts[:, None])

    def pack(self, values: np.ndarray) -> np.ndarray:
        """Return (A, N) float64 from (T, A): each asset's cells in time order, then zeros."""
        packed = np.zeros(self.filled.shape)
        packed[self.filled] = np.ascontiguousarray(values.T)[self.cells]
        return packed

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """Return (T, A) float64 from (A, N): each cell at its bar, 0 elsewhere."""
        by_asset = np.zeros(self.cells.shape)
        by_asset[self.cells] = packed[self.filled]
        values = np.empty(self.cells.shape[::-1])
        for bar in range(0, len(values), _BARS_AT_ONCE):
            values[bar : bar + _BARS_AT_ONCE] = by_asset[:, bar : bar + _BARS_AT_ONCE].T
        return values
