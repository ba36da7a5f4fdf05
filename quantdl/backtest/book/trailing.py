"""What terms measure on the bars so far: dispersion, dollar volume, the state of the market, what moves together.

A window of n bars holds the last n that were observed: those of the asset for a figure of one asset, those on which
anything traded for a figure of the market. A Sunday on which nothing trades, or another exchange's holiday, takes no
place in a window; there the figure stays what it was.

Row t depends on rows up to t only, to the last bit: every sum over a window runs from its oldest bar to its newest, in
the same order however long the panel is. A running total would not: its rounding remembers the beginning.
"""

from collections.abc import Iterator

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from quantdl.backtest.book.terms import CALM, NORMAL, STRESSED, UNDEFINED


def simple_returns(closes: np.ndarray) -> np.ndarray:
    """Return (T, A) simple returns, each from the asset's close before; NaN where an asset did not trade, and at first.

    After bars without a trade, the return reaches over them.
    """
    before = np.full(closes.shape, np.nan)
    before[1:] = carried(closes)[:-1]
    return np.asarray(closes / before - 1.0)


def carried(values: np.ndarray) -> np.ndarray:
    """Return (T, *) the last finite value of each column so far, NaN before its first."""
    last = _last_known(np.isfinite(values))
    return np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=0), np.nan)


def trailing_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return (T, A) the mean of the last ``window`` known values of each column, NaN before the first."""
    packed, place = _packed(values)
    total, counts = _sum_and_count(packed, window)
    return _unpacked(np.where(counts > 0, total / np.maximum(counts, 1), np.nan), place)


def trailing_deviation(values: np.ndarray, window: int, fewest: int) -> np.ndarray:
    """Return (T, A) the standard deviation (n - 1) of the last ``window`` known values of each column.

    Args:
        values: (T, A), NaN where unknown.
        window: Known values, that of the row included where there is one.
        fewest: With fewer known values, or fewer than two, the deviation is NaN.
    """
    packed, place = _packed(values)
    total, counts = _sum_and_count(packed, window)
    means = total / np.maximum(counts, 1)
    squares = np.zeros(packed.shape)
    for earlier, rows in _lags(packed, window):
        squares[rows] += np.where(np.isfinite(earlier), earlier - means[rows], 0.0) ** 2
    deviations = np.sqrt(squares / np.maximum(counts - 1, 1))
    return _unpacked(np.where(counts >= max(fewest, 2), deviations, np.nan), place)


def market_volatility(closes: np.ndarray, window: int, bars_per_year: float) -> np.ndarray:
    """Return (T,) the annualised trailing volatility of the equal-weighted market as of each close.

    The market's return is the mean simple return of the assets that traded, each from its trade before. NaN until half
    of the window holds returns. Bars on which nothing traded are in no window, and a year holds fewer of the others:
    the share of the bars so far on which something traded.

    Args:
        closes: (T, A) without the jumps of splits and dividends; NaN where an asset did not trade.
        window: Trailing bars on which something traded.
        bars_per_year: Bars of the calendar in a year.
    """
    returns = simple_returns(closes)
    counts = np.isfinite(returns).sum(axis=1)
    market = np.where(counts > 0, np.nansum(returns, axis=1) / np.maximum(counts, 1), np.nan)[:, None]
    of_one_bar = trailing_deviation(market, window, max(2, window // 2))[:, 0]
    trades = np.isfinite(closes).any(axis=1)
    share = np.cumsum(trades) / np.arange(1, len(trades) + 1)
    return np.asarray(of_one_bar * np.sqrt(bars_per_year * share))


def regimes(volatility: np.ndarray, calm_below: float, stressed_above: float) -> np.ndarray:
    """Return (T,) the code of the state that each volatility stands for; NaN stands for ``UNDEFINED``."""
    codes = np.where(volatility < calm_below, CALM, NORMAL)
    codes = np.where(volatility > stressed_above, STRESSED, codes)
    return np.where(np.isnan(volatility), UNDEFINED, codes)


def measured_dollar_volume(dollars: np.ndarray, traded: np.ndarray, window: int) -> np.ndarray:
    """Return (T, A) the mean dollars of the last ``window`` sessions as known at each close.

    A session without a trade since the first one counts as no dollars: a stock that trades once a week is not as liquid
    as on that day. A session in which no asset trades does not count, nor does one whose volume is not known.

    Args:
        dollars: (T, A) dollars traded, NaN where unknown.
        traded: (T, A) whether the asset traded.
        window: Trailing bars.
    """
    silent = np.logical_or.accumulate(traded, axis=0) & ~traded & traded.any(axis=1, keepdims=True)
    return trailing_mean(np.where(silent, 0.0, dollars), window)


def spread_from_ranges(high: np.ndarray, low: np.ndarray, close: np.ndarray, window: int) -> np.ndarray:
    r"""Return (T, A) the whole bid-ask spread as a fraction of the price, as estimated at each close.

    .. math:: s = \sqrt{\max(4 \, \overline{(c_t - \eta_t)(c_t - \eta_{t+1})}, 0)}

    with logarithms c of closes and :math:`\eta` of the middle between high and low; the mean is over the last
    ``window`` pairs of an asset's own bars, fewer at first. The close stands on the bid or the ask, the middles are
    free of it: the product is a quarter of the squared spread on average. NaN before the second bar, zero where noise
    is larger than the spread.

    Args:
        high: (T, A) in units that no split and no dividend changes; NaN where an asset did not trade.
        low: (T, A) likewise.
        close: (T, A) likewise.
        window: Trailing pairs of bars.

    References:
        | A simple estimation of bid-ask spreads from daily close, high, and low prices (Abdi and Ranaldo, 2017),
        | equation 10, with the window in place of the month
    """
    known = np.isfinite(high) & np.isfinite(low) & np.isfinite(close) & (low > 0)
    middle = np.log(high, where=known, out=np.full(high.shape, np.nan)) / 2
    middle += np.log(low, where=known, out=np.full(low.shape, np.nan)) / 2
    logs = np.log(close, where=known, out=np.full(close.shape, np.nan))
    products = np.full(close.shape, np.nan)
    last, middle_before = carried(logs)[:-1], carried(middle)[:-1]
    products[1:] = (last - middle_before) * (last - middle[1:])
    return np.asarray(np.sqrt(np.maximum(4 * trailing_mean(products, window), 0.0)))


def correlation_groups(closes: np.ndarray, window_bars: int, threshold: float) -> np.ndarray:
    """Return (A,) the cluster of each asset, numbered from 0: average linkage on one minus trailing correlation.

    Of each asset the last ``window_bars`` returns count, each from its close before; two assets are compared over the
    bars that hold a return of either. An asset that has not so many in twice as many bars on which anything traded, or
    whose price does not move, is a group of its own; two that share fewer than half a window are taken as unrelated.

    Args:
        closes: (t, A) closes up to now.
        window_bars: Trailing returns used.
        threshold: Average correlation above which assets share a cluster, between 0 and 1.
    """
    returns = _last_returns(closes, window_bars)
    usable = np.isfinite(returns).sum(axis=0) == window_bars
    usable &= np.nanstd(np.where(usable, returns, 0.0), axis=0) > 0 if len(returns) else usable
    group_of = np.arange(closes.shape[1])
    if np.count_nonzero(usable) > 1:
        correlation = _correlation(returns[:, usable])
        pairs = np.triu_indices(len(correlation), k=1)
        tree = linkage(np.clip(1.0 - correlation[pairs], 0.0, 2.0), method="average")
        clusters = fcluster(tree, t=1.0 - threshold, criterion="distance")
        group_of[usable] = closes.shape[1] + clusters
    _, compact = np.unique(group_of, return_inverse=True)
    return compact


def _last_returns(closes: np.ndarray, window_bars: int) -> np.ndarray:
    """Return (w, A) each asset's last returns, NaN at its other bars; rows that hold none are left out."""
    stretch = closes[np.isfinite(closes).any(axis=1)][-(2 * window_bars + 1) :]
    returns = simple_returns(stretch)
    known = np.isfinite(returns)
    from_newest = np.cumsum(known[::-1], axis=0)[::-1]
    returns = np.where(known & (from_newest <= window_bars), returns, np.nan)
    return np.asarray(returns[np.isfinite(returns).any(axis=1)])


