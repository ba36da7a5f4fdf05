"""Real, dirty prices, counted independently (CENSUS.md of the databank); skipped where the databank is absent."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.errors import DataError
from quantdl.market.card import Declaration
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.sources import load_csv_folder, load_parquet
from quantdl.records import plain_fields
from quantdl.results.census import census_record

PATTERN = r"[A-Z]+_(.+)_30Y"


@pytest.fixture
def google(declaration):
    return replace(declaration, calendar="NASDAQ", as_of=date(2017, 12, 11), on_fault="record")


def test_the_csv_files_are_read_with_their_faults_recorded(databank, google):
    panel = load_csv_folder(databank / "raw_sample", google, PATTERN)
    assert panel.closes.shape[1] == 20
    assert panel.closes[panel.sessions.get_loc("1987-12-11"), panel.assets.index("AAPL")] == 1.2143
    assert panel.fields["volume"][panel.sessions.get_loc("2012-05-18"), panel.assets.index("FB")] == 580587742


def test_the_csv_files_are_refused_with_every_fault_named(databank, google):
    with pytest.raises(DataError) as caught:
        load_csv_folder(databank / "raw_sample", replace(google, on_fault="refuse"), PATTERN)
    message = str(caught.value)
    assert (
        "NASDAQ_FB_30Y.csv: line 2: column 'open' of FB on 2012-05-17: got 0.0; expected a price above zero" in message
    )
    assert "NASDAQ_CME_30Y.csv: line 2424: column 'open' of CME on 2012-07-23" in message


def test_the_default_policies_make_the_csv_files_usable(databank, google):
    panel = load_csv_folder(databank / "raw_sample", google, PATTERN)
    clean = apply_policies(panel, take_census(panel), Policies())
    assert all((values[np.isfinite(values)] > 0).all() for name, values in clean.fields.items() if name != "volume")
    assert 0.9 * panel.traded.sum() < clean.traded.sum() < panel.traded.sum()  # stale years of small banks and MXIM


@pytest.fixture(scope="module")
def stocks(databank):
    """A thousand stocks as they come, with the census."""
    declaration = Declaration(
        source="a thousand stocks",
        timezone="America/New_York",
        frequency="1D",
        adjustment="split",
        calendar="NASDAQ",
        as_of=date(2017, 12, 11),
        licence="none",
        on_fault="record",
    )
    panel = load_parquet(databank / "nasdaq_ohlcv.parquet", declaration)
    return panel, take_census(panel)


@pytest.mark.slow
def test_the_census_of_a_thousand_stocks_agrees_with_an_independent_count(stocks):
    census = stocks[1]
    document = plain_fields(census_record(census))
    expected = {
        "missing_session": 8348,
        "session_missing_for_all": 1,
        "zero_open": 9050,
        "zero_high": 8987,
        "zero_low": 9000,
        "zero_close": 1,
        "zero_volume": 8429,  # 10,404 zeros, of which 1,975 come before the first positive volume of their stock
        "zero_volume_with_moves": 2620,
        "high_below_low": 8,
        "open_outside_range": 752,
        "close_outside_range": 54,
        "return_above_50pct": 109,
        "stale_run_5": 171,
        "repeated_row": 2455,
        "non_session": 0,
        "duplicate": 0,
        "unsorted": 0,
        "long_gap": 174,
        "spike_and_revert": 3,
        "penny_price": 1851,
        "mixed_adjustment": 0,
        "same_prices": 0,
    }
    assert {kind: document["counts"][kind] for kind in expected} == expected
    assets = {
        "missing_session": 931,
        "zero_open": 271,
        "zero_volume": 240,
        "open_outside_range": 668,
        "stale_run_5": 50,
    }
    assert {kind: document["assets_affected"][kind] for kind in assets} == assets
    missing = [fault for fault in census.faults if fault.kind == "session_missing_for_all"]
    assert [fault.first for fault in missing] == [date(2010, 4, 1)]


@pytest.mark.slow
def test_the_summary_of_a_thousand_stocks_agrees_with_an_independent_count(stocks):
    summary = stocks[1].summary
    assert summary.n_bars == 2_406_381  # of 2,406,382 rows one has a close of zero
    assert summary.cells["no_price"] == 1
    assert summary.begin_by_year == {"2008": 834, "2009": 36, "2010": 60, "2011": 42, "2012": 54}
    assert (summary.begin_at_first, summary.end_at_last, len(summary.end_early)) == (809, 1020, 6)
    assert summary.end_early["BRCD"] == date(2017, 11, 16)
    assert (summary.longest_gap.symbol, summary.longest_gap.length) == ("SSYS", 1023)
    assert (summary.with_many_missing, summary.early_closes, summary.missing_on_early_closes) == (48, 21, 120)
    assert (summary.lowest_close.close, summary.highest_close.close) == (0.1902, 6426.0)
    assert summary.unchanged_share == pytest.approx(0.0207, abs=1e-4)
    assert (summary.longest_unchanged.symbol, summary.longest_unchanged.length) == ("MXIM", 193)
    assert summary.large_returns_adjacent == 104


@pytest.mark.slow
def test_scale_breaks_are_named_and_news_is_not(stocks):
    """The first eleven were found by eye; BSF, HOLX, SP and WWD split on those days too (1:5, 2:1, 2:1, 2:1)."""
    named = {(fault.symbol, str(fault.first)) for fault in stocks[1].faults if fault.kind == "suspected_split"}
    assert named == {
        ("XIV", "2011-06-27"),
        ("ZIV", "2011-06-27"),
        ("CSX", "2011-06-16"),
        ("SQQQ", "2012-05-11"),
        ("EXPO", "2015-06-04"),
        ("GRFS", "2012-07-23"),
        ("RING", "2016-11-07"),
        ("FRPH", "2011-01-18"),
        ("ESND", "2011-06-01"),
        ("XBKS", "2011-04-28"),
        ("YRCW", "2010-10-01"),
        ("BSF", "2011-05-04"),
        ("HOLX", "2009-04-03"),
        ("SP", "2008-01-18"),
        ("WWD", "2008-02-15"),
    }
    assert stocks[1].counts()["wrong_scale"] == stocks[1].counts()["close_off_scale"] == 0
    reused = {fault.symbol for fault in stocks[1].faults if fault.kind == "reused_history"}
    assert reused == {"SSYS", "NOVT", "MTSI", "PPC"}


@pytest.mark.slow
def test_known_distributions_are_suspected_and_few_other_days(stocks):
    """Spin-offs (KRFT, CDK, Kimball Electronics, FirstService), special dividends, a stock dividend, a buyback."""
    named = {(fault.symbol, str(fault.first)) for fault in stocks[1].faults if fault.kind == "suspected_distribution"}
    known = {
        ("MDLZ", "2012-10-02"),
        ("ADP", "2014-10-01"),
        ("KBAL", "2014-11-03"),
        ("CIGI", "2015-06-02"),
        ("CCMP", "2012-03-02"),
        ("HEES", "2012-09-20"),
        ("LORL", "2012-12-05"),
        ("KLAC", "2014-11-26"),
        ("SYMC", "2016-03-04"),
        ("SYNT", "2016-10-04"),
        ("PICO", "2017-11-21"),
        ("ATRO", "2013-10-08"),
        ("ASML", "2012-11-29"),
    }
    assert known <= named
    assert len(named) == 30


@pytest.mark.slow
def test_the_universe_of_a_thousand_stocks_was_chosen_with_hindsight(stocks):
    census = stocks[1]
    assert census.universe == "survivors"
    assert "1,022 of 1,026 assets live to the last session" in census.survivorship
    assert "none after 2012-12-31" in census.survivorship


@pytest.mark.slow
def test_the_default_policies_leave_no_return_over_a_break(stocks):
    panel, census = stocks
    clean = apply_policies(panel, census, Policies())
    assert len(clean.assets) == 1026 + 15 + 4
    assert {"SSYS~2008-11-07", "XIV~2011-06-24"} <= set(clean.assets)
    for symbol, day in (("XIV", "2011-06-27"), ("SSYS", "2012-12-04"), ("YRCW", "2010-10-01")):
        row, column = clean.sessions.get_loc(day), clean.assets.index(symbol)
        assert np.isfinite(clean.closes[row, column])
        assert np.isnan(clean.log_returns()[row, column])
    vrtx = clean.log_returns()[clean.sessions.get_loc("2013-04-19"), clean.assets.index("VRTX")]
    assert vrtx == pytest.approx(np.log(85.6 / 52.87))
