"""Telling one rescaled history from many changed values.

A later split or dividend multiplies the whole adjusted history before it by one factor. Prices are stored rounded, so
the ratio of new to old wobbles; what must hold is that *one* factor explains every value within its rounding.
"""

from dataclasses import dataclass

import numpy as np

# Prices that went through float32 agree to 6e-8 of their value; a dividend that changes less than this is not seen.
_RELATIVE = 1e-6
_FEWEST = 5
_DECIMALS = 6
_AHEAD = 3


@dataclass(frozen=True, eq=False)
class Rescaling:
    """A stretch of values that one factor explains.

    Attributes:
        cells: Positions of the values concerned, changed by the factor; those that rounding left alone included.
        lowest: Smallest factor that explains them.
        highest: Largest factor that explains them.
    """

    cells: np.ndarray
    lowest: float
    highest: float

    @property
    def factor(self) -> float:
        """The middle of what explains the values."""
        return 0.5 * (self.lowest + self.highest)


def find_rescalings(old: np.ndarray, new: np.ndarray) -> list[Rescaling]:
    """Return the rescaled stretches from the first value on, each joined to the one before.

    A stretch has at least five changed values, is not explained by a factor of one, and may hold single values that do
    not fit, if the next three do: those are left out of ``cells``. The search ends where no factor fits.

    Args:
        old: (N,) values before, all numbers.
        new: (N,) values after, all numbers.
    """
    lowest, highest = _bounds(old, new)
    changed = old != new
    found: list[Rescaling] = []
    start = 0
    while start < len(old):
        stretch = _first_stretch(lowest, highest, changed, start)
        if stretch is None:
            break
        found.append(stretch)
        start = int(stretch.cells[-1]) + 1
    return found


def _bounds(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest factor that explain each value, given how both are rounded."""
    old, new = np.abs(old), np.where(old < 0, -new, new)
    before, after = 0.5 * _unit(old), 0.5 * _unit(new)
    with np.errstate(divide="ignore", invalid="ignore"):
        lowest = (new - after) / (old + before) * (1 - _RELATIVE)
        highest = (new + after) / np.maximum(old - before, 0.0) * (1 + _RELATIVE)
    both_zero = (old == 0) & (new == 0)
    lowest[both_zero | np.isnan(lowest)], highest[both_zero | np.isnan(highest)] = -np.inf, np.inf
    return lowest, highest


def _unit(values: np.ndarray) -> float:
    """Return the power of ten to which all values are rounded, 0 if there is none down to a millionth."""
    for decimals in range(_DECIMALS + 1):
        scale = 10.0**decimals
        if (np.rint(values * scale) / scale == values).all():
            return 1.0 / scale
    return 0.0


def _first_stretch(lowest: np.ndarray, highest: np.ndarray, changed: np.ndarray, start: int) -> Rescaling | None:
    """Return the stretch that begins at ``start``, or a little later where the first values do not fit it."""
    for skipped in range(min(_AHEAD, len(changed) - start - 1) + 1):
        stretch = _grow(lowest, highest, changed, start + skipped)
        if stretch is not None:
            return stretch
    return None


def _grow(lowest: np.ndarray, highest: np.ndarray, changed: np.ndarray, start: int) -> Rescaling | None:
    low, high = float(lowest[start]), float(highest[start])
    taken: list[np.ndarray] = []
    at, end = start, len(changed)
    while at < end:
        lows = np.maximum(np.maximum.accumulate(lowest[at:]), low)
        highs = np.minimum(np.minimum.accumulate(highest[at:]), high)
        fits = lows <= highs
        stop = end if fits.all() else at + int(fits.argmin())
        if stop > at:
            low, high = float(lows[stop - at - 1]), float(highs[stop - at - 1])
            taken.append(np.arange(at, stop))
        ahead = slice(stop + 1, stop + 1 + _AHEAD)
        if not _go_on(lowest[ahead], highest[ahead], changed[ahead], low, high):
            break
        at = stop + 1
    cells = np.concatenate(taken) if taken else np.zeros(0, dtype=np.int64)
    cells = cells[: np.flatnonzero(changed[cells]).max(initial=-1) + 1]
    if changed[cells].sum() < _FEWEST or low <= 1.0 <= high or not np.isfinite(high):
        return None
    return Rescaling(cells, low, high)


def _go_on(lowest: np.ndarray, highest: np.ndarray, changed: np.ndarray, low: float, high: float) -> bool:
    """Whether all of the next values are changed by a factor that fits."""
    if not len(changed) or not changed.all():
        return False
    return bool(max(low, lowest.max()) <= min(high, highest.min()))