def _correlation(returns: np.ndarray) -> np.ndarray:
    """Return (A, A) the correlations, each over the rows in which both are known."""
    known = np.isfinite(returns)
    if known.all():
        return np.asarray(np.corrcoef(returns, rowvar=False))
    mask = known.astype(np.float64)
    centred = np.where(known, returns - np.nanmean(returns, axis=0), 0.0)  # pairs differ from it by rounding only
    shared = mask.T @ mask
    sums = centred.T @ mask  # [i, j]: of i over the rows that j has too
    n = np.maximum(shared, 1.0)
    covariance = centred.T @ centred - sums * sums.T / n
    variance = np.maximum((centred**2).T @ mask - sums**2 / n, 0.0)
    size = np.sqrt(variance * variance.T)
    enough = (shared >= known.sum(axis=0).max() / 2) & (size > 0)
    return np.asarray(np.where(enough, covariance / np.where(size > 0, size, 1.0), 0.0))


def _packed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, A) the known values of each column, moved together in order, and (T, A) the place of the last so far.

    Places before the first known value are -1. Nothing is copied where nothing is missing.
    """
    known = np.isfinite(values)
    place = np.cumsum(known, axis=0) - 1
    if known.all():
        return values, place
    packed = np.full((int(place[-1].max(initial=-1)) + 1, values.shape[1]), np.nan)
    rows, columns = np.nonzero(known)
    packed[place[rows, columns], columns] = values[rows, columns]
    return packed, place


def _unpacked(packed: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return (T, A) the packed figure as of each row, NaN before the first."""
    if not len(packed):
        return np.full(place.shape, np.nan)
    return np.where(place >= 0, np.take_along_axis(packed, np.maximum(place, 0), axis=0), np.nan)


def _last_known(known: np.ndarray) -> np.ndarray:
    """Return (T, *) the row of the last true value of each column so far, -1 before its first."""
    rows = np.arange(len(known)).reshape((-1,) + (1,) * (known.ndim - 1))
    return np.asarray(np.maximum.accumulate(np.where(known, rows, -1), axis=0))


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
