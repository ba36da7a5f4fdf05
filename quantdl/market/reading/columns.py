"""Columns as files hold them, read without guessing: text to numbers, names to symbols.

Each reader returns what it could read and the rows it could not, with what was expected there. Dates and times are read
by `quantdl.market.reading.times`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

# Beyond 2**53 a float64 no longer counts units; below the other bound a ratio of two prices can overflow.
_LARGEST = 2.0**53
_SMALLEST = 1e-15

HALTED_WORDS = ("halted", "halt", "h", "suspended")
TRADED_WORDS = ("traded", "trading", "t", "active")
"""What a column of statuses may say of a row, in any case."""

_NO_SIGNS = "no thousands separator, no currency sign"
# What cells that are no numbers look like, the first that fits all of them.
_NO_NUMBERS = (
    (r"(?i)null|nan|n/?a|none|nil|-+|\.|#n/a.*", "these words stand for no value: leave the cell empty"),
    (r"[-+]?\d+(\.\d+)?\s?%", "these are percentages, no prices or volumes: is it the right column?"),
    (r"[-+]?[$€£¥]\s?\d.*", "remove the currency sign"),
    (r"[-+]?\d[\d.,]*\s?[KMBTkmbt]", "write thousands and millions out: 1.10M is 1100000"),
    (
        r"[-+]?\d{1,3},\d{3}",
        "the commas may separate thousands or decimals: remove them if thousands, write points if decimals",
    ),
    (r"[-+]?\d{1,3}(,\d{3})+,?|[-+]?\d{1,3}(,\d{3})+\.\d+", "remove the commas, which seem to separate thousands"),
    (r"[-+]?\d{1,3}(\.\d{3})*,\d+|[-+]?\d+,\d+", "these seem to be decimal commas: write points"),
    (r"[-+]?\d{1,3}( \d{3})+([.,]\d+)?", "remove the spaces, which seem to separate thousands"),
    (r"\(\d[\d.,]*\)", "write a negative number with a minus sign"),
)

# A row that cannot be placed: left out where faults are recorded, refused elsewhere.
UNREADABLE_ROW = "unreadable_row"


@dataclass(frozen=True)
class Objection:
    """Rows of a column that cannot be read, all for one reason."""

    kind: str
    rows: np.ndarray
    expected: str
    fix: str


def read_numbers(column: pd.Series, field: str, halts: np.ndarray | None = None) -> tuple[np.ndarray, list[Objection]]:
    """Return a column as float64 (N,) and the rows that hold no finite number.

    The result is NaN for an empty cell, which means "no value", and infinite for what was objected to: a word, ``NaN``
    and ``inf`` included, a boolean, or a number too large or too small to be a price or a volume. In a column that is
    numeric already, NaN is an empty cell.

    Args:
        column: The cells.
        field: Name of the field, for the fault kind.
        halts: (N,) bool, rows that hold no value whatever stands there.
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return _no_numbers(column, "numbers, not true or false")
    if pd.api.types.is_complex_dtype(column.dtype):
        return _no_numbers(column, "real numbers")
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        empty = np.isnan(values)
    else:
        text = as_text(column)
        values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        empty = np.asarray(text == "", dtype=bool)
    if halts is not None:
        values, empty = np.where(halts, np.nan, values), empty | halts
    size = np.abs(values)
    bad = ~empty & ~((size == 0) | ((size >= _SMALLEST) & (size <= _LARGEST)))
    if not bad.any():
        return values, []
    expected = f"a finite number, at most {_LARGEST:.0e}, or an empty cell"
    return np.where(bad, np.inf, values), [
        Objection(f"non_finite_{field}", np.flatnonzero(bad), expected, _how_to_write(column, bad))
    ]


