"""Returns of the market and of each sector, and ranks of the assets, over those present and eligible at the bar."""

import numpy as np
from scipy import stats

from quantdl.errors import DataError
from quantdl.features.columns import Columns, Feature
from quantdl.features.cross_section import row_mean
from quantdl.features.own_bars import OwnBars
from quantdl.features.returns import own_returns, standardised_look_back, standardised_returns
from quantdl.features.volatility import REFERENCE_BARS, REFERENCE_LOOK_BACK
from quantdl.market.panel import Panel

_MARKET_HORIZONS = (1, 5, 21)
_SECTOR_HORIZONS = (1, 21)
_RANK_HORIZONS = (1, 5, 21, 252)


def market_columns(own: OwnBars, reference: np.ndarray) -> Columns:
    """The group ``market``: mean standardised return, its spread over assets, and how many of them rose.

    The mean over 1, 5 and 21 bars in units of one asset's expected move; for one bar also the root mean square of the
    assets' distances from it (their dispersion), through ``log1p``, and the share of rising assets less a half (the
    breadth), where an unchanged asset counts as half.
    """
    eligible = own.panel.eligible
    for bars in _MARKET_HORIZONS:
        returns = own.on_sessions(standardised_returns(own, reference, bars))
        mean = mean_over(returns, eligible)
        look_back = standardised_look_back(bars)
        yield Feature(f"market_return_{bars}", look_back_bars=look_back), mean
        if bars == 1:
            dispersion = np.sqrt(mean_over((returns - mean) ** 2, eligible))
            yield Feature("market_dispersion_1", look_back_bars=look_back), np.log1p(dispersion)
            yield Feature("market_breadth_1", look_back_bars=look_back), mean_over(np.sign(returns) / 2.0, eligible)


def sector_columns(own: OwnBars, reference: np.ndarray) -> Columns:
    """The group ``sector``: mean standardised return of the asset's sector, and the asset's own less that.

    Both over 1 and 21 bars; the difference through asinh. An asset of no sector has neither.

    Raises:
        DataError: If the panel knows no sectors.
    """
    panel = own.panel
    if not panel.sectors:
        raise DataError(
            f"{panel.card.declaration.source}: "
            f"the features of the group 'sector' need the sectors of the assets, and the panel "
            "knows none. Declare them (Declaration(sectors={'AAPL': 'Technology', ...})), or leave the group out."
        )
    eligible = panel.eligible
    for bars in _SECTOR_HORIZONS:
        returns = own.on_sessions(standardised_returns(own, reference, bars))
        mean = _sector_mean(panel, returns, eligible)
        look_back = standardised_look_back(bars)
        yield Feature(f"sector_return_{bars}", look_back_bars=look_back), mean
        yield Feature(f"return_over_sector_{bars}", look_back_bars=look_back), np.arcsinh(returns - mean)


def cross_sectional_rank(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the rank of each counted value among those of its bar, evenly spread over (-1/2, 1/2), zero in the middle.

    Of n values the k-th smallest gets ``(k - 1/2) / n - 1/2``; equal values share the mean of their ranks.

    Args:
        values: NaN where not known.
        counted: Which assets take part: those in the universe as of the bar.

    Returns:
        NaN where a value is not known, does not take part, or stands alone.

    Shape:
        - values, counted, output: (T, A)
    """
    counted = counted & ~np.isnan(values)
    number = counted.sum(axis=1, keepdims=True)
    ordered = np.where(counted, values, np.inf)  # behind all, where they change no rank but that of an infinite value
    rank = np.asarray(stats.rankdata(ordered, method="average", axis=1))
    top = np.isposinf(values) & counted
    if top.any():  # an infinite value shares the last ranks with those that are left out: give it its own
        infinite = top.sum(axis=1, keepdims=True)
        rank = np.where(top, number - (infinite - 1) / 2.0, rank)
    return np.where(counted & (number > 1), (rank - 0.5) / np.maximum(number, 1) - 0.5, np.nan)


def rank_columns(own: OwnBars, reference: np.ndarray) -> Columns:
    """The group ``ranks``: of the return over 1, 5, 21 and 252 bars, and of the 63-bar realised volatility."""
    eligible = own.panel.eligible
    for bars in _RANK_HORIZONS:
        ranks = cross_sectional_rank(own.on_sessions(own_returns(own, bars)), eligible)
        yield Feature(f"rank_of_return_{bars}", look_back_bars=bars), ranks
    name = f"rank_of_realised_volatility_{REFERENCE_BARS}"
    ranks = cross_sectional_rank(own.on_sessions(reference), eligible)
    yield Feature(name, look_back_bars=REFERENCE_LOOK_BACK), ranks


def mean_over(values: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    """Return (T, 1) mean of the known values (T, A) of eligible assets; NaN where there is none."""
    counted = eligible & np.isfinite(values)
    mean = row_mean(np.where(counted, values, 0.0), counted)
    return np.where(counted.any(axis=1), mean, np.nan)[:, None]


def _sector_mean(panel: Panel, values: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    means = np.full(values.shape, np.nan)
    sector_of = np.array([panel.sectors.get(asset, "") for asset in panel.assets])
    for sector in sorted(set(sector_of) - {""}):
        members = np.flatnonzero(sector_of == sector)
        inside = np.ascontiguousarray(values[:, members])
        means[:, members] = mean_over(inside, np.ascontiguousarray(eligible[:, members]))
    return means
