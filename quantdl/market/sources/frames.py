"""pandas frames: long, wide, or with two levels of column names."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.market.card import Declaration
from quantdl.market.panel import Panel
from quantdl.market.reading.assembly import assemble
from quantdl.market.reading.bars import Bars, concatenate, nothing_read, read_bars, read_dates
from quantdl.market.reading.columns import Objection, read_numbers
from quantdl.market.reading.header import SYMBOL_NAMES, UNNAMED_INDEX, date_columns, plain_names
from quantdl.market.reading.row_faults import Place, RowFault

_CLOSES = ("close", "adj close")


def panel_from_frame(frame: pd.DataFrame, declaration: Declaration) -> Panel:
    """Build a panel from a pandas frame in memory.

    Long: one bar a row, with a date, a ``symbol`` (or ``ticker``) and the fields as columns or index levels. Wide:
    dates in the index or a date column, one column of closes for each asset. A frame without a symbol column is
    wide. Two levels of column names, fields on one and symbols on the other in either order, are what
    ``yfinance.download`` returns; dates stand in the index then.

    Args:
        frame: The prices. It is not changed.
        declaration: What the prices are.

    Raises:
        DataError: If the frame holds impossible rows: all faults at once, each with row, column, symbol, what was
            expected and the fix.
    """
    place = Place(declaration.source)
    if frame.columns.nlevels > 1:
        return assemble([_read_two_levels(frame, place, declaration)], declaration)
    return assemble([bars_of_frame(_flat(frame), place, declaration)], declaration)


def bars_of_frame(frame: pd.DataFrame, place: Place, declaration: Declaration) -> Bars:
    """Read a long or wide frame whose dates stand in a column."""
    names = plain_names(frame.columns)
    named = [at for at, name in enumerate(names) if name in SYMBOL_NAMES]
    if any("close" in names or not pd.api.types.is_numeric_dtype(frame.iloc[:, at].dtype) for at in named):
        return read_bars(frame, place, declaration)
    if any(name in _CLOSES for name in names):
        fix = "name the asset in a column: frame.assign(symbol='AAPL')"
        return nothing_read(place, f"columns {list(frame.columns)[:10]}", "a column 'symbol'", fix)
    unnamed = [label for label in list[object](frame.columns) if not isinstance(label, str)]
    if unnamed:
        expected = "symbols as text in the header"
        return nothing_read(place, f"column names {unnamed[:5]}", expected, "name the columns by strings")
    dates = date_columns(frame.columns)
    if len(dates) != 1:
        expected = "a symbol column (long form) or one date column (wide form)"
        return nothing_read(place, f"columns {list(frame.columns)[:10]}", expected, "name the columns so")
    return _read_wide(frame, dates[0], place, declaration)


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn index levels into columns, as pandas does when it writes a file."""
    names = [name for name in frame.index.names if name is not None]
    if isinstance(frame.index, pd.RangeIndex) and not names:
        return frame
    unnamed = "" if frame.index.nlevels == 1 else "level"
    levels = [
        pd.Series(frame.index.get_level_values(number), name=unnamed if name is None else name)
        for number, name in enumerate(frame.index.names)
    ]
    return pd.concat([*levels, frame.reset_index(drop=True)], axis=1)


def _read_two_levels(frame: pd.DataFrame, place: Place, declaration: Declaration) -> Bars:
    levels = [plain_names(frame.columns.get_level_values(level)) for level in range(frame.columns.nlevels)]
    of_fields = [level for level, names in enumerate(levels) if any(name in _CLOSES for name in names)]
    if len(of_fields) > 1:  # tickers such as LOW and OPEN are words too; the level's name decides
        of_fields = [level for level in of_fields if str(frame.columns.names[level]).lower() == "price"]
    if len(levels) != 2 or len(of_fields) != 1:
        expected = "two levels of column names, fields with 'Close' among them on one and symbols on the other"
        given = f"columns {list(frame.columns)[:5]}"
        return nothing_read(place, given, expected, "select the columns that hold prices")
    symbols = list(dict.fromkeys(list[object](frame.columns.get_level_values(1 - of_fields[0]))))
    unnamed = [name for name in symbols if not isinstance(name, str) or not name.strip()]
    if unnamed:
        return nothing_read(place, f"symbols {unnamed[:5]}", "symbols as text", "name the columns by strings")
    return concatenate([_read_one(frame, name, of_fields[0], place, declaration) for name in map(str, symbols)])


def _read_one(frame: pd.DataFrame, symbol: str, of_fields: int, place: Place, declaration: Declaration) -> Bars:
    mine = np.flatnonzero(frame.columns.get_level_values(1 - of_fields) == symbol)
    part = frame.iloc[:, mine].set_axis(frame.columns.get_level_values(of_fields)[mine], axis=1)
    return read_bars(_flat(part.rename_axis(columns=None)), place, declaration, symbol)


def _read_wide(frame: pd.DataFrame, date: int, place: Place, declaration: Declaration) -> Bars:
    names = plain_names(frame.columns)
    nameless = [column for column, name in enumerate(names) if column != date and name in UNNAMED_INDEX]
    at = [column for column in range(len(names)) if column not in {date, *nameless}]
    at.sort(key=lambda column: str(frame.columns[column]))
    labels = [str(frame.columns[column]) for column in at]
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice or not labels:
        given = f"the columns {twice} twice" if twice else "no column but the date"
        return nothing_read(place, given, "one column of closes for each asset", "rename or add columns")
    days, times, day_objections = read_dates(frame.iloc[:, date], declaration)
    columns = [read_numbers(frame.iloc[:, column], "close") for column in at]
    values = np.column_stack([numbers for numbers, _ in columns])
    row, symbol = np.nonzero(~np.isnan(values))
    nowhere = np.zeros(len(row), dtype=np.int64)
    cells = {"close": values[row, symbol]}
    bars = Bars((place,), nowhere, row, tuple(labels), symbol, days[row], cells, None if times is None else times[row])
    number = np.zeros(values.shape, dtype=np.int64)
    number[row, symbol] = np.arange(len(row))
    row_faults = _objections_to_dates(days, day_objections, frame.iloc[:, date], place)
    for index, (column, (_, objections)) in enumerate(zip(at, columns, strict=True)):
        for objection in objections:
            row_faults += bars.object(objection, frame.iloc[:, column], number[objection.rows, index])
    unread = tuple(f"{str(frame.columns[column])!r} (column {column + 1})" for column in nameless)
    return replace(bars.keep(~np.isnat(bars.day)), row_faults=tuple(row_faults), unread=unread)


def _objections_to_dates(
    days: np.ndarray, objections: list[Objection], column: pd.Series, place: Place
) -> list[RowFault]:
    row = np.arange(len(days))
    axis = Bars((place,), np.zeros_like(row), row, (), np.full(len(row), -1), days, {})
    return [row_fault for objection in objections for row_fault in axis.object(objection, column)]
