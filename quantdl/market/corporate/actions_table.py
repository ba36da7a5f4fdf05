"""Corporate actions from a table: one action a row, or columns beside the prices."""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.market.actions import Action, CashDividend, CorporateActions, Delisting, Rename, Split
from quantdl.market.reading.header import SYMBOL_NAMES, date_columns, plain_names
from quantdl.market.reading.row_faults import FaultyDataError, Place, RowFault, unreadable

_NEEDED = ("symbol", "date", "kind", "value")
_KINDS = ("split", "dividend", "rename", "delisting")


def load_actions(path: Path | str) -> CorporateActions:
    """Load a CSV file with one action a row.

    The header names ``symbol``, ``date``, ``kind``, ``value`` and, where known, ``pay_date``. Dates are written
    ``2020-08-31``. The symbol is the permanent one, as in the panel.

    =============  ================================  =============================================
    kind           date                              value
    =============  ================================  =============================================
    ``split``      ex-date                           new shares for each old one, ``4`` or ``0.1``
    ``dividend``   ex-date (``pay_date`` if known)   cash for each share
    ``rename``     first session under the ticker    the new ticker, as text
    ``delisting``  last session of trading           terminal value for each share, empty if not known
    =============  ================================  =============================================

    Raises:
        DataError: If the file cannot be read or rows cannot be understood: all of them at once, each with file, line,
            column, symbol, what was expected and the fix.
    """
    place = Place(str(path), unit="line", first=2)
    table = _table(Path(path), place)
    actions: list[Action] = []
    row_faults: list[RowFault] = []
    for row in table:
        objections = list(_objections(row, place))
        row_faults += objections
        actions += [] if objections else [_action(row)]
    if row_faults:
        raise FaultyDataError(row_faults)
    try:
        return collected(actions)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def actions_from_columns(
    frame: pd.DataFrame, dividend: str | None = None, split: str | None = None
) -> CorporateActions:
    """Return the actions that stand beside the bars of a long frame, as Quandl and yfinance write them.

    Args:
        frame: One bar a row, with a date, a ``symbol`` (or ``ticker``) and the named columns.
        dividend: Column of the cash dividend with its ex-date on that bar, for instance ``"ex-dividend"`` or
            ``"Dividends"``; zero or empty where there is none.
        split: Column of new shares for each old one, for instance ``"split_ratio"`` or ``"Stock Splits"``; zero, one or
            empty where there is none.

    Raises:
        DataError: If a column is missing or an amount or ratio is not positive.
    """
    dates = date_columns(frame.columns)
    symbols = [at for at, name in enumerate(plain_names(frame.columns)) if name in SYMBOL_NAMES]
    wanted = [name for name in (dividend, split) if name is not None]
    missing = [name for name in wanted if name not in frame.columns]
    if missing or len(dates) != 1 or len(symbols) != 1:
        raise DataError(
            f"got the columns {[str(label) for label in frame.columns]}; expected one date, one symbol and "
            f"{wanted}. Fix: rename the columns, or name those of the actions."
        )
    days, names = frame.iloc[:, dates[0]], frame.iloc[:, symbols[0]]
    actions: list[Action] = []
    for row, amount in _values(frame, dividend, (0,)):
        actions.append(CashDividend(_ex_date(days.iloc[row], row, names.iloc[row]), names.iloc[row], amount))
    for row, ratio in _values(frame, split, (0, 1)):
        actions.append(Split(_ex_date(days.iloc[row], row, names.iloc[row]), names.iloc[row], ratio))
    return collected(actions)


def collected(actions: list[Action]) -> CorporateActions:
    """Return a list of any actions, each under its kind."""
    return CorporateActions(
        splits=tuple(item for item in actions if isinstance(item, Split)),
        dividends=tuple(item for item in actions if isinstance(item, CashDividend)),
        renames=tuple(item for item in actions if isinstance(item, Rename)),
        delistings=tuple(item for item in actions if isinstance(item, Delisting)),
    )


def _values(frame: pd.DataFrame, column: str | None, nothing: tuple[float, ...]) -> Iterator[tuple[int, float]]:
    """Yield the rows of a column that hold a number other than ``nothing``, and that number."""
    if column is None:
        return
    cells = frame[column]
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=float("nan"))
    empty = (cells.isna() | (cells.astype(str).str.strip() == "")).to_numpy(dtype=bool)
    for row in np.flatnonzero(~empty & ~np.isin(numbers, nothing)).tolist():
        if math.isnan(numbers[row]):
            given = f"row {row}: column '{column}': got {cells.iloc[row]!r}"
            raise DataError(f"{given}; expected a number or an empty cell. Fix: correct the cell.")
        yield row, float(numbers[row])


