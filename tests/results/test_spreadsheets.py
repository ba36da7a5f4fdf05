"""Workbooks, read back by another library and as the XML that they are."""

import struct
from datetime import date, datetime
from xml.etree import ElementTree
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import ConfigError, RunError
from quantdl.results import spreadsheets
from quantdl.results.spreadsheets import check_workbook, write_workbook

openpyxl = pytest.importorskip("openpyxl", reason="needs the extra `test`")
pytest.importorskip("xlsxwriter", reason="needs the extra `excel`")

FORMULAS = ("=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\tx", '=HYPERLINK("http://evil")', "{=1}", "http://evil")


def book_of(tmp_path, **tables):
    return openpyxl.load_workbook(write_workbook(tables.items(), tmp_path / "a.xlsx"))


def cells(sheet):
    return [list(line) for line in sheet.iter_rows(values_only=True)]


def parts(path):
    with ZipFile(path) as stored:
        return {name: stored.read(name) for name in stored.namelist()}


@pytest.mark.parametrize("text", FORMULAS)
def test_text_stays_text_and_is_marked_as_such(tmp_path, text):
    book = book_of(tmp_path, a=pd.DataFrame({text: [text, "KO"]}))
    for cell in (book["a"]["A1"], book["a"]["A2"], book["a"]["A3"]):
        assert cell.data_type == "s" and cell.quotePrefix
    assert cells(book["a"]) == [[text], [text], ["KO"]]
    sheet = parts(tmp_path / "a.xlsx")["xl/worksheets/sheet1.xml"]
    assert not [one for one in ElementTree.fromstring(sheet).iter() if one.tag.endswith(("}f", "}hyperlink"))]


def test_numbers_are_read_back_bit_for_bit_and_negative_ones_are_numbers(tmp_path):
    random = np.frombuffer(np.random.default_rng(0).bytes(8_000), np.float64)
    numbers = [-0.25, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -1e-7, *random[np.isfinite(random)]]
    stored = book_of(tmp_path, a=pd.DataFrame({"x": numbers}))["a"]["A"][1:]
    assert {cell.data_type for cell in stored} == {"n"}
    found = [cell.value for cell in stored]
    assert [struct.pack("d", float(one)) for one in found] == [struct.pack("d", one) for one in numbers]


def test_whole_numbers_truths_and_days_keep_their_kinds(tmp_path):
    moment = pd.Timestamp("2024-01-02 10:30")
    table = pd.DataFrame({"n": [-3], "yes": [True], "day": [pd.Timestamp("2024-01-02")], "bar": [moment]})
    sheet = book_of(tmp_path, a=table)["a"]
    assert cells(sheet)[1] == [-3, True, datetime(2024, 1, 2), datetime(2024, 1, 2, 10, 30)]
    assert [cell.number_format for cell in sheet[2]][2:] == ["yyyy-mm-dd", "yyyy-mm-dd hh:mm"]


def test_what_is_undefined_is_an_empty_cell(tmp_path):
    table = pd.DataFrame({"a": ["x", None], "b": [1.0, np.nan], "c": [pd.Timestamp("2024-01-02"), pd.NaT]})
    assert cells(book_of(tmp_path, a=table.assign(d=1))["a"])[2] == [None, None, None, 1]


def test_what_excel_has_no_number_or_date_for_is_told_as_text(tmp_path):
    zoned = pd.Timestamp("2024-01-02 10:30", tz="America/New_York")
    odd = [np.inf, date(1850, 1, 1), zoned.to_pydatetime(), 2**60 + 1, 10**400]
    found = cells(book_of(tmp_path, a=pd.DataFrame({"x": pd.Series(odd, dtype=object)}))["a"])
    assert found[1:4] == [["inf"], ["1850-01-01"], ["2024-01-02 10:30:00-05:00"]]
    assert found[4] == [str(2**60 + 1)] and len(found[5][0]) == 401


def test_names_of_sheets_are_legal_and_different(tmp_path):
    names = [
        "a/b:c*?[d]\\e",
        "'quoted'",
        "History",
        "x" * 40,
        "x" * 40,
        "",
        "long.name.of.a.table.that.has.parts",
        "\0",
    ]
    path = write_workbook([(name, pd.DataFrame({"a": [1]})) for name in names], tmp_path / "a.xlsx")
    found = openpyxl.load_workbook(path).sheetnames
    assert len({name.casefold() for name in found}) == len(names)
    for name in found:
        assert 0 < len(name) <= 31 and not set(name) & set("[]:*?/\\") and name.strip("'") == name
    assert "history" not in [name.casefold() for name in found]
    assert found[6] == "name.of.a.table.that.has.parts"


@pytest.mark.parametrize(
    "text", ["a\0b", "\x1b[31mred", "line\nbreak", "\u202ertl", "\ud800", "emoji \U0001f600", "_x0041_"]
)
def test_any_text_gives_a_file_that_can_be_read(tmp_path, text):
    from openpyxl.utils.escape import unescape

    found = cells(book_of(tmp_path, a=pd.DataFrame({"x": pd.Series([text], dtype=object)}))["a"])
    assert unescape(found[1][0]) == (text if text != "\ud800" else "\\ud800")


def test_a_text_longer_than_a_cell_is_cut_and_says_so(tmp_path):
    found = cells(book_of(tmp_path, a=pd.DataFrame({"x": ["y" * 10_000, "y" * 40_000]}))["a"])
    assert found[1] == ["y" * 10_000]
    assert len(found[2][0]) == 32_767 and found[2][0].endswith(" [cut: 40,000 characters in all]")


def test_a_table_longer_than_a_sheet_goes_on_in_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(spreadsheets, "MOST_ROWS", 4)
    book = book_of(tmp_path, a=pd.DataFrame({"x": range(7)}))
    assert {name: [line[0] for line in cells(book[name])] for name in book.sheetnames} == {
        "a": ["x", 0, 1, 2],
        "a (2)": ["x", 3, 4, 5],
        "a (3)": ["x", 6],
    }


def test_a_table_wider_than_a_sheet_is_refused_and_leaves_no_file(tmp_path):
    wide = pd.DataFrame(np.zeros((1, 16_385)))
    with pytest.raises(RunError, match="a has 16,385 columns, and a sheet of Excel holds no more than 16,384"):
        write_workbook([("a", wide)], tmp_path / "a.xlsx")
    assert not list(tmp_path.iterdir())


def test_no_table_and_no_row_give_a_file_that_opens(tmp_path):
    assert book_of(tmp_path).sheetnames == ["empty"]
    assert cells(book_of(tmp_path, a=pd.DataFrame({"x": []}))["a"]) == [["x"]]


def test_equal_tables_give_equal_bytes(tmp_path):
    table = pd.DataFrame({"x": [1.5], "day": [pd.Timestamp("2024-01-02")]})
    first, second = (write_workbook([("a", table)], tmp_path / f"{n}.xlsx").read_bytes() for n in (1, 2))
    assert first == second


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"a\.xls: expected the name of an Excel file, which ends in \.xlsx"):
        write_workbook([], tmp_path / "a.xls")


def test_without_xlsxwriter_the_fix_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(spreadsheets, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "quantdl\[excel\]"'):
        check_workbook(tmp_path / "a.xlsx")
