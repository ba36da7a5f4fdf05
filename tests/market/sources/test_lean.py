"""Raw bars with Lean's map and factor files: on the real ones, and on small ones made for the odd cases."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.card import Declaration, IntradayBars
from quantdl.market.corporate.adjustment import adjusted
from quantdl.market.sources.lean import load_lean
from quantdl.market.sources.lean_files import read_factor_files
from quantdl.market.status import CellStatus

DECLARED = Declaration(
    source="Lean's samples",
    timezone="America/New_York",
    frequency="1D",
    adjustment="raw",
    calendar="XNYS",
    as_of=date(2021, 3, 31),
    licence="Apache-2.0",
    on_fault="record",
)
MAPS = (
    "file,date,ticker\nnew,20140102,old\nnew,20140106,old\nnew,20501231,new\ngone,20140102,gone\ngone,20140107,gone\n"
)
FACTORS = (
    "file,date,price_factor,split_factor,ref_price\n"
    "new,20140102,0.98,0.0357143,1.0\nnew,20140107,0.98,0.0357143,50.0\nnew,20501231,1.0,0.25,0.0\n"
)


def bars(**changes) -> pd.DataFrame:
    days = ["2014-01-02", "2014-01-03", "2014-01-06", "2014-01-07", "2014-01-08"]
    rows = [(day, "OLD" if day < "2014-01-07" else "NEW", 50.0 if day < "2014-01-08" else 7.0) for day in days]
    rows += [(day, "GONE", 10.0) for day in days[:4]]
    return pd.DataFrame(rows, columns=["ts", "ticker", "close"]).assign(**changes)


@pytest.fixture
def small(tmp_path):
    for name, text in (("maps", MAPS), ("factors", FACTORS)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")

    def load(frame=None, declaration=DECLARED):
        return load_lean(
            bars() if frame is None else frame, tmp_path / "factors.csv", tmp_path / "maps.csv", declaration
        )

    return load


@pytest.fixture(scope="module")
def lean(databank):
    folder = databank / "extra"
    files = (folder / name for name in ("lean_equity_daily.parquet", "lean_factor_files.csv", "lean_map_files.csv"))
    return load_lean(*files, DECLARED)


def test_a_history_goes_on_under_its_permanent_symbol(small):
    panel = small()
    assert panel.assets == ("gone", "new")
    assert panel.traded[:, 1].all()
    assert [panel.actions.ticker_of("new", day) for day in panel.sessions[1:4]] == ["old", "old", "new"]
    assert panel.actions.asset_of("old", panel.sessions[0]) == "new"


def test_factor_rows_become_a_split_and_a_dividend_of_the_next_session(small):
    """0.25 / 0.0357143 within the digits written is 7; 1 - 0.98 of the reference price of 50 is 1."""
    panel = small()
    (split,), (dividend,) = panel.actions.splits, panel.actions.dividends
    assert (split.ex_date, split.asset, split.ratio) == (date(2014, 1, 8), "new", 7.0)
    assert (dividend.ex_date, dividend.amount) == (date(2014, 1, 8), 1.0)
    returns = np.diff(np.log(adjusted(panel, "total_return").closes[:, 1]))
    np.testing.assert_allclose(returns, [0, 0, 0, np.log(49 / 49)], atol=1e-15)


def test_the_last_map_row_is_the_end_of_an_asset(small):
    panel = small()
    assert panel.actions.until("2014-01-31").delistings[0].last == date(2014, 1, 7)
    assert list(panel.status[:, 0]) == 4 * [CellStatus.TRADED] + [CellStatus.DELISTED]


def test_bars_of_a_ticker_that_no_asset_had_are_recorded_or_refused(small):
    stranger = pd.DataFrame({"ts": ["2014-01-07", "2014-01-08"], "ticker": "OLD", "close": 3.0})
    frame = pd.concat([bars(), stranger], ignore_index=True)
    panel = small(frame)
    (fault,) = panel.faults
    assert (fault.kind, fault.symbol, fault.count) == ("unmapped_ticker", "OLD", 2)
    assert (fault.first, fault.last) == (date(2014, 1, 7), date(2014, 1, 8))
    np.testing.assert_array_equal(panel.closes, small().closes)  # the good rows are all there
    with pytest.raises(DataError, match="rows 9-10: column 'ticker' of OLD"):
        small(frame, replace(DECLARED, on_fault="refuse"))


def test_prices_that_are_not_declared_raw_are_refused(small):
    with pytest.raises(DataError, match="declared adjustment 'split', but Lean's bars are as traded"):
        small(declaration=replace(DECLARED, adjustment="split"))


def test_a_damaged_bar_is_named_by_row(small):
    with pytest.raises(DataError, match="row 2: column 'close' of new on 2014-01-06"):
        small(bars(close=[50.0, 50.0, -1.0, 50.0, 7.0, 10.0, 10.0, 10.0, 10.0]), replace(DECLARED, on_fault="refuse"))


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing more", b"date,ticker,close\n"])
def test_a_file_that_is_no_parquet_is_named(tmp_path, small, content):
    path = tmp_path / "bars.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a whole Parquet file"):
        small(path)
    with pytest.raises(DataError, match="no such file"):
        small(tmp_path / "none.parquet")


def test_a_factor_that_falls_is_refused(tmp_path, small):
    (tmp_path / "factors.csv").write_text(FACTORS.replace("new,20501231,1.0", "new,20501231,0.5"), encoding="utf-8")
    with pytest.raises(DataError, match="new on 2014-01-07: got the price factor 0.98 before 0.5"):
        small()


@pytest.mark.parametrize(
    ("ticker", "session", "asset"),
    [
        ("goog", "2014-04-02", "googl"),
        ("goog", "2014-04-03", "goog"),
        ("goocv", "2014-03-28", "goog"),
        ("aaa", "2005-01-03", "aaa.1"),
        ("aaa", "2020-10-01", "aaa"),
        ("wmi", "2001-09-17", "wm"),
        ("nwsa", "2013-06-28", "tfcfa"),
        ("foxa", "2013-07-01", "tfcfa"),
        ("nb", "1998-09-30", "bac"),
    ],
)
def test_real_renames_and_reused_tickers_lead_to_one_asset(lean, ticker, session, asset):
    assert lean.actions.asset_of(ticker, session) == asset


def test_real_histories_go_on_through_renames(lean):
    """googl's close of the day before and of its 2:1 split, under two tickers; NationsBank before BankAmerica."""
    row, column = lean.sessions.get_loc("2014-04-03"), lean.assets.index("googl")
    np.testing.assert_allclose(lean.closes[row - 1 : row + 1, column], [1135.1, 571.5], rtol=2e-3)
    waste = lean.closes[lean.sessions <= "2009-08-31", lean.assets.index("wm")]
    assert np.nanmax(np.abs(np.diff(np.log(waste[np.isfinite(waste)])))) < 0.5


