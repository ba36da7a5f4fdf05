"""What terms measure on the bars so far: dispersion, dollar volume, the state of the market, what moves together.

Row t depends on rows up to t only, to the last bit: every sum over a window runs from its oldest bar to its newest, in
the same order however long the panel is. A running total would not: its rounding remembers the beginning.
"""

from collections.abc import Iterator

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from quantdl.backtest.book.terms import CALM, NORMAL, STRESSED, UNDEFINED


def simple_returns(closes: np.ndarray) -> np.ndarray:
    """Return (T, A) close-to-close simple returns; NaN in the first row and where either close is missing."""
    returns = np.full(closes.shape, np.nan)
    returns[1:] = closes[1:] / closes[:-1] - 1.0
    return returns


def trailing_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return (T, A) the mean of the known values among the last ``window`` rows, NaN where there is none."""
    total, counts = _sum_and_count(values, window)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def trailing_deviation(values: np.ndarray, window: int, fewest: int) -> np.ndarray:
    """Return (T, A) the standard deviation (n - 1) of the known values among the last ``window`` rows.

    Args:
        values: (T, A), NaN where unknown.
        window: Rows, the current one included.
        fewest: With fewer known values, or fewer than two, the deviation is NaN.
    """
    total, counts = _sum_and_count(values, window)
    means = total / np.maximum(counts, 1)
    squares = np.zeros(values.shape)
    for earlier, rows in _lags(values, window):
        squares[rows] += np.where(np.isfinite(earlier), earlier - means[rows], 0.0) ** 2
    deviations = np.sqrt(squares / np.maximum(counts - 1, 1))
    return np.where(counts >= max(fewest, 2), deviations, np.nan)


def market_volatility(closes: np.ndarray, window: int, bars_per_year: float) -> np.ndarray:
    """Return (T,) the annualised trailing volatility of the equal-weighted market as of each close.

    The market's return is the mean simple return of the assets that traded in a session and the one before. NaN until
    half of the window holds returns.

    Args:
        closes: (T, A) without the jumps of splits and dividends; NaN where an asset did not trade.
        window: Trailing bars.
        bars_per_year: Bars of the calendar in a year.
    """
    returns = simple_returns(closes)
    counts = np.isfinite(returns).sum(axis=1)
    market = np.where(counts > 0, np.nansum(returns, axis=1) / np.maximum(counts, 1), np.nan)[:, None]
    daily = trailing_deviation(market, window, max(2, window // 2))[:, 0]
    return np.asarray(daily * np.sqrt(bars_per_year))


def regimes(volatility: np.ndarray, calm_below: float, stressed_above: float) -> np.ndarray:
    """Return (T,) the code of the state that each volatility stands for; NaN stands for ``UNDEFINED``."""
    codes = np.where(volatility < calm_below, CALM, NORMAL)
    codes = np.where(volatility > stressed_above, STRESSED, codes)
    return np.where(np.isnan(volatility), UNDEFINED, codes)


def measured_dollar_volume(dollars: np.ndarray, traded: np.ndarray, window: int) -> np.ndarray:
    """Return (T, A) the mean dollars of the last ``window`` sessions as known at each close.

    A session without a trade since the first one counts as no dollars: a stock that trades once a week is not as liquid
    as on that day. A session whose volume is not known does not count.

    Args:
        dollars: (T, A) dollars traded, NaN where unknown.
        traded: (T, A) whether the asset traded.
        window: Trailing bars.
    """
    silent = np.logical_or.accumulate(traded, axis=0) & ~traded
    return trailing_mean(np.where(silent, 0.0, dollars), window)


def correlation_groups(closes: np.ndarray, window_bars: int, threshold: float) -> np.ndarray:
    """Return (A,) the cluster of each asset, numbered from 0: average linkage on one minus trailing correlation.

    An asset without a full window of prices, or whose price does not move, is a group of its own.

    Args:
        closes: (t, A) closes up to now.
        window_bars: Trailing returns used.
        threshold: Average correlation above which assets share a cluster, between 0 and 1.
    """
    n_assets = closes.shape[1]
    window = closes[-(window_bars + 1) :]
    returns = window[1:] / window[:-1] - 1.0
    full = len(returns) == window_bars
    usable = np.isfinite(returns).all(axis=0) & full
    usable &= np.where(usable, returns, 0.0).std(axis=0) > 0 if len(returns) else usable
    group_of = np.arange(n_assets)
    if np.count_nonzero(usable) > 1:
        correlation = np.corrcoef(returns[:, usable], rowvar=False)
        pairs = np.triu_indices(len(correlation), k=1)
        tree = linkage(np.clip(1.0 - correlation[pairs], 0.0, 2.0), method="average")
        clusters = fcluster(tree, t=1.0 - threshold, criterion="distance")
        group_of[usable] = n_assets + clusters
    _, compact = np.unique(group_of, return_inverse=True)
    return compact


def _sum_and_count(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (T, A) the sum of the known values of each window, and how many there are."""
    total, counts = np.zeros(values.shape), np.zeros(values.shape, dtype=np.int64)
    for earlier, rows in _lags(values, window):
        known = np.isfinite(earlier)
        total[rows] += np.where(known, earlier, 0.0)
        counts[rows] += known
    return total, counts


def _lags(values: np.ndarray, window: int) -> Iterator[tuple[np.ndarray, slice]]:
    """Yield, from the oldest bar of a window to the newest, the values so many bars ago and the rows they belong to."""
    for lag in reversed(range(min(window, len(values)))):
        yield values[: len(values) - lag], slice(lag, None)
