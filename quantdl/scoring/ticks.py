r"""The log score where prices move in ticks: the probability of what was seen, which is a step and not a point.

A close of 3.21 in ticks of 0.01 says that the price was between 3.205 and 3.215. Where ticks are coarse many returns
are exactly zero, and a density could be made as high as one likes there; the probability of the step cannot exceed 1.
It must be the score of all models that are compared, or of none.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantdl.distributions import Forecast
from quantdl.scoring.laws import scored_cells

# What exchanges use: 1, 2, 2.5 and 5 times powers of ten.
_TICKS = tuple(sorted(factor * 10.0**power for power in range(-6, 5) for factor in (1.0, 2.0, 2.5, 5.0)))
# Of the closes, from which on a step is the tick. Beside it stand auctions between two ticks and corrections: a stock
# quoted in cents has some per cent of closes in fractions of a cent. A tick twice too wide would hold half of them.
_ON_THE_GRID = 0.9
_EXACTLY = 1e-6  # in ticks, beyond the rounding of the numbers themselves
_FEWEST = 20  # closes that can show a tick
_HALF = math.log(0.5)
_NOISE = 1e-10  # a smaller difference of log probabilities has lost too many of its sixteen digits


def tick_bounds(target: Tensor, close: Tensor, tick: Tensor) -> tuple[Tensor, Tensor]:
    """Log returns between which the close would have been recorded as it was.

    Args:
        target: Log returns that end at ``close``.
        close: Price at the end of the return, as it was quoted.
        tick: Step of that price.

    Shape:
        - all: (B, A); output two of them, float64

    Example:
        >>> lower, upper = tick_bounds(torch.tensor([[0.0]]), torch.tensor([[2.0]]), torch.tensor([[0.01]]))
        >>> round(float(lower), 5), round(float(upper), 5)
        (-0.0025, 0.0025)
    """
    half = 0.5 * tick.double() / close.double()
    below = torch.log1p(-half.clamp(max=1.0 - 1e-12))  # a price of half a tick or less may have been anything above 0
    return target.double() + below, target.double() + torch.log1p(half)


def interval_log_score(forecast: Forecast, lower: Tensor, upper: Tensor, observed: Tensor) -> Tensor:
    """Minus the log probability that each asset's own law gives to returns from ``lower`` to ``upper``.

    Differences are taken of the smaller tail, in logs, so that they keep their digits far out; where an interval is
    so narrow that nothing is left of one, it is its width times the density in the middle.

    Shape:
        - lower, upper, observed: (B, A), log returns and bool
        - output: (B, A) float64, 0 where not scored
    """
    scored = scored_cells(forecast, observed)
    low = torch.where(scored, lower.double(), 0.0)
    high = torch.where(scored, upper.double(), 1.0)
    middle = 0.5 * (low + high)
    left = forecast.log_cdf(middle) < _HALF
    larger = torch.where(left, forecast.log_cdf(high), forecast.log_survival(low))
    smaller = torch.where(left, forecast.log_cdf(low), forecast.log_survival(high))
    narrow = forecast.marginal_log_prob(middle).double() + (high - low).log()
    probability = torch.where(larger - smaller > _NOISE, _log_difference(larger, smaller), narrow)
    return torch.where(scored, -probability, 0.0)


def find_tick(closes: NDArray[np.float64]) -> float | None:
    """Largest step of which nine in ten closes are multiples.

    Args:
        closes: (T,) prices of one asset as they were quoted, NaN where there is none. Give those up to the end of
            training only.

    Returns:
        The tick, or None where no step fits, as with adjusted prices, or where fewer than 20 closes are given.

    Example:
        >>> find_tick(np.array([10.05, 9.95, 10.1, 10.0] * 5))
        0.05
    """
    known = np.unique(closes[np.isfinite(closes) & (closes > 0)], return_counts=True)
    prices, counts = known
    if counts.sum() < _FEWEST:
        return None
    for tick in reversed(_TICKS):
        steps = prices / tick
        rounding = _EXACTLY + 4.0 * np.finfo(np.float64).eps * steps
        fits = (np.abs(steps - np.round(steps)) <= rounding) & (np.round(steps) >= 1)
        if counts[fits].sum() >= _ON_THE_GRID * counts.sum():
            return float(round(tick, 10))
    return None


def _log_difference(larger: Tensor, smaller: Tensor) -> Tensor:
    """``log(exp(larger) - exp(smaller))``, which are further apart than noise."""
    gap = (smaller - larger).clamp(max=-_NOISE)
    # log(1 - e**gap): by expm1 near 0, by log1p far from it (Maechler, 2012, Accurately computing log(1 - exp(-|a|)))
    share = torch.where(gap > _HALF, torch.log(-torch.expm1(gap)), torch.log1p(-torch.exp(gap)))
    return larger + share
