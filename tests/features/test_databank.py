"""Every group on real prices with their dirt: bounded, and each prefix bit for bit the prefix."""

from datetime import date
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from quantdl.features import FeatureGroup, feature_table
from quantdl.market.card import Declaration, IntradayBars
from quantdl.market.panel import Panel
from quantdl.market.series.declaration import ReleaseRule, SeriesDeclaration
from quantdl.market.series.files import load_series_csv
from quantdl.market.sources.frames import panel_from_frame

NEW_YORK = "America/New_York"
SPLITS_READ_AS_CRASHES = "XIV ZIV CSX EXPO".split()  # and, with reused histories, gaps and zero prices:
DIRTY = ["SSYS", "NOVT", "MTSI", "PPC", "VRTX", "JAZZ", "AAPL", *SPLITS_READ_AS_CRASHES]


def declared(frequency: str, calendar: str, intraday: IntradayBars | None) -> Declaration:
    return Declaration(
        source="the databank",
        timezone=NEW_YORK,
        frequency=frequency,
        adjustment="split",
        calendar=calendar,
        as_of=date(2024, 12, 31),
        licence="none",
        on_fault="record",
        intraday=intraday,
        sectors={"SSYS": "dirty", "PPC": "dirty", "AAPL": "clean", "spy": "clean", "aapl": "clean"},
    )


@pytest.fixture(scope="module")
def nasdaq(databank) -> Panel:
    frame = pd.read_parquet(databank / "nasdaq_ohlcv.parquet", filters=[("ticker", "in", DIRTY)])
    return panel_from_frame(frame, declared("1D", "NASDAQ", None))


@pytest.fixture(scope="module")
def hours(databank) -> Panel:
    frame = pd.read_parquet(databank / "extra" / "lean_equity_hour.parquet").rename(columns={"ts": "time"})
    frame = frame[(frame["time"] >= "2012-01-01") & (frame["time"] < "2016-01-01")].reset_index(drop=True)
    return panel_from_frame(frame, declared("60min", "XNYS", IntradayBars("start", "clock", NEW_YORK)))


@pytest.mark.parametrize("name", ["nasdaq", "hours"])
def test_each_prefix_of_real_bars_has_the_same_bits(name, request):
    panel = request.getfixturevalue(name)
    groups = get_args(FeatureGroup)
    whole = feature_table(panel, groups)
    assert np.isfinite(whole.values).all() and np.abs(whole.values).max() < 100.0
    assert not whole.values[~panel.traded].any() and whole.valid.mean() > 0.5
    for bar in np.random.default_rng(0).integers(30, len(panel.sessions), 12):
        seen = feature_table(panel.until(panel.known_at[bar]), groups)
        assert len(seen.valid) == bar + 1
        for part in ("values", "known", "scale"):
            assert getattr(whole, part)[: bar + 1].tobytes() == getattr(seen, part).tobytes()


def test_the_volatility_index_of_the_evening_is_known_at_the_next_close(databank, nasdaq):
    about = SeriesDeclaration(
        name="vix",
        source="CBOE",
        timezone=NEW_YORK,
        unit="percent a year",
        as_of=date(2026, 7, 24),
        licence="PDDL",
        release=ReleaseRule("day", 0, "16:15", NEW_YORK, None),
    )
    series = load_series_csv(databank / "extra" / "vix_daily.csv", "CLOSE", about)
    table = feature_table(nasdaq, (), (series,))
    assert [item.name for item in table.features] == ["vix_level", "vix_change", "vix_age"]
    bar = int(nasdaq.sessions.get_loc(pd.Timestamp("2011-08-09")))  # the index had closed at 48.00 the day before
    apple = nasdaq.assets.index("AAPL")
    known = table.known[:, apple]
    change = np.where(known[:, 1], table.values[:, apple, 1], 0.0)
    assert change.argmax() == bar
    assert np.expm1(table.values[known[:, 2], apple, 2]).min() > 0.8  # 16:15 to 16:00, or to 13:00 on a half day
