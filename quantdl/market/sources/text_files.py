"""One text file of prices: its cells as the dialect writes them, and the bars that they are."""

from dataclasses import replace

from quantdl.market.card import Declaration
from quantdl.market.reading.bars import Bars, concatenate, no_bars, nothing_read, read_bars
from quantdl.market.reading.csv_text import Rows, rows_of
from quantdl.market.reading.dialect import PLAIN, Dialect
from quantdl.market.reading.header import DATE_NAMES, SYMBOL_NAMES, plain_names
from quantdl.market.reading.plain_cells import plain_rows
from quantdl.market.reading.row_faults import Place, shortened
from quantdl.market.reading.text_kinds import cells_of

_NAME_LINES = 3  # of the layout with two levels: fields, symbols, and the name of the dates


def bars_of_text(text: str, name: str, declaration: Declaration, symbol: str, dialect: Dialect = PLAIN) -> Bars:
    """Read the bars of a text file.

    Args:
        text: Its content, with one kind of line end.
        name: What it is called in messages.
        declaration: What the prices are.
        symbol: The asset, unless the file names it in a column or in its header.
        dialect: How the file is written.
    """
    place = Place(name, unit="line", first=2 + dialect.skip_rows)
    lines = text.split("\n")
    if dialect.skip_rows and not any(line.strip() for line in lines[dialect.skip_rows :]):
        given = f"{len(lines)} lines"
        return nothing_read(place, given, f"a header below {dialect.skip_rows} lines", "state fewer skip_rows")
    text = "\n".join(lines[dialect.skip_rows :])
    if dialect.two_levels:
        return _bars_of_levels(text, place, declaration, dialect)
    found = rows_of(text, place, symbol, dialect)
    return found if isinstance(found, Bars) else _bars_of_rows(found, place, declaration, symbol, dialect)


def _bars_of_rows(found: Rows, place: Place, declaration: Declaration, symbol: str, dialect: Dialect) -> Bars:
    if dialect == PLAIN:
        named = any(name in SYMBOL_NAMES for name in plain_names(found.frame.columns))
        bars = read_bars(found.frame, place, declaration, None if named else symbol)
        return replace(bars, row_faults=(*found.row_faults, *bars.row_faults))
    plain = plain_rows(found.frame, dialect, place, symbol)
    row_faults = (*found.row_faults, *plain.row_faults)
    if any(not row_fault.rows for row_fault in plain.row_faults) or (plain.row_faults and plain.frame.empty):
        return no_bars(place, row_faults)
    named = dialect.symbol is None and any(name in SYMBOL_NAMES for name in plain_names(plain.frame.columns))
    bars = read_bars(plain.frame, place, declaration, None if named else dialect.symbol or symbol)
    return replace(bars, row_faults=(*row_faults, *bars.row_faults), unread=(*bars.unread, *plain.unread))


def _bars_of_levels(text: str, place: Place, declaration: Declaration, dialect: Dialect) -> Bars:
    """Read a file whose columns are named by a field in one line and a symbol in the next."""
    lines = text.split("\n")
    heads = [cells_of(line, dialect.separator) or [""] for line in lines[:_NAME_LINES]]
    if len(heads) < _NAME_LINES or len({len(head) for head in heads}) > 1 or not _names_dates(heads[2]):
        expected = "three lines above the rows: the fields, the symbols, and the name of the dates"
        given = shortened(" / ".join(lines[:_NAME_LINES]))
        return nothing_read(place, repr(given), expected, "state the layout that the file has")
    fields, symbols = heads[0], heads[1]
    below = replace(place, first=place.first + _NAME_LINES - 1)
    numbered = dialect.separator.join(["date", *map(str, range(1, len(fields)))])
    found = rows_of("\n".join([numbered, *lines[_NAME_LINES:]]), below, "", replace(dialect, skip_rows=0))
    if isinstance(found, Bars):
        return found
    parts: list[Bars] = []
    for symbol in dict.fromkeys(symbols[1:]):
        mine = [0, *(at for at in range(1, len(symbols)) if symbols[at] == symbol)]
        frame = found.frame.iloc[:, mine].set_axis(["date", *(fields[at] for at in mine[1:])], axis=1)
        own = Rows(frame, found.row_faults if not parts else ())
        parts.append(_bars_of_rows(own, below, declaration, symbol, replace(dialect, two_levels=False)))
    return concatenate(parts)


def _names_dates(head: list[str]) -> bool:
    return head[0].strip().lower() in DATE_NAMES and not any(cell.strip() for cell in head[1:])
