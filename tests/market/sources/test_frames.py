import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.sources.frames import panel_from_frame

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
