"""Panels with all fields for the tests of features: clean, and as ragged and dirty as real files are."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of, heavy_tailed_returns


def bars_panel(
    fields: dict[str, np.ndarray], halted: np.ndarray | None = None, members: np.ndarray | None = None
) -> Panel:
    """A split-adjusted panel of the given fields (T, A) in two sectors, its last asset in neither."""
    plain = panel_of_closes(fields["close"])
    status = plain.status.copy()
    if halted is not None:
        status[halted & (status == CellStatus.MISSING)] = CellStatus.HALTED
    masked = {name: np.where(status == CellStatus.TRADED, values, np.nan) for name, values in fields.items()}
    sectors = {asset: ("odd" if number % 2 else "even") for number, asset in enumerate(plain.assets[:-1])}
    card = replace(plain.card.restated(adjustment="split"), fields=tuple(fields))
    return replace(plain, fields=masked, status=status, sectors=sectors, card=card, members=members)


def clean_fields(n_sessions: int, n_assets: int, seed: int) -> dict[str, np.ndarray]:
    """Possible bars: low <= open, close <= high, with a jump before each open, and volume."""
    generator = np.random.default_rng([seed, 7])
    close = closes_of(heavy_tailed_returns(n_sessions - 1, n_assets, seed))
    before = np.concatenate([close[:1], close[:-1]])
    opened = before * np.exp(0.004 * generator.standard_normal(close.shape))
    high = np.maximum(opened, close) * np.exp(0.005 * np.abs(generator.standard_normal(close.shape)))
    low = np.minimum(opened, close) * np.exp(-0.005 * np.abs(generator.standard_normal(close.shape)))
    volume = np.round(1e6 * np.exp(0.5 * generator.standard_normal(close.shape)))
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def dirty_panel(n_sessions: int, n_assets: int, seed: int) -> Panel:
    """Late listings, halts, gaps, stale runs, zeros, swapped prices, absurd prints, a delisting, a moving universe."""
    generator = np.random.default_rng([seed, 8])
    fields = clean_fields(n_sessions, n_assets, seed)
    close = fields["close"]
    third = n_sessions // 3
    for values in fields.values():
        values[third : third + 8] = values[third]
    for name, value, share in (
        ("open", 0.0, 0.02),
        ("high", 0.0, 0.02),
        ("low", 0.0, 0.02),
        ("close", 0.0, 0.005),
        ("volume", 0.0, 0.05),
        ("volume", -5.0, 0.01),
        ("volume", 1e300, 0.002),
        ("high", 1e-9, 0.01),
        ("low", 1e9, 0.01),
        ("close", 1e150, 0.001),
    ):
        fields[name][generator.random(close.shape) < share] = value
    close[generator.random(close.shape) < 0.03] = np.nan
    close[: third // 2, 1] = np.nan
    close[third : third + 90, 2] = np.nan
    close[2 * third + 10 :, 3] = np.nan
    halted = np.zeros(close.shape, dtype=bool)
    halted[third : third + 90, 2] = True
    members = np.repeat(generator.random((n_sessions // 20 + 1, n_assets)) < 0.8, 20, axis=0)[:n_sessions]
    panel = bars_panel(fields, halted, members)
    return panel.until(panel.sessions[-1])  # reads the silence at the end as a delisting


def by_own_bars(panel: Panel, values: np.ndarray, statistic: Callable[[pd.Series], pd.Series]) -> np.ndarray:
    """(T, A) a statistic of values (T, A), of each asset's own bars alone; NaN where it did not trade."""
    result = np.full(values.shape, np.nan)
    for column, traded in enumerate(panel.traded.T):
        result[traded, column] = statistic(pd.Series(values[traded, column]))
    return result


DATABANK = Path(os.environ.get("QUANTDL_DATABANK", Path(__file__).parents[3] / "shared" / "databank"))


@pytest.fixture(scope="session")
def databank() -> Path:
    if not DATABANK.is_dir():
        pytest.skip(f"no market data at {DATABANK}; set QUANTDL_DATABANK to where they are")
    return DATABANK


@pytest.fixture(scope="package")
def dirty() -> Panel:
    return dirty_panel(700, 8, seed=0)


@pytest.fixture(scope="package")
def clean() -> Panel:
    return bars_panel(clean_fields(400, 5, seed=1))


@pytest.fixture
def panel_of():
    """Build a panel from fields, halted cells and members."""
    return bars_panel


@pytest.fixture
def fields_of():
    """Build possible bars of so many sessions and assets."""
    return clean_fields
