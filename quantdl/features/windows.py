"""Sums, means, moments and maxima over the last bars, whose bits depend on nothing outside the window.

A running sum that adds the new value and subtracts the old one carries every earlier rounding error along; here blocks
of one, two, four ... bars are joined instead, always in the same order. That costs the logarithm of the window in
passes over the data, gives the same bits wherever the window stands, and loses less precision than a plain sum.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from quantdl.errors import LookAheadError

Parts = tuple[np.ndarray, ...]


def earlier(values: np.ndarray, bars: int, fill: float = np.nan) -> np.ndarray:
    """Return the values as they stood ``bars`` bars before each bar, ``fill`` where that is before the first.

    Shape:
        - values, output: (T, *)

    Raises:
        LookAheadError: If ``bars`` is negative: those values are still to come.
    """
    if bars < 0:
        raise LookAheadError(f"{bars} bars before a bar lie after it. Pass how many bars to look back, zero or more.")
    moved = np.full_like(values, fill)
    moved[bars:] = values[: max(len(values) - bars, 0)]
    return moved


def over_window(parts: Parts, window: int, join: Callable[[Parts, Parts], Parts], empty: Sequence[float]) -> Parts:
    """Join the parts of the last ``window`` bars, that bar included.

    Args:
        parts: What each bar contributes, arrays (T, *).
        window: Bars, one or more.
        join: Joins an earlier and a later stretch into one.
        empty: What a bar before the first contributes, for each part: the neutral value of ``join``.

    Raises:
        ValueError: If the window holds no bar.
    """
    if window < 1:
        raise ValueError(f"A window holds one bar or more, got {window}.")
    result: Parts | None = None
    covered, size = 0, 1
    block = parts  # at each bar, that bar and the size - 1 bars before it
    while True:
        if window & size:
            result = block if result is None else join(_moved(block, covered, empty), result)
            covered += size
        if result is not None and covered == window:
            return result
        block = join(_moved(block, size, empty), block)
        size *= 2


def window_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Return the sum over the last ``window`` bars, (T, *); bars before the first count as zero."""
    with np.errstate(over="ignore", invalid="ignore"):  # a price of 1e308 in a dirty file stays in its own windows
        (total,) = over_window((values,), window, lambda older, newer: (older[0] + newer[0],), (0,))
    return total


def window_mean(values: np.ndarray, window: int, minimum: int | None = None) -> np.ndarray:
    """Return the mean of the known values among the last ``window`` bars.

    Args:
        values: (T, *) NaN where not known.
        window: Bars.
        minimum: Known values that a mean needs; by default half of the window, rounded up.

    Returns:
        (T, *) NaN where fewer are known.
    """
    known = ~np.isnan(values)
    count = window_sum(known.astype(np.int64), window)
    total = window_sum(np.where(known, values, 0.0), window)
    enough = count >= minimum_known(window, minimum)
    return np.where(enough, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True, eq=False)
class Moments:
    """Number, mean and sum of squared deviations of the known values of each window, each (T, *)."""

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray

    def variance(self, minimum: int) -> np.ndarray:
        """Sample variance, divisor n - 1; NaN with fewer than ``minimum`` values or fewer than two."""
        enough = self.count >= max(minimum, 2)
        return np.where(enough, self.squares / np.maximum(self.count - 1, 1), np.nan)


def window_moments(values: np.ndarray, window: int) -> Moments:
    """Return the moments of the finite values among the last ``window`` bars, joined pairwise.

    References:
        | Algorithms for computing the sample variance (Chan, Golub and LeVeque, 1983)
    """
    known = np.isfinite(values)
    parts = known.astype(np.float64), np.where(known, values, 0.0), np.zeros(values.shape)
    return Moments(*over_window(parts, window, _joined_moments, (0.0, 0.0, 0.0)))


def window_peak(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest of the last ``window`` values and how many bars ago it last stood, both (T, *).

    Args:
        values: (T, *) NaN where not known.
        window: Bars.

    Returns:
        The maximum, NaN where nothing is known, and float64 bars since the last bar that reached it, NaN there too.
    """
    bar = np.broadcast_to(
        np.arange(len(values), dtype=np.float64).reshape((-1,) + (1,) * (values.ndim - 1)), values.shape
    )
    heights = np.where(np.isnan(values), -np.inf, values)
    peak, at = over_window((heights, bar), window, _higher, (-np.inf, np.nan))
    known = peak > -np.inf
    return np.where(known, peak, np.nan), np.where(known, bar - at, np.nan)


def minimum_known(window: int, minimum: int | None) -> int:
    """Known values that a statistic of the window needs: as stated, else half of the window, rounded up."""
    return (window + 1) // 2 if minimum is None else minimum


def _moved(parts: Parts, bars: int, empty: Sequence[float]) -> Parts:
    return tuple(earlier(part, bars, fill) for part, fill in zip(parts, empty, strict=True))


def _joined_moments(older: Parts, newer: Parts) -> Parts:
    (older_count, older_mean, older_squares), (newer_count, newer_mean, newer_squares) = older, newer
    count = older_count + newer_count
    share = newer_count / np.maximum(count, 1.0)
    apart = newer_mean - older_mean
    mean = older_mean + apart * share
    return count, mean, older_squares + newer_squares + apart**2 * older_count * share


def _higher(older: Parts, newer: Parts) -> Parts:
    keep = older[0] > newer[0]
    return np.where(keep, older[0], newer[0]), np.where(keep, older[1], newer[1])
