"""The default columns of the cross-section: what all present assets do together, and how each moves with them."""

import numpy as np

from quantdl.features.columns import Columns, Feature
from quantdl.features.decay import Packing, decayed_mean, log_ratio
from quantdl.features.own_history import OwnHistory, base_volatility_over_long, volatility_over_base

_LONG_HALF_LIFE = 500.0
_FAST_HALF_LIFE = 2.0


def cross_section_columns(history: OwnHistory, eligible: np.ndarray) -> Columns:
    """The twelve columns of the group ``cross_section``.

    Args:
        history: Of all assets.
        eligible: (T, A) which assets belong to the universe at a bar; only they make up the market.
    """
    counted = history.valid & eligible
    standardised = history.on_grid(history.standardised)
    known = np.where(counted, standardised, 0.0)
    market, surprise = row_mean(known, counted), row_mean(known**2, counted)
    yield Feature("market_return"), np.arcsinh(market)[:, None]
    yield Feature("market_surprise"), log_ratio(surprise, np.ones_like(surprise))[:, None]
    yield Feature("market_surprise", 5.0), log_ratio(decayed_mean(surprise, 5.0), np.ones_like(surprise))[:, None]
    for half_life in (5.0, 40.0):
        trend = decayed_mean(market, half_life) * np.sqrt(2.0 * half_life / np.log(2.0))
        yield Feature("market_trend", half_life), trend[:, None]
    long, fast = base_volatility_over_long(history), volatility_over_base(history, _FAST_HALF_LIFE)
    yield Feature("market_volatility_over_long", _LONG_HALF_LIFE), _mean_over(long, counted)
    yield Feature("market_volatility_over_base", _FAST_HALF_LIFE), _mean_over(fast, counted)
    for half_life in (5.0, 20.0, 80.0):
        together = decayed_mean(market**2, half_life), decayed_mean(surprise, half_life)
        yield Feature("co_movement", half_life), log_ratio(*together)[:, None]
    yield from _market_correlations(np.where(history.valid, standardised, 0.0), market, history.valid)


def row_mean(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """(T,) mean over the counted assets of values (T, A) that are zero elsewhere; 0 where none counts."""
    return np.asarray(values.sum(axis=1) / np.maximum(counted.sum(axis=1), 1))


def _mean_over(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    return row_mean(np.where(counted, values, 0.0), counted)[:, None]


def _market_correlations(known: np.ndarray, market: np.ndarray, valid: np.ndarray) -> Columns:
    """Decayed correlation of each asset's standardised return with the market's, over the bars where it traded."""
    packing = Packing.of(valid)
    own = packing.pack(known)
    common = packing.pack(np.broadcast_to(market[:, None], valid.shape))
    for half_life in (20.0, 80.0):
        product = decayed_mean(own * common, half_life, axis=1)
        size = decayed_mean(own**2, half_life, axis=1) * decayed_mean(common**2, half_life, axis=1)
        size = np.sqrt(size)
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = np.where(size > 0, product / size, 0.0)
        yield Feature("correlation_with_market", half_life), packing.unpack(correlation)
