"""Files that are no table of commas under one header line: each is named for what it is, in the loader too."""

import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.reading.text_kinds import cells_of, misread
from quantdl.market.sources.csv_folder import load_csv_folder
from quantdl.market.sources.frames import panel_from_frame

HEADER = "date,open,high,low,close,volume"
ROWS = "2024-01-02,10.0,10.5,9.5,10.1,1000\n2024-01-03,10.1,10.6,9.9,10.2,1100\n"
CLOSES = [10.1, 10.2]
EUROPEAN = "Date;Open;Close;Volume\n02.01.2024;10,0;10,1;1000\n03.01.2024;10,1;10,2;1.100\n"
# What yfinance 0.2.51 and later write with to_csv for one ticker.
YFINANCE = "Price,Close,High,Low,Open,Volume\nTicker,MSFT,MSFT,MSFT,MSFT,MSFT\nDate,,,,,\n" + "".join(
    f"{day},{close},11.0,9.0,10.0,1000\n" for day, close in zip(["2024-01-02", "2024-01-03"], CLOSES, strict=True)
)

# name: (text, what is said of it, words of the fix)
KINDS = {
    "no header": (ROWS, "no header line: the first line holds values, '2024-01-02,10.0", HEADER),
    "no header, compact dates": (ROWS.replace("-", ""), "no header line", HEADER),
    "no header, American dates": ("01/02/2024,10.0,1000\n", "no header line", HEADER),
    "no header, seconds": ("1704205800,10.0,10.5\n1704292200,10.1,10.6\n", "no header line", HEADER),
    "no header, a symbol first": ("MSFT,2024-01-02,10.0\nMSFT,2024-01-03,10.1\n", "no header line", HEADER),
    "no header, quoted": ('"2024-01-02","1,010.0","1,000"\n', "no header line", HEADER),
    "semicolons": (f"{HEADER}\n{ROWS}".replace(",", ";"), "semicolons that separate the cells", "sep=';')"),
    "semicolons, decimal commas": (
        EUROPEAN,
        "semicolons that separate the cells and numbers that have decimal commas",
        "sep=';', decimal=',', thousands='.')",
    ),
    "semicolons, no header": (
        EUROPEAN.split("\n", 1)[1],
        "semicolons that separate the cells and numbers that have decimal commas and no header line",
        "sep=';', decimal=',', thousands='.', names=['date', 'open', 'high', 'low', 'close', 'volume']",
    ),
    "tabs": (f"{HEADER}\n{ROWS}".replace(",", "\t"), "tabs that separate the cells", r"sep='\t')"),
    "tabs, decimal commas": (
        EUROPEAN.replace(";", "\t"),
        "tabs that separate the cells and numbers that have decimal commas",
        r"sep='\t', decimal=',', thousands='.')",
    ),
    "bars": (f"{HEADER}\n{ROWS}".replace(",", "|"), "vertical bars that separate the cells", "sep='|')"),
    "yfinance": (YFINANCE, "3 header lines, the second 'Ticker,MSFT,MSFT", "header=[0, 1], index_col=0"),
    "old yfinance": (
        "Attributes,Close,Open\nSymbols,A,A\nDate,,\n2024-01-02,1.0,2.0\n",
        "3 header lines, the second 'Symbols,A,A'",
        "header=[0, 1], index_col=0",
    ),
    "a row of units": (f"{HEADER}\n,USD,USD,USD,USD,shares\n{ROWS}", "2 header lines, the second ',USD", HEADER),
    "two header lines": (
        f"{HEADER}\nDate,Open,High,Low,Close,Volume\n{ROWS}",
        "2 header lines, the second 'Date,Open",
        HEADER,
    ),
    "a comment": (f"# downloaded\n{HEADER}\n{ROWS}", "a comment line above the header, '# down", "skiprows=1"),
    "comments": (f"# a\n\n# b\n{HEADER}\n{ROWS}", "2 comment lines above the header, '# a'", "skiprows=3"),
    "a header that is a comment": (f"#{HEADER}\n{ROWS}", "the mark of a comment before the names", "remove it"),
    "a line for Excel": (f"sep=,\n{HEADER}\n{ROWS}", "a comment line above the header, 'sep=,'", "skiprows=1"),
    "a title": (f"MSFT daily\n\n{HEADER}\n{ROWS}", "a line above the header, 'MSFT daily'", "skiprows=2"),
    "a preamble of names and values": (
        f"Security,MSFT US Equity\nStart Date,2024-01-01\n\n{HEADER}\n{ROWS}",
        "2 lines above the header, 'Security,MSFT US Equity' first",
        "skiprows=3",
    ),
    "a preamble in words": (f"Title: x\nUnits: y\n{HEADER}\n{ROWS}", "2 lines above the header", "skiprows=2"),
    "dates across": ("symbol,2024-01-02,2024-01-03\nMSFT,1,2\n", "dates as the names of columns", "turn the table"),
    "a web page": ("\n <!DOCTYPE html>\n<html lang='en'><head>404</head></html>", "an HTML page", "download it again"),
    "XML": ('<?xml version="1.0"?><prices/>', "an XML document", "read_xml"),
    "JSON rows": ('[{"date": "2024-01-02", "close": 1}]', "JSON, ", "read_json"),
    "a JSON message": ('{\n  "Information": "rate limit"\n}\n', 'JSON, \'{ "Information"', "download it again"),
    "a message": ("Exceeded the daily hits limit", "a message in words, 'Exceeded the daily hits limit'", "read it"),
}


