"""Bars that do not lie as far apart as declared are refused with the fix; thin, short and interrupted ones are not."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.errors import DataError
from quantdl.market.card import IntradayBars
from quantdl.market.reading.assembly import assemble
from quantdl.market.reading.bars import read_bars
from quantdl.market.reading.row_faults import FaultyDataError, Place
from quantdl.market.sources import load_csv_folder, load_parquet, panel_from_frame

SESSIONS = trading_calendar("XNYS").sessions("2018-01-02", "2023-12-29")
FRIDAYS = SESSIONS[SESSIONS.day_of_week == 4]
MONTH_FIRSTS = pd.date_range("2018-01-01", "2023-12-01", freq="MS")
MONTH_ENDS = pd.date_range("2018-01-31", "2023-12-31", freq="ME")
QUARTERS = SESSIONS[::63]
YEARS = SESSIONS[::252].append(pd.DatetimeIndex(["2023-12-29"]))


@pytest.fixture
def load(declaration):
    """Lay bars on the calendar: dates by symbol, or those of one asset."""

    def of(dates, **changes):
        said = replace(declaration, **{"as_of": date(2024, 1, 31), **changes})
        by_symbol = dates if isinstance(dates, dict) else {"A": dates}
        frames = [pd.DataFrame({"date": list(map(str, days)), "close": 1.0}) for days in by_symbol.values()]
        places = [Place(symbol) for symbol in by_symbol]
        parts = [read_bars(f, p, said, s) for f, p, s in zip(frames, places, by_symbol, strict=True)]
        return assemble(parts, said)

    return of


def days_of(index):
    return [f"{day:%Y-%m-%d}" for day in index]


@pytest.mark.parametrize(
    ("dates", "spacing", "fix"),
    [
        (days_of(FRIDAYS), "about 5 sessions apart", "declare frequency '1W'"),
        (days_of(pd.date_range("2020-01-06", "2020-02-24", freq="W-MON")), "about 5 sess", "declare frequency '1W'"),
        (days_of(MONTH_ENDS), "about 21 sessions apart", "declare frequency '1M'"),
        (days_of(MONTH_FIRSTS), "about 21 sessions apart", "declare frequency '1M'"),
        (days_of(QUARTERS), "about 63 sessions apart", "bring bars of a session, a week or a month"),
        (days_of(SESSIONS[::2]), "about 2 sessions apart", "bring bars of a session, a week or a month"),
        (days_of(YEARS), "about 252 sessions apart", "bring bars of a session, a week or a month"),
    ],
)
def test_longer_bars_declared_daily_are_refused_with_the_fix(load, dates, spacing, fix):
    with pytest.raises(DataError, match=f"declared frequency '1D', but the bars lie {spacing}.* in 1 of 1.*{fix}"):
        load(dates)


def test_every_source_refuses_them(declaration, tmp_path):
    said = replace(declaration, as_of=date(2024, 1, 31))
    frame = pd.DataFrame({"date": days_of(MONTH_ENDS), "close": 1.0})
    (tmp_path / "csv").mkdir()
    frame.to_csv(tmp_path / "csv" / "A.csv", index=False)
    frame.assign(symbol="A").to_parquet(tmp_path / "a.parquet")
    refusal = r"in 1 of 1 assets that tell \(72 bars\)\. Fix: declare frequency '1M'"
    with pytest.raises(DataError, match=refusal):
        load_csv_folder(tmp_path / "csv", said)
    with pytest.raises(DataError, match=refusal):
        load_parquet(tmp_path / "a.parquet", said)
    with pytest.raises(DataError, match=refusal):
        panel_from_frame(frame.assign(symbol="A"), said)


def test_a_thin_asset_among_dense_ones_a_short_one_and_a_long_halt_are_no_other_spacing(load):
    dense = days_of(SESSIONS[:500])
    halted = [*days_of(SESSIONS[:100]), *days_of(SESSIONS[300:500])]
    panel = load({"A": dense, "B": dense, "MONTHLY": days_of(SESSIONS[:500:21]), "HALTED": halted})
    assert len(panel.sessions) == 500
    assert load(days_of(FRIDAYS[:3])).traded.sum() == 3


def test_an_asset_that_trades_at_random_is_no_other_spacing(load):
    """One session in forty on average: its steps are geometric, and no one of them is usual."""
    traded = SESSIONS[np.random.default_rng(0).random(len(SESSIONS)) < 1 / 40]
    assert load(days_of(traded)).traded.sum() == len(traded)


def test_many_assets_with_a_few_monthly_bars_each_are_refused(load):
    ends = days_of(MONTH_ENDS[:4])
    with pytest.raises(DataError, match="declare frequency '1M'"):
        load({f"A{number}": ends for number in range(10)})


@pytest.mark.parametrize(
    ("dates", "declared", "fix"),
    [
        (days_of(SESSIONS), "1W", "about 4.[0-9]+ to a week.*declare frequency '1D'"),
        (days_of(SESSIONS), "1M", "about 2[01].* to a month.*declare frequency '1D'"),
        (days_of(FRIDAYS), "1M", "about 4.25 to a month.*declare frequency '1W'"),
        (days_of(MONTH_ENDS), "1W", "about 4 weeks apart.*declare frequency '1M'"),
    ],
)
def test_shorter_or_longer_bars_declared_weekly_or_monthly_are_refused(load, dates, declared, fix):
    with pytest.raises(DataError, match=fix):
        load(dates, frequency=declared)


HOURLY = {"frequency": "60min", "intraday": IntradayBars("end", "open", "America/New_York")}


def test_daily_bars_declared_hourly_are_refused(load):
    closes = [f"{day} 16:00" for day in days_of(SESSIONS[:50])]
    with pytest.raises(DataError, match=r"one bar a day, always at the same time.*\(50 bars\).*declare frequency '1D'"):
        load(closes, **HOURLY)
    with pytest.raises(DataError, match="declare frequency '1D'"):
        load(days_of(SESSIONS[:50]), **HOURLY)
    no_zone = {**HOURLY, "intraday": IntradayBars("end", "open")}
    with pytest.raises(FaultyDataError, match="these are dates: declare frequency 1D"):
        load(days_of(SESSIONS[:50]), **no_zone)


def test_a_thin_asset_of_hourly_bars_is_not_daily(load):
    generator = np.random.default_rng(1)
    times = [
        f"{day} {hour}:30" for day, hour in zip(days_of(SESSIONS[:60]), generator.integers(11, 16, 60), strict=True)
    ]
    assert load(times, **HOURLY).traded.sum() == 60


def test_a_week_that_is_not_over_is_left_out_and_noted(load):
    """On Wednesday, 24 January 2024, the week to the 26th was not over."""
    panel = load(["2024-01-08", "2024-01-16", "2024-01-22"], frequency="1W", as_of=date(2024, 1, 24))
    assert list(panel.sessions.strftime("%m-%d")) == ["01-12", "01-19"]
    assert "1 bars of the week that ends on 2024-01-26 are left out" in " ".join(panel.card.declaration.notes)


def test_two_days_of_one_week_are_one_bar_too_many(load):
    with pytest.raises(FaultyDataError, match="one bar for a week"):
        load(["2024-01-08", "2024-01-10", "2024-01-16"], frequency="1W")
