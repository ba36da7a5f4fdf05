"""What a model may know at the close of a bar, computed from that bar and earlier ones only.

All features are free of the scale of returns: volatilities enter as logarithms of ratios, returns as multiples of their
own trailing volatility. The volatility itself travels apart, as ``scale``, and a model's law is stated in multiples of
it. So a model sees the same numbers for returns in decimals or in percent, and serves an asset that it was never fitted
on.

Every column is a recursion or a sum over the past in a fixed order, so the value at a bar is the same bit for bit
whatever follows it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from quantdl.calendars import trading_calendar
from quantdl.market.panel import Panel

_BASE_HALF_LIFE = 11.2  # RiskMetrics' decay of 0.94 a day (RiskMetrics Technical Document, 1996)
_LONG_HALF_LIFE = 500.0
_WARM_UP_BARS = 20


@dataclass(frozen=True)
class Feature:
    """One column: its name and how far back it looks.

    Attributes:
        name: What it measures.
        half_life_bars: Half-life of the exponential weights in bars; 0 when only the bar itself counts. The weights
            never end, so a feature's look-back is the whole history, with half of the weight on this many bars.
    """

    name: str
    half_life_bars: float


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of a panel on its own grid.

    Attributes:
        features: The columns, in the order of the last axis of ``values``.
        values: float32 (T, A, F); 0 where ``valid`` is false.
        scale: float64 (T, A) trailing volatility of one bar's log return; NaN where ``valid`` is false.
        valid: (T, A) bool: the asset traded and has at least 20 returns behind it.
    """

    features: tuple[Feature, ...]
    values: np.ndarray
    scale: np.ndarray
    valid: np.ndarray


def feature_table(panel: Panel) -> FeatureTable:
    """Compute every feature of every asset at every bar.

    A return that spans several bars (after a halt or a gap) enters variances as its square over the number of bars.

    Shape:
        - T sessions, A assets, F features: values (T, A, F)
    """
    returns, spans = panel.log_returns(), panel.bars_since_previous()
    observed = np.isfinite(returns)
    own, standardised, scale, count = _own_features(returns, spans, observed)
    valid = observed & (count >= _WARM_UP_BARS) & (scale > 0)
    columns = own | _market_features(standardised, own, valid) | _calendar_features(panel, valid.shape)
    values = np.stack([columns[feature] for feature in columns], axis=-1)
    values = np.where(valid[..., None], values, 0.0).astype(np.float32)
    return FeatureTable(tuple(columns), values, np.where(valid, scale, np.nan), valid)


Columns = dict[Feature, np.ndarray]


def _own_features(
    returns: np.ndarray, spans: np.ndarray, observed: np.ndarray
) -> tuple[Columns, np.ndarray, np.ndarray, np.ndarray]:
    """Features of each asset's own history, its standardised returns, its volatility and its number of returns."""
    shape = returns.shape
    names = [Feature(name, half_life) for name, half_life, _ in _OWN]
    columns = {name: np.zeros(shape) for name in names}
    standardised, scale, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for asset in range(shape[1]):
        rows = np.flatnonzero(observed[:, asset])
        if rows.size == 0:
            continue
        history = _History.of(returns[rows, asset] / np.sqrt(spans[rows, asset]))
        standardised[rows, asset], scale[rows, asset] = history.standardised, history.scale
        count[rows, asset] = np.arange(1, rows.size + 1)
        for name, (_, half_life, formula) in zip(names, _OWN, strict=True):
            columns[name][rows, asset] = formula(history, half_life)
    return columns, standardised, scale, count


@dataclass(frozen=True, eq=False)
class _History:
    """One asset's observed returns, per square root of a bar, with the volatilities that all features share."""

    returns: np.ndarray
    scale: np.ndarray
    long_scale: np.ndarray
    standardised: np.ndarray  # by the volatility known before the return

    @staticmethod
    def of(returns: np.ndarray) -> "_History":
        long_scale = np.sqrt(decayed_mean(returns**2, _LONG_HALF_LIFE))
        scale = np.sqrt(decayed_mean(returns**2, _BASE_HALF_LIFE))
        scale = np.maximum(scale, 0.1 * long_scale)  # a few unchanged closes are no proof that risk is gone
        before = np.concatenate([[np.nan], scale[:-1]])
        with np.errstate(divide="ignore", invalid="ignore"):
            standardised = np.where(before > 0, returns / before, 0.0)
        return _History(returns, scale, long_scale, np.clip(standardised, -20.0, 20.0))


def decayed_mean(values: np.ndarray, half_life: float) -> np.ndarray:
    """Exponentially weighted mean of the values so far, with weights that sum to one from the first value on.

    Args:
        values: (n, ...) in time order.
        half_life: In bars.
    """
    decay = 0.5 ** (1.0 / half_life)
    weighted: np.ndarray = lfilter([1.0 - decay], [1.0, -decay], values, axis=0)
    mass = -np.expm1(np.arange(1, len(values) + 1) * np.log(decay))
    return np.asarray(weighted / mass.reshape((-1,) + (1,) * (values.ndim - 1)))


def _log_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Logarithm of a ratio of non-negative numbers, held within a factor of e**4 and 0 where nothing is known."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(numerator / denominator)
    return np.asarray(np.clip(np.nan_to_num(ratio, nan=0.0, posinf=4.0, neginf=-4.0), -4.0, 4.0))


