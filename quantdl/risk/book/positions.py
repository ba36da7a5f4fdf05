"""A book that somebody holds: positions and cash read from a CSV file, and what they are worth at a close."""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeGuard

import numpy as np
import pandas as pd

from quantdl.errors import DataError, did_you_mean
from quantdl.market.panel import Panel

CASH = "CASH"
"""What the row of money that is not invested is called."""

LONGEST_SILENCE = 20
"""Bars without a price after which a stated value is not believed: longer suspensions are rare, delistings are not."""

_COLUMNS = ("asset", "quantity", "value", "group", "dollar_volume")
_QUOTED = ("raw",)  # adjustments under which a price is the one that a share was quoted at


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


@dataclass(frozen=True, eq=False)
class ValuedBook:
    """A book in money at a close.

    Attributes:
        assets: (A,) all assets of the prices.
        values: (A,) float64 money in each, negative if sold short, 0 where nothing is held.
        cash: Money that is not invested.
        groups: (A,) name of each asset's group; empty for none.
        silent_since: Last session with a price, by asset, for positions that have none at the close.
        dollar_volume: Money traded in a session as the positions state it, by asset.
    """

    assets: tuple[str, ...]
    values: np.ndarray
    cash: float
    groups: tuple[str, ...]
    silent_since: dict[str, pd.Timestamp] = field(default_factory=dict)
    dollar_volume: dict[str, float] = field(default_factory=dict)

    @property
    def equity(self) -> float:
        """What the book is worth."""
        return float(self.values.sum()) + self.cash

    @property
    def weights(self) -> np.ndarray:
        """(A,) fractions of equity."""
        return np.asarray(self.values / self.equity)

    @property
    def held(self) -> np.ndarray:
        """(A,) bool: what is held."""
        return np.asarray(self.values != 0)


def read_positions(path: Path | str) -> Positions:
    r"""Read a book from a CSV file in UTF-8 with a header and one asset a row.

    Columns: ``asset``, and ``quantity`` (shares) or ``value`` (money), negative if sold short; both columns may be
    there, and each row then fills one of them. ``group`` and ``dollar_volume`` (money traded in a session) are
    optional. The row ``CASH`` states the money that is not invested, in either column: a unit of cash is a unit of
    money. Symbols are text as written.

    Args:
        path: The file.

    Raises:
        DataError: With every fault of the file, each with its line: a column that is missing or unknown, an asset that
            stands twice, a number that is none, a row with both a quantity and a value or neither, no position at all.

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
        rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    except OSError as error:
        raise DataError(
            f"{path}: the positions cannot be read: {error.strerror or error}. Fix: check the path and its permissions."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: the positions cannot be read as CSV in UTF-8: {error}.") from error
    header = [name.strip() for name in rows[0]] if rows else []
    faults = list(_header_faults(header))
    if faults:
        raise DataError("\n".join(f"{path}:1: {fault}" for fault in faults))
    found: list[Position] = []
    cash: float | None = None
    lines: dict[str, int] = {}
    for number, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        position, wrong = _position(dict(zip(header, cells, strict=False)), len(cells), len(header))
        if position.asset in lines:
            wrong.append(f"asset {position.asset!r} stands in line {lines[position.asset]} already; expected one row")
        lines.setdefault(position.asset, number)
        faults += [f"{path}:{number}: {fault}" for fault in wrong]
        if position.asset == CASH:
            cash = position.value
        else:
            found.append(replace(position, line=number))
    if not found and not faults:
        faults.append(f"{path}: no position; expected at least one row with an asset other than {CASH}.")
    if faults:
        raise DataError("\n".join(faults))
    return Positions(tuple(found), cash or 0.0, str(path))


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
        faults.append(f"{n_cells} cells; expected {n_columns}, as many as the header has")
    asset = cells.get("asset", "").strip()
    if not asset:
        faults.append("no asset; expected a symbol, or CASH")
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


def repeated(assets: Iterable[str]) -> Iterator[str]:
    """Say of each asset that stands several times that it does.

    Example:
        >>> list(repeated(["A", "B", "A"]))
        ["asset 'A' stands 2 times; expected it once"]
    """
    for asset, times in Counter(assets).items():
        if times > 1:
            yield f"asset {asset!r} stands {times} times; expected it once"


def is_finite_number(value: object) -> TypeGuard[float]:
    """Whether a value that was given in Python is a number that can be counted with; a flag is none.

    Example:
        >>> [is_finite_number(value) for value in (-1200.5, 7, float("nan"), True, "7", None)]
        [True, True, False, False, False, False]
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float reaches
        return False


