"""Unbroken runs of cells down the columns of an array."""

import numpy as np


def long_runs(cells: np.ndarray, fewest: int) -> np.ndarray:
    """Return the cells that stand in an unbroken run of at least ``fewest`` down their column.

    Shape:
        - cells, output: (T, A) bool
    """
    if len(cells) < fewest:
        return np.zeros(cells.shape, dtype=bool)
    full = cells[fewest - 1 :].copy()  # full[t]: the run of `fewest` cells from t on is whole
    for offset in range(fewest - 1):
        full &= cells[offset : len(cells) - fewest + 1 + offset]
    found = np.zeros(cells.shape, dtype=bool)
    for offset in range(fewest):
        found[offset : offset + len(full)] |= full
    return found
