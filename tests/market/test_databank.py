"""Real, dirty prices, counted independently (CENSUS.md of the databank); skipped where the databank is absent."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.errors import DataError
from quantdl.market.quality import Policies, apply_policies, take_census
from quantdl.market.sources import load_csv_folder, load_parquet

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


@pytest.mark.slow
def test_the_census_of_a_thousand_stocks_agrees_with_an_independent_count(databank, google):
    census = take_census(load_parquet(databank / "nasdaq_ohlcv.parquet", google))
    counts = census.counts()
    expected = {
        "missing_session": 8348,
        "session_missing_for_all": 1,
        "zero_open": 9050,
        "zero_high": 8987,
        "zero_low": 9000,
        "zero_close": 1,
        "zero_volume": 10404,
        "high_below_low": 8,
        "open_outside_range": 752,
        "close_outside_range": 54,
        "return_above_50pct": 109,
        "stale_run_5": 171,
        "repeated_row": 2455,
    }
    assert {kind: counts[kind] for kind in expected} == expected
    assert len({fault.symbol for fault in census.faults if fault.kind == "missing_session"}) == 931
    assert not {"non_session", "duplicate", "unsorted"} & set(fault.kind for fault in census.faults)
    assert census.universe == "survivors"