def _last_return(history: _History, half_life: float) -> np.ndarray:
    return np.asarray(np.arcsinh(history.standardised))


def _relative_volatility(history: _History, half_life: float) -> np.ndarray:
    return _log_ratio(np.sqrt(decayed_mean(history.returns**2, half_life)), history.scale)


def _long_relative_volatility(history: _History, half_life: float) -> np.ndarray:
    return _log_ratio(history.scale, history.long_scale)


def _downside_share(history: _History, half_life: float) -> np.ndarray:
    losses = decayed_mean(np.minimum(history.returns, 0.0) ** 2, half_life)
    total = decayed_mean(history.returns**2, half_life)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 0, losses / total - 0.5, 0.0))


def _trend(history: _History, half_life: float) -> np.ndarray:
    """Mean standardised return, in units of its own standard deviation under independence."""
    mean = decayed_mean(history.standardised, half_life)
    return np.asarray(mean * np.sqrt(2.0 * half_life / np.log(2.0)))


def _tail_weight(history: _History, half_life: float) -> np.ndarray:
    """Mean absolute return over volatility: 0.80 for a normal law, less for heavy tails; centred there."""
    total = np.sqrt(decayed_mean(history.returns**2, half_life))
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = decayed_mean(np.abs(history.returns), half_life) / total - 0.8
    return np.asarray(np.where(total > 0, shape, 0.0))


_OWN: tuple[tuple[str, float, Callable[[_History, float], np.ndarray]], ...] = (
    ("last_return", 0.0, _last_return),
    ("volatility_over_base", 2.0, _relative_volatility),
    ("volatility_over_base", 5.0, _relative_volatility),
    ("volatility_over_base", 30.0, _relative_volatility),
    ("volatility_over_base", 120.0, _relative_volatility),
    ("base_volatility_over_long", _LONG_HALF_LIFE, _long_relative_volatility),
    ("downside_share", 5.0, _downside_share),
    ("downside_share", 30.0, _downside_share),
    ("trend", 3.0, _trend),
    ("trend", 20.0, _trend),
    ("trend", 120.0, _trend),
    ("tail_weight", 60.0, _tail_weight),
)


def _market_features(standardised: np.ndarray, own: Columns, valid: np.ndarray) -> Columns:
    """Features of the cross-section: what all present assets do together, and how each moves with them."""
    known = np.where(valid, standardised, 0.0)
    market, surprise = _row_mean(known, valid), _row_mean(known**2, valid)
    relative = next(own[feature] for feature in own if feature.name == "base_volatility_over_long")
    fast = next(own[feature] for feature in own if feature.name == "volatility_over_base")
    rows = {
        Feature("market_return", 0.0): np.arcsinh(market),
        Feature("market_surprise", 0.0): _log_ratio(surprise, np.ones_like(surprise)),
        Feature("market_surprise", 5.0): _log_ratio(decayed_mean(surprise, 5.0), np.ones_like(surprise)),
        Feature("market_trend", 5.0): decayed_mean(market, 5.0) * np.sqrt(2.0 * 5.0 / np.log(2.0)),
        Feature("market_trend", 40.0): decayed_mean(market, 40.0) * np.sqrt(2.0 * 40.0 / np.log(2.0)),
        Feature("market_volatility_over_long", _LONG_HALF_LIFE): _row_mean(np.where(valid, relative, 0.0), valid),
        Feature("market_volatility_over_base", 2.0): _row_mean(np.where(valid, fast, 0.0), valid),
    }
    for half_life in (5.0, 20.0, 80.0):
        together = decayed_mean(market**2, half_life), decayed_mean(surprise, half_life)
        rows[Feature("co_movement", half_life)] = _log_ratio(*together)
    columns = {feature: np.broadcast_to(row[:, None], valid.shape) for feature, row in rows.items()}
    for half_life in (20.0, 80.0):
        columns[Feature("correlation_with_market", half_life)] = _market_correlation(known, market, valid, half_life)
    return columns


def _row_mean(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    return np.asarray(values.sum(axis=1) / np.maximum(valid.sum(axis=1), 1))


def _market_correlation(known: np.ndarray, market: np.ndarray, valid: np.ndarray, half_life: float) -> np.ndarray:
    """Decayed correlation of each asset's standardised return with the market's, over the bars where it traded."""
    columns = np.zeros(valid.shape)
    for asset in range(valid.shape[1]):
        rows = np.flatnonzero(valid[:, asset])
        if rows.size == 0:
            continue
        own, common = known[rows, asset], market[rows]
        product = decayed_mean(own * common, half_life)
        size = np.sqrt(decayed_mean(own**2, half_life) * decayed_mean(common**2, half_life))
        with np.errstate(divide="ignore", invalid="ignore"):
            columns[rows, asset] = np.where(size > 0, product / size, 0.0)
    return columns


def _calendar_features(panel: Panel, shape: tuple[int, ...]) -> Columns:
    """Calendar days to the next session: exchanges publish their holidays ahead, so it is known at the close."""
    gaps = trading_calendar(panel.card.calendar).next_gap_days(panel.sessions)
    return {Feature("days_closed_ahead", 0.0): np.broadcast_to(np.log(np.asarray(gaps, dtype=float))[:, None], shape)}
