"""Closing prices and series for tests without a source; `quantdl.simulation.panel_of_closes` makes panels of closes."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from quantdl.market.card import DataCard, IntradayBars
from quantdl.market.series.declaration import ReleaseRule, SeriesDeclaration
from quantdl.market.series.exogenous import ExogenousSeries, SeriesCard, series_fingerprint


def closes_of(returns: np.ndarray) -> np.ndarray:
    """Closes (T + 1, A) that start at 100 and make the given log returns (T, A)."""
    path = np.cumsum(returns, axis=0)
    return 100.0 * np.exp(np.concatenate([np.zeros((1, returns.shape[1])), path]))


def heavy_tailed_returns(n_returns: int, n_assets: int, seed: int) -> np.ndarray:
    """Independent Student-t returns with four degrees of freedom and a standard deviation of one percent."""
    return 0.01 * np.random.default_rng(seed).standard_t(4, size=(n_returns, n_assets)) / np.sqrt(2.0)


def ragged_closes(n_sessions: int, n_assets: int, seed: int) -> np.ndarray:
    """Random closes with what real ones have: a late listing, a halt, scattered gaps, stale prices, a delisting."""
    generator = np.random.default_rng([seed, 1])
    closes = closes_of(heavy_tailed_returns(n_sessions - 1, n_assets, seed))
    third = n_sessions // 3
    closes[third : third + 8] = closes[third]  # stale for all
    closes[generator.random(closes.shape) < 0.02] = np.nan
    closes[: third // 2, 1 % n_assets] = np.nan
    closes[third : third + 15, 2 % n_assets] = np.nan
    closes[2 * third + 10 :, 3 % n_assets] = np.nan
    return closes


def in_hours(card: DataCard) -> DataCard:
    """The card of bars of an hour, dated by their end."""
    cut = IntradayBars("end", "clock")
    return replace(card, declaration=replace(card.declaration, frequency="60min", intraday=cut))


def exogenous_series(name: str, dated: pd.DatetimeIndex, values: np.ndarray, rule: ReleaseRule) -> ExogenousSeries:
    """A series beside the prices, known as the rule says."""
    about = SeriesDeclaration(
        name=name,
        source="a test",
        timezone="America/New_York",
        unit="points",
        as_of=date(2030, 1, 1),
        licence="none",
        release=rule,
    )
    card = SeriesCard(about, series_fingerprint(dated, values))
    return ExogenousSeries(card, dated, rule.known_at(dated), values)
