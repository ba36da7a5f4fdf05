"""Cells of a dialect as plain ones: numbers survive any spelling, and what no rule fits is an objection."""

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from quantdl.market.reading.dialect import Dialect
from quantdl.market.reading.plain_cells import plain_rows
from quantdl.market.reading.row_faults import Place

PLACE = Place("ABC.csv", "line", 2)
NUMBERS = st.decimals(min_value=0, max_value=10**9, places=4, allow_nan=False, allow_infinity=False)


def read(cells, column="close", **dialect):
    frame = pd.DataFrame({"date": ["2024-01-02"] * len(cells), column: cells}, dtype="str")
    found = plain_rows(frame, Dialect(**dialect), PLACE, "ABC")
    return found.frame[column].tolist(), found.row_faults


def spelled(number, decimal, thousands):
    whole, part = f"{number:,.4f}".split(".")
    return whole.replace(",", thousands) + decimal + part


@given(NUMBERS, st.sampled_from([(",", "."), (",", " "), (",", "'"), (".", ","), (".", " "), (".", "'")]))
def test_a_number_keeps_its_value_however_it_is_spelled(number, marks):
    decimal, thousands = marks
    (cell,), row_faults = read([spelled(number, decimal, thousands)], decimal=decimal, thousands=thousands)
    assert float(cell) == float(number) and not row_faults


@pytest.mark.parametrize(
    ("cell", "dialect", "value"),
    [
        ("1.10M", {"multiples": True}, 1_100_000.0),
        ("900.5K", {"multiples": True}, 900_500.0),
        ("0.1B", {"multiples": True}, 100_000_000.0),
        ("$10.20", {"currency_signs": True}, 10.2),
        ("-€ 10", {"currency_signs": True}, -10.0),
        ("1,234.5", {"thousands": ","}, 1234.5),
        ("1.234,5", {"thousands": ".", "decimal": ","}, 1234.5),
        ("1e3", {"thousands": ","}, 1000.0),
        (",5", {"decimal": ","}, 0.5),
    ],
)
def test_a_spelling_has_one_value(cell, dialect, value):
    (plain,), row_faults = read([cell], **dialect)
    assert float(plain) == value and not row_faults


@pytest.mark.parametrize(
    ("cell", "dialect"),
    [
        ("1.5", {"decimal": ","}),
        ("1,5", {"thousands": ","}),
        ("12,34,567", {"thousands": ","}),
        ("1.10X", {"multiples": True}),
        ("-", {"decimal": ","}),
        (",", {"decimal": ","}),
        ("$", {"currency_signs": True}),
        ("ten", {"thousands": ","}),
    ],
)
def test_a_cell_that_no_rule_fits_is_objected_to_and_costs_its_row(cell, dialect):
    cells, row_faults = read(["7", cell], **dialect)
    assert cells == ["7"]
    assert row_faults[0].rows == (1,) and repr(cell) in row_faults[0].given


def test_words_for_nothing_are_empty_cells_in_any_case():
    assert read(["null", "NULL", "1"], missing=("null",)) == (["", "", "1"], ())


@pytest.mark.parametrize(
    ("cell", "dialect", "plain"),
    [
        ("31.12.2023", {"date_format": "%d.%m.%Y"}, "2023-12-31"),
        ("12/31/23 16:05", {"date_format": "%m/%d/%y %H:%M"}, "2023-12-31 16:05:00"),
        ("2023-12-31T16:05:00-0500", {"date_format": "%Y-%m-%dT%H:%M:%S%z"}, "2023-12-31 21:05:00+00:00"),
        ("1704205800", {"time_unit": "s"}, "2024-01-02 14:30:00+00:00"),
        ("1704205800000", {"time_unit": "ms"}, "2024-01-02 14:30:00+00:00"),
    ],
)
def test_a_date_is_written_plainly(cell, dialect, plain):
    frame = pd.DataFrame({"date": [cell], "close": ["1"]}, dtype="str")
    assert plain_rows(frame, Dialect(**dialect), PLACE, "ABC").frame["date"].tolist() == [plain]


def test_a_day_that_does_not_exist_is_objected_to_with_an_example():
    frame = pd.DataFrame({"date": ["30.02.2024", "29.02.2024"], "close": ["1", "2"]}, dtype="str")
    found = plain_rows(frame, Dialect(date_format="%d.%m.%Y"), PLACE, "ABC")
    assert found.frame["date"].tolist() == ["2024-02-29"]
    assert "such as 31.01.2024" in found.row_faults[0].expected


def test_rows_are_turned_round_only_where_the_newest_may_stand_first():
    frame = pd.DataFrame({"date": ["2024-01-03", "2024-01-02"], "close": ["2", "1"]}, dtype="str")
    assert plain_rows(frame, Dialect(newest_first=True), PLACE, "A").frame.index.tolist() == [1, 0]
    assert plain_rows(frame, Dialect(), PLACE, "A").frame.index.tolist() == [0, 1]
