"""Read-only arrays, and their cells a block at a time, so that a mapped file never enters memory whole."""

from collections.abc import Iterator

import numpy as np

# Cells looked at together: enough to be quick, few enough to be small beside any panel.
BLOCK_CELLS = 1 << 20


def locked(values: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    """Return a read-only copy, or the array itself where nothing can be written through it.

    That is a file mapped for reading only, or an array that is read-only already and owns its memory.
    """
    values = np.asanyarray(values, dtype=dtype)
    owned = type(values) is np.ndarray and values.flags.owndata and values.flags.c_contiguous
    if _is_mapped(values) or (owned and not values.flags.writeable):
        return values
    return sealed(values)


def sealed(values: np.ndarray) -> np.ndarray:
    """Return a read-only copy in memory of its own, even where ``values`` is a file mapped for reading."""
    copy: np.ndarray = np.array(values, order="C", subok=False)
    copy.flags.writeable = False
    return copy


def row_blocks(values: np.ndarray) -> Iterator[slice]:
    """Yield slices over the rows of ``values`` (T, A) that hold about `BLOCK_CELLS` cells each."""
    n_rows, n_columns = values.shape
    height = max(1, BLOCK_CELLS // max(1, n_columns))
    for first in range(0, n_rows, height):
        yield slice(first, first + height)


def _is_mapped(values: np.ndarray) -> bool:
    return isinstance(values, np.memmap) and values.mode == "r"
