"""Correlations over trailing windows: on which bars they are estimated, and over which bars each pair is compared.

Windows count the sessions on which anything returned: a Sunday of an FX calendar, or a holiday of all exchanges in
aligned prices, takes no place in them. A session on which some assets returned is one session for all of them, because
a correlation needs both at once; a pair is compared over the sessions that both have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class TrailingWindows:
    """Windows that end at regular bars; what is estimated from one is in force until the next one ends.

    Attributes:
        returns: (T, A) log returns, NaN where there is none.
        window_bars: Bars of each window, or all bars up to its end where there are fewer.
        refresh_bars: Bars between the ends of two windows.
        first_end: Number of the bar at which the first window ends, from 0.

    All three count bars with a return, and those before the first one.
    """

    returns: np.ndarray
    window_bars: int
    refresh_bars: int
    first_end: int

    @cached_property
    def ends(self) -> np.ndarray:
        """(G,) int64 bars of the panel at which a window ends."""
        return self._counted[self.first_end :: self.refresh_bars]

    @property
    def in_force(self) -> np.ndarray:
        """(T,) int64: at each bar the number of windows that have ended, so 0 before the first end."""
        return np.searchsorted(self.ends, np.arange(len(self.returns)), side="right")

    def __iter__(self) -> Iterator[np.ndarray]:
        """Give the returns of each window, at most (window_bars, A)."""
        for number in range(self.first_end, len(self._counted), self.refresh_bars):
            yield self.returns[self._counted[max(number + 1 - self.window_bars, 0) : number + 1]]

    @cached_property
    def _counted(self) -> np.ndarray:
        """(N,) int64 bars of the panel that windows count."""
        returned = np.isfinite(self.returns).any(axis=1)
        return np.flatnonzero(returned | ~np.logical_or.accumulate(returned))


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


@dataclass(frozen=True, eq=False)
class DecayedCorrelations:
    """Correlations of scores about zero with exponential weights of several half-lives, averaged.

    A short memory follows the market, a long one is what it returns to. Each pair is compared over the sessions that
    both have, which count backwards from the last one.

    Attributes:
        scores: (T, A), NaN where there is none, of similar size over time.
        half_lives: In sessions on which anything has a score.
        refresh_bars: Such sessions between two estimates.
        first_end: Such sessions before the first one.
        minimum_shared: Sessions that a pair must share; its correlation is 0 with fewer.
    """

    scores: np.ndarray
    half_lives: tuple[float, ...]
    refresh_bars: int
    first_end: int
    minimum_shared: float

    @cached_property
    def ends(self) -> np.ndarray:
        """(G,) int64 bars through which an estimate reads."""
        return self._counted[self.first_end :: self.refresh_bars]

    @property
    def in_force(self) -> np.ndarray:
        """(T,) int64: at each bar the number of estimates made, so 0 before the first."""
        return np.searchsorted(self.ends, np.arange(len(self.scores)), side="right")

    def __iter__(self) -> Iterator[np.ndarray]:
        """Give each estimate, (A, A)."""
        n_assets = self.scores.shape[1]
        products = [np.zeros((n_assets, n_assets)) for _ in self.half_lives]
        squares = [np.zeros((n_assets, n_assets)) for _ in self.half_lives]
        shared = np.zeros((n_assets, n_assets))
        start = 0
        for stop in range(self.first_end + 1, len(self._counted) + 1, self.refresh_bars):
            block = self.scores[self._counted[start:stop]]
            seen = np.isfinite(block)
            filled = np.where(seen, block, 0.0)
            present = seen.astype(np.float64)
            shared += present.T @ present
            for number, half_life in enumerate(self.half_lives):
                decay = 0.5 ** (1.0 / half_life)
                weights = decay ** np.arange(len(block) - 1, -1, -1)[:, None]
                products[number] = decay ** len(block) * products[number] + (filled * weights).T @ filled
                squares[number] = decay ** len(block) * squares[number] + (filled**2 * weights).T @ present
            yield self._average(products, squares, shared)
            start = stop

    def _average(self, products: list[np.ndarray], squares: list[np.ndarray], shared: np.ndarray) -> np.ndarray:
        total = np.zeros_like(shared)
        for product, square in zip(products, squares, strict=True):
            with np.errstate(divide="ignore", invalid="ignore"):
                total += np.nan_to_num(product / np.sqrt(square * square.T), nan=0.0, posinf=0.0, neginf=0.0)
        correlation = np.where(shared >= self.minimum_shared, total / len(products), 0.0)
        np.fill_diagonal(correlation, 1.0)
        return correlation

    @cached_property
    def _counted(self) -> np.ndarray:
        """(N,) int64 bars of the panel on which anything has a score."""
        return np.flatnonzero(np.isfinite(self.scores).any(axis=1))
