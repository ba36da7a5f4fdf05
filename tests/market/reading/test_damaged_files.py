"""Files as they arrive: each is loaded right or refused by name, never a traceback, and no good row is lost."""

import gzip
import io
import os
import random
import zipfile
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from quantdl.errors import DataError
from quantdl.market.inspection.census import take_census
from quantdl.market.sources.csv_folder import load_csv_folder
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.sources.parquet import load_parquet

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
HEADER = "date,open,high,low,close,volume"
GOOD = [f"{day},{n}.0,{n}.5,{n}.0,{n}.25,{n}00" for n, day in enumerate(DAYS, start=1)]
CLOSES = [1.25, 2.25, 3.25, 4.25, 5.25]
SYMBOLS = ["NA", "NAN", "NULL", "TRUE", "ON", "NO", "Y", "INF", "1E5", "007", "MAR 1", "nan", "None", "-0", "é"]


def damaged(line, *, instead=True, header=HEADER):
    """A file whose third row (line 4) is ``line``, in place of the good one or before it."""
    return "\n".join([header, *GOOD[:2], line, *GOOD[3 if instead else 2 :], ""])


def cell(column, value):
    """A file whose third row holds ``value`` in one column."""
    cells = dict(zip(HEADER.split(","), GOOD[2].split(","), strict=True)) | {column: value}
    return damaged(",".join(cells.values()))


# name: (text, what the refusal says besides file and line 4, the closes that stay when faults are recorded)
FOUR = [1.25, 2.25, np.nan, 4.25, 5.25]
ROWS = {
    "a word for a price": (cell("close", "abc"), "column 'close' of A on 2024-01-04: got 'abc'", FOUR),
    "the word nan": (cell("close", "nan"), "column 'close' of A on 2024-01-04: got 'nan'", FOUR),
    "the word inf": (cell("close", "inf"), "column 'close' of A on 2024-01-04: got 'inf'", FOUR),
    "N/A": (cell("close", "N/A"), "column 'close' of A on 2024-01-04: got 'N/A'", FOUR),
    "dashes": (cell("close", "--"), "column 'close' of A on 2024-01-04: got '--'", FOUR),
    "1e308": (cell("close", "1e308"), "column 'close' of A on 2024-01-04: got '1e308'", FOUR),
    "1e400": (cell("close", "1e400"), "column 'close' of A on 2024-01-04: got '1e400'", FOUR),
    "a denormal number": (cell("close", "1e-310"), "column 'close' of A on 2024-01-04: got '1e-310'", FOUR),
    "hexadecimal": (cell("close", "0x10"), "column 'close' of A on 2024-01-04: got '0x10'", FOUR),
    "a currency sign": (cell("close", "$3.25"), "got '$3.25'; expected a finite number", FOUR),
    "per cent": (cell("close", "3.25%"), "got '3.25%'; expected a finite number", FOUR),
    "a thousands separator": (cell("close", '"3,250.00"'), "got '3,250.00'; expected a finite number", FOUR),
    "a decimal comma in quotes": (cell("close", '"3,25"'), "no thousands separator", FOUR),
    "a decimal comma": (cell("close", "3,25"), "bar of A: got 7 cells; expected the 6 cells of the header", FOUR),
    "a NUL byte in a price": (cell("close", "3.\x0025"), "column 'close' of A on 2024-01-04: got '3.\\x0025'", FOUR),
    "an infinite open": (cell("open", "inf"), "column 'open' of A on 2024-01-04: got 'inf'", CLOSES),
    "a price of zero": (cell("close", "0"), "got 0.0; expected a price above zero", [1.25, 2.25, 0, 4.25, 5.25]),
    "a negative price": (cell("close", "-3"), "got -3.0; expected a price above zero", [1.25, 2.25, -3, 4.25, 5.25]),
    "a negative volume": (cell("volume", "-300"), "column 'volume' of A on 2024-01-04: got -300.0", CLOSES),
    "a missing close": (cell("close", ""), "got an empty cell; expected a closing price", FOUR),
    "no date": (cell("date", ""), "column 'date' of A: got ''; expected a date", FOUR),
    "a NUL byte in a date": (cell("date", "2024-01\x00-04"), "column 'date' of A: got '2024-01\\x00-04'", FOUR),
    "a day that does not exist": (cell("date", "2024-02-30"), "got '2024-02-30'; expected a date", FOUR),
    "day before month": (cell("date", "04/01/2024"), "got '04/01/2024'; expected a date", FOUR),
    "month in words": (cell("date", "Jan 4 2024"), "got 'Jan 4 2024'; expected a date", FOUR),
    "seconds since 1970": (cell("date", "1704326400"), "got '1704326400'; expected a date", FOUR),
    "milliseconds since 1970": (cell("date", "1704326400000"), "got '1704326400000'; expected a date", FOUR),
    "a number of a spreadsheet": (cell("date", "45295"), "got '45295'; expected a date", FOUR),
    "a time without its offset": (cell("date", "2024-01-04 16:00"), "expected an instant with its offset", FOUR),
    "the wrong zone": (cell("date", "2024-01-04T00:00:00Z"), "midnight UTC is the evening before there", FOUR),
    "the year 1": (cell("date", "0001-01-04"), "bar of A on 0001-01-04: got 0001-01-04", FOUR),
    "the year 9999": (cell("date", "9999-12-31"), "got 9999-12-31 (Friday); expected no bar after the declared", FOUR),
    "a Saturday": (cell("date", "2024-01-06"), "got 2024-01-06 (Saturday); expected a session of XNYS", FOUR),
    "a holiday": (cell("date", "2024-01-01"), "got 2024-01-01 (Monday); expected a session of XNYS", FOUR),
    "one row twice": (damaged(GOOD[1], instead=False), "got 2024-01-03 (Wednesday); expected one bar", CLOSES),
    "two prices for a day": (damaged("2024-01-03,9,9,9,9,9", instead=False), "expected one bar for a session", CLOSES),
    "an old row": (damaged("2023-12-29,9,9,9,9,9"), "expected a later session than", [9, 1.25, 2.25, *FOUR[2:]]),
    "the header again": (damaged(HEADER, instead=False), "column 'date' of A: got 'date'; expected a date", CLOSES),
    "a short row": (damaged("2024-01-04,3.0"), "bar of A: got 2 cells; expected the 6 cells of the header", FOUR),
    "a long row": (damaged(GOOD[2] + ",,"), "bar of A: got 8 cells; expected the 6 cells of the header", FOUR),
    "two rows in one": (damaged(GOOD[2] + GOOD[3]), "bar of A: got 11 cells", FOUR),
    "half a quotation": (damaged('"' + GOOD[2]), "bar of A: got a quotation mark without its partner", FOUR),
    "semicolons in one row": (damaged(GOOD[2].replace(",", ";")), "bar of A: got 1 cell;", FOUR),
    "words in one row": (damaged("# splits follow"), "bar of A: got 1 cell;", FOUR),
}


