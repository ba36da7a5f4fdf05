"""The text of a CSV file, cell by cell: a damaged line costs that line, never its neighbours."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from quantdl.market.reading.bars import Bars, nothing_read
from quantdl.market.reading.columns import UNREADABLE_ROW
from quantdl.market.reading.dialect import PLAIN, Dialect
from quantdl.market.reading.row_faults import Place, RowFault
from quantdl.market.reading.text_kinds import cells_of, misread, other_format

_LINES_SHOWN = 5
# What other programs' files begin with, longest first.
_SIGNATURES = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of before 2007",
    b"\x1f\x8b": "gzip-compressed data",
    b"BZh": "bzip2-compressed data",
    b"\xfd7zXZ": "xz-compressed data",
    b"\x28\xb5\x2f\xfd": "zstd-compressed data",
    b"7z\xbc\xaf": "a 7z archive",
    b"ARROW1": "an Arrow or Feather file",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF document",
    b"\xff\xfe\x00\x00": "text in UTF-32",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


@dataclass(frozen=True, eq=False)
class Rows:
    """The lines of a file that have as many cells as its header.

    Attributes:
        frame: Cells as text, columns as the header names them; the index counts lines from the one below the header.
        row_faults: The other lines.
    """

    frame: pd.DataFrame
    row_faults: tuple[RowFault, ...]


def read_text(file: Path, place: Place) -> str | Bars:
    """Return the text of a file with one kind of line end, or the objection to it."""
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):  # a pipe is waited for, a device never ends
            return nothing_read(place, "a pipe or a device", "a file that can be read", "write its content to a file")
        content = file.read_bytes()
    except FileNotFoundError:
        return nothing_read(place, "no such file", "a CSV file or a folder of them", "check the path")
    except OSError as error:
        return nothing_read(place, f"{error.strerror}", "a file that can be read", "check the file and its permissions")
    for signature, what in _SIGNATURES.items():
        if content.startswith(signature):
            return nothing_read(place, what, "UTF-8 text", "save the file as CSV in UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        given = f"byte {error.start} that is not UTF-8, in line {line}"
        return nothing_read(place, given, "UTF-8 text", "save the file as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def rows_of(text: str, place: Place, symbol: str, dialect: Dialect = PLAIN) -> Rows | Bars:
    """Split text into cells, or return the objection to all of it.

    A cell does not reach over the end of its line, so that a quotation mark without its partner damages one line.

    Args:
        text: Lines of cells, a header first.
        place: The file.
        symbol: The asset that the file holds, for the messages.
        dialect: How the file is written; what stands above its header is cut off.
    """
    first, _, body = text.partition("\n")
    if "\0" in first:  # UTF-16 without its mark, a file full of nothing, or no text at all
        looks = "; it looks like text in UTF-16" if first.strip("\0") else ""
        return nothing_read(
            place, "NUL bytes in the header line", "UTF-8 text", f"save the file as CSV in UTF-8{looks}"
        )
    wrong = misread(text) if dialect == PLAIN else other_format(text)
    if wrong is not None:
        return nothing_read(place, wrong.given, wrong.expected, wrong.fix)
    separator = dialect.separator
    header = cells_of(first, separator)
    if not first.strip() and body.strip():
        return nothing_read(place, "an empty line above the header", "the header in the first line", "remove the line")
    if header is None or not first.strip():
        return nothing_read(place, "no header line", "a header line and rows of as many cells", "check the file")
    names = [name.strip().lower() for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        return nothing_read(place, f"the columns {twice} twice", "each column once", "remove one of them")
    lines = body.split("\n")
    if '"' not in body and all(line.count(separator) == len(header) - 1 or not line.strip() for line in lines):
        return _all_rows(body, header, place, separator)
    cells = [cells_of(line, separator) for line in lines]
    width = len(header)
    good = [row for row, found in enumerate(cells) if lines[row].strip() and found is not None and len(found) == width]
    bad = [row for row, found in enumerate(cells) if lines[row].strip() and (found is None or len(found) != width)]
    if not good:
        given = _counts(cells, bad, place)
        return nothing_read(place, given, f"the {width} cells of the header", _how_to_repair(lines, cells, width))
    frame = pd.DataFrame([cells[row] for row in good], columns=header, index=good, dtype="str")
    return Rows(frame, (_ragged(cells, bad, width, place, symbol),) if bad else ())


def _all_rows(body: str, header: list[str], place: Place, separator: str) -> Rows | Bars:
    # Everything is read as text: guessing types is what turns the ticker NA into nothing and 007 into 7.
    if not body.strip():
        return Rows(pd.DataFrame(columns=header, dtype="str"), ())
    try:
        frame = pd.read_csv(
            io.StringIO(body),
            sep=separator,
            header=None,
            names=range(len(header)),
            dtype="str",
            keep_default_na=False,
            skip_blank_lines=False,
            quoting=csv.QUOTE_NONE,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        given = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        return nothing_read(place, given, "a header line and rows of as many cells", "download the file again")
    return Rows(frame.set_axis(header, axis=1), ())


def _ragged(cells: list[list[str] | None], bad: list[int], width: int, place: Place, symbol: str) -> RowFault:
    return RowFault(
        kind=UNREADABLE_ROW,
        place=place,
        rows=tuple(bad),
        column=None,
        symbol=symbol,
        first=None,
        last=None,
        given=_counts(cells, bad, place),
        expected=f"the {width} cells of the header",
        fix="complete the line: the file may be cut off, or two lines or files run into each other",
    )


def _how_to_repair(lines: list[str], cells: list[list[str] | None], width: int) -> str:
    """Say what rows that all have another number of cells than the header look like."""
    fix = "repair the rows or the header"
    if sum(";" in line for line in lines) > len(lines) / 2:
        return f"{fix}; commas separate the cells of the header, and semicolons those of the rows"
    given = [found for found in cells if found is not None and any(cell.strip() for cell in found)]
    if all(len(found) == width + 1 and not found[-1].strip() for found in given):
        return f"{fix}: each row ends with a comma, and the header does not"
    if all(len(found) == width - 1 for found in given):
        return f"{fix}: the header has one cell more than each row, such as a comma at its end"
    many = {len(found) for found in cells if found is not None and len(found) > 1}
    if many and width < min(many) and max(many) < 2 * width:
        return f"{fix}; where numbers have decimal commas, write points"
    return fix


def _counts(cells: list[list[str] | None], rows: list[int], place: Place) -> str:
    words = []
    for row in rows[:_LINES_SHOWN]:
        found = cells[row]
        many = "a quotation mark without its partner" if found is None else _many(len(found))
        words.append(many if len(rows) == 1 else f"{many} ({place.unit} {row + place.first})")
    return ", ".join(words) + (", ..." if len(rows) > _LINES_SHOWN else "")


def _many(n_cells: int) -> str:
    return "1 cell" if n_cells == 1 else f"{n_cells} cells"
