"""What a text file is that is no table of commas under one header line, so that it can be named for what it is."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from quantdl.market.reading.header import DATE_NAMES
from quantdl.market.reading.row_faults import shortened

_LINES_READ = 40
_HEADER = "date,open,high,low,close,volume"
_LOAD = "quantdl.market.sources.panel_from_frame"
_DATE = re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|(19|20)\d{6})([T ]\d\d?:.*)?")
_NUMBER = re.compile(r"[-+(]?[$€£¥]?\s?\d[\d.,]*(e[-+]?\d+)?\s?%?[KMBT]?\)?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[-+]?\d+(\.\d{3})*,\d+")
_POINTS_OF_THOUSANDS = re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d+)?")  # where decimals have commas
_MARKUP = re.compile(r"<(!doctype|html|head|body|title|script|div|p|h1)\b", re.IGNORECASE)
_JSON = re.compile(r'\{\s*("|\}|$)|\[\s*([\[{"\d-]|\]|$)')
_COMMENT = re.compile(r'"?(#|//|%|--|sep=)', re.IGNORECASE)
_NOTHING = {"null", "nan", "na", "n/a", "none", "-", "--"}
_HEADER_FIRST = "the header in the first line"
_TWO_LEVELS = (["price", "ticker", "date"], ["attributes", "symbols", "date"], ["", "", "date"])
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Misread:
    """Why a text cannot be read as it is, as an objection words it."""

    given: str
    expected: str
    fix: str


def misread(text: str) -> Misread | None:
    """Return what a text is instead of a table of commas under one header line; None where nothing speaks against one.

    Only the beginning is looked at, and only what is certain is said: a web page, JSON, a message in words, comments
    above the header, cells that are separated by something else (with decimal commas or without), no header line, dates
    for column names, several header lines, and lines above the header.
    """
    lines = {at: line for at, line in enumerate(text.split("\n", _LINES_READ)[:_LINES_READ]) if line.strip()}
    if not lines:
        return None
    written = list(lines.values())
    return (
        other_format(text)
        or _comments(lines)
        or _other_separator(written)
        or _sentence(written)
        or _header_lines([cells_of(line) for line in written], list(lines))
    )


def cells_of(line: str, separator: str = ",") -> list[str] | None:
    """Return the cells of one line, None where a quotation mark has no partner."""
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error:
        return None


def other_format(text: str) -> Misread | None:
    """Return what a text is that is no table of cells at all: a web page, XML or JSON; None where it may be one."""
    text = text.lstrip()
    again = "the server may have sent an error instead of prices: open the file, and download it again"
    if _MARKUP.match(text):
        return Misread("an HTML page", "CSV text", again)
    if text.startswith("<?xml"):
        return Misread("an XML document", "CSV text", f"convert it: pandas.read_xml, then to_csv or {_LOAD}")
    if _JSON.match(text):
        shown = shortened(" ".join(text[:200].split()))
        return Misread(
            f"JSON, {shown!r}", "CSV text", f"convert it: pandas.read_json, then to_csv or {_LOAD}; or {again}"
        )
    return None


def _comments(lines: Mapping[int, str]) -> Misread | None:
    """Name comments above the header, and a header that is written as a comment; ``lines`` are numbered from 0."""
    rest = [at for at, line in lines.items() if not _COMMENT.match(line.strip())]
    marked = [line.strip() for at, line in lines.items() if not rest or at < rest[0]]
    if not marked:
        return None
    first = shortened(marked[0])
    if len(marked) == 1 and "," in first and (not rest or _has_values(cells_of(lines[rest[0]]))):
        return Misread(f"the mark of a comment before the names, {first!r}", f"a header such as {_HEADER}", "remove it")
    many = "a comment line" if len(marked) == 1 else f"{len(marked)} comment lines"
    return Misread(f"{many} above the header, {first!r}", _HEADER_FIRST, _without(rest[0] if rest else len(lines)))


def _other_separator(lines: Sequence[str]) -> Misread | None:
    for mark, name in _SEPARATORS.items():
        rows = [cells_of(line, mark) for line in lines]
        commas = any(_DECIMAL_COMMA.fullmatch(cell.strip()) for row in rows[:10] for cell in row or ())
        if mark not in lines[0] or ("," in lines[0] and not (commas and _has_values(rows[0]))):
            continue
        decimals = " and numbers that have decimal commas" if commas else ""
        headerless = " and no header line" if _has_values(rows[0]) else ""
        expected = "cells separated by commas" + (" and numbers with a decimal point" if commas else "")
        names = f", names={_HEADER.split(',')}" if headerless else ""
        points = any(_POINTS_OF_THOUSANDS.fullmatch(cell.strip()) for row in rows[:10] for cell in row or ())
        marks = "".join((", decimal=','" if commas else "", ", thousands='.'" if commas and points else ""))
        how = f"pandas.read_csv(..., sep={mark!r}{marks}{names})"
        fix = f"separate the cells by commas: {how} reads it, and its to_csv(..., index=False) writes it so"
        return Misread(f"{name} that separate the cells{decimals}{headerless}", expected, fix)
    return None


def _sentence(lines: Sequence[str]) -> Misread | None:
    if len(lines) > 3 or any("," in line or not line.strip().count(" ") for line in lines):
        return None
    fix = "the server may have sent a message instead of prices: read it, and download the file again"
    return Misread(f"a message in words, {shortened(lines[0].strip())!r}", "a header line and rows of cells", fix)


def _header_lines(rows: Sequence[list[str] | None], at: Sequence[int]) -> Misread | None:
    """Name a first line that is no header, further header lines, and lines above the header.

    Args:
        rows: Cells of each line that is not blank.
        at: Their positions in the text, from 0.
    """
    first = rows[0]
    if first is None:
        return None
    dates = [cell for cell in first if _DATE.fullmatch(cell.strip())]
    if len(dates) > 1 and not _is_value(first[0]):
        fix = "turn the table: one row for each date, pandas.read_csv(..., index_col=0).T"
        return Misread(f"dates as the names of columns, {dates[0]!r} first", "one row for each date", fix)
    if _is_data(first):
        shown = shortened(",".join(first))
        fix = f"write the names of the columns as the first line, such as {_HEADER}"
        return Misread(f"no header line: the first line holds values, {shown!r}", "a header line", fix)
    n_lines = next((number for number, row in enumerate(rows) if row is None or _has_values(row)), 0)
    header = _header_below(rows) if n_lines < 2 else n_lines - 1
    above = [row for row in rows[:n_lines] if row is not None]
    if header is None:
        return None
    if n_lines < 2 or any(len(row) != len(rows[n_lines] or row) for row in above):
        many = "a line" if header == 1 else f"{header} lines"
        given = f"{many} above the header, {shortened(','.join(first))!r}"
        return Misread(given + " first" * (header > 1), _HEADER_FIRST, _without(at[header]))
    return _names_in_lines(above)


def _header_below(rows: Sequence[list[str] | None]) -> int | None:
    """Return the number of a later line that names a date, and more, right above a row of values of as many cells."""
    if rows[0] is None or any(_names_date(cell) for cell in rows[0]):
        return None
    for number, (row, following) in enumerate(pairwise(rows)):
        whole = row is not None and following is not None and len(row) == len(following) > 1 and all(row)
        if number and row and whole and any(_names_date(cell) for cell in row) and _has_values(following):
            return number
    return None


def _names_in_lines(above: Sequence[list[str]]) -> Misread:
    """Name several header lines of as many cells as the rows."""
    given = f"{len(above)} header lines, the second {shortened(','.join(above[1]))!r}"
    fix = f"keep one line of names, such as {_HEADER}"
    if [row[0].strip().lower() for row in above] in _TWO_LEVELS:
        given += " (two levels of names, as yfinance's frames are written)"
        fix += f"; or read it with pandas.read_csv(..., header=[0, 1], index_col=0, parse_dates=True) and {_LOAD}"
    return Misread(given, "one header line", fix)


def _without(n_lines: int) -> str:
    return f"remove what stands above the header, or read it with pandas.read_csv(..., skiprows={n_lines}) and {_LOAD}"


def _names_date(cell: str) -> bool:
    name = cell.strip().strip("<>").lower()
    return name in DATE_NAMES or name.endswith("date")


def _is_data(cells: Sequence[str]) -> bool:
    """Return whether a first line is a row of values: a date and a number, or numbers throughout."""
    numbers = [cell for cell in cells if _NUMBER.fullmatch(cell.strip()) and not _DATE.fullmatch(cell.strip())]
    if len(numbers) == len(cells) > 1:
        return True
    return bool(numbers) and any(_DATE.fullmatch(cell.strip()) for cell in cells)


def _has_values(cells: Sequence[str] | None) -> bool:
    """Return whether a line below the header is a row of bars rather than names or units; one in doubt is a row."""
    return cells is None or any(_is_value(cell) or cell.strip().lower() in _NOTHING for cell in cells)


def _is_value(cell: str) -> bool:
    text = cell.strip()
    return _DATE.fullmatch(text) is not None or _NUMBER.fullmatch(text) is not None