@pytest.fixture
def save(tmp_path):
    def write(content, name="A.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize("name", ROWS)
def test_a_damaged_row_is_refused_by_file_line_and_symbol(save, declaration, name):
    text, words, _ = ROWS[name]
    path = save(text)
    with pytest.raises(DataError) as caught:
        load_csv_folder(path, declaration)
    message = str(caught.value)
    assert f"{path}: line 4: " in message
    assert " of A" in message
    assert words in message
    assert "Fix: " in message


@pytest.mark.parametrize("name", ROWS)
def test_a_damaged_row_that_is_recorded_costs_no_other_row(save, declaration, name):
    text, _, closes = ROWS[name]
    panel = load_csv_folder(save(text), replace(declaration, on_fault="record"))
    kept = panel.closes[:, 0]
    wanted = np.array(closes, dtype=float)
    np.testing.assert_array_equal(kept[np.isfinite(kept)], wanted[np.isfinite(wanted)])
    standing = name in ("a price of zero", "a negative price", "a negative volume")
    assert bool(panel.faults) is not standing  # those stand in the panel, where the census finds them
    counts = take_census(panel).counts()
    assert any(counts[kind] for kind in counts if kind not in ("missing_session", "session_missing_for_all"))


def test_every_bad_value_of_a_column_is_shown_with_its_row(save, declaration):
    rows = [line.split(",") for line in GOOD]
    for row, value in zip(rows, ["x", "y", "4.25", "y", "z"], strict=True):
        row[4] = value
    with pytest.raises(
        DataError, match=r"lines 2-3, 5-6: .*got 'x' \(line 2\), 'y' \(line 3\), 'z' \(line 6\); expect"
    ):
        load_csv_folder(save("\n".join([HEADER, *map(",".join, rows)])), declaration)


def test_only_the_first_few_of_many_bad_values_are_shown(save, declaration):
    days = pd.bdate_range("2024-01-16", periods=15).strftime("%Y-%m-%d")
    text = "\n".join(["date,close", *(f"{day},x{number}" for number, day in enumerate(days))])
    with pytest.raises(DataError, match=r"'x0' \(line 2\), .*'x4' \(line 6\), \.\.\.; expected"):
        load_csv_folder(save(text), declaration)


def zipped(text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", text)
    return buffer.getvalue()


WHOLE = "\n".join([HEADER, *GOOD, ""])
FILES = {
    "nothing": ("", "got no header line"),
    "a mark and nothing": ("\ufeff", "got no header line"),
    "blank lines": ("\n\n\n", "got no header line"),
    "a header alone": (HEADER, "got no bars; expected at least one bar"),
    "half a header": ("date,op", "expected a column 'close'"),
    "semicolons": (
        WHOLE.replace(",", ";"),
        "got semicolons that separate the cells; expected cells separated by commas",
    ),
    "tabs": (WHOLE.replace(",", "\t"), "got tabs that separate the cells; expected cells separated by commas"),
    "UTF-16 without its mark": (WHOLE.encode("utf-16-le"), "got NUL bytes in the header line; expected UTF-8 text"),
    "UTF-32": (WHOLE.encode("utf-32"), "got text in UTF-32; expected UTF-8 text"),
    "nothing but NUL bytes": (bytes(5000), "got NUL bytes in the header line"),
    "UTF-16": (WHOLE.encode("utf-16"), "got text in UTF-16; expected UTF-8 text"),
    "Latin-1": (WHOLE.replace("volume", "Kurs in £").encode("latin-1"), "not UTF-8, in line 1"),
    "compressed": (gzip.compress(WHOLE.encode()), "got gzip-compressed data"),
    "a workbook": (zipped(WHOLE), "got a zip archive or an Excel workbook"),
    "Parquet under another name": (b"PAR1" + bytes(100), "got a Parquet file"),
    "a web page": ("<html><body>404</body></html>\n", "got an HTML page; expected CSV text"),
    "JSON": ('{"date": ["2024-01-02"], "close": [1.0]}', "got JSON, "),
    "a column twice": (WHOLE.replace("open", "close"), "got the columns ['close'] twice"),
    "no close": (WHOLE.replace("close", "last"), "expected a column 'close'"),
    "no date": (WHOLE.replace("date", "when"), "expected a column 'date'"),
    "two dates": (WHOLE.replace("volume", "time"), "expected one column for the date"),
    "more cells than the header": (WHOLE.replace("\n", ",1\n").replace(",volume,1", ",volume"), "got 7 cells"),
    "no price at all": ("\n".join(["date,close", *(f"{day}," for day in DAYS)]), "got no closing price"),
    "words throughout": ("\n".join(["date,close", *(f"{day},x" for day in DAYS)]), "lines 2-6: column 'close'"),
    "another zone throughout": (WHOLE.replace(",", "T00:00:00+00:00,").replace("dateT00:00:00+00:00", "date"), "Fix:"),
}


@pytest.mark.parametrize("on_fault", ["refuse", "record"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_means_nothing_is_refused_by_name(save, declaration, name, on_fault):
    content, words = FILES[name]
    path = save(content)
    with pytest.raises(DataError) as caught:
        load_csv_folder(path, replace(declaration, on_fault=on_fault))
    message = str(caught.value)
    assert str(path) in message
    assert words in message
    assert "Fix: " in message


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path, declaration):
    (tmp_path / "A.csv").mkdir()
    with pytest.raises(DataError, match=r"no \*\.csv file in this folder"):
        load_csv_folder(tmp_path / "A.csv", declaration)
    with pytest.raises(DataError, match=r"A\.csv: file: got Is a directory"):
        load_csv_folder(tmp_path, declaration)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path, declaration):
    (tmp_path / "A.csv").symlink_to(tmp_path / "A.csv")  # a loop: unreadable even for an administrator
    with pytest.raises(DataError, match=r"A\.csv: file: got .*; expected a file that can be read"):
        load_csv_folder(tmp_path, declaration)


def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path, declaration):
    os.mkfifo(tmp_path / "A.csv")
    with pytest.raises(DataError, match=r"A\.csv: file: got a pipe or a device; expected a file that can be read"):
        load_csv_folder(tmp_path, declaration)


def test_a_cell_of_a_million_characters_makes_no_message_of_that_length(save, declaration):
    with pytest.raises(DataError, match=r"got 'xxx+\.\.\. \(1,000,002 characters\); expected a finite") as caught:
        load_csv_folder(save(cell("close", "x" * 1_000_000)), declaration)
    assert len(str(caught.value)) < 1_000


HARMLESS = {
    "a byte order mark": lambda text: "\ufeff" + text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "blank lines": lambda text: text.replace("\n", "\n\n") + "\n \n",
    "quotation marks": lambda text: "\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in text.split("\n")),
    "spaces": lambda text: text.replace(",", " , "),
    "capitals": lambda text: text.replace(HEADER, HEADER.upper()),
    "a column more": lambda text: text.replace("\n", ",seen\n"),
    "many decimals": lambda text: text.replace(".25", ".2500000000000000000000"),
    "plus signs": lambda text: text.replace(",", ",+").replace(HEADER.replace(",", ",+"), HEADER),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_only_unusual_is_read_like_the_rest(save, declaration, name):
    text = HARMLESS[name](WHOLE)
    if name == "quotation marks":
        text = text.replace('""', "")
    panel = load_csv_folder(save(text), declaration)
    assert panel.closes[:, 0].tolist() == CLOSES
    assert panel.fields["volume"][:, 0].tolist() == [100, 200, 300, 400, 500]


def test_high_and_low_in_each_others_place_are_found_by_the_census(save, declaration):
    panel = load_csv_folder(save(WHOLE.replace("high,low", "low,high")), declaration)
    assert take_census(panel).counts()["high_below_low"] == 5


def test_two_tickers_in_one_file_are_two_bars_for_a_session(save, declaration):
    other = [line.replace(".25,", ".75,") for line in GOOD]
    with pytest.raises(DataError, match=r"lines 7-11: bar of A from 2024-01-02 to 2024-01-08: .* expected one bar"):
        load_csv_folder(save("\n".join([HEADER, *GOOD, *other])), declaration)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_symbols_that_look_like_something_else_come_back_as_they_were(save, tmp_path, declaration, symbol):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / f"{symbol}.csv").write_text(WHOLE)
    assert load_csv_folder(folder, declaration).assets == (symbol,)
    long = "\n".join(["ticker," + HEADER, *(f"{symbol},{line}" for line in GOOD)])
    assert load_csv_folder(save(long), declaration).assets == (symbol,)
    frame = pd.DataFrame({"ticker": symbol, "date": pd.to_datetime(DAYS), "close": CLOSES})
    frame.to_parquet(tmp_path / "long.parquet")
    frame.pivot(index="date", columns="ticker", values="close").to_parquet(tmp_path / "wide.parquet")
    for name in ("long.parquet", "wide.parquet"):
        panel = load_parquet(tmp_path / name, declaration)
        assert panel.assets == (symbol,)
        assert panel.closes[:, 0].tolist() == CLOSES


def table(**columns):
    days = pa.array(pd.to_datetime(DAYS).to_numpy(dtype="datetime64[us]"))
    plain = {"ticker": pa.array(["A"] * 5), "date": days, "close": pa.array(CLOSES)}
    return pa.table(plain | columns)


def stamps(unit, timezone=None):
    zoned = pd.DatetimeIndex(DAYS) + pd.Timedelta(hours=21 if timezone else 0)
    return pa.array(zoned.to_numpy(dtype=f"datetime64[{unit}]")).cast(pa.timestamp(unit, timezone))


TYPES = {
    "decimals": {"close": pa.array([Decimal(str(close)) for close in CLOSES])},
    "numbers as text": {"close": pa.array([str(close) for close in CLOSES])},
    "half precision": {"close": pa.array(np.array(CLOSES, dtype=np.float16))},
    "single precision": {"close": pa.array(CLOSES, type=pa.float32())},
    "dictionary symbols": {"ticker": pa.array(["A"] * 5).dictionary_encode()},
    "dictionary numbers": {"close": pa.array(CLOSES).dictionary_encode()},
    "dictionary dates": {"date": pa.array(DAYS).dictionary_encode()},
    "large strings": {"ticker": pa.array(["A"] * 5, type=pa.large_string())},
    "dates": {"date": pa.array(pd.to_datetime(DAYS).date)},
    "dates as text": {"date": pa.array(DAYS)},
    **{f"timestamps in {unit}": {"date": stamps(unit)} for unit in ("s", "ms", "us", "ns")},
    **{f"instants in {unit}": {"date": stamps(unit, "UTC")} for unit in ("s", "ms", "us", "ns")},
    "instants in another zone": {"date": stamps("us", "Asia/Tokyo")},
    "nested columns beside": {"meta": pa.array([{"a": [1, 2]}] * 5)},
}


@pytest.mark.parametrize("name", TYPES)
def test_a_parquet_file_may_store_its_columns_in_many_types(tmp_path, declaration, name):
    pa.parquet.write_table(table(**TYPES[name]), tmp_path / "prices.parquet")
    panel = load_parquet(tmp_path / "prices.parquet", declaration)
    assert panel.assets == ("A",)
    assert panel.closes[:, 0].tolist() == CLOSES
    assert panel.sessions.strftime("%Y-%m-%d").tolist() == DAYS


COLUMNS = {
    "lists for prices": ({"close": pa.array([[1.25], [2.25], [3.25], [4.25], [5.25]])}, "column 'close' of A"),
    "records for prices": ({"close": pa.array([{"raw": close} for close in CLOSES])}, "column 'close' of A"),
    "true and false": ({"close": pa.array([True, False, True, True, False])}, "expected numbers, not true or false"),
    "currency signs": ({"close": pa.array([f"${close}" for close in CLOSES])}, "got '$1.25' (row 0), '$2.25' (row 1)"),
    "nothing": ({"close": pa.nulls(5)}, "got no closing price"),
    "infinite prices": ({"close": pa.array([np.inf] * 5)}, "rows 0-4: column 'close' of A"),
    "huge whole numbers": ({"close": pa.array([2**62] * 5)}, "rows 0-4: column 'close' of A"),
    "durations": ({"close": pa.array([1] * 5, type=pa.duration("s"))}, "rows 0-4: column 'close' of A"),
    "numbers for symbols": ({"ticker": pa.array([7] * 5)}, "rows 0-4: column 'ticker'"),
    "bytes for symbols": ({"ticker": pa.array([b"A"] * 5)}, "got b'A'; expected a symbol as text, not bytes"),
    "lists for symbols": ({"ticker": pa.array([["A"]] * 5)}, "rows 0-4: column 'ticker'"),
    "no symbols": ({"ticker": pa.nulls(5, pa.string())}, "rows 0-4: column 'ticker'"),
    "numbers for dates": ({"date": pa.array([20240102 + n for n in range(5)])}, "rows 0-4: column 'date'"),
    "lists for dates": ({"date": pa.array([[day] for day in DAYS])}, "rows 0-4: column 'date'"),
    "times for dates": ({"date": pa.array([1] * 5, type=pa.time32("s"))}, "rows 0-4: column 'date'"),
    "no dates": ({"date": pa.nulls(5, pa.timestamp("us"))}, "rows 0-4: column 'date'"),
    "times without offset": (
        {"date": pa.array(pd.to_datetime(DAYS).to_numpy() + np.timedelta64(9, "h"))},
        "rows 0-4: column 'date' of A",
    ),
    "years beyond any calendar": (
        {"date": pa.array(np.array([10**12] * 5, dtype="datetime64[s]"))},
        "rows 0-4: column 'date' of A",
    ),
    "the year 1": ({"date": pa.array(np.array(["0001-01-01"] * 5, dtype="datetime64[s]"))}, "bar of A on 0001-01-01"),
    "the end of 64 bits": (
        {"date": pa.array(np.array([2**63 - 1] * 5).astype("datetime64[us]")).cast(pa.timestamp("us", "UTC"))},
        "rows 0-4: column 'date' of A",
    ),
}


@pytest.mark.parametrize("on_fault", ["refuse", "record"])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_cannot_be_read_is_refused_by_name(tmp_path, declaration, name, on_fault):
    columns, words = COLUMNS[name]
    path = tmp_path / "prices.parquet"
    pa.parquet.write_table(table(**columns), path)
    with pytest.raises(DataError) as caught:
        load_parquet(path, replace(declaration, on_fault=on_fault))
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_a_parquet_file_with_a_column_twice_is_refused(tmp_path, declaration):
    doubled = table().append_column("close", pa.array(CLOSES))
    pa.parquet.write_table(doubled, tmp_path / "prices.parquet")
    with pytest.raises(DataError, match=r"prices\.parquet.*close"):
        load_parquet(tmp_path / "prices.parquet", declaration)


@pytest.mark.parametrize("empty", [pa.table({}), table().slice(0, 0)])
def test_a_parquet_file_without_rows_or_columns_is_refused(tmp_path, declaration, empty):
    pa.parquet.write_table(empty, tmp_path / "prices.parquet")
    with pytest.raises(DataError, match=r"prices\.parquet: file: got .*Fix:"):
        load_parquet(tmp_path / "prices.parquet", declaration)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"date,close\n2024-01-02,1\n", bytes(1000), b"PAR1" * 250])
