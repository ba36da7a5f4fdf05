"""Lean's map files (which ticker an asset had when) and factor files (what its shares did), read without guessing.

Both come as a folder with one file an asset, without a header, as Lean ships them, or as one CSV file with the header
``file,date,...`` whose first column is the name of the asset's file. That name is the permanent symbol.

References:
    | https://www.quantconnect.com/docs/v2/lean-cli/datasets/format-and-storage: "Equity data", map and factor files
    | https://github.com/QuantConnect/Lean/blob/master/Common/Data/Auxiliary/CorporateFactorRow.cs
"""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from quantdl.market.reading.row_faults import FaultyDataError, Place, RowFault, unreadable

# Lean writes this day where nothing has ended.
STILL_LISTED = date(2050, 12, 31)


@dataclass(frozen=True)
class MapRow:
    """A ticker and the last day on which it was in use. The first row of an asset holds its first day instead."""

    day: date
    ticker: str


@dataclass(frozen=True)
class FactorRow:
    """Factors for the days up to and including ``day``, down to the row before.

    Attributes:
        day: Last session before an ex-date.
        price_factor: Product of one minus dividend over price, of all dividends after ``day``.
        split_factor: Product of old shares for a new one, of all splits after ``day``.
        reference_price: Raw close of ``day``.
        half_units: Half a unit of the last digit written, of the two factors: what rounding may hide.
    """

    day: date
    price_factor: float
    split_factor: float
    reference_price: float
    half_units: tuple[float, float]


@dataclass(frozen=True)
class TickerPeriod:
    """An asset's ticker from ``first`` to ``last``, both inclusive."""

    asset: str
    ticker: str
    first: date
    last: date


def read_map_files(path: Path | str) -> dict[str, tuple[TickerPeriod, ...]]:
    """Return the tickers of each asset in order of time.

    Raises:
        DataError: If a file or row cannot be read: all of them at once.
    """
    rows = _read(Path(path), _map_row, ("file", "date", "ticker"))
    return {asset: _periods(asset, found) for asset, found in rows.items()}


def read_factor_files(path: Path | str) -> dict[str, tuple[FactorRow, ...]]:
    """Return the factor rows of each asset in order of time.

    Raises:
        DataError: If a file or row cannot be read: all of them at once.
    """
    return _read(Path(path), _factor_row, ("file", "date", "price_factor", "split_factor", "ref_price"))


def _periods(asset: str, rows: tuple[MapRow, ...]) -> tuple[TickerPeriod, ...]:
    first, periods = rows[0].day, []
    for row in rows[1:] or rows:
        periods.append(TickerPeriod(asset, row.ticker, first, row.day))
        first = row.day + timedelta(days=1)
    return tuple(periods)


def _map_row(cells: tuple[str, ...]) -> MapRow:
    ticker = cells[1].strip().lower()
    if not ticker:
        raise ValueError("ticker|a ticker")
    return MapRow(_day(cells[0]), ticker)


def _factor_row(cells: tuple[str, ...]) -> FactorRow:
    price, split = _number(cells[1], "price_factor"), _number(cells[2], "split_factor")
    if price <= 0 or split <= 0:
        raise ValueError(f"{'price_factor' if price <= 0 else 'split_factor'}|a factor above zero")
    half_units = _half_unit(cells[1], 7, 0), _half_unit(cells[2], 0, 6)
    return FactorRow(_day(cells[0]), price, split, _number(cells[3], "ref_price"), half_units)


def _half_unit(text: str, decimals: int, digits: int) -> float:
    """Return half a unit of the last place written, taking at least so many decimals or significant digits as written.

    Lean's files drop the zeros at the end: ``0.5`` is as exact as ``0.500000``.
    """
    written = text.strip().partition(".")[2]
    size = math.floor(math.log10(abs(float(text)))) if digits else 0
    return 0.5 * 10.0 ** -max(len(written), decimals, digits - 1 - size)


def _day(text: str) -> date:
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").date()
    except ValueError:
        raise ValueError("date|a day as 20140606") from None


def _number(text: str, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{column}|a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{column}|a finite number")
    return value


_RowT = TypeVar("_RowT", MapRow, FactorRow)


def _read(
    path: Path, parse: Callable[[tuple[str, ...]], _RowT], columns: tuple[str, ...]
) -> dict[str, tuple[_RowT, ...]]:
    row_faults: list[RowFault] = []
    rows: defaultdict[str, list[_RowT]] = defaultdict(list)
    for place, number, asset, cells in _lines(path, columns):
        if len(cells) < len(columns) - 1:
            row_faults.append(_row_fault(place, number, None, asset, ",".join(cells), f"{columns[1:]}"))
            continue
        try:
            row = parse(cells)
        except ValueError as error:
            column, _, expected = str(error).partition("|")
            given = repr(cells[columns.index(column) - 1])
            row_faults.append(_row_fault(place, number, column, asset, given, expected))
            continue
        if rows[asset] and row.day < rows[asset][-1].day:
            row_faults.append(_row_fault(place, number, "date", asset, str(row.day), "rows in order of date"))
        rows[asset].append(row)
    if row_faults:
        raise FaultyDataError(row_faults)
    if not rows:
        nothing = unreadable(Place(str(path)), "no rows", "at least one", "check the path")
        raise FaultyDataError([nothing])
    return {asset: tuple(found) for asset, found in rows.items()}


def _lines(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[Place, int, str, tuple[str, ...]]]:
    """Yield place, row number, asset and cells of every line that is not blank."""
    folder = path.is_dir()
    for file in sorted(path.glob("*.csv")) if folder else [path]:
        place = Place(str(file), unit="line", first=1 if folder else 2)
        lines = _csv(file, place)
        if not folder:
            header = tuple(name.strip().lower() for name in (lines or [[]])[0])[: len(columns)]
            if header != columns:
                given = f"the columns {list(header)}"
                raise FaultyDataError([unreadable(place, given, f"{list(columns)}", "write this header")])
            lines = lines[1:]
        for number, line in enumerate(lines):
            if any(line):
                yield place, number, (file.stem if folder else line[0]), tuple(line if folder else line[1:])


def _csv(file: Path, place: Place) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig")), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        given = str(error).splitlines()[0]
        raise FaultyDataError([unreadable(place, given, "a text file of commas", "check the path")]) from error


def _row_fault(place: Place, number: int, column: str | None, asset: str, given: str, expected: str) -> RowFault:
    fix = "correct the line"
    return RowFault("unreadable", place, (number,), column, asset or None, None, None, given, expected, fix)
