"""The panel as the engine plays it: for each session only what could be known at its close.

Every array is causal: row t is a function of rows up to t of the panel. That includes delistings, which a full panel
knows with hindsight: here an asset counts as delisted when its silence has become long enough, not when it began.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from quantdl.backtest.plan import AbnormalVolatility, Friction, MeasuredVolume, Plan, StatedVolume
from quantdl.calendars import trading_calendar
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

# Trailing bars of the daily volatility in the square-root impact law: a month, as in Almgren et al. (2005).
IMPACT_WINDOW = 20


@dataclass(frozen=True, eq=False)
class Tape:
    """Causal arrays of one panel under one plan.

    Attributes:
        sessions: (T,) labels.
        assets: (A,) symbols.
        fields: Fields that the plan declares, (T, A).
        traded: (T, A) whether the asset traded.
        marks: (T, A) last traded close so far; NaN before the first.
        fill_prices: (T, A) price at which an order fills in the session; NaN where it cannot.
        silent_bars: (T, A) bars since the last trade; 0 in a session with one.
        listed: (T, A) traded before and not delisted as of the session.
        delisted: (T, A) known to be delisted as of the session.
        dollar_volume: (T, A) dollars a session, as of the close; infinite under a waiver, NaN where unknown.
        volatility: (T, A) standard deviation of the last simple returns, for the impact law.
        market_volatility: (T,) annualised volatility of the equal-weighted market, NaN while history is too short.
        bars_per_year: Bars of the calendar in a year, over the plan's sample.
    """

    sessions: pd.DatetimeIndex
    assets: tuple[str, ...]
    fields: Mapping[str, np.ndarray]
    traded: np.ndarray
    marks: np.ndarray
    fill_prices: np.ndarray
    silent_bars: np.ndarray
    listed: np.ndarray
    delisted: np.ndarray
    dollar_volume: np.ndarray
    volatility: np.ndarray
    market_volatility: np.ndarray
    bars_per_year: float


def read_tape(panel: Panel, plan: Plan) -> Tape:
    """Prepare a panel for the engine."""
    traded = panel.traded
    rows = np.arange(len(traded))[:, None]
    last_trade = np.maximum.accumulate(np.where(traded, rows, -1), axis=0)
    marks = np.where(last_trade >= 0, np.take_along_axis(panel.closes, np.maximum(last_trade, 0), axis=0), np.nan)
    delisted = _delisted(panel, last_trade)
    returns = _simple_returns(panel.closes)
    bars_per_year = trading_calendar(panel.card.calendar).bars_per_year(
        plan.sample.first, plan.sample.last, panel.card.frequency
    )
    return Tape(
        sessions=panel.sessions,
        assets=panel.assets,
        fields=MappingProxyType({name: panel.fields[name] for name in plan.trusted_data.fields}),
        traded=traded,
        marks=marks,
        fill_prices=panel.fields["open"] if plan.friction.fill_at == "next_open" else panel.closes,
        silent_bars=np.where(last_trade >= 0, rows - last_trade, 0),
        listed=(last_trade >= 0) & ~delisted,
        delisted=delisted,
        dollar_volume=_dollar_volume(panel, plan.friction),
        volatility=_trailing_deviation(returns, IMPACT_WINDOW, 2),
        market_volatility=market_volatility(panel, plan.abnormal_volatility, bars_per_year),
        bars_per_year=bars_per_year,
    )


def market_volatility(panel: Panel, abnormal: AbnormalVolatility, bars_per_year: float) -> np.ndarray:
    """Return (T,) the annualised trailing volatility of the equal-weighted market as of each close.

    The market's return is the mean simple return of the assets that traded in a session and the one before. NaN until
    half of the window holds returns.
    """
    returns = _simple_returns(panel.closes)
    counts = np.isfinite(returns).sum(axis=1)
    market = np.where(counts > 0, np.nansum(returns, axis=1) / np.maximum(counts, 1), np.nan)[:, None]
    window = abnormal.window_bars
    daily = _trailing_deviation(market, window, max(2, window // 2))[:, 0]
    return np.asarray(daily * np.sqrt(bars_per_year))


def regimes(volatility: np.ndarray, abnormal: AbnormalVolatility) -> np.ndarray:
    """Return the regime that each volatility stands for: calm, normal, stressed or undefined."""
    named = np.where(volatility < abnormal.calm_below, "calm", "normal")
    named = np.where(volatility > abnormal.stressed_above, "stressed", named)
    return np.where(np.isnan(volatility), "undefined", named)


def _delisted(panel: Panel, last_trade: np.ndarray) -> np.ndarray:
    """Read the panel's rule on silence at every session as if the data ended there, as ``Panel.until`` does."""
    rows = np.arange(len(last_trade))[:, None]
    gone = rows - last_trade > panel.silence.delisted_after_sessions
    for asset, day in panel.silence.ended.items():
        if asset in panel.assets:
            gone[:, panel.assets.index(asset)] = panel.sessions > pd.Timestamp(day)
    silent = (panel.status != CellStatus.TRADED) & (panel.status != CellStatus.HALTED)
    return np.asarray(gone & silent & (last_trade >= 0))


def _simple_returns(closes: np.ndarray) -> np.ndarray:
    """Return (T, A) close-to-close simple returns; NaN in the first row and where either close is missing."""
    returns = np.full(closes.shape, np.nan)
    returns[1:] = closes[1:] / closes[:-1] - 1.0
    return returns


def _trailing_deviation(values: np.ndarray, window: int, fewest: int) -> np.ndarray:
    """Return the standard deviation (n - 1) of the last ``window`` rows, NaN where fewer than ``fewest`` are finite."""
    padded = np.vstack([np.full((window - 1, values.shape[1]), np.nan), values])
    windows = sliding_window_view(padded, window, axis=0)  # (T, A, window), each computed alone: exact prefixes
    finite = np.isfinite(windows)
    counts = finite.sum(axis=-1)
    divisor = np.maximum(counts, 1)
    means = np.where(finite, windows, 0.0).sum(axis=-1) / divisor
    squares = np.where(finite, windows - means[..., None], 0.0) ** 2
    deviations = np.sqrt(squares.sum(axis=-1) / np.maximum(counts - 1, 1))
    return np.where(counts >= max(fewest, 2), deviations, np.nan)


def _dollar_volume(panel: Panel, friction: Friction) -> np.ndarray:
    """Return (T, A) dollars traded a session as known at each close."""
    match friction.liquidity:
        case StatedVolume(dollar_volume=stated):
            return np.tile([stated[asset] for asset in panel.assets], (len(panel.sessions), 1))
        case MeasuredVolume(window_bars=window):
            dollars = panel.fields.get("dollar_volume")
            dollars = panel.closes * panel.fields["volume"] if dollars is None else dollars
            padded = np.vstack([np.full((window - 1, dollars.shape[1]), np.nan), dollars])
            windows = sliding_window_view(padded, window, axis=0)
            counts = np.isfinite(windows).sum(axis=-1)
            return np.where(counts > 0, np.nansum(windows, axis=-1) / np.maximum(counts, 1), np.nan)
        case _:
            return np.full(panel.closes.shape, np.inf)
