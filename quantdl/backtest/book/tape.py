"""The panel as the engine plays it: for each session only what could be known at its close.

Every array is causal: row t is a function of rows up to t of the panel. That includes delistings, which a full panel
knows with hindsight: here an asset counts as delisted when its silence has become long enough, not when it began.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility
from quantdl.backtest.plan.friction import Friction, MeasuredVolume, StatedVolume
from quantdl.backtest.plan.items import Plan
from quantdl.calendars import trading_calendar
from quantdl.market.corporate.adjustment import continuous_closes
from quantdl.market.corporate.effects import Effect, carried_closes, effects
from quantdl.market.listing import delisted_as_known, last_trades
from quantdl.market.panel import Panel

# Trailing bars of the daily volatility in the square-root impact law: a month, as in Almgren et al. (2005).
IMPACT_WINDOW = 20


@dataclass(frozen=True, eq=False)
class Tape:
    """Causal arrays of one panel under one plan.

    Attributes:
        sessions: (T,) labels.
        assets: (A,) symbols.
        fields: Fields that the plan declares, (T, A).
        continuous: (T, A) closes without the jumps of splits and dividends, for returns.
        traded: (T, A) whether the asset traded.
        marks: (T, A) last traded close so far, in the units of the session; NaN before the first.
        fill_prices: (T, A) price at which an order fills in the session; NaN where it cannot, for buyers and sellers
            alike. A source of bars does not say which side was missing at a price limit, so none is guessed: where it
            calls the session halted nobody trades, and a close that was made is one at which somebody did.
        silent_bars: (T, A) bars since the last trade; 0 in a session with one.
        listed: (T, A) traded before, not delisted and in the universe as of the session: what may be held.
        eligible: (T, A) in the universe as of the session.
        delisted: (T, A) known to be delisted as of the session.
        terminal_values: (A,) money for each share of a delisted asset where the data states it, else NaN.
        effects: What corporate actions do to shares before the open of a session, by its position.
        dollar_volume: (T, A) dollars a session, as of the close; infinite under a waiver, NaN where unknown.
        volatility: (T, A) standard deviation of the last simple returns, for the impact law.
        market_volatility: (T,) annualised volatility of the equal-weighted market, NaN while history is too short.
        bars_per_year: Bars of the calendar in a year, over the plan's sample.
    """

    sessions: pd.DatetimeIndex
    assets: tuple[str, ...]
    fields: Mapping[str, np.ndarray]
    continuous: np.ndarray
    traded: np.ndarray
    marks: np.ndarray
    fill_prices: np.ndarray
    silent_bars: np.ndarray
    listed: np.ndarray
    eligible: np.ndarray
    delisted: np.ndarray
    terminal_values: np.ndarray
    effects: Mapping[int, tuple[Effect, ...]]
    dollar_volume: np.ndarray
    volatility: np.ndarray
    market_volatility: np.ndarray
    bars_per_year: float


def read_tape(panel: Panel, plan: Plan) -> Tape:
    """Prepare a panel for the engine."""
    last_trade, delisted = last_trades(panel), delisted_as_known(panel)
    rows = np.arange(len(last_trade))[:, None]
    continuous = continuous_closes(panel)
    bars_per_year = trading_calendar(panel.card.calendar).bars_per_year(
        plan.sample.first, plan.sample.last, panel.card.frequency
    )
    return Tape(
        sessions=panel.sessions,
        assets=panel.assets,
        fields=MappingProxyType({name: panel.fields[name] for name in plan.trusted_data.fields}),
        continuous=continuous,
        traded=panel.traded,
        marks=carried_closes(panel),
        fill_prices=panel.fields["open"] if plan.friction.fill_at == "next_open" else panel.closes,
        silent_bars=np.where(last_trade >= 0, rows - last_trade, 0),
        listed=(last_trade >= 0) & ~delisted & panel.eligible,
        eligible=panel.eligible,
        delisted=delisted,
        terminal_values=_terminal_values(panel),
        effects=_by_row(effects(panel)),
        dollar_volume=_dollar_volume(panel, plan.friction),
        volatility=_trailing_deviation(_simple_returns(continuous), IMPACT_WINDOW, 2),
        market_volatility=market_volatility(continuous, plan.abnormal_volatility, bars_per_year),
        bars_per_year=bars_per_year,
    )


def market_volatility(closes: np.ndarray, abnormal: AbnormalVolatility, bars_per_year: float) -> np.ndarray:
    """Return (T,) the annualised trailing volatility of the equal-weighted market as of each close.

    The market's return is the mean simple return of the assets that traded in a session and the one before. NaN until
    half of the window holds returns.

    Args:
        closes: (T, A) without the jumps of splits and dividends; NaN where an asset did not trade.
        abnormal: The plan's window.
        bars_per_year: Bars of the calendar in a year.
    """
    returns = _simple_returns(closes)
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


def _terminal_values(panel: Panel) -> np.ndarray:
    values = {item.asset: item.terminal_value for item in panel.actions.delistings if item.terminal_value is not None}
    return np.array([values.get(asset, np.nan) for asset in panel.assets])


def _by_row(found: tuple[Effect, ...]) -> Mapping[int, tuple[Effect, ...]]:
    return {row: tuple(group) for row, group in groupby(found, key=lambda effect: effect.row)}


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
    """Return (T, A) dollars traded a session as known at each close.

    A session without a trade since the first one counts as no dollars: a stock that trades once a week is not as liquid
    as on that day. A session whose volume is not known does not count.
    """
    match friction.liquidity:
        case StatedVolume(dollar_volume=stated):
            return np.tile([stated[asset] for asset in panel.assets], (len(panel.sessions), 1))
        case MeasuredVolume(window_bars=window):
            dollars = panel.fields.get("dollar_volume")
            dollars = panel.closes * panel.fields["volume"] if dollars is None else dollars
            silent = np.logical_or.accumulate(panel.traded, axis=0) & ~panel.traded
            dollars = np.where(silent, 0.0, dollars)
            padded = np.vstack([np.full((window - 1, dollars.shape[1]), np.nan), dollars])
            windows = sliding_window_view(padded, window, axis=0)
            counts = np.isfinite(windows).sum(axis=-1)
            return np.where(counts > 0, np.nansum(windows, axis=-1) / np.maximum(counts, 1), np.nan)
        case _:
            return np.full(panel.closes.shape, np.inf)