def read_symbols(column: pd.Series) -> tuple[np.ndarray, tuple[str, ...], list[Objection]]:
    """Return codes (N,) into the sorted distinct symbols, the symbols, and the rows without one.

    A symbol is text as it stands: ``NA``, ``ON``, ``007``, ``1E5`` and ``TRUE`` are symbols. Numbers are objected to,
    because what made them numbers has lost leading zeros and more.
    """
    objections = []
    strange = _not_text(column)
    if strange.any():
        expected = f"a symbol as text, not {column.dtype if column.dtype != object else _kind(column, strange)}"
        objections.append(Objection(UNREADABLE_ROW, np.flatnonzero(strange), expected, "store the column as strings"))
        column = column.astype(object).where(~strange, None)
    codes, names = pd.factorize(column, sort=True)
    symbols = tuple(str(name) for name in names)
    blank = np.array([not name.strip() for name in symbols] + [True])[codes]  # the last is what code -1 finds
    nameless = blank & ~strange
    if nameless.any():
        fix = "name the asset; a ticker such as NA that became empty was lost by the program that wrote the file"
        objections.append(Objection(UNREADABLE_ROW, np.flatnonzero(nameless), "a symbol", fix))
    named = np.array([bool(name.strip()) for name in symbols], dtype=bool)
    number = np.append(np.where(named, np.cumsum(named) - 1, -1), -1)  # the last is what code -1 finds
    return np.asarray(number[codes], dtype=np.int64), tuple(name for name in symbols if name.strip()), objections


def read_halts(column: pd.Series) -> tuple[np.ndarray, np.ndarray, list[Objection]]:
    """Return the rows that are halted (N,), those whose status is no known word (N,), and the objection to these.

    The words are those of `HALTED_WORDS` and `TRADED_WORDS` without regard to case; an empty cell says nothing, and the
    row is a bar if it has a close.
    """
    text = as_text(column).str.lower()
    halts = text.isin(HALTED_WORDS).to_numpy(dtype=bool)
    doubtful = ~halts & ~text.isin((*TRADED_WORDS, "")).to_numpy(dtype=bool)
    if not doubtful.any():
        return halts, doubtful, []
    expected = f"{', '.join(HALTED_WORDS)} for a halt, {', '.join(TRADED_WORDS)} for trading, or an empty cell"
    fix = "write one of these words, or rename the column if it is no status of trading; a delisting is an action"
    return halts, doubtful, [Objection(UNREADABLE_ROW, np.flatnonzero(doubtful), expected, fix)]


def as_text(column: pd.Series) -> pd.Series:
    """Return a column as text without outer spaces, ``""`` where a cell is empty.

    Bytes that are no UTF-8 are written as Python writes them.
    """
    try:
        text = column.astype("str")
    except UnicodeDecodeError:
        text = column.map(_decoded).astype("str")
    return text.where(column.notna(), "").str.strip()


def _how_to_write(column: pd.Series, bad: np.ndarray) -> str:
    """Return the fix of numbers that are none: what all of them look like, where it is one thing, and how to write."""
    looks = []
    if not pd.api.types.is_numeric_dtype(column.dtype):
        text = as_text(column[bad])
        looks = [words for pattern, words in _NO_NUMBERS if text.str.fullmatch(pattern).all()]
    seen = f"{looks[0]}; or " if looks else ""
    return f"{seen}correct the value, written as 1234.5: a point before the decimals, {_NO_SIGNS}"


def _decoded(cell: object) -> object:
    if not isinstance(cell, bytes):
        return cell
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return repr(cell)


def _no_numbers(column: pd.Series, expected: str) -> tuple[np.ndarray, list[Objection]]:
    objection = Objection("unreadable", np.arange(len(column)), expected, "store the column as numbers")
    return np.full(len(column), np.inf), [objection]


def _not_text(column: pd.Series) -> np.ndarray:
    """Return the rows that hold something which is neither text nor empty."""
    kinds = column.cat.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    if isinstance(kinds, pd.StringDtype):
        return np.zeros(len(column), dtype=bool)
    plain = column.astype(object)
    return np.array([not isinstance(cell, str) and not _is_nothing(cell) for cell in plain], dtype=bool)


def _kind(column: pd.Series, rows: np.ndarray) -> str:
    return ", ".join(sorted({type(cell).__name__ for cell in column[rows]}))


def _is_nothing(cell: object) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and cell != cell)
