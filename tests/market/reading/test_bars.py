from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.market.card import IntradayBars
from quantdl.market.reading.bars import concatenate, read_bars, read_dates
from quantdl.market.reading.row_faults import Place

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04"]


@pytest.fixture
def read(declaration):
    def of(frame, name="A.csv", symbol="A", **changes):
        return read_bars(pd.DataFrame(frame), Place(name, "line", 2), replace(declaration, **changes), symbol)

    return of


def test_the_index_of_a_frame_numbers_its_rows(read):
    frame = pd.DataFrame({"date": DAYS, "close": ["1", "x", "3"]}, index=[0, 5, 9])
    bars = read(frame)
    assert bars.row.tolist() == [0, 5, 9]
    assert "A.csv: line 7: column 'close'" in str(bars.row_faults[0])


def test_blank_rows_are_passed_over_and_rows_without_a_date_are_objected_to(read):
    bars = read({"date": ["", DAYS[1], "x", " "], "close": ["", "2", "3", ""]})
    assert bars.row.tolist() == [1]
    assert [(row_fault.kind, row_fault.rows) for row_fault in bars.row_faults] == [("unreadable_row", (2,))]


def test_parts_come_under_one_numbering(read):
    parts = [
        read({"date": DAYS[:1], "close": ["1"]}, "B.csv", "B"),
        read({"date": DAYS[1:], "close": ["2", "3"], "open": ["4", "5"]}, "A.csv", "A"),
    ]
    bars = concatenate(parts)
    assert bars.symbols == ("A", "B")
    assert bars.symbol.tolist() == [1, 0, 0]
    assert [bars.places[place].name for place in bars.place] == ["B.csv", "A.csv", "A.csv"]
    np.testing.assert_array_equal(bars.fields["open"], [np.nan, 4, 5])
    assert bars.time is None


def test_a_bar_within_a_session_belongs_to_the_day_on_which_it_begins(declaration):
    ends = replace(declaration, frequency="60min", intraday=IntradayBars("end", "open", "America/New_York"))
    days, times, objections = read_dates(pd.Series(["2024-01-03 00:00", "2024-01-03 00:30"]), ends)
    assert days.astype(str).tolist() == ["2024-01-02", "2024-01-02"]
    assert times.tolist() == [pd.Timestamp("2024-01-03 05:00"), pd.Timestamp("2024-01-03 05:30")]
    assert not objections


def test_one_value_is_shown_once_and_several_with_their_rows(read):
    same = read({"date": DAYS, "close": ["x", "x", "1"]})
    assert same.row_faults[0].given == "'x'"
    several = read({"date": DAYS, "close": ["x", "y", "x"]})
    assert several.row_faults[0].given == "'x' (line 2), 'y' (line 3)"
