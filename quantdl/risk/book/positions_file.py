"""A file of positions: each row as it stands there, or every fault of the file. It needs no prices and no pandas."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from quantdl.errors import DataError, did_you_mean

CASH = "CASH"
"""What the row of money that is not invested is called."""

_COLUMNS = ("asset", "quantity", "value", "group", "dollar_volume")

PlacedFault = tuple[int, str]
"""The line that a fault stands in, and the sentence that says so."""


@dataclass(frozen=True)
class Position:
    """What is held of one asset.

    Attributes:
        asset: Symbol, text as written: ``NA``, ``007`` and ``1E5`` are symbols.
        quantity: Shares, negative if sold short; None where the value is stated.
        value: Money, negative if sold short; None where the quantity is stated.
        group: Name of what it belongs to; empty for none.
        dollar_volume: Money that is traded of it in a session; None where that is not stated.
        line: Of the file it was read from, for messages; None where it was made in Python.
    """

    asset: str
    quantity: float | None = None
    value: float | None = None
    group: str = ""
    dollar_volume: float | None = None
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Positions:
    """A book as its owner states it.

    Attributes:
        positions: Each asset once.
        cash: Money that is not invested; negative for a debt.
        source: Where it was read, for messages.
    """

    positions: tuple[Position, ...]
    cash: float = 0.0
    source: str = "the positions"


class FaultyPositionsError(DataError):
    """Rows of a file of positions that cannot be read.

    Attributes:
        faults: Of the rows, each with its line.
        readable: Every row that names an asset, faulty or not: prices may have something to say of them as well.
    """

    def __init__(self, faults: Iterable[PlacedFault], readable: Positions) -> None:
        self.faults, self.readable = tuple(faults), readable
        super().__init__("\n".join(sentence for _, sentence in self.faults))

    def among(self, others: Iterable[PlacedFault]) -> DataError:
        """Return the error that tells others beside its own, in the order of the file."""
        found = sorted((*self.faults, *others), key=lambda fault: fault[0])
        return DataError("\n".join(sentence for _, sentence in found))


def read_positions(path: Path | str) -> Positions:
    r"""Read a book from a CSV file in UTF-8 with a header and one asset a row.

    Columns: ``asset``, and ``quantity`` (shares) or ``value`` (money), negative if sold short; both columns may be
    there, and each row then fills one of them. ``group`` and ``dollar_volume`` (money traded in a session) are
    optional. The row ``CASH`` states the money that is not invested, in either column: a unit of cash is a unit of
    money. Symbols are text as written.

    Args:
        path: The file.

    Raises:
        FaultyPositionsError: With every fault of the rows, each with its line: an asset that stands twice, a number
            that is none, a row with both a quantity and a value or neither.
        DataError: If the file cannot be read, has no position, or a column is missing or unknown.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "book.csv"
        ...     _ = file.write_text("asset,value\nNA,100.5\n007,-20\nCASH,50\n", encoding="utf-8")
        ...     book = read_positions(file)
        >>> [(held.asset, held.value) for held in book.positions], book.cash
        ([('NA', 100.5), ('007', -20.0)], 50.0)
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(_placed_rows(text))
    except OSError as error:
        raise DataError(
            f"{path}: the positions cannot be read: {error.strerror or error}. Fix: check the path and its permissions."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: the positions cannot be read as CSV in UTF-8: {error}.") from error
    header = [name.strip() for name in rows[0][1]] if rows else []
    faults = [f"{path}:1: {fault}" for fault in _header_faults(header)]
    if faults:
        raise DataError("\n".join(faults))
    misread: list[PlacedFault] = []
    found: list[Position] = []
    cash: float | None = None
    lines: dict[str, int] = {}
    for number, cells in rows[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        position, wrong = _position(dict(zip(header, cells, strict=False)), len(cells), len(header))
        if position.asset in lines:
            wrong.append(f"asset {position.asset!r} stands in line {lines[position.asset]} already; expected one row")
        lines.setdefault(position.asset, number)
        misread += [(number, f"{path}:{number}: {fault}") for fault in wrong]
        if position.asset == CASH:
            cash = position.value
        else:
            found.append(replace(position, line=number))
    if not found and not misread:
        raise DataError(f"{path}: no position; expected at least one row with an asset other than {CASH}.")
    if misread:
        named = tuple(held for held in found if held.asset)
        raise FaultyPositionsError(misread, Positions(named, source=str(path)))
    return Positions(tuple(found), cash or 0.0, str(path))


def _placed_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row with the line in which it begins: a quoted cell may hold line breaks.

    Raises:
        csv.Error: If the text is no CSV.
    """
    reader, begins = csv.reader(io.StringIO(text, newline=""), strict=True), 1
    for cells in reader:
        yield begins, cells
        begins = reader.line_num + 1


def _header_faults(header: Sequence[str]) -> Iterator[str]:
    known = f"expected columns of {', '.join(_COLUMNS)}"
    if not any(header):
        yield f"no header, the file is empty; {known}."
        return
    other = next((mark for mark in (";", "\t", "|") if len(header) == 1 and mark in header[0]), None)
    if other is not None:
        yield f"the columns are separated by {other!r}; expected commas, and a point before decimals. Fix: save it so."
        return
    if "asset" not in header:
        yield f"no column 'asset'; {known}{did_you_mean('asset', header) or '.'}"
    if "quantity" not in header and "value" not in header:
        yield f"no column 'quantity' or 'value'; {known}."
    for name in dict.fromkeys(header):
        if name not in _COLUMNS:
            yield f"unknown column {name!r}; {known}{did_you_mean(name, _COLUMNS) or '.'}"
        elif header.count(name) > 1:
            yield f"column {name!r} stands twice; expected it once."


def _position(cells: dict[str, str], n_cells: int, n_columns: int) -> tuple[Position, list[str]]:
    """Read one row, and say what is wrong with it."""
    faults: list[str] = []
    if n_cells != n_columns:
        counted = f"{n_cells} cell{'s' if n_cells != 1 else ''}"
        faults.append(f"{counted}; expected {n_columns}, as many as the header has")
    asset = cells.get("asset", "").strip()
    if not asset:
        faults.append("no asset; expected a symbol, or CASH")
    if "\0" in asset:
        faults.append(f"asset given {asset!r}; expected a symbol without the character NUL")
    numbers = {name: _number(cells.get(name, ""), name, faults) for name in ("quantity", "value", "dollar_volume")}
    given = [name for name in ("quantity", "value") if cells.get(name, "").strip()]
    if len(given) != 1 and n_cells == n_columns:
        faults.append(f"{asset}: {' and '.join(given) or 'neither quantity nor value'} given; expected one of the two")
    if asset == CASH and numbers["quantity"] is not None:
        numbers["value"], numbers["quantity"] = numbers["value"] or numbers["quantity"], None
    if numbers["dollar_volume"] is not None and numbers["dollar_volume"] <= 0:
        faults.append(f"dollar_volume given {numbers['dollar_volume']:g}; expected money above 0")
    return Position(
        asset, numbers["quantity"], numbers["value"], cells.get("group", "").strip(), numbers["dollar_volume"]
    ), faults


def _number(text: str, column: str, faults: list[str]) -> float | None:
    text = text.strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if "_" in text or not math.isfinite(value):
        faults.append(f"{column} given {text!r}; expected a finite number such as -1200.5, without separators")
        return None
    return value
