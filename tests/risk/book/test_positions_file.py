"""A file of positions: symbols stay text, and every fault of it is named at once."""

from pathlib import Path

import pytest

from quantdl.errors import DataError
from quantdl.risk.book.positions_file import FaultyPositionsError, Position, read_positions


def written(folder: Path, text: str) -> Path:
    path = folder / "book.csv"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(DataError) as refused:
        read_positions(path)
    return str(refused.value).replace(str(path), "book.csv").splitlines()


def test_symbols_that_look_like_numbers_or_flags_or_nothing_stay_text(tmp_path):
    book = read_positions(written(tmp_path, "asset,value\nNA,1\nON,2\n007,3\n1E5,4\ntrue,5\n"))
    assert [held.asset for held in book.positions] == ["NA", "ON", "007", "1E5", "true"]


def test_quantities_values_groups_volumes_and_cash_are_read(tmp_path):
    text = "asset,quantity,value,group,dollar_volume\nA,10,,Tech,1e6\nB,,-250.5,,\n\nCASH,,99,,\n"
    book = read_positions(written(tmp_path, text))
    assert book.positions == (Position("A", 10.0, None, "Tech", 1e6), Position("B", None, -250.5))
    assert book.cash == 99.0


def test_all_faults_of_all_rows_are_told_with_their_lines(tmp_path):
    text = "asset,quantity,value\nA,1,2\nB,,\nC,x,\nA,1,\nD,nan,\nE,1\nF,1_000,\nCASH,5,6\n"
    faults = refusal(tmp_path, text)
    expected = {
        2: "quantity and value given; expected one of the two",
        3: "neither quantity nor value given",
        4: "quantity given 'x'; expected a finite number",
        5: "asset 'A' stands in line 2 already",
        6: "quantity given 'nan'; expected a finite number",
        7: "2 cells; expected 3",
        8: "quantity given '1_000'",
        9: "CASH: quantity and value given; expected one of the two",
    }
    for line, part in expected.items():
        assert any(fault.startswith(f"book.csv:{line}:") and part in fault for fault in faults), (line, faults)


def test_a_row_stands_in_the_line_in_which_it_begins_whatever_its_cells_hold(tmp_path):
    assert refusal(tmp_path, 'asset,value\n"A\nB",1\nC,x\n')[0].startswith("book.csv:4: value given 'x'")
    assert refusal(tmp_path, 'asset,value\n\n"A\nB",x\n')[0].startswith("book.csv:3: value given 'x'")
    book = read_positions(written(tmp_path, "asset,value,group\nA,1,x\x85y\nB,2,x\u2028y\nC,3,x\x0cy\n"))
    assert [(held.line, held.group) for held in book.positions] == [(2, "x\x85y"), (3, "x\u2028y"), (4, "x\x0cy")]


def test_one_cell_is_counted_in_the_singular(tmp_path):
    assert refusal(tmp_path, "asset,value\nA\n") == ["book.csv:2: 1 cell; expected 2, as many as the header has"]


def test_a_symbol_with_the_character_nul_is_refused(tmp_path):
    said = refusal(tmp_path, "asset,value\nA\0,1\nB,2\n")
    assert said == [r"book.csv:2: asset given 'A\x00'; expected a symbol without the character NUL"]


def test_a_quantity_of_cash_is_its_value(tmp_path):
    (tmp_path / "book.csv").write_text("asset,quantity\nA,10\nCASH,99.5\n")
    assert read_positions(tmp_path / "book.csv").cash == 99.5


def test_a_column_that_is_not_known_is_named_with_what_was_meant(tmp_path):
    faults = refusal(tmp_path, "asset,qantity,vlaue\nA,1,2\n")
    assert "no column 'quantity' or 'value'" in faults[0]
    assert "did you mean 'quantity'?" in faults[1] and "did you mean 'value'?" in faults[2]
    assert "no column 'asset'" in refusal(tmp_path, "symbol,value\nA,1\n")[0]
    assert "no header, the file is empty" in refusal(tmp_path, "")[0]
    assert "separated by ';'; expected commas" in refusal(tmp_path, "asset;value\nA;1,5\n")[0]


def test_a_book_without_a_position_is_refused(tmp_path):
    assert refusal(tmp_path, "asset,value\nCASH,100\n") == [
        "book.csv: no position; expected at least one row with an asset other than CASH."
    ]


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "book.csv"
    path.write_bytes(b"\xff\xfe\x00asset")
    with pytest.raises(DataError, match="cannot be read as CSV in UTF-8"):
        read_positions(path)


def test_a_file_that_may_not_be_read_is_said_in_a_sentence(tmp_path, monkeypatch):
    def refuses(path, encoding):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuses)
    with pytest.raises(DataError, match="cannot be read: Permission denied. Fix: check the path and its permissions"):
        read_positions(tmp_path / "book.csv")


def test_faults_that_prices_find_are_told_among_those_of_the_rows_in_the_order_of_the_file(tmp_path):
    path = written(tmp_path, "asset,value\nAPPL,1\nB,x\n,3\nB,4\n")
    with pytest.raises(FaultyPositionsError) as refused:
        read_positions(path)
    error = refused.value
    assert [line for line, _ in error.faults] == [3, 4, 5]
    assert [(held.asset, held.line) for held in error.readable.positions] == [("APPL", 2), ("B", 3), ("B", 5)]
    said = str(error.among([(2, "APPL: unknown"), (0, "of the whole file"), (3, "B: unknown")])).splitlines()
    assert said[:2] == ["of the whole file", "APPL: unknown"]
    assert said[2].startswith(f"{path}:3: value given 'x'") and said[3] == "B: unknown"
    assert len(said) == 6
