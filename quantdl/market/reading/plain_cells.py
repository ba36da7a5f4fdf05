"""Cells as a dialect writes them, rewritten as plain ones: what fits none of its rules is objected to, not guessed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from quantdl.market.reading.columns import UNREADABLE_ROW, as_text
from quantdl.market.reading.dialect import Dialect
from quantdl.market.reading.header import FIELDS, date_columns, plain_names
from quantdl.market.reading.row_faults import Place, RowFault, shortened, unreadable

_MULTIPLES = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_SHOWN = 5
_SIZES = {"s": (r"-?\d{1,11}(\.\d+)?", "seconds"), "ms": (r"-?\d{1,14}", "milliseconds")}


@dataclass(frozen=True, eq=False)
class PlainRows:
    """A table of plain cells.

    Attributes:
        frame: Text; its index numbers the rows as the given one did.
        row_faults: Rows that were left out, and columns that are not there.
        unread: Columns that would be taken for what another one was said to hold.
    """

    frame: pd.DataFrame
    row_faults: tuple[RowFault, ...] = ()
    unread: tuple[str, ...] = ()


def plain_rows(frame: pd.DataFrame, dialect: Dialect, place: Place, symbol: str | None) -> PlainRows:
    """Write the cells of a table as a plain CSV file would.

    Args:
        frame: Cells as text, columns as the header names them; the index numbers the rows.
        dialect: How they are written.
        place: The file.
        symbol: The asset that the file holds, for the messages.
    """
    named = _named(frame, dialect, place, symbol)
    if named.row_faults:
        return named
    frame, bad = named.frame.copy(), np.zeros(len(named.frame), dtype=bool)
    row_faults = []
    for at, plain, wrong, expected, fix in _plain_columns(frame, dialect):
        if wrong.any():
            row_faults.append(_unreadable(frame, at, wrong, place, symbol, expected, fix))
        bad |= wrong
        frame.isetitem(at, plain.array)
    frame = frame[~bad]
    return PlainRows(_oldest_first(frame) if dialect.newest_first else frame, tuple(row_faults), named.unread)


def _named(frame: pd.DataFrame, dialect: Dialect, place: Place, symbol: str | None) -> PlainRows:
    """Give the columns that the dialect names the names of what they hold, and join a date that stands in several."""
    names, places, row_faults = plain_names(frame.columns), dict[str, list[int]](), []
    for holds, wanted in dialect.columns.items():
        missing = [name for name in wanted if name.strip().lower() not in names]
        if missing:
            given = f"columns {[shortened(str(label)) for label in frame.columns[:20]]}"
            fix = f"state in columns: which column holds the {holds} (columns is a key under data of a config)"
            row_faults.append(unreadable(place, given, f"a column {missing[0]!r} for the {holds}", fix, holds))
        else:
            places[holds] = [names.index(name.strip().lower()) for name in wanted]
    if row_faults:
        return PlainRows(frame, tuple(row_faults))
    used = {at for columns in places.values() for at in columns}
    doubled = [at for at, name in enumerate(names) if name in places and at not in used]
    unread = tuple(str(frame.columns[at]) for at in doubled)
    kept = [at for at in range(len(names)) if at not in used and at not in doubled]
    parts = [_joined(frame, columns, holds) for holds, columns in places.items()]
    return PlainRows(pd.concat([*parts, frame.iloc[:, kept]], axis=1), unread=unread)


def _joined(frame: pd.DataFrame, columns: list[int], name: str) -> pd.Series:
    text = as_text(frame.iloc[:, columns[0]])
    for at in columns[1:]:
        text = text.str.cat(as_text(frame.iloc[:, at]), sep=" ").str.strip()
    return text.rename(name)


def _plain_columns(frame: pd.DataFrame, dialect: Dialect) -> Iterator[tuple[int, pd.Series, np.ndarray, str, str]]:
    """Yield, of each column that has to be rewritten: its number, plain cells, bad rows, what was expected, the fix."""
    words = {word.lower() for word in dialect.missing}
    dates, names = date_columns(frame.columns), plain_names(frame.columns)
    for at, name in enumerate(names):
        text = as_text(frame.iloc[:, at])
        text = text.mask(text.str.lower().isin(words), "") if words else text
        if at in dates and (dialect.date_format or dialect.time_unit):
            yield at, *_plain_dates(text, dialect)
        elif _is_field(name):
            yield at, *_plain_numbers(text, dialect)


def _is_field(name: str) -> bool:
    return name.replace("_", " ").replace("adjusted ", "adj ").removeprefix("adj ") in FIELDS


def _plain_dates(text: pd.Series, dialect: Dialect) -> tuple[pd.Series, np.ndarray, str, str]:
    given = (text != "").to_numpy(dtype=bool)
    if dialect.time_unit is not None:
        pattern, unit = _SIZES[dialect.time_unit]
        fits = text.str.fullmatch(pattern)
        numbers = pd.to_numeric(text.where(fits, np.nan), errors="coerce")
        read = pd.to_datetime(numbers, unit=dialect.time_unit, utc=True, errors="coerce")
        plain, form = read.dt.strftime("%Y-%m-%d %H:%M:%S+00:00"), f"{unit} since 1970 (time_unit {dialect.time_unit})"
    else:
        directives = dialect.date_format or ""
        read = pd.to_datetime(text.where(given, None), format=directives, errors="coerce", exact=True)
        timed = any(mark in directives for mark in ("%H", "%I", "%T", "%X", "%c"))
        if read.dt.tz is not None:
            plain = read.dt.tz_convert("UTC").dt.strftime("%Y-%m-%d %H:%M:%S+00:00")
        else:
            plain = read.dt.strftime("%Y-%m-%d %H:%M:%S" if timed else "%Y-%m-%d")
        form = f"a date as {directives!r} writes it, such as {_example(directives)}"
    plain = plain.astype("str").where(read.notna(), "")
    wrong = given & read.isna().to_numpy(dtype=bool)
    return plain, wrong, form, "correct the date, or state how the file writes dates (date_format, time_unit)"


def _example(directives: str) -> str:
    return pd.Timestamp("2024-01-31 16:00:00", tz="UTC").strftime(directives)


def _plain_numbers(text: pd.Series, dialect: Dialect) -> tuple[pd.Series, np.ndarray, str, str]:
    nowhere = np.zeros(len(text), dtype=bool)
    if dialect.decimal == "." and not (dialect.thousands or dialect.currency_signs or dialect.multiples):
        return text, nowhere, "", ""
    parts = text.str.extract(_number(dialect))
    fits = parts["whole"].notna() | (parts["part"].fillna("") != "")
    whole = parts["whole"].fillna("")
    if dialect.thousands:
        whole = whole.str.replace(dialect.thousands, "", regex=False)
    part = parts["part"].fillna("")
    number = parts["sign"].fillna("") + whole + part.where(part == "", "." + part) + parts["power"].fillna("")
    if dialect.multiples:
        multiple = parts["multiple"].fillna("").str.upper()
        pairs = zip(number.where(fits, "0"), multiple, strict=True)
        number = pd.Series([_multiplied(one, by) if by else one for one, by in pairs], text.index, dtype="str")
    wrong = ((text != "") & ~fits).to_numpy(dtype=bool)
    fix = "correct the value, or state how the file writes numbers (decimal, thousands)"
    return number.where(fits, ""), wrong, f"a number such as {_written(dialect)}", fix


def _multiplied(number: str, multiple: str) -> str:
    return str(Decimal(number) * _MULTIPLES[multiple])


def _number(dialect: Dialect) -> re.Pattern[str]:
    """Return what a number looks like, with named groups for sign, whole part, decimals, power of ten and multiple."""
    mark, between = re.escape(dialect.decimal), re.escape(dialect.thousands or "")
    whole = rf"\d{{1,3}}(?:{between}\d{{3}})+|\d+" if between else r"\d+"
    currency = r"[$€£¥]?\s?" if dialect.currency_signs else ""
    multiple = r"(?P<multiple>[KMBTkmbt]?)" if dialect.multiples else r"(?P<multiple>)"
    return re.compile(
        rf"^(?P<sign>[-+]?){currency}(?P<whole>{whole})?(?:{mark}(?P<part>\d*))?(?P<power>[eE][-+]?\d+)?{multiple}$"
    )


def _written(dialect: Dialect) -> str:
    return f"1{dialect.thousands or ''}234{dialect.decimal}5"


def _oldest_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn rows round whose first date is later than their last; plain dates sort as text."""
    dates = date_columns(frame.columns)
    if not dates:
        return frame
    known = frame.iloc[:, dates[0]]
    known = known[known != ""]
    return frame.iloc[::-1] if len(known) > 1 and known.iloc[0] > known.iloc[-1] else frame


def _unreadable(
    frame: pd.DataFrame, at: int, wrong: np.ndarray, place: Place, symbol: str | None, expected: str, fix: str
) -> RowFault:
    rows = frame.index.to_numpy(dtype=np.int64)[wrong].tolist()
    cells = [shortened(repr(cell)) for cell in as_text(frame.iloc[:, at])[wrong].unique()[:_SHOWN].tolist()]
    return RowFault(
        kind=UNREADABLE_ROW,
        place=place,
        rows=tuple(rows),
        column=str(frame.columns[at]),
        symbol=symbol,
        first=None,
        last=None,
        given=", ".join(cells),
        expected=expected,
        fix=fix,
    )
