"""Corporate actions from tables: what is read, and how damage is named."""

from datetime import date

import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Rename, Split
from quantdl.market.corporate.actions_table import actions_from_columns, load_actions

HEADER = "symbol,date,kind,value,pay_date\n"


@pytest.fixture
def table(tmp_path):
    def write(text: str, encoding: str = "utf-8"):
        path = tmp_path / "actions.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_each_kind_is_read(table):
    path = table(
        HEADER
        + "AAPL,2020-08-31,split,4,\n"
        + "GE,2021-08-02,split,0.125,\n"
        + "AAPL,2020-08-07,dividend,0.82,2020-08-13\n"
        + "MSFT,2020-08-19,dividend,0.51,\n"
        + "FB,2022-06-09,rename,META,\n"
        + "TWTR,2022-10-27,delisting,54.20,\n"
        + "XXII,2022-10-27,delisting,,\n"
    )
    assert load_actions(path) == CorporateActions(
        splits=(Split(date(2020, 8, 31), "AAPL", 4.0), Split(date(2021, 8, 2), "GE", 0.125)),
        dividends=(
            CashDividend(date(2020, 8, 7), "AAPL", 0.82, date(2020, 8, 13)),
            CashDividend(date(2020, 8, 19), "MSFT", 0.51),
        ),
        renames=(Rename(date(2022, 6, 9), "FB", "META"),),
        delistings=(Delisting(date(2022, 10, 27), "TWTR", 54.2), Delisting(date(2022, 10, 27), "XXII")),
    )


@pytest.mark.parametrize("symbol", ["NA", "NAN", "NULL", "TRUE", "ON", "NO", "Y", "INF", "1E5", "007", "MAR 1"])
def test_a_symbol_is_text_as_it_stands(table, symbol):
    actions = load_actions(table(HEADER + f"{symbol},2020-08-31,split,4,\n{symbol},2020-08-31,rename,{symbol},\n"))
    assert actions.splits[0].asset == actions.renames[0].ticker == symbol


def test_columns_stand_in_any_order_with_a_byte_order_mark(table):
    path = table("Kind,Value,Date,Symbol\nsplit,2,2020-08-31,A\n\n", "utf-8-sig")
    assert load_actions(path).splits == (Split(date(2020, 8, 31), "A", 2.0),)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("A,2020-08-31,splitt,4,", "line 2: column 'kind' of A: got 'splitt'; expected one of split, dividend"),
        ("A,31/08/2020,split,4,", "column 'date' of A: got '31/08/2020'; expected a date"),
        ("A,2020-02-30,split,4,", "column 'date' of A: got '2020-02-30'"),
        ("A,2020-08-31,split,0,", "column 'value' of A: got '0'; expected a number above zero"),
        ("A,2020-08-31,split,nan,", "got 'nan'; expected a number above zero"),
        ("A,2020-08-31,split,1e999,", "got '1e999'; expected a number above zero"),
        ('A,2020-08-31,split,"0,5",', "got '0,5'; expected a number above zero"),
        ("A,2020-08-31,dividend,-1,", "got '-1'; expected a number above zero"),
        ("A,2020-08-31,dividend,1,soon", "column 'pay_date' of A: got 'soon'; expected a date, or an empty cell"),
        ("A,2020-08-31,dividend,1,2020-08-01", "expected a day not before the ex-date 2020-08-31"),
        ("A,2020-08-31,delisting,-1,", "got '-1'; expected a number of zero or more"),
        ("A,2020-08-31,rename,,", "column 'value' of A: got ''; expected the new ticker"),
        (",2020-08-31,split,4,", "column 'symbol': got ''; expected a symbol"),
        ("A,2020-08-31,split", "line 2: bar: got 3 cells; expected the 5 cells of the header"),
        ('"A,2020-08-31,split,4,', "a CSV file"),
    ],
)
def test_a_damaged_row_is_named_with_file_line_column_and_symbol(table, row, expected):
    path = table(HEADER + row + "\n")
    with pytest.raises(DataError) as error:
        load_actions(path)
    assert expected in str(error.value)
    assert str(path) in str(error.value)


def test_all_damaged_rows_are_named_at_once(table):
    with pytest.raises(DataError, match="3 faults in 1 file") as error:
        load_actions(table(HEADER + "A,2020-08-31,split,x,\nB,2020-08-31,split,4,\nC,then,split,y,\n"))
    assert "line 2" in str(error.value) and "line 4" in str(error.value)


def test_an_action_that_stands_twice_is_refused_with_the_file(table):
    path = table(HEADER + "A,2020-08-31,split,4,\nA,2020-08-31,split,4,\n")
    with pytest.raises(DataError, match="split of A on 2020-08-31") as error:
        load_actions(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "expected each of the columns symbol, date, kind, value once"),
        (b"symbol,date,kind\nA,2020-08-31,split\n", "expected each of the columns symbol, date, kind, value once"),
        (b"symbol,date,kind,value,value\n", "once"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, expected):
    path = tmp_path / "actions.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=expected):
        load_actions(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_actions(tmp_path / "none.csv")
    with pytest.raises(DataError, match="expected a file that can be read"):
        load_actions(tmp_path)


def test_columns_beside_the_bars_are_read():
    """yfinance writes 0 for no split, Quandl 1."""
    frame = pd.DataFrame(
        {
            "Date": pd.to_datetime(["2014-06-06", "2014-06-09", "2014-08-07"]),
            "Ticker": "AAPL",
            "Close": [645.57, 93.7, 94.48],
            "Dividends": [0.0, 0.0, 0.47],
            "Stock Splits": [0.0, 7.0, 1.0],
        }
    )
    assert actions_from_columns(frame, "Dividends", "Stock Splits") == CorporateActions(
        splits=(Split(date(2014, 6, 9), "AAPL", 7.0),), dividends=(CashDividend(date(2014, 8, 7), "AAPL", 0.47),)
    )
    assert actions_from_columns(frame) == CorporateActions()
    with pytest.raises(DataError, match="\\['dividend'\\]"):
        actions_from_columns(frame, "dividend")


@pytest.mark.parametrize("value", ["abc", float("inf"), -0.5])
def test_a_bad_amount_beside_a_bar_is_refused(value):
    frame = pd.DataFrame({"date": ["2014-06-06"], "symbol": ["AAPL"], "dividends": pd.Series([value], dtype=object)})
    with pytest.raises(DataError, match="AAPL on 2014-06-06|row 0: column 'dividends': got 'abc'"):
        actions_from_columns(frame, "dividends")
