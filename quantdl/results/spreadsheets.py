"""Tables as an Excel workbook, in which text is text whatever it begins with, and a session is a date."""

import math
import re
from collections.abc import Iterable
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from quantdl.disk import disk_errors, replacing
from quantdl.errors import ConfigError, RunError
from quantdl.results.exports import unused

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS, MOST_COLUMNS, MOST_CHARACTERS = 1_048_576, 16_384, 32_767
"""Of a sheet, and of a cell, in the format."""
ENDING = ".xlsx"
_LONGEST_NAME = 31
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_WIDEST = 40
_RESERVED = "history"
_FIRST_DATE = datetime(1900, 3, 1)  # Excel counts a 29 February 1900, so earlier dates are told as text
_WRITTEN = datetime(1980, 1, 1)  # no clock in the file: equal tables give equal bytes


def write_workbook(tables: Iterable[tuple[str, pd.DataFrame]], destination: Path) -> Path:
    """Write tables as sheets of one workbook, in one step.

    Numbers are numbers with all of their digits, dates dates, and text is text: each text is marked so that Excel does
    not read a formula into it, also after it was edited. A table with more rows than a sheet holds goes on in further
    sheets. What is undefined is an empty cell.

    Args:
        tables: Names and tables, one of them in memory at a time.
        destination: The file, which ends in ``.xlsx``; it is replaced.

    Returns:
        The file written.

    Raises:
        ConfigError: If the file ends otherwise, or XlsxWriter is not installed.
        RunError: If a table has more columns than a sheet holds, or the disk refuses.
    """
    check_workbook(destination)
    from xlsxwriter import Workbook

    with replacing(destination) as draft, disk_errors(destination, place="another place"):
        book = Workbook(draft, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        book.set_properties({"created": _WRITTEN})
        writer, taken = _SheetWriter(book), {_RESERVED}
        for name, table in tables:
            if table.shape[1] > MOST_COLUMNS:
                raise RunError(
                    f"{destination}: {name} has {table.shape[1]:,} columns, and a sheet of Excel holds no more than "
                    f"{MOST_COLUMNS:,}. Write CSV files instead."
                )
            for start in range(0, max(len(table), 1), MOST_ROWS - 1):  # one row is the header
                part = table.iloc[start : start + MOST_ROWS - 1]
                writer.write(unused(_sheet_name(name), taken, _LONGEST_NAME), part)
        if not book.worksheets():
            book.add_worksheet("empty")
        book.close()
    return destination


def check_workbook(destination: Path) -> None:
    """Refuse what cannot be written, before anything is worked out.

    Raises:
        ConfigError: If the file is not called as one of Excel, or XlsxWriter is not installed.
    """
    check_name(destination)
    check_installed(destination)


def check_name(destination: Path) -> None:
    """Refuse a file that is not called as one of Excel.

    Raises:
        ConfigError: If it is not.
    """
    if destination.suffix.lower() != ENDING:
        raise ConfigError(f"{destination}: expected the name of an Excel file, which ends in {ENDING}.")


def check_installed(destination: Path) -> None:
    """Refuse to write a workbook where XlsxWriter is not installed.

    Raises:
        ConfigError: With how to install it.
    """
    if find_spec("xlsxwriter") is None:
        raise ConfigError(
            f"{destination}: Excel files need XlsxWriter, which is not installed. Install it with "
            '`pip install "quantdl[excel]"`, or write CSV files.'
        )


class _SheetWriter:
    """Writes tables into one workbook, whose formats it keeps."""

    def __init__(self, book: "Workbook") -> None:
        self._book = book
        self._text = book.add_format({"quote_prefix": True})
        self._head = book.add_format({"quote_prefix": True, "bold": True, "bottom": 1})
        self._day = book.add_format({"num_format": "yyyy-mm-dd"})
        self._minute = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})

    def write(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as a new sheet, a row at a time, as a workbook of little memory wants it."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for position, label in enumerate(map(str, table.columns)):
            sheet.set_column(position, position, min(max(len(label) + 1, 11), _WIDEST))
            sheet.write_string(0, position, _fitting(label), self._head)
        columns = [table.iloc[:, position].astype(object).tolist() for position in range(table.shape[1])]
        for line, values in enumerate(zip(*columns, strict=True), start=1):
            for position, value in enumerate(values):
                self._write_cell(sheet, line, position, value)

    def _write_cell(self, sheet: "Worksheet", line: int, position: int, value: object) -> None:
        if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, str) and not value):
            return
        if isinstance(value, bool | np.bool_):
            sheet.write_boolean(line, position, bool(value))
        elif (number := _as_number(value)) is not None:
            sheet.write_number(line, position, _Exact(number))
        elif isinstance(value, date) and (moment := _as_moment(value)) is not None:
            at_midnight = moment == moment.replace(hour=0, minute=0, second=0, microsecond=0)
            sheet.write_datetime(line, position, moment, self._day if at_midnight else self._minute)
        elif value == value:  # everything but what is not a number
            sheet.write_string(line, position, _fitting(str(value)), self._text)


class _Exact(float):
    """A number of which all digits are written; XlsxWriter would stop after the sixteenth."""

    def __format__(self, form: str) -> str:
        return repr(float(self)).removesuffix(".0")


def _as_number(value: object) -> float | None:
    """Return what Excel can hold as a number without a change; None for infinities and for integers of many digits."""
    if not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and (not isinstance(value, int) or int(number) == value) else None


def _as_moment(value: date) -> datetime | None:
    """Return what Excel can hold as a date; None for an instant with a zone and for what its calendar does not have."""
    moment = pd.Timestamp(value).to_pydatetime()
    return None if moment.tzinfo is not None or moment < _FIRST_DATE else moment


def _sheet_name(name: str) -> str:
    """Return a name that a sheet may have; of one that is too long the last parts, which differ most."""
    while len(name) > _LONGEST_NAME and "." in name:
        name = name.partition(".")[2]
    return _NOT_IN_NAMES.sub("_", name).strip("'") or "table"


def _fitting(text: str) -> str:
    """Return a text that a cell can hold; one that is too long ends with how long it was."""
    encodable = text.encode(errors="backslashreplace").decode()
    if len(encodable) <= MOST_CHARACTERS:
        return encodable
    ending = f" [cut: {len(encodable):,} characters in all]"
    return encodable[: MOST_CHARACTERS - len(ending)] + ending
