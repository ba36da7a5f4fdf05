from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.sources.parquet import load_parquet

DAYS = pd.DatetimeIndex(["2024-01-02", "2024-01-03"])
LONG = pd.DataFrame({"symbol": ["A", "A", "B"], "date": [*DAYS, DAYS[1]], "close": [1.0, 2.0, 3.0]})
CLOSES = [[1, np.nan], [2, 3]]


@pytest.mark.parametrize(
    "frame",
    [
        LONG,
        LONG.rename(columns={"symbol": "Ticker", "close": "Close", "date": "Date"}),
        LONG.set_index("date"),
        LONG.set_index(["symbol", "date"]),
        LONG.sample(frac=1, random_state=1).sort_values("date"),
        pd.DataFrame({"A": [1.0, 2.0], "B": [np.nan, 3.0]}, index=DAYS),
        pd.DataFrame({"B": [np.nan, 3.0], "A": [1.0, 2.0], "date": DAYS}),
        pd.DataFrame({"A": [1.0, 2.0], "B": [np.nan, 3.0]}, index=DAYS.strftime("%Y-%m-%d")),
    ],
)
def test_long_and_wide_frames_give_the_same_panel(declaration, frame):
    before = frame.copy()
    panel = panel_from_frame(frame, declaration)
    assert panel.assets == ("A", "B")
    np.testing.assert_array_equal(panel.closes, CLOSES)
    pd.testing.assert_frame_equal(frame, before)


def test_a_ticker_may_be_called_symbol(declaration):
    panel = panel_from_frame(pd.DataFrame({"SYMBOL": [1.0, 2.0], "B": [3.0, 4.0]}, index=DAYS), declaration)
    assert panel.assets == ("B", "SYMBOL")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame(), "expected a symbol column"),
        (pd.DataFrame({7: [1.0, 2.0]}, index=DAYS), r"column names \[7\]; expected symbols as text in the header"),
        (pd.DataFrame([[1.0, 2.0]] * 2, index=DAYS, columns=["A", "A"]), r"the columns \['A'\] twice"),
        (pd.DataFrame(index=DAYS), "no column but the date"),
        (pd.DataFrame({"A": [1.0, 2.0]}, index=DAYS[::-1]), "row 1: bar of A on 2024-01-02.*a later session"),
        (pd.DataFrame({"A": [1.0, 2.0]}, index=DAYS[[0, 0]]), "row 1: bar of A.*one bar for a session"),
        (
            pd.DataFrame({"A": [1.0, 2.0]}, index=DAYS + pd.Timedelta(hours=16)),
            "rows 0-1: unnamed column: got.*add the offset",
        ),
        (pd.DataFrame({"A": ["1", "one"]}, index=DAYS), "row 1: column 'A' of A on 2024-01-03: got 'one'"),
        (pd.DataFrame({"A": [True, False]}, index=DAYS), "numbers, not true or false"),
        (
            pd.DataFrame({"A": [1.0, 2.0]}, index=[5, 6]),
            r"got 5 \(row 0\), 6 \(row 1\); expected a date",
        ),
        (LONG.assign(symbol=["A", None, "B"]), "row 1: column 'symbol' on 2024-01-03: got nan; expected a symbol"),
        (LONG.drop(columns="close"), "expected a column 'close'"),
        (LONG.drop(columns="date"), "expected a column 'date'"),
    ],
)
def test_a_frame_that_cannot_be_read_is_named_with_the_fix(declaration, frame, words):
    with pytest.raises(DataError, match=words) as caught:
        panel_from_frame(frame, declaration)
    assert "prices of a test" in str(caught.value)
    assert "Fix: " in str(caught.value)


BARS = pd.DataFrame([[1.0, 10.0, 5.0], [2.0, 20.0, 6.0]], index=pd.Index(DAYS, name="Date"))
PAIRED = pd.MultiIndex.from_tuples([("Close", "MSFT"), ("Volume", "MSFT"), ("Close", "LOW")])


def written(tmp_path, frame):
    frame.to_parquet(tmp_path / "prices.parquet")
    return tmp_path / "prices.parquet"


