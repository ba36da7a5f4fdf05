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
from quantdl.market.reading.field_names import (
    CLOSES,
    LIKE_CLOSES,
    Pair,
    field_pairs,
    field_word,
    may_be_ticker,
    names_of_fields,
    unpaired,
)
from quantdl.market.reading.header import DATE_NAMES, SYMBOL_NAMES, UNNAMED_INDEX, date_columns, plain_names
from quantdl.market.reading.row_faults import Place, Proposal, RowFault

_SYMBOL = Proposal((("symbol", "AAPL"),), "or whatever the symbol of the asset is")


def panel_from_frame(frame: pd.DataFrame, declaration: Declaration, symbol: str | None = None) -> Panel:
    """Build a panel from a pandas frame in memory.

    Long: one bar a row, with a date, a ``symbol`` (or ``ticker``) and the fields as columns or index levels. Wide:
    dates in the index or a date column, one column of closes for each asset. A frame without a symbol column is wide.
    Two levels of column names, fields on one and symbols on the other in either order, are what ``yfinance.download``
    returns.

    Where all names of a wide frame join a field and a symbol with one separator and in one order (``Close_MSFT``,
    ``MSFT.Close``, ``('Close', 'MSFT')``), with a close for every symbol, the columns are these fields. Other names
    that are words of fields (``Volume``, ``Settle``) are refused, never taken for symbols. Tickers such as LOW are
    words too: in a wide frame they stand in capitals beside other symbols, in the other forms anywhere.

    A column ``status`` says of a row whether trading was halted, see `quantdl.market.reading.columns.read_halts`.

    Args:
        frame: The prices. It is not changed.
        declaration: What the prices are.
        symbol: The asset of a frame with one bar a row of a single asset, which does not name it.

    Raises:
        DataError: If the frame holds impossible rows: all faults at once, each with row, column, symbol, what was
            expected and the fix.
    """
    place = Place(declaration.source)
    if frame.columns.nlevels > 1:
        return assemble([_read_two_levels(frame, place, declaration)], declaration)
    return assemble([bars_of_frame(_flat(frame), place, declaration, symbol)], declaration)


def bars_of_frame(frame: pd.DataFrame, place: Place, declaration: Declaration, symbol: str | None = None) -> Bars:
    """Read a long or wide frame whose dates stand in a column; of one asset, if its symbol is given."""
    names = plain_names(frame.columns)
    if symbol is not None:
        named_so = [str(frame.columns[at]) for at, name in enumerate(names) if name in SYMBOL_NAMES]
        if named_so:
            given = f"the symbol {symbol!r} and a column {named_so[0]!r}"
            return nothing_read(place, given, "one of both", "leave out the symbol, which the column states")
        return read_bars(frame, place, declaration, symbol)
    named = [at for at, name in enumerate(names) if name in SYMBOL_NAMES]
    if any("close" in names or not pd.api.types.is_numeric_dtype(frame.iloc[:, at].dtype) for at in named):
        return read_bars(frame, place, declaration)
    names_given = [_written(label) for label in list[object](frame.columns)]
    frame = frame.set_axis(names_given, axis=1)
    dates = date_columns(frame.columns)
    at = [column for column, name in enumerate(plain_names(frame.columns)) if column not in dates and _is_named(name)]
    labels = [label for label in (names_given[column] for column in at) if isinstance(label, str)]
    pairs = field_pairs(labels) if len(labels) == len(at) else None
    words = [] if pairs else names_of_fields(labels)
    if words:
        one_asset = all(map(field_word, labels)) and any(field_word(label) in CLOSES for label in labels)
        return nothing_read(place, *_not_symbols(words, labels), _SYMBOL if one_asset else None)
    unnamed = [names_given[column] for column in at if not isinstance(names_given[column], str)]
    if unnamed:
        expected = "symbols as text in the header"
        return nothing_read(place, f"column names {unnamed[:5]}", expected, "name the columns by strings")
    if len(dates) != 1:
        expected = "a symbol column (long form) or one date column (wide form)"
        return nothing_read(place, f"columns {list(frame.columns)[:10]}", expected, "name the columns so")
    if pairs:
        return _read_pairs(frame, dates[0], dict(zip(at, pairs, strict=True)), place, declaration)
    return _read_wide(frame, dates[0], place, declaration)


def _written(label: object) -> object:
    """Return a name of two parts as files hold it, in text, and without the second where that is empty."""
    text = str(label) if isinstance(label, tuple) else label
    return unpaired(text) if isinstance(text, str) else text


def _is_named(name: str) -> bool:
    return name not in UNNAMED_INDEX


def _not_symbols(words: list[str], labels: list[str]) -> tuple[str, str, str]:
    """Return what is given, expected and to be done where names of a wide table are words of fields."""
    given = f"the columns {words[:10]}, which name fields rather than assets"
    if not all(map(field_word, labels)):
        fix = (
            "write one bar a row with the symbol in a column, where a ticker may be any word; or join a field and a "
            "symbol in every name, with a close for each symbol: Close_MSFT, Volume_MSFT"
        )
        return given, "one column of closes for each asset, named by its symbol", fix
    if len(labels) == 1 and may_be_ticker(labels[0]):
        how = f"frame.rename(columns={{{labels[0]!r}: 'close'}}).assign(symbol={labels[0]!r})"
        return given, "a column 'symbol'", f"if it is the ticker of the asset, say so: {how}"
    fix = "name the asset in a column: frame.assign(symbol='AAPL')"
    like = [label for label in labels if field_word(label) in LIKE_CLOSES]
    if like and not any(field_word(label) in CLOSES for label in labels):
        fix += f"; and rename {like[0]!r} to 'close' if it holds the closing price of each bar"
    return given, "a column 'symbol'", fix


def _read_pairs(frame: pd.DataFrame, date: int, pairs: dict[int, Pair], place: Place, declaration: Declaration) -> Bars:
    """Read columns that are named by a field and a symbol each."""
    parts = []
    for symbol in dict.fromkeys(symbol for _, symbol in pairs.values()):
        mine = [column for column, pair in pairs.items() if pair[1] == symbol]
        names = [frame.columns[date], *(pairs[column][0] for column in mine)]
        parts.append(read_bars(frame.iloc[:, [date, *mine]].set_axis(names, axis=1), place, declaration, symbol))
    first = next(iter(pairs))
    field, symbol = pairs[first]
    note = f"The names of columns hold a field and a symbol: {frame.columns[first]!r} is the {field} of {symbol}."
    bars = concatenate(parts)
    return replace(bars, notes=(*bars.notes, note))


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
    frame = _dates_in_index(frame)
    levels = [plain_names(frame.columns.get_level_values(level)) for level in range(frame.columns.nlevels)]
    of_fields = [level for level, names in enumerate(levels) if any(name in CLOSES for name in names)]
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


def _dates_in_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the dates in its index, where ``reset_index`` made them a column that has no symbol."""
    plain = [[str(part).strip().lower() for part in label] for label in frame.columns.to_flat_index()]
    dates = [at for at, parts in enumerate(plain) if any(part in DATE_NAMES for part in parts) and "" in parts]
    if len(dates) != 1:
        return frame
    index = pd.Index(frame.iloc[:, dates[0]], name="date")
    return frame.iloc[:, [at for at in range(len(plain)) if at != dates[0]]].set_axis(index, axis=0)


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
