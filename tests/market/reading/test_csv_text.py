import pytest

from quantdl.market.reading.bars import Bars
from quantdl.market.reading.csv_text import read_text, rows_of
from quantdl.market.reading.row_faults import Place

PLACE = Place("A.csv", unit="line", first=2)


def test_a_damaged_line_costs_that_line_and_no_other():
    rows = rows_of('a,b\n1,2\n"3,4\n5,6\n7\n8,9,10\n11,12\n', PLACE, "A")
    assert rows.frame.to_numpy().tolist() == [["1", "2"], ["5", "6"], ["11", "12"]]
    assert (rows.frame.index + PLACE.first).tolist() == [2, 4, 7]
    (row_fault,) = rows.row_faults
    assert row_fault.rows == (1, 3, 4)
    assert row_fault.given == "a quotation mark without its partner (line 3), 1 cell (line 5), 3 cells (line 6)"


def test_cells_in_quotation_marks_may_hold_commas():
    rows = rows_of('a,b\n"1,5",2\n', PLACE, "A")
    assert rows.frame.to_numpy().tolist() == [["1,5", "2"]]


@pytest.mark.parametrize("text", ['a,b\n1,"2"\nNA,007\n', "a,b\n1,2\nNA,007\n"])
def test_cells_stay_text_whichever_way_they_are_read(text):
    assert rows_of(text, PLACE, "A").frame.to_numpy().tolist() == [["1", "2"], ["NA", "007"]]


def test_a_file_that_is_nowhere_is_an_objection(tmp_path):
    found = read_text(tmp_path / "A.csv", PLACE)
    assert isinstance(found, Bars)
    assert [str(fault) for fault in found.row_faults] == [
        "A.csv: file: got no such file; expected a CSV file or a folder of them. Fix: check the path."
    ]