def _ex_date(day: object, row: int, symbol: str) -> date:
    found = _day(str(day)[:10])
    if found is None:
        raise DataError(f"row {row}: date of {symbol}: got {day!r}; expected a date. Fix: write it as 2020-08-31.")
    return found


@dataclass(frozen=True)
class _Row:
    number: int
    cells: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        return dict(self.cells).get(name, "").strip()


def _table(path: Path, place: Place) -> Iterator[_Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FaultyDataError([unreadable(place, "no such file", "a CSV file", "check the path")]) from None
    except UnicodeDecodeError as error:
        given = f"byte {error.start} that is not UTF-8"
        raise FaultyDataError([unreadable(place, given, "UTF-8 text", "save the file as UTF-8")]) from None
    except OSError as error:
        given = str(error.strerror)
        raise FaultyDataError([unreadable(place, given, "a file that can be read", "check the path")]) from None
    try:
        lines = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise FaultyDataError([unreadable(place, str(error), "a CSV file", "repair the file")]) from None
    header = [name.strip().lower() for name in lines[0]] if lines else []
    twice = sorted({name for name in header if header.count(name) > 1})
    missing = [name for name in _NEEDED if name not in header]
    if missing or twice:
        expected = f"each of the columns {', '.join(_NEEDED)} once, and pay_date where known"
        raise FaultyDataError([unreadable(place, f"the columns {header}", expected, "rename or add columns")])
    uneven = [number for number, line in enumerate(lines[1:]) if line and len(line) != len(header)]
    if uneven:
        given = f"{len(lines[1 + uneven[0]])} cells"
        row_fault = unreadable(place, given, f"the {len(header)} cells of the header", "complete the line")
        raise FaultyDataError([replace(row_fault, rows=tuple(uneven))])
    return (_Row(number, tuple(zip(header, line, strict=True))) for number, line in enumerate(lines[1:]) if any(line))


def _objections(row: _Row, place: Place) -> Iterator[RowFault]:
    """Yield what keeps a row from being an action."""
    kind, value, number = row.text("kind"), row.text("value"), _number(row.text("value"))
    day, pay_date = _day(row.text("date")), _day(row.text("pay_date"))
    iso = "write it as 2020-08-31"
    if not row.text("symbol"):
        yield _row_fault(place, row, "symbol", "a symbol", "name the asset")
    if kind not in _KINDS:
        yield _row_fault(place, row, "kind", f"one of {', '.join(_KINDS)}", "write one of them")
    if day is None:
        yield _row_fault(place, row, "date", "a date", iso)
    if row.text("pay_date") and pay_date is None:
        yield _row_fault(place, row, "pay_date", "a date, or an empty cell", iso)
    if day is not None and pay_date is not None and pay_date < day:
        yield _row_fault(place, row, "pay_date", f"a day not before the ex-date {day}", "correct either date")
    if kind in ("split", "dividend") and (number is None or number <= 0):
        yield _row_fault(place, row, "value", "a number above zero", "write it with a decimal point, as 0.25")
    if kind == "delisting" and value and (number is None or number < 0):
        yield _row_fault(place, row, "value", "a number of zero or more, or an empty cell", "write it as 12.50")
    if kind == "rename" and not value:
        yield _row_fault(place, row, "value", "the new ticker", "write it")


def _action(row: _Row) -> Action:
    """Return the action of a row to which there is no objection."""
    day, symbol, value = date.fromisoformat(row.text("date")), row.text("symbol"), row.text("value")
    match row.text("kind"):
        case "split":
            return Split(day, symbol, float(value))
        case "dividend":
            return CashDividend(day, symbol, float(value), _day(row.text("pay_date")))
        case "rename":
            return Rename(day, symbol, value)
        case _:
            return Delisting(day, symbol, _number(value))


def _row_fault(place: Place, row: _Row, column: str, expected: str, fix: str) -> RowFault:
    given, symbol = repr(row.text(column)), row.text("symbol") or None
    return RowFault("unreadable", place, (row.number,), column, symbol, None, None, given, expected, fix)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
