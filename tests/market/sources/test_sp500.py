"""The bundled S&P 500 set: what its card claims is checked here as far as it can be."""

import csv
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.sources import load_parquet, load_sp500
from quantdl.market.status import CellStatus

GICS = {
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
}


@pytest.fixture(scope="module")
def census(sp500):
    return take_census(sp500)


@pytest.fixture(scope="module")
def treated(sp500, census):
    return apply_policies(sp500, census, Policies())


def test_twenty_assets_trade_on_every_session_of_33_years(sp500):
    assert sp500.closes.shape == (8313, 20)
    assert sp500.traded.all()
    assert sp500.sessions.equals(trading_calendar("XNYS").sessions("1990-01-02", "2022-12-28"))
    assert dict(zip(sp500.assets, sp500.closes[0], strict=True))["AAPL"] == 0.264


def test_every_asset_has_a_sourced_sector(sp500):
    assert set(sp500.sectors) == set(sp500.assets)
    assert set(sp500.sectors.values()) <= GICS
    with files("quantdl.market.sources").joinpath("sp500_sectors.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert all(row["source"].startswith("https://") and row["as_of"] for row in rows)


def test_the_card_says_what_is_known_and_what_is_not(sp500):
    assert sp500.card.fields == ("close",)
    assert sp500.card.declaration.universe == "survivors"
    assert sp500.card.declaration.adjustment == "total_return"
    notes = " ".join(sp500.card.declaration.notes)
    for words in ("no volume", "not stated", "Rounded to 0.001", "survivors", "not as of each session"):
        assert words in notes


def test_the_fingerprint_is_that_of_the_data_this_release_knows(sp500):
    assert load_sp500().card.fingerprint == sp500.card.fingerprint
    assert sp500.card.fingerprint.startswith("sha256:772232bf12fba92c")


def test_the_census_finds_the_stale_years_of_one_asset_and_of_no_other(census):
    stale = [fault for fault in census.faults if fault.kind == "stale_year"]
    assert [(fault.symbol, fault.detail) for fault in stale] == [("RRC", "Years 1990, 1991, 1992, 1993, 1994.")]


def test_the_default_policies_start_that_asset_in_january_1995_and_touch_nothing_else(sp500, treated):
    changed = sp500.traded & ~treated.traded
    column = sp500.assets.index("RRC")
    assert not np.delete(changed, column, axis=1).any()
    assert treated.sessions[treated.traded[:, column].argmax()] == pd.Timestamp("1995-01-03")
    assert set(treated.status[changed]) == {CellStatus.MISSING}
    assert "Policy mask for stale_year (1,265): RRC 1990-01-02..1994-12-30." in treated.card.declaration.notes


def test_the_census_recognises_a_universe_of_survivors(census):
    assert census.universe == "survivors"
    assert "20 of 20 assets live to the last session, 2022-12-28, over 660 asset-years" in census.survivorship


def test_nothing_else_is_wrong_with_it(census):
    assert {kind for kind, count in census.counts().items() if count} == {
        "stale_year",
        "stale_run_5",
        "return_above_50pct",
        "coarse_price",
        "penny_price",  # adjusted closes of long ago
    }


# AAPL and MSFT close to close over four ex-dividend days each, from raw closes and dividends in the Quandl WIKI sample.
EX_DIVIDEND_RETURNS = {
    ("AAPL", "2014-02-06"): (512.51, 3.05, -0.000156070153534138),
    ("AAPL", "2014-11-06"): (108.70, 0.47, -0.0014697776961234421),
    ("MSFT", "2014-05-13"): (40.42, 0.28, 0.011258443832874665),
    ("MSFT", "2014-11-18"): (48.74, 0.31, -0.01455721795390208),
}


@pytest.mark.parametrize(("asset", "day"), EX_DIVIDEND_RETURNS)
def test_dividends_are_in_the_returns(sp500, asset, day):
    close, dividend, price_return = EX_DIVIDEND_RETURNS[asset, day]
    before = close / (1 + price_return)
    row, column = sp500.sessions.get_loc(day), sp500.assets.index(asset)
    found = sp500.closes[row, column] / sp500.closes[row - 1, column] - 1
    rounding = 2 * 0.0005 / sp500.closes[row, column]
    assert found == pytest.approx(close / (before - dividend) - 1, abs=rounding)
    assert found != pytest.approx(price_return, abs=rounding)


def test_adjusted_closes_are_a_constant_multiple_of_raw_closes_with_splits_and_dividends(sp500, databank):
    raw = pd.read_parquet(databank / "extra" / "lean_equity_daily.parquet")
    raw = raw[raw["ticker"] == "aapl"].set_index("ts")["close"]
    raw.index = raw.index.normalize()
    factors = pd.read_csv(databank / "extra" / "lean_factor_files.csv").query("file == 'aapl'").sort_values("date")
    until = pd.to_datetime(factors["date"].astype(str)).to_numpy()
    factor = (factors["price_factor"] * factors["split_factor"]).to_numpy()
    adjusted = raw * factor[np.minimum(np.searchsorted(until, raw.index.to_numpy()), len(factor) - 1)]
    bundled = pd.Series(sp500.closes[:, sp500.assets.index("AAPL")], index=sp500.sessions)
    ratio = (bundled / adjusted).dropna()
    ratio = ratio[bundled.reindex(ratio.index) > 5]  # below, rounding to 0.001 shows
    assert len(ratio) > 2000
    assert ratio.median() == pytest.approx(0.9867, abs=1e-4)
    assert (ratio / ratio.median() - 1).abs().quantile(0.95) < 5e-4  # the two feeds differ by a tick at times


def test_the_same_prices_as_a_parquet_file_have_the_same_fingerprint(sp500, tmp_path, declaration):
    frame = pd.DataFrame(sp500.closes, index=sp500.sessions, columns=list(sp500.assets))
    frame.to_parquet(tmp_path / "sp500.parquet")
    assert load_parquet(tmp_path / "sp500.parquet", declaration).card.fingerprint == sp500.card.fingerprint
