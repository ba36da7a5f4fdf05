"""A random order of any number of things, computed place by place and never stored."""

import math
from dataclasses import dataclass

import numpy as np

_ROUNDS = 8
_HALF = np.uint64(32)
# Odd constants of the 64-bit finaliser of MurmurHash3 (Austin Appleby, public domain).
_MIX = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


@dataclass(frozen=True)
class KeyedPermutation:
    """A random order of the numbers 0 .. size - 1, which depends on a key.

    Any piece of it is computed on its own, so fifty million windows need no list, and a pass can resume anywhere.
    The numbers are laid on a grid of ``a`` times ``b`` cells, as near to a square as covers them. A round adds to one
    coordinate a keyed hash of the other, which can be undone, so rounds permute the grid. A number that leaves
    0 .. size - 1 is permuted again until it is back inside, so the numbers themselves are permuted.

    Meant for shuffling, not for secrets. The order depends on nothing but size and key, on any machine and version.

    Attributes:
        size: How many numbers there are.
        key: Whole numbers, not negative.

    References:
        | Ciphers with arbitrary finite domains (Black and Rogaway, 2002), the generalised Feistel method
        | https://www.cs.ucdavis.edu/~rogaway/papers/subset.pdf

    Example:
        >>> sorted(KeyedPermutation(5, key=(7, 0))(np.arange(5)).tolist())
        [0, 1, 2, 3, 4]
    """

    size: int
    key: tuple[int, ...]

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Return the numbers, int64, that stand at the given places; both from 0 to ``size - 1``."""
        rows = max(1, math.isqrt(self.size - 1) + 1)
        grid = np.uint64(rows), np.uint64(-(-self.size // rows))
        keys = np.random.SeedSequence(self.key).generate_state(_ROUNDS, np.uint64)
        numbers = _encrypt(places.ravel().astype(np.uint64), grid, keys)
        outside = np.flatnonzero(numbers >= self.size)
        while outside.size:
            numbers[outside] = _encrypt(numbers[outside], grid, keys)
            outside = outside[numbers[outside] >= self.size]
        return numbers.astype(np.int64).reshape(places.shape)


def _encrypt(numbers: np.ndarray, grid: tuple[np.uint64, np.uint64], keys: np.ndarray) -> np.ndarray:
    rows, columns = grid
    row, column = np.divmod(numbers, columns)
    for number, key in enumerate(keys):
        if number % 2:
            _shift(row, column, key, rows)
        else:
            _shift(column, row, key, columns)
    row *= columns
    row += column
    return row


def _shift(coordinate: np.ndarray, other: np.ndarray, key: np.uint64, size: np.uint64) -> None:
    """Add to a coordinate, in place and modulo its size, a number below the size that depends on the other one."""
    mixed = other ^ key
    high = np.empty_like(mixed)
    for factor in _MIX:
        mixed *= factor
        mixed ^= np.right_shift(mixed, _HALF, out=high)
    mixed &= np.uint64(0xFFFFFFFF)
    mixed *= size  # a 32-bit fraction of the size: no division
    mixed >>= _HALF
    coordinate += mixed
    coordinate -= (coordinate >= size) * size