def test_what_is_no_parquet_file_is_refused(save, declaration, content):
    with pytest.raises(DataError, match=r"not a whole Parquet file \([\d,]+ bytes\).*Fix: write or download"):
        load_parquet(save(content, "prices.parquet"), declaration)


def test_a_parquet_file_cut_anywhere_is_refused(tmp_path, declaration):
    path = tmp_path / "prices.parquet"
    pa.parquet.write_table(table(), path)
    content = path.read_bytes()
    for size in range(0, len(content), 29):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match="not a whole Parquet file"):
            load_parquet(path, declaration)


def test_a_flipped_bit_in_a_parquet_file_is_a_refusal_or_a_panel_never_a_traceback(tmp_path, declaration):
    path = tmp_path / "prices.parquet"
    pa.parquet.write_table(table(), path)
    content, bits = path.read_bytes(), random.Random(7)
    refused = 0
    for position in range(0, len(content), 11):
        damage = bytearray(content)
        damage[position] ^= 1 << bits.randrange(8)
        path.write_bytes(damage)
        try:
            load_parquet(path, declaration)
        except DataError:
            refused += 1
    assert refused > 20


def test_a_flipped_bit_is_found_where_the_writer_left_checksums(tmp_path, declaration):
    path = tmp_path / "prices.parquet"
    pa.parquet.write_table(table(), path, compression="none", use_dictionary=False, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[content.index(np.float64(CLOSES[2]).tobytes()) + 6] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a whole Parquet file"):
        load_parquet(path, declaration)


FRAMES = {
    "words among prices": ({"close": [1.25, "two", 3.25, 4.25, 5.25]}, "row 1: column 'close' of A"),
    "lists among prices": ({"close": [1.25, [2.25], 3.25, 4.25, 5.25]}, "row 1: column 'close' of A"),
    "complex prices": ({"close": np.array(CLOSES) + 1j}, "expected real numbers"),
    "numbers among symbols": ({"symbol": ["A", 7, "A", "A", "A"]}, "row 1: column 'symbol'.*not int"),
    "nothing among symbols": ({"symbol": ["A", None, "A", "A", "A"]}, "row 1: column 'symbol'.*expected a symbol"),
    "words among dates": ({"date": [DAYS[0], "yesterday", *DAYS[2:]]}, "row 1: column 'date' of A: got 'yesterday'"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_of_mixed_types_is_refused_by_row_column_and_symbol(declaration, name):
    columns, words = FRAMES[name]
    frame = pd.DataFrame({"symbol": "A", "date": DAYS, "close": CLOSES} | columns)
    with pytest.raises(DataError, match=words):
        panel_from_frame(frame, declaration)
    if name != "complex prices":
        panel = panel_from_frame(frame, replace(declaration, on_fault="record"))
        assert panel.closes[[0, 2, 3, 4], 0].tolist() == [CLOSES[n] for n in (0, 2, 3, 4)]


def test_a_frame_with_a_column_twice_is_refused(declaration):
    frame = pd.DataFrame([["A", DAYS[0], 1.0, 2.0]], columns=["symbol", "date", "close", "close"])
    with pytest.raises(DataError, match="expected one column for the close"):
        panel_from_frame(frame, declaration)


def test_periods_categories_and_sparse_numbers_are_read(declaration):
    frame = pd.DataFrame(
        {
            "symbol": pd.Categorical(["A"] * 5),
            "date": pd.PeriodIndex(DAYS, freq="D"),
            "close": pd.arrays.SparseArray(CLOSES),
        }
    )
    assert panel_from_frame(frame, declaration).closes[:, 0].tolist() == CLOSES
