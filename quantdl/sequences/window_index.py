"""All windows sorted by length, found by number without a list of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quantdl.sequences.observed_bars import ObservedBars


@dataclass(frozen=True, eq=False)
class Bucket:
    """Windows of like length, numbered asset after asset. A window is known by the row of its last bar.

    Attributes:
        width: Bars of its longest window.
        first: (A,) row of the last bar of each asset's first window.
        before: (A + 1,) windows of the assets before each, and of all at the end.
        begin: (A,) row of each asset's first bar.
    """

    width: int
    first: np.ndarray
    before: np.ndarray
    begin: np.ndarray

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return int(self.before[-1])

    def locate(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Asset, row of the last bar and length of the windows with the given numbers, int64 like them."""
        asset: np.ndarray = self._asset_at_step[numbers >> self._shift]
        passed = np.nonzero(numbers >= self.before[asset + 1])
        asset[passed] = self._asset_of(numbers[passed])
        row = self._row_of_zero[asset] + numbers
        return asset, row, np.minimum(row - self.begin[asset] + 1, self.width)

    def _asset_of(self, numbers: np.ndarray) -> np.ndarray:
        return np.asarray(np.searchsorted(self.before, numbers, side="right") - 1)

    @cached_property
    def _shift(self) -> int:
        """The asset of every ``2 ** shift``-th window is kept, sixteen an asset or more, so that few need a search."""
        return max(0, (self.n_windows // (16 * len(self.first))).bit_length() - 1)

    @cached_property
    def _asset_at_step(self) -> np.ndarray:
        return self._asset_of(np.arange(0, self.n_windows, 1 << self._shift))

    @cached_property
    def _row_of_zero(self) -> np.ndarray:
        """(A,) the row that would be number 0 if all rows before were windows of the asset."""
        rows: np.ndarray = self.first - self.before[:-1]
        return rows


def buckets_of(bars: ObservedBars, length: int, minimum_length: int, span: range | None) -> tuple[Bucket, ...]:
    """Sort all windows by length: an eighth of the whole, a quarter, a half, all but one bar, whole.

    Every observed bar in the span ends one window, which reaches back ``length`` bars, before the span if need be, or
    to the asset's first bar. So only the first ``length - 1`` bars of an asset have shorter ones.

    Args:
        bars: The rows.
        length: Bars of a whole window.
        minimum_length: Shorter windows are left out.
        span: Bars at which windows end; all when None.
    """
    begin = bars.first[:-1]
    first, after = (begin, bars.first[1:]) if span is None else bars.between(span)
    found = []
    for shortest, longest in _lengths(length, minimum_length):
        end = after if longest == length else np.minimum(after, begin + longest)
        start = np.maximum(first, begin + shortest - 1)
        counts = np.maximum(end - start, 0)
        if counts.any():
            found.append(Bucket(longest, start, np.concatenate([[0], np.cumsum(counts)]), begin))
    return tuple(found)


def _lengths(length: int, minimum_length: int) -> Iterator[tuple[int, int]]:
    """Shortest and longest window of each bucket."""
    shortest = minimum_length
    for longest in sorted({length // 8, length // 4, length // 2, length - 1, length}):
        if longest >= shortest:
            yield shortest, longest
            shortest = longest + 1