@pytest.fixture
def save(tmp_path):
    def write(text, name="A.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("on_fault", ["refuse", "record"])
def test_a_text_that_is_no_table_is_named_with_the_fix(save, declaration, kind, on_fault):
    text, given, fix = KINDS[kind]
    path = save(text)
    with pytest.raises(DataError, match=r"A\.csv: file: got ") as caught:
        load_csv_folder(path, replace(declaration, on_fault=on_fault))
    got, _, advice = str(caught.value).partition(" Fix: ")
    assert f"{path}: file: got {given}" in got
    assert fix in advice
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{ROWS}",
        f"\n{HEADER}\n{ROWS}",
        f"{HEADER}\n2024-01-02,null,null,null,null,null\n{ROWS}",
        f"{HEADER}\n2024-01-02,,,,,\n{ROWS}",
        f"{HEADER}\nyesterday,1,2,3,4,5\n{ROWS}",
        f'"{HEADER.replace(",", chr(34) + "," + chr(34))}"\n{ROWS}',
        "<TICKER>,<PER>,<DATE>,<CLOSE>\nA,D,20240102,1\n",
        "date,600000,000001\n2024-01-02,1,2\n",
        ",0,1\n0,2024-01-02,1\n",
        "date,close\n",
        "date,note;more,close\n2024-01-02,a;b,1\n",
        "date,close,name\n2024-01-02,1.5,3M\n",
        "x",
        "",
        '"half a quotation,close\n2024-01-02,1\n',
    ],
)
def test_nothing_is_said_of_a_table_whatever_its_cells_hold(text):
    assert misread(text) is None


def test_a_cell_is_split_at_the_separator_only():
    assert cells_of('a;"b;c";d,e', ";") == ["a", "b;c", "d,e"]
    assert cells_of('a,"b') is None


def advised(message):
    """The call of read_csv that a message advises, as keyword arguments."""
    arguments = re.search(r"read_csv\(\.\.\., ([^)]*)\)", message)[1]
    return {
        "sep=';', decimal=',', thousands='.'": {"sep": ";", "decimal": ",", "thousands": "."},
        "header=[0, 1], index_col=0, parse_dates=True": {"header": [0, 1], "index_col": 0, "parse_dates": True},
        "skiprows=3": {"skiprows": 3},
    }[arguments]


@pytest.mark.parametrize("kind", ["semicolons, decimal commas", "yfinance", "a preamble of names and values"])
def test_the_advised_way_of_reading_gives_the_prices(declaration, kind):
    text, _, _ = KINDS[kind]
    text = text.replace("02.01.2024", "2024-01-02").replace("03.01.2024", "2024-01-03")
    frame = pd.read_csv(io.StringIO(text), **advised(misread(text).fix))
    frame = frame if frame.columns.nlevels == 2 else frame.assign(symbol="MSFT")
    panel = panel_from_frame(frame, declaration)
    assert panel.assets == ("MSFT",)
    assert panel.closes[:, 0].tolist() == CLOSES
    if kind == "semicolons, decimal commas":
        assert panel.fields["volume"][:, 0].tolist() == [1000.0, 1100.0]  # written as 1000 and 1.100


