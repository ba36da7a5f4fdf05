"""The observed bars of each asset side by side, so that one call serves all assets."""

from dataclasses import dataclass

import numpy as np

_BARS_AT_ONCE = 32  # of a transposed copy, so that what it reads and writes stays in the processor's cache


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
