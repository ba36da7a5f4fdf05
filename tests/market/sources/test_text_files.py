"""Text files with two lines of names, lines above the header, and the lines that an objection names."""

import numpy as np
import pytest

from quantdl.errors import DataError
from quantdl.market.reading.dialect import Dialect
from quantdl.market.sources.csv_folder import load_csv_folder
from quantdl.market.sources.file_format import FileFormat
from quantdl.market.sources.text_files import bars_of_text

TWO_SYMBOLS = """Price,Close,Close,Volume,Volume
Ticker,LOW,NA,LOW,NA
Date,,,,
2024-01-02,10,,100,
2024-01-03,11,7,110,70
"""


@pytest.fixture
def load(tmp_path, declaration):
    def loaded(text, **stated):
        file = tmp_path / "ABC.csv"
        file.write_text(text, encoding="utf-8")
        return load_csv_folder(file, declaration, file_format=FileFormat(**stated))

    return loaded


def test_two_lines_of_names_give_several_assets_whose_tickers_are_words(load):
    panel = load(TWO_SYMBOLS, layout="yfinance")
    assert panel.assets == ("LOW", "NA")
    np.testing.assert_array_equal(panel.closes, [[10, np.nan], [11, 7]])
    np.testing.assert_array_equal(panel.fields["volume"], [[100, np.nan], [110, 70]])


@pytest.mark.parametrize(
    ("text", "stated", "line"),
    [
        (TWO_SYMBOLS.replace("11", "oops"), {"layout": "yfinance"}, "line 5"),
        ("# a\n# b\ndate,close\n2024-01-02,1\n2024-01-03,x\n", {"skip_rows": 2}, "line 5"),
        ("date;close\n2024-01-02;1,5\n2024-01-03;1.5\n", {"separator": ";", "decimal": ","}, "line 3"),
        ("time,close\n1704205800,1\nsoon,2\n", {"layout": "tradingview"}, "line 3"),
        ("date,close\n2024-01-02,1\n31.01.2024,2\n", {"date_format": "%Y-%m-%d"}, "line 3"),
        ("Date,Close/Last\n01/03/2024,$2\n13/02/2024,$1\n", {"layout": "nasdaq"}, "line 3"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_with_its_line_of_the_file(load, text, stated, line):
    with pytest.raises(DataError, match=rf"ABC\.csv: {line}: column"):
        load(text, **stated)


def test_a_bad_cell_costs_its_row_where_faults_are_recorded(declaration):
    text = "date;close\n2024-01-02;1,5\n2024-01-03;1.5\n2024-01-04;2\n"
    bars = bars_of_text(text, "ABC.csv", declaration, "ABC", Dialect(separator=";", decimal=","))
    assert bars.row.tolist() == [0, 2] and bars.fields["close"].tolist() == [1.5, 2.0]
    assert [row_fault.rows for row_fault in bars.row_faults] == [(1,)]


def test_more_lines_to_skip_than_there_are_is_refused(load):
    with pytest.raises(DataError, match="state fewer skip_rows"):
        load("date,close\n2024-01-02,1\n", skip_rows=5)


def test_the_column_of_the_plain_name_beside_a_stated_one_is_not_read_and_the_card_says_so(load):
    panel = load("date,close,fair\n2024-01-02,1,5\n", columns={"close": "fair"})
    assert panel.closes.tolist() == [[5.0]]
    assert "Columns that were not read: close." in panel.card.declaration.notes


def test_a_stated_column_that_is_not_there_is_named_with_those_that_are(load):
    with pytest.raises(DataError, match=r"got columns \['date', 'close'\]; expected a column 'fair' for the close"):
        load("date,close\n2024-01-02,1\n", columns={"close": "fair"})


def test_one_symbol_for_several_files_is_refused(tmp_path, declaration):
    for name in ("A", "B"):
        (tmp_path / f"{name}.csv").write_text("date,close\n2024-01-02,1\n")
    with pytest.raises(DataError, match="got 2 files and the symbol 'ABC'; expected a single file"):
        load_csv_folder(tmp_path, declaration, file_format=FileFormat(symbol="ABC"))
