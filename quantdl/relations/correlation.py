"""Correlations over trailing windows: on which bars they are estimated, and over which bars each pair is compared."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrailingWindows:
    """Windows that end at regular bars; what is estimated from one is in force until the next one ends.

    Attributes:
        n_bars: Bars of the panel, T.
        window_bars: Bars of each window, or all bars up to its end where there are fewer.
        refresh_bars: Bars between the ends of two windows.
        first_end: Bar at which the first window ends.
    """

    n_bars: int
    window_bars: int
    refresh_bars: int
    first_end: int

    @property
    def ends(self) -> np.ndarray:
        """(G,) int64 bars at which a window ends."""
        return np.arange(self.first_end, self.n_bars, self.refresh_bars)

    @property
    def in_force(self) -> np.ndarray:
        """(T,) int64: at each bar the number of windows that have ended, so 0 before the first end."""
        return np.searchsorted(self.ends, np.arange(self.n_bars), side="right")

    def of(self, returns: np.ndarray) -> Iterator[np.ndarray]:
        """Give the rows of each window, at most (window_bars, A), from returns (T, A)."""
        for end in self.ends:
            yield returns[max(end + 1 - self.window_bars, 0) : end + 1]


def correlation_of_pairs(scores: np.ndarray, minimum_shared: float) -> np.ndarray:
    """Correlation about zero of every pair over the bars that both have: the cosine of their shared scores.

    Args:
        scores: (n, A), NaN where there is none; centred, where a correlation about the mean is wanted.
        minimum_shared: Bars that a pair must share.

    Returns:
        (A, A), NaN where a pair shares fewer bars or one of the two is zero on all of them.
    """
    seen = np.isfinite(scores)
    filled = np.where(seen, scores, 0.0)
    counted = seen.astype(np.float32)  # whole numbers up to 2**24 are exact in it
    shared = counted.T @ counted
    square = (filled**2).T @ seen.astype(float)  # of asset i over the bars it shares with j
    correlation: np.ndarray = filled.T @ filled
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation /= np.sqrt(square * square.T)
    correlation[shared < minimum_shared] = np.nan
    return correlation
