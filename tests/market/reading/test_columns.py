import numpy as np
import pandas as pd
import pytest

from quantdl.market.reading.columns import read_numbers, read_symbols


@pytest.mark.parametrize(
    "word", ["NaN", "nan", "inf", "-inf", "n/a", "1,5", "TRUE", "1e308", "1e-300", "0x10", "--", "1\x00"]
)
def test_a_word_is_not_a_number(word):
    values, objections = read_numbers(pd.Series(["1.5", word, ""]), "close")
    assert [objection.rows.tolist() for objection in objections] == [[1]]
    assert objections[0].kind == "non_finite_close"
    np.testing.assert_array_equal(values, [1.5, np.inf, np.nan])


@pytest.mark.parametrize("text", ["1e3", " 1000 ", "1000.0", "+1000", "1000"])
def test_a_number_may_be_written_in_several_ways(text):
    values, objections = read_numbers(pd.Series([text]), "close")
    assert values[0] == 1000
    assert not objections


def test_nan_in_a_column_of_numbers_is_an_empty_cell():
    values, objections = read_numbers(pd.Series([1.0, np.nan]), "close")
    np.testing.assert_array_equal(values, [1, np.nan])
    assert not objections


def test_infinity_in_a_column_of_numbers_is_objected_to():
    assert read_numbers(pd.Series([1.0, np.inf]), "open")[1][0].rows.tolist() == [1]


def test_symbols_stay_text():
    names = ["NA", "ON", "007", "1E5", "NAN", "TRUE", "NULL", "MAR 1"]
    codes, symbols, objections = read_symbols(pd.Series(names))
    assert [symbols[code] for code in codes] == names
    assert not objections


@pytest.mark.parametrize("column", [[7, 8], [True, False], ["A", 7], [1.5, 2.5]])
def test_a_symbol_that_is_a_number_is_objected_to(column):
    _, _, objections = read_symbols(pd.Series(column))
    assert "symbol as text" in objections[0].expected
    assert "strings" in objections[0].fix


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_a_row_without_a_symbol_is_objected_to(nothing):
    codes, symbols, objections = read_symbols(pd.Series(["A", nothing]))
    assert objections[0].rows.tolist() == [1]
    assert symbols == ("A",)
    assert codes.tolist() == [0, -1]


def test_nameless_rows_leave_the_codes_of_the_others_right():
    codes, symbols, _ = read_symbols(pd.Series(["B", " ", "A", "", None, "C"]))
    assert symbols == ("A", "B", "C")
    assert codes.tolist() == [1, -1, 0, -1, -1, 2]


def test_bytes_that_are_no_text_are_no_number():
    values, objections = read_numbers(pd.Series([b"1.5", b"\xff", None]), "close")
    np.testing.assert_array_equal(values, [1.5, np.inf, np.nan])
    assert objections[0].rows.tolist() == [1]


def test_categories_are_read_like_text():
    codes, symbols, objections = read_symbols(pd.Series(["B", "A", "B"], dtype="category"))
    assert [symbols[code] for code in codes] == ["B", "A", "B"]
    assert not objections