@pytest.mark.parametrize(
    "names",
    [
        ["Close_MSFT", "Volume_MSFT", "Close_LOW"],
        ["MSFT_Close", "MSFT_Volume", "LOW_Close"],
        ["MSFT.Close", "MSFT.Volume", "LOW.Close"],
        ["('Close', 'MSFT')", "('Volume', 'MSFT')", "('Close', 'LOW')"],
        list(PAIRED),
        PAIRED,
        PAIRED.swaplevel(),
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_names_of_fields_and_symbols_are_read_as_fields_in_frames_and_files(tmp_path, declaration, names, reset):
    frame = BARS.set_axis(pd.Index(names, tupleize_cols=False) if isinstance(names, list) else names, axis=1)
    frame = frame.reset_index() if reset else frame
    panels = [panel_from_frame(frame, declaration)]
    if not isinstance(names, list) or isinstance(names[0], str):
        panels.append(load_parquet(written(tmp_path, frame), declaration))
    for panel in panels:
        assert panel.assets == ("LOW", "MSFT")
        assert panel.card.fields == ("close", "volume")
        assert panel.closes.tolist() == [[5.0, 1.0], [6.0, 2.0]]
        np.testing.assert_array_equal(panel.fields["volume"], [[np.nan, 10.0], [np.nan, 20.0]])


def test_the_card_says_how_joined_names_were_read(declaration):
    panel = panel_from_frame(BARS.set_axis(["Close_A", "Volume_A", "Dividends_A"], axis=1), declaration)
    notes = " ".join(panel.card.declaration.notes)
    assert "hold a field and a symbol: 'Close_A' is the close of A." in notes
    assert "Columns that were not read: dividends." in notes


def test_joined_adjusted_closes_are_not_mixed_with_plain_ones(declaration):
    frame = BARS.set_axis(["Close A", "Volume A", "Adj Close A"], axis=1)
    assert panel_from_frame(frame, declaration).closes[:, 0].tolist() == [1.0, 2.0]
    about = replace(declaration, adjustment="total_return")
    assert panel_from_frame(frame, about).closes[:, 0].tolist() == [5.0, 6.0]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["MSFT", "Volume", "LOW"], r"the columns \['Volume'\], which name fields.*join a field and a symbol"),
        (["MSFT", "Close_AAPL", "LOW"], r"the columns \['Close_AAPL'\], which name fields"),
        (["Settle", "Volume", "Open Interest"], "rename 'Settle' to 'close' if it holds the closing price"),
        (["Price", "Vol.", "Change %"], r"assign\(symbol='AAPL'\); and rename 'Price' to 'close'"),
        (["Last", "Bid", "Ask"], "rename 'Last' to 'close' if it"),
        (["Settle_ES", "Volume_ES", "Open_ES"], "with a close for each symbol"),
    ],
)
def test_words_of_fields_are_never_taken_for_assets(tmp_path, declaration, names, words):
    frame = BARS.set_axis(names, axis=1)
    for read in (
        lambda: panel_from_frame(frame, declaration),
        lambda: load_parquet(written(tmp_path, frame), declaration),
    ):
        with pytest.raises(DataError, match=words):
            read()


def test_a_ticker_that_is_a_word_has_a_way_in_every_form(declaration):
    lone = pd.DataFrame({"LOW": [1.0, 2.0]}, index=pd.Index(DAYS, name="date"))
    with pytest.raises(DataError, match=r"rename\(columns=\{'LOW': 'close'\}\)\.assign\(symbol='LOW'\)"):
        panel_from_frame(lone, declaration)
    for frame in (
        lone.rename(columns={"LOW": "close"}).assign(symbol="LOW"),
        lone.set_axis(["Close_LOW"], axis=1),
        lone.set_axis(pd.MultiIndex.from_tuples([("Close", "LOW")]), axis=1),
    ):
        assert panel_from_frame(frame, declaration).assets == ("LOW",)
    assert panel_from_frame(lone.assign(MSFT=[3.0, 4.0]), declaration).assets == ("LOW", "MSFT")