# A whole column of cells that are no numbers: what all of them look like is said.
NUMBERS = {
    "thousands or decimals": (
        ['"10,000"', '"10,250"'],
        "the commas may separate thousands or decimals: remove",
    ),
    "thousands": (['"1,010.0"', '"1,010,200.5"'], "remove the commas, which seem to separate thousands"),
    "decimal commas": (['"10,25"', '"1.010,5"'], "these seem to be decimal commas: write points"),
    "spaces": (["1 010.0", "1 011"], "remove the spaces, which seem to separate thousands"),
    "dollars": (["$10.20", "$10"], "remove the currency sign"),
    "per cent": (["2.00%", "-1%"], "these are percentages"),
    "millions": (["1.10M", "900K"], "write thousands and millions out: 1.10M is 1100000"),
    "words": (["null", "N/A"], "these words stand for no value: leave the cell empty"),
    "accounts": (["(10.5)", "(3)"], "write a negative number with a minus sign"),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_cells_that_are_no_numbers_are_named_for_what_they_look_like(save, declaration, kind):
    (one, other), fix = NUMBERS[kind]
    with pytest.raises(DataError, match=r"lines 2-3: column 'close' of A") as caught:
        load_csv_folder(save(f"date,close\n2024-01-02,{one}\n2024-01-03,{other}\n"), declaration)
    assert fix in str(caught.value).partition("Fix: ")[2]
    with pytest.raises(DataError) as mixed:
        load_csv_folder(save(f"date,close\n2024-01-02,{one}\n2024-01-03,x y\n"), declaration)
    assert fix not in str(mixed.value)


DATES = {
    "20240102": "dates without hyphens",
    "45293": "the day numbers of a spreadsheet",
    "1704205800": "seconds since 1970",
    "1704205800000": "milliseconds since 1970",
    "01/02/2024": "day and month cannot be told apart",
    "2.1.24": "day and month cannot be told apart",
}


@pytest.mark.parametrize("date", DATES)
def test_dates_that_are_none_are_named_for_what_they_look_like(save, declaration, date):
    with pytest.raises(DataError, match=f"expected a date. Fix: .*{DATES[date]}.*write the session as 2017-12-08"):
        load_csv_folder(save(f"date,close\n{date},1\n"), declaration)


NAMES = {
    "date,open,settle": "rename 'settle' to 'close' if it holds the closing price of each bar",
    "Date,Price,Open,High,Low,Vol.,Change %": "rename 'Price' to 'close' if",
    "Date,Close/Last,Volume,Open": "rename 'Close/Last' to 'close' if",
    "date,Last,Settle": r"rename 'Last' to 'close' if it holds the closing price of each bar \('Settle' may be",
    "date,PX_LAST": "rename 'PX_LAST' to 'close'",
    "<DATE>,<CLOSE>": "rename '<DATE>' to 'date'",
    "observation_date,close": "rename 'observation_date' to 'date'",
    "date,MSFT,AAPL": r"if each column is an asset, panel_from_frame\(pandas\.read_csv\(",
    "date,Close_MSFT,Close_AAPL": r"join a field and a symbol: panel_from_frame\(pandas\.read_csv\(",
    "date,open,volume": "rename the column of the close to 'close'",
}


@pytest.mark.parametrize("names", NAMES)
def test_a_column_that_is_there_under_another_name_is_named(save, declaration, names):
    cells = ",".join(["2024-01-02", *["1"] * names.count(",")])
    with pytest.raises(DataError, match=f"Fix: .*{NAMES[names]}"):
        load_csv_folder(save(f"{names}\n{cells}\n"), declaration)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"{HEADER}\n{ROWS}".encode("utf-16"), "got text in UTF-16"),
        (f"{HEADER}\n{ROWS}".encode("utf-16-le"), "it looks like text in UTF-16"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "got an Excel workbook of before 2007"),
        (b"PK\x03\x04" + bytes(500), "got a zip archive or an Excel workbook"),
        (b"%PDF-1.7\n", "got a PDF document"),
        (b"\xfd7zXZ\x00", "got xz-compressed data"),
        (b"SQLite format 3\x00", "got an SQLite database"),
    ],
)
def test_another_programs_file_is_named(save, declaration, content, words):
    with pytest.raises(DataError, match=words):
        load_csv_folder(save(content), declaration)


def test_decimal_commas_between_commas_are_considered_in_the_fix(save, declaration):
    text = "date,open,close\n2024-01-02,10,0,10,1\n2024-01-03,10,1,10,2\n"
    with pytest.raises(DataError, match="got 5 cells .*where numbers have decimal commas, write points"):
        load_csv_folder(save(text), declaration)
    mixed = f"{HEADER}\n{ROWS.replace(',', ';')}"
    with pytest.raises(DataError, match="commas separate the cells of the header, and semicolons those of the rows"):
        load_csv_folder(save(mixed), declaration)


def test_a_file_of_words_for_nothing_is_read_when_it_is_recorded(save, declaration):
    text = f"{HEADER}\n2024-01-02,null,null,null,null,null\n{ROWS.splitlines()[1]}\n"
    panel = load_csv_folder(save(text), replace(declaration, on_fault="record"))
    np.testing.assert_array_equal(panel.closes[:, 0], [10.2])