def valued(book: Positions, panel: Panel, session: pd.Timestamp) -> ValuedBook:
    """Value a book at the close of a session.

    A quantity is worth its shares at the session's close, so it needs prices as they were quoted: at a price that is
    adjusted for later splits or dividends a share is not worth what it was quoted at. A stated value counts as it is.

    Args:
        book: As read.
        panel: Prices, ending at ``session``; groups that a position does not state are the panel's sectors.
        session: The close.

    Raises:
        DataError: With every fault: what no file of positions may state either (see `read_positions`); else an asset
            that is not among the prices, one without a price at the close (with the date of its last one), quantities
            where prices are adjusted, or an equity that is not positive.
    """
    columns = {asset: number for number, asset in enumerate(panel.assets)}
    faults = [*_misstated(book)] or [*_unpriced(book, panel, session, columns)]
    if faults:
        raise DataError("\n".join(faults))
    closes = _last_closes(panel, session)
    values, groups = np.zeros(len(columns)), [panel.sectors.get(asset, "") for asset in panel.assets]
    for held in book.positions:
        column = columns[held.asset]
        values[column] = held.value if held.quantity is None else held.quantity * closes[column]
        groups[column] = held.group or groups[column]
    silent = {held.asset: _last_price(panel, columns[held.asset]) for held in book.positions}
    found = ValuedBook(
        panel.assets,
        values,
        book.cash,
        tuple(groups),
        {asset: last for asset, last in silent.items() if last is not None and last < session},
        {held.asset: held.dollar_volume for held in book.positions if held.dollar_volume is not None},
    )
    if not found.held.any():
        raise DataError(f"{book.source}: every position is 0; expected at least one that is held.")
    if not found.equity > 0:
        raise DataError(
            f"{book.source}: the book is worth {found.equity:,.2f} at the close of {session:%Y-%m-%d}: positions of "
            f"{float(values.sum()):,.2f} and cash of {book.cash:,.2f}. Risk is a fraction of an equity above 0; fix: "
            f"state the cash that a short sale or a loan brought in the row {CASH}."
        )
    return found


def _misstated(book: Positions) -> Iterator[str]:
    """Yield what positions that were made in Python state and no file may, in the words for a file."""
    for held in book.positions:
        for fault in _position_faults(held):
            yield f"{_place(book, held)}: {fault}."
    if not is_finite_number(book.cash):
        yield f"{book.source}: cash given {book.cash!r}; expected a finite number such as -1200.5."
    for fault in repeated(held.asset for held in book.positions if _is_symbol(held.asset)):
        yield f"{book.source}: {fault}."


def _position_faults(held: Position) -> Iterator[str]:
    if not _is_symbol(held.asset):
        yield f"asset given {held.asset!r}; expected a symbol"
    elif held.asset == CASH:
        yield f"{CASH} stands among the positions; expected it as the cash of the book, Positions(..., cash=...)"
    numbers = {"quantity": held.quantity, "value": held.value}
    given = [name for name, number in numbers.items() if number is not None]
    if len(given) != 1:
        yield f"{held.asset}: {' and '.join(given) or 'neither quantity nor value'} given; expected one of the two"
    for name in given:
        if not is_finite_number(numbers[name]):
            yield f"{held.asset}: {name} given {numbers[name]!r}; expected a finite number such as -1200.5"
    volume = held.dollar_volume
    if volume is not None and not (is_finite_number(volume) and volume > 0):
        yield f"{held.asset}: dollar_volume given {volume!r}; expected money above 0"
    if not isinstance(held.group, str):
        yield f"{held.asset}: group given {held.group!r}; expected the name of one, as text"


def _is_symbol(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _place(book: Positions, held: Position) -> str:
    return book.source if held.line is None else f"{book.source}:{held.line}"


def _unpriced(book: Positions, panel: Panel, session: pd.Timestamp, columns: dict[str, int]) -> Iterator[str]:
    """Yield what keeps positions from being valued."""
    adjustment = panel.card.declaration.adjustment
    by_quantity = [held.asset for held in book.positions if held.quantity is not None]
    if by_quantity and adjustment not in _QUOTED:
        yield (
            f"{book.source}: {', '.join(by_quantity)}: quantities given, and the prices are adjusted ({adjustment}), "
            "at which a share is not worth what it was quoted at. Fix: state their value, or bring prices with "
            "adjustment raw."
        )
    for held in book.positions:
        place = _place(book, held)
        if held.asset not in columns:
            yield (
                f"{place}: {held.asset}: no such asset among the prices, which hold {len(columns):,}"
                f"{did_you_mean(held.asset, panel.assets) or '.'} Fix: correct the symbol, or bring its prices."
            )
            continue
        last = _last_price(panel, columns[held.asset])
        if last is None:
            yield f"{place}: {held.asset}: no price up to {session:%Y-%m-%d}. Fix: take it out, or a later session."
        elif last < session and (held.quantity is not None or _silence(panel, last) > LONGEST_SILENCE):
            stated = "" if held.quantity is None else "state its value, "
            yield (
                f"{place}: {held.asset}: no price at the close of {session:%Y-%m-%d}; the last one is of "
                f"{last:%Y-%m-%d}, {_silence(panel, last)} bars before. Fix: {stated}take it out, or give an earlier "
                "session."
            )


def _silence(panel: Panel, last: pd.Timestamp) -> int:
    return len(panel.sessions) - int(panel.sessions.searchsorted(last, side="right"))


def _last_closes(panel: Panel, session: pd.Timestamp) -> np.ndarray:
    """(A,) last price within a session, of whichever of its bars; NaN for an asset that did not trade in it."""
    closes = np.full(len(panel.assets), np.nan)
    for row in panel.traded_closes[np.asarray(panel.sessions == session)]:
        closes = np.where(np.isfinite(row), row, closes)
    return closes


def _last_price(panel: Panel, column: int) -> pd.Timestamp | None:
    traded = np.flatnonzero(panel.traded[:, column])
    return None if not len(traded) else pd.Timestamp(panel.sessions[traded[-1]])