def test_bars_of_companies_that_the_map_does_not_know_are_named(lean):
    """Washington Mutual had `wm` until 2008, the old BankAmerica `bac` until 1998."""
    found = {fault.symbol: fault for fault in lean.faults if fault.kind == "unmapped_ticker"}
    assert {"bac", "bno", "eem", "uso", "wm"} == set(found)
    assert (found["wm"].first, found["wm"].last, found["wm"].count) == (date(1998, 12, 9), date(2008, 9, 26), 2465)


def test_real_splits_have_the_ratios_that_the_companies_announced(lean):
    announced = {
        ("aapl", date(2000, 6, 21)): 2.0,
        ("aapl", date(2005, 2, 28)): 2.0,
        ("aapl", date(2014, 6, 9)): 7.0,
        ("aapl", date(2020, 8, 31)): 4.0,
        ("aig", date(1999, 8, 2)): 1.25,
        ("aig", date(2009, 7, 1)): 1 / 20,
        ("eem", date(2008, 7, 24)): 3.0,
        ("uso", date(2020, 4, 29)): 1 / 8,
    }
    found = {(item.asset, item.ex_date): item.ratio for item in lean.actions.splits}
    assert {key: found[key] for key in announced} == announced


def test_real_dividends_have_the_amounts_that_the_companies_paid(lean):
    paid = {date(2012, 8, 9): 2.65, date(2014, 5, 8): 3.29, date(2014, 8, 7): 0.47, date(2020, 8, 7): 0.82}
    found = {item.ex_date: item.amount for item in lean.actions.dividends if item.asset == "aapl"}
    assert {day: found[day] for day in paid} == paid


def test_no_split_is_left_in_the_adjusted_prices(lean):
    """Every return over an ex-date is an ordinary one; AIG did lose a fifth on the day of its 1:20."""
    panel = adjusted(lean, "split")
    returns = np.log(panel.closes / panel.previous_closes())
    for split in lean.actions.splits:
        row, column = lean.sessions.get_loc(pd.Timestamp(split.ex_date)), lean.assets.index(split.asset)
        if lean.traded[row, column]:
            assert abs(returns[row, column]) < (0.23 if split.asset == "aig" else 0.1)


def test_bars_within_a_session_get_the_same_symbols_and_actions(databank):
    folder = databank / "extra"
    files = (folder / name for name in ("lean_equity_hour.parquet", "lean_factor_files.csv", "lean_map_files.csv"))
    bars = IntradayBars(labelled="start", anchored="clock", times_in="America/New_York")
    raw = load_lean(*files, replace(DECLARED, frequency="60min", intraday=bars))
    assert {"aapl", "vxx.1", "vxx", "tap.a"} <= set(raw.assets)
    panel = adjusted(raw, "split")
    returns = np.log(panel.closes / panel.previous_closes())
    for split in raw.actions.splits:
        row = raw.sessions.searchsorted(pd.Timestamp(split.ex_date))  # the first bar of the ex-date
        found = returns[row, raw.assets.index(split.asset)]
        assert np.isnan(found) or abs(found) < 0.09


def test_total_returns_are_those_of_leans_own_factors(lean, databank):
    """Price times both factors is what Lean itself shows as adjusted; it has seven decimals."""
    factors = read_factor_files(databank / "extra" / "lean_factor_files.csv")
    panel = adjusted(lean, "total_return")
    for asset in ("aapl", "spy", "ibm", "aig", "bac", "googl", "iwm", "eem"):
        rows, column = factors[asset], lean.assets.index(asset)
        days = pd.DatetimeIndex([row.day for row in rows])
        products = np.array([row.price_factor * row.split_factor for row in rows])
        theirs = products[days.searchsorted(lean.sessions)]
        ours = panel.closes[:, column] / lean.closes[:, column]
        ratio = (ours / theirs)[np.isfinite(ours)]
        np.testing.assert_allclose(ratio, ratio[-1], rtol=2e-5, err_msg=asset)
