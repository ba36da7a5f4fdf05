"""Volatility from the open, high and low of each bar, which say more than two closes.

All three estimators describe one bar and are averaged over the last ``window`` bars on which the asset traded. A bar
counts when its prices are positive and in order (low <= open, close <= high); one that is impossible, or has no price,
is left out. Parkinson's and Garman and Klass's see what happens within bars only; Yang and Zhang's also counts the jump
from close to open.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quantdl.features.columns import Columns, Feature, fields_of
from quantdl.features.decay import known_log_ratio
from quantdl.features.own_bars import OwnBars
from quantdl.features.volatility import REFERENCE_LOOK_BACK
from quantdl.features.windows import earlier, minimum_known, window_mean, window_moments
from quantdl.market.panel import Panel


def parkinson_volatility(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    r"""Return (T, A) volatility of one bar from highs and lows.

    .. math:: \hat\sigma^2 = \frac{1}{4 \ln 2} \, \overline{(\ln H - \ln L)^2}

    Args:
        panel: Prices with high and low.
        window: Bars on which the asset traded.
        minimum: Bars that the mean needs; by default half of the window, rounded up.

    Raises:
        DataError: If the panel has no high or low.

    References:
        | The extreme value method for estimating the variance of the rate of return (Parkinson, 1980)
    """
    own = OwnBars(panel)
    return own.on_sessions(_parkinson(_Ranges(own), window, minimum))


def garman_klass_volatility(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    r"""Return (T, A) volatility of one bar from all four of its prices.

    .. math:: \hat\sigma^2 = \overline{\tfrac12 (\ln H - \ln L)^2 - (2 \ln 2 - 1) (\ln C - \ln O)^2}

    Args:
        panel: Prices with open, high and low.
        window: Bars on which the asset traded.
        minimum: Bars that the mean needs; by default half of the window, rounded up.

    Raises:
        DataError: If the panel has no open, high or low.

    References:
        | On the estimation of security price volatilities from historical data (Garman and Klass, 1980)
    """
    own = OwnBars(panel)
    return own.on_sessions(_garman_klass(_Ranges(own), window, minimum))


def yang_zhang_volatility(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    r"""Return (T, A) volatility of one bar from all four prices and the close before it.

    .. math:: \hat\sigma^2 = V(o) + k V(c) + (1 - k) \, \overline{u (u - c) + d (d - c)}, \quad
              k = \frac{0.34}{1.34 + \frac{n + 1}{n - 1}}

    with :math:`o = \ln O_t - \ln C_{t-1}`, and :math:`u, d, c` the logarithms of high, low and close over the open.
    ``V`` is the sample variance and ``n`` the number of bars that count: those whose bar before has a close, too. A
    jump over a halt or a gap enters as its share of one session: over the root of the sessions that it spans.

    Args:
        panel: Prices with open, high and low.
        window: Bars on which the asset traded.
        minimum: Bars that the estimate needs, two at least; by default half of the window, rounded up.

    Raises:
        DataError: If the panel has no open, high or low.

    References:
        | Drift-independent volatility estimation based on high, low, open, and close prices (Yang and Zhang, 2000)
    """
    own = OwnBars(panel)
    return own.on_sessions(_yang_zhang(_Ranges(own), window, minimum))


def range_columns(own: OwnBars, reference: np.ndarray) -> Columns:
    """The group ``range_volatility``: logarithm of each estimate over 5 and 21 bars over the 63-bar realised one."""
    ranges = _Ranges(own)
    for window in (5, 21):
        for name, estimate in (("parkinson", _parkinson), ("garman_klass", _garman_klass), ("yang_zhang", _yang_zhang)):
            feature = Feature(f"{name}_volatility_{window}", look_back_bars=REFERENCE_LOOK_BACK)
            yield feature, own.on_sessions(known_log_ratio(estimate(ranges, window), reference))


@dataclass(frozen=True, eq=False)
class _Ranges:
    """Logarithms of the four prices of each own bar.

    Attributes:
        own: The bars.
    """

    own: OwnBars

    @cached_property
    def extremes(self) -> tuple[np.ndarray, ...]:
        """Low and high, each (N, A), NaN where it is no positive number."""
        return _logs(self.own, "low", "high")

    @cached_property
    def whole(self) -> tuple[np.ndarray, ...]:
        """Open, low, high and close, each (N, A), NaN where any of the four is impossible."""
        opened, low, high, closed = _logs(self.own, "open", "low", "high", "close")
        whole = (low <= np.minimum(opened, closed)) & (np.maximum(opened, closed) <= high)
        return tuple(np.where(whole, item, np.nan) for item in (opened, low, high, closed))


def _parkinson(bars: _Ranges, window: int, minimum: int | None = None) -> np.ndarray:
    low, high = bars.extremes
    ranges = np.where(low <= high, high - low, np.nan)
    return np.asarray(np.sqrt(window_mean(ranges**2, window, minimum) / (4.0 * np.log(2.0))))


def _garman_klass(bars: _Ranges, window: int, minimum: int | None = None) -> np.ndarray:
    opened, low, high, closed = bars.whole
    variance = 0.5 * (high - low) ** 2 - (2.0 * np.log(2.0) - 1.0) * (closed - opened) ** 2
    return np.asarray(np.sqrt(window_mean(variance, window, minimum)))


def _yang_zhang(bars: _Ranges, window: int, minimum: int | None = None) -> np.ndarray:
    opened, low, high, closed = bars.whole
    overnight = (opened - earlier(bars.own.log_closes, 1)) / np.sqrt(bars.own.sessions_spanned(1))
    counts = np.isfinite(overnight)
    up, down, change = (np.where(counts, item - opened, np.nan) for item in (high, low, closed))
    minimum = max(minimum_known(window, minimum), 2)
    jumps, changes = window_moments(overnight, window), window_moments(change, window)
    within = window_mean(up * (up - change) + down * (down - change), window, minimum)
    n = np.maximum(jumps.count, 2.0)
    share = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
    return np.asarray(np.sqrt(jumps.variance(minimum) + share * changes.variance(minimum) + (1.0 - share) * within))


def _logs(own: OwnBars, *names: str) -> tuple[np.ndarray, ...]:
    prices = map(own.side_by_side, fields_of(own.panel, names, "range_volatility"))
    return tuple(np.log(np.where((item > 0) & np.isfinite(item), item, np.nan)) for item in prices)
