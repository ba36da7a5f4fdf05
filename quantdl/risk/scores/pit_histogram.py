"""Where outcomes fell in their predicted laws: histogram and reliability, with bands that allow for related assets."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

BINS = 20
RELIABILITY_LEVELS = (0.01, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.99)
"""Probabilities at which predicted and observed shares are compared."""


@dataclass(frozen=True)
class PitHistogram:
    """Shares of outcomes per bin of their probability integral transform.

    Attributes:
        shares: (K,) share of all outcomes in each of K equal bins of [0, 1].
        half_widths: (K,) half width of the pointwise 95 % band around 1 / K that holds if the laws are right.
        n: Number of outcomes.
    """

    shares: tuple[float, ...]
    half_widths: tuple[float, ...]
    n: int


def pit_histogram(forecasts: pd.DataFrame, bins: int = BINS) -> PitHistogram | None:
    r"""Count outcomes per bin of their probability integral transform.

    Under a true law the share :math:`s_k` of bin k has mean :math:`1/K`. Sessions are taken as independent; the
    outcomes of one session may depend on each other in any way, so the variance is added up session by session,

    .. math:: \operatorname{Var}(s_k) = \frac{1}{N^2} \sum_t \left(c_{tk} - n_t / K\right)^2

    with :math:`c_{tk}` of the :math:`n_t` outcomes of session t in bin k. A binomial band would be too narrow, since
    the assets of one session move together.

    Args:
        forecasts: Columns session and pit; rows without a pit are left out.
        bins: K.

    Returns:
        The histogram, or None where no forecast met an outcome.
    """
    known = forecasts.dropna(subset=["pit"])
    n = len(known)
    if n == 0:
        return None
    bin_of = np.clip((known["pit"].to_numpy(np.float64) * bins).astype(np.int64), 0, bins - 1)
    session_of, sessions = pd.factorize(known["session"])
    counts = np.zeros((len(sessions), bins))
    np.add.at(counts, (session_of, bin_of), 1.0)
    surprise = counts - counts.sum(axis=1, keepdims=True) / bins
    half_widths = 1.96 * np.sqrt((surprise**2).sum(axis=0)) / n
    return PitHistogram(tuple((counts.sum(axis=0) / n).tolist()), tuple(half_widths.tolist()), n)


@dataclass(frozen=True)
class ReliabilityPoint:
    """How often outcomes fell below a predicted quantile.

    Attributes:
        level: Probability of the quantile: the share that should fall below it.
        observed: Share that did.
        half_width: Half width of the pointwise 95 % band around the level that holds if the laws are right.
    """

    level: float
    observed: float
    half_width: float

    @property
    def above_level(self) -> float:
        """Share below the quantile beyond what it promises."""
        return self.observed - self.level

    @property
    def inside(self) -> bool:
        """Whether the share lies in its band."""
        return abs(self.above_level) <= self.half_width


def reliability(
    forecasts: pd.DataFrame, levels: tuple[float, ...] = RELIABILITY_LEVELS
) -> tuple[ReliabilityPoint, ...]:
    """Compare predicted probabilities with observed shares; the band is that of `pit_histogram`.

    Args:
        forecasts: Columns session and pit; rows without a pit are left out.
        levels: Probabilities of the quantiles.

    Returns:
        One point a level; none where no forecast met an outcome.

    References:
        | Probabilistic forecasts, calibration and sharpness (Gneiting, Balabdaoui and Raftery, 2007)
    """
    known = forecasts.dropna(subset=["pit"])
    if known.empty:
        return ()
    session_of = pd.factorize(known["session"])[0]
    below = known["pit"].to_numpy(np.float64)[:, None] < np.array(levels)
    surprise = np.zeros((session_of.max() + 1, len(levels)))
    np.add.at(surprise, session_of, below - np.array(levels))
    half_widths = 1.96 * np.sqrt((surprise**2).sum(axis=0)) / len(known)
    figures = zip(levels, below.mean(axis=0).tolist(), half_widths.tolist(), strict=True)
    return tuple(ReliabilityPoint(*figure) for figure in figures)
