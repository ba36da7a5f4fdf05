"""Where outcomes fell in their predicted laws: a histogram with a band that allows for related assets."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

BINS = 20


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
