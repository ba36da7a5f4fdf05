import pandas as pd
import pytest

from quantdl.market.reading.header import read_header
from quantdl.market.reading.row_faults import Place

PLACE = Place("A.csv")
YAHOO = pd.Index(["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"])


def test_names_are_matched_without_case_and_outer_spaces():
    header = read_header(pd.Index(["CLOSE", " Date ", "x"]), PLACE, "raw", needs_symbol=False)
    assert (header.date, header.fields, header.unread) == (1, {"close": 0}, ("x",))
    assert not header.row_faults


@pytest.mark.parametrize("name", ["Adj Close", "adj_close", "Adjusted Close", "ADJ CLOSE"])
def test_one_of_two_closes_is_read_as_declared(name):
    columns = pd.Index([*YAHOO[:5], name, "Volume"])
    assert read_header(columns, PLACE, "split", False).fields["close"] == 4
    assert read_header(columns, PLACE, "split", False).fields["volume"] == 6
    total = read_header(columns, PLACE, "total_return", False)
    assert total.fields == {"close": 5}
    assert "open, high, low, volume stand beside it unadjusted" in total.notes[0]


def test_the_only_close_that_is_adjusted_is_not_taken_for_a_raw_one():
    header = read_header(pd.Index(["Date", "Adj Close"]), PLACE, "raw", False)
    assert "Fix: declare the adjustment 'total_return'" in str(header.row_faults[0])
    assert not read_header(pd.Index(["Date", "Adj Close"]), PLACE, "total_return", False).row_faults


def test_what_is_missing_or_there_twice_is_named_at_once():
    header = read_header(pd.Index(["open", "Open"]), PLACE, "raw", needs_symbol=True)
    words = " ".join(map(str, header.row_faults))
    for part in ("column 'date'", "column 'close'", "column 'symbol'", "one column for the open"):
        assert part in words


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_separator_is_recognised(mark):
    header = read_header(pd.Index([mark.join(["date", "close"])]), PLACE, "raw", False)
    assert f"separate the cells by commas; here {mark!r} seems to do it" in str(header.row_faults[0])


def test_names_in_one_cell_with_spaces_between_them_are_told_so():
    header = read_header(pd.Index(["date open high low close volume"]), PLACE, "raw", False)
    assert all("spaces seem to do it" in str(fault) for fault in header.row_faults)
    assert "spaces" not in str(read_header(pd.Index(["close of the day"]), PLACE, "raw", False).row_faults[0])
