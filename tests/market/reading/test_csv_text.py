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


@pytest.mark.parametrize(
    ("text", "given", "fix"),
    [
        (
            "date,close\n2024-01-02,1,\n2024-01-03,2,\n",
            "3 cells",
            "each row ends with a comma, and the header does not",
        ),
        ("date,close,\n2024-01-02,1\n2024-01-03,2\n", "2 cells", "the header has one cell more than each row"),
        ("\ndate,close\n2024-01-02,1\n", "an empty line above the header", "remove the line"),
        (
            "date;close;volume\n2024-01-02;1.010,5;1.000\n",
            "semicolons that separate the cells and numbers that have decimal commas",
            "sep=';', decimal=',', thousands='.')",
        ),
    ],
)
def test_what_is_wrong_with_every_line_is_named_with_the_fix(text, given, fix):
    objection = rows_of(text, PLACE, "A")
    assert isinstance(objection, Bars)
    (fault,) = objection.row_faults
    assert given in fault.given and fix in fault.fix
