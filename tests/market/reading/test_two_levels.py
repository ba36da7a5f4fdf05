"""Frames as yfinance.download returns them: recorded in its layout with simulated prices, read back without it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.card import IntradayBars
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.status import CellStatus

RECORDED = Path(__file__).parents[2] / "fixtures" / "yfinance" / "download.csv"
PLAIN = ["Close", "High", "Low", "Open", "Volume"]


@pytest.fixture
def raw():
    """What auto_adjust=False returns: closes and adjusted closes."""
    return pd.read_csv(RECORDED, header=[0, 1], index_col=0, parse_dates=True)


@pytest.fixture
def adjusted(raw):
    """What auto_adjust=True returns: no column of adjusted closes."""
    return raw[PLAIN]


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame,
        lambda frame: frame.swaplevel(axis=1).sort_index(axis=1),  # group_by="ticker"
        lambda frame: frame.rename_axis(columns=[None, None]).rename(columns={"LOW": "LOWE"}, level=1),
        lambda frame: frame.tz_localize("America/New_York"),
        lambda frame: frame.rename_axis(index=None),
        lambda frame: frame.sort_index(axis=1, ascending=False),
        lambda frame: frame.rename(columns=str.lower, level=0),
    ],
)
def test_either_order_of_levels_gives_the_same_panel(adjusted, declaration, change):
    panel = panel_from_frame(change(adjusted), declaration)
    assert panel.assets in (("LOW", "MSFT", "NA"), ("LOWE", "MSFT", "NA"))
    for number, name in enumerate(["LOW", "MSFT", "NA"]):
        for field in PLAIN:
            np.testing.assert_array_equal(panel.fields[field.lower()][:, number], adjusted[field, name])


def test_rows_before_a_listing_are_unlisted(adjusted, declaration):
    panel = panel_from_frame(adjusted, declaration)
    assert panel.status[:20, 2].tolist() == [CellStatus.UNLISTED] * 20
    assert panel.traded[20:].all()


def test_one_ticker_may_come_with_two_levels(adjusted, declaration):
    panel = panel_from_frame(adjusted.loc[:, adjusted.columns.get_level_values(1) == "MSFT"], declaration)
    assert panel.assets == ("MSFT",)
    np.testing.assert_array_equal(panel.closes[:, 0], adjusted["Close", "MSFT"])


def test_one_level_of_closes_is_a_wide_frame(adjusted, declaration):
    panel = panel_from_frame(adjusted["Close"], declaration)
    assert panel.card.fields == ("close",)
    np.testing.assert_array_equal(panel.closes, adjusted["Close"])


def test_a_ticker_without_a_single_price_stays_in_the_panel(adjusted, declaration):
    adjusted.loc[:, adjusted.columns.get_level_values(1) == "NA"] = np.nan  # a download that failed
    panel = panel_from_frame(adjusted, declaration)
    assert panel.assets == ("LOW", "MSFT", "NA")
    assert set(panel.status[:, 2]) == {CellStatus.UNLISTED}


def test_whole_numbers_of_volume_are_read(adjusted, declaration):
    whole = adjusted.drop(columns="NA", level=1)
    whole = whole.astype({column: "int64" for column in whole.columns if column[0] == "Volume"})
    np.testing.assert_array_equal(panel_from_frame(whole, declaration).fields["volume"], whole["Volume"])


@pytest.mark.parametrize("adjustment", ["raw", "split"])
def test_plain_closes_are_read_with_their_opens_and_the_card_names_the_others(raw, declaration, adjustment):
    panel = panel_from_frame(raw, replace(declaration, adjustment=adjustment))
    np.testing.assert_array_equal(panel.closes, raw["Close"])
    np.testing.assert_array_equal(panel.fields["open"], raw["Open"])
    assert f"the adjusted closes beside it were not read ({adjustment})." in " ".join(panel.card.declaration.notes)


def test_adjusted_closes_are_never_mixed_with_unadjusted_opens(raw, declaration):
    panel = panel_from_frame(raw, replace(declaration, adjustment="total_return"))
    np.testing.assert_array_equal(panel.closes, raw["Adj Close"])
    assert panel.card.fields == ("close",)
    assert "open, high, low, volume stand beside it unadjusted and were not read" in panel.card.declaration.notes[0]


def test_fields_that_are_adjusted_alike_are_read_together(declaration):
    frame = pd.DataFrame(
        {
            "symbol": "A",
            "date": ["2024-01-02", "2024-01-03"],
            "open": [99.0, 101.0],
            "close": [100.0, 102.0],
            "adj_open": [9.9, 10.1],
            "adj_close": [10.0, 10.2],
        }
    )
    panel = panel_from_frame(frame, replace(declaration, adjustment="total_return"))
    assert panel.closes[:, 0].tolist() == [10.0, 10.2]
    assert panel.fields["open"][:, 0].tolist() == [9.9, 10.1]


def test_an_adjusted_close_alone_is_no_raw_close(declaration):
    frame = pd.DataFrame({"symbol": "A", "date": ["2024-01-02"], "Adj Close": [1.0]})
    with pytest.raises(DataError, match="expected a column 'close'"):
        panel_from_frame(frame, replace(declaration, adjustment="raw"))


def test_dividends_and_splits_beside_the_prices_are_named_as_not_read(adjusted, declaration):
    adjusted["Dividends", "MSFT"] = 0.0
    panel = panel_from_frame(adjusted, declaration)
    assert "Columns that were not read: Dividends." in panel.card.declaration.notes


def test_bars_within_sessions_come_with_two_levels_too(adjusted, declaration):
    hours = pd.DatetimeIndex(["2024-01-02 14:30", "2024-01-02 15:30"], tz="UTC", name="Datetime")
    frame = adjusted.iloc[:2].set_axis(hours, axis=0)
    about = replace(declaration, frequency="60min", intraday=IntradayBars("start", "open"))
    panel = panel_from_frame(frame, about)
    assert panel.known_at.strftime("%H:%M").tolist()[:2] == ["15:30", "16:30"]
    np.testing.assert_array_equal(panel.closes[:2, :2], adjusted["Close"].iloc[:2, :2])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop(columns="Close", level=0), "two levels of column names, fields with 'Close' among"),
        (lambda frame: frame.rename(columns={"MSFT": 7}, level=1), r"got symbols \[7\]; expected symbols as text"),
        (lambda frame: frame.drop(columns=[("Close", "NA")]), "column 'close' of NA: got columns"),
        (lambda frame: pd.concat([frame, frame], axis=1), "expected one column for the close"),
        (lambda frame: frame.reset_index(drop=True), "expected a column 'date'"),
        (lambda frame: pd.concat({"x": frame}, axis=1), "two levels of column names"),
        (
            lambda frame: frame.replace(frame["Close", "MSFT"].iloc[3], -1.0),
            "row 3: column 'close' of MSFT on 2024-01-05",
        ),
    ],
)
def test_a_frame_that_cannot_be_read_is_refused_by_symbol(adjusted, declaration, change, words):
    with pytest.raises(DataError, match=words):
        panel_from_frame(change(adjusted), declaration)


def test_fields_without_a_symbol_are_not_taken_for_tickers(adjusted, declaration):
    flat = adjusted.xs("MSFT", axis=1, level=1)
    with pytest.raises(
        DataError,
        match=r"expected a column 'symbol'. Fix: state symbol: .*; or name the asset .*frame\.assign\(symbol=",
    ):
        panel_from_frame(flat, declaration)
    assert panel_from_frame(flat.assign(symbol="MSFT"), declaration).assets == ("MSFT",)


def test_tickers_that_are_words_of_prices_stay_tickers(adjusted, declaration):
    renamed = adjusted.rename(columns={"MSFT": "OPEN", "NA": "CLOSE"}, level=1)
    assert panel_from_frame(renamed, declaration).assets == ("CLOSE", "LOW", "OPEN")
