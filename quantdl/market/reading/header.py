"""Which column of a frame is what, by name; adjusted and unadjusted prices are never mixed."""

from dataclasses import dataclass

import pandas as pd

from quantdl.market.card import Adjustment
from quantdl.market.reading.field_names import LIKE_CLOSES, field_pairs, field_word
from quantdl.market.reading.row_faults import Place, RowFault, shortened, unreadable

PRICES = ("open", "high", "low", "close")
FIELDS = (*PRICES, "volume")
DATE_NAMES = ("date", "datetime", "timestamp", "ts", "time", "session")
_RENAME = "rename the column of the {0} to '{0}'"
# How pandas writes an index without a name to CSV and to Parquet.
UNNAMED_INDEX = ("", "__index_level_0__")
SYMBOL_NAMES = ("symbol", "ticker", "asset")
STATUS_NAMES = ("status", "trading_status", "trading status")


@dataclass(frozen=True)
class Header:
    """Positions of the columns. With faults, the other attributes are not to be used.

    Attributes:
        date: Column of dates or times.
        symbol: Column of symbols; None where the place holds one asset.
        fields: Column by field name.
        status: Column of statuses; None where there is none.
        unread: Names of columns that are not used.
        notes: What the card must say about the choice.
        row_faults: What is missing or stands twice.
    """

    date: int
    symbol: int | None
    fields: dict[str, int]
    status: int | None = None
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    row_faults: tuple[RowFault, ...] = ()


def read_header(columns: pd.Index, place: Place, adjustment: Adjustment, needs_symbol: bool) -> Header:
    """Find the date, the symbol, the status and the fields among column names, without regard to case and outer spaces.

    Where a source gives an adjusted close beside a close, one of them is read: the adjusted one (with whatever else is
    adjusted like it, ``adj_open`` and so on) for prices declared ``"total_return"``, the plain one otherwise. Opens and
    highs of one scale beside closes of another would make returns that were never earned.

    Args:
        columns: Names of the columns.
        place: Where they stand.
        adjustment: As declared.
        needs_symbol: Whether a column must name the asset.
    """
    names = plain_names(columns)
    dates = date_columns(columns)
    symbols = [at for at, name in enumerate(names) if name in SYMBOL_NAMES] if needs_symbol else []
    statuses = [at for at, name in enumerate(names) if name in STATUS_NAMES]
    fields, notes = _fields(names, adjustment)
    needed = {"date": dates, "close": fields["close"], **({"symbol": symbols} if needs_symbol else {})}
    row_faults = [_missing(place, name, columns, notes) for name, found in needed.items() if not found]
    for name, found in {"date": dates, "symbol": symbols, "status": statuses, **fields}.items():
        if len(found) > 1:
            given = str([shortened(str(columns[at])) for at in found[:20]])
            row_faults.append(unreadable(place, given, f"one column for the {name}", "rename or remove the others"))
    used = {*dates, *symbols, *statuses, *(at for found in fields.values() for at in found)}
    return Header(
        date=dates[0] if dates else 0,
        symbol=symbols[0] if symbols else None,
        fields={name: found[0] for name, found in fields.items() if found},
        status=statuses[0] if statuses else None,
        unread=tuple(str(columns[at]) for at in range(len(columns)) if at not in used),
        notes=notes,
        row_faults=tuple(row_faults),
    )


def plain_names(columns: pd.Index) -> list[str]:
    """Return the names as they are compared: text, lower case, no outer spaces."""
    return [str(label).strip().lower() for label in columns]


def date_columns(columns: pd.Index) -> list[int]:
    """Return the columns that hold the date by their names; an unnamed index only when no column is named so."""
    names = plain_names(columns)
    named = [at for at, name in enumerate(names) if name in DATE_NAMES]
    return named or [at for at, name in enumerate(names) if name in UNNAMED_INDEX]


def _fields(names: list[str], adjustment: Adjustment) -> tuple[dict[str, list[int]], tuple[str, ...]]:
    spaced = [name.replace("_", " ").replace("adjusted ", "adj ") for name in names]
    plain = {field: [at for at, name in enumerate(names) if name == field] for field in FIELDS}
    adjusted = {field: [at for at, name in enumerate(spaced) if name == f"adj {field}"] for field in FIELDS}
    if not adjusted["close"]:
        return plain, ()
    if adjustment == "total_return":
        left = [field for field in FIELDS if plain[field] and not adjusted[field]]
        out = f"; {', '.join(left)} stand beside it unadjusted and were not read" if left else ""
        return adjusted, (f"Closes are those of the column of adjusted closes{out}.",)
    note = f"Closes are those of the column of closes; the adjusted closes beside it were not read ({adjustment})."
    return plain, (note,)


def _missing(place: Place, name: str, columns: pd.Index, notes: tuple[str, ...]) -> RowFault:
    given = f"columns {[shortened(str(label)) for label in columns[:20]]}"
    for mark in (";", "\t", "|"):
        if len(columns) == 1 and mark in str(columns[0]):
            fix = f"separate the cells by commas; here {mark!r} seems to do it"
            return unreadable(place, given, f"a column '{name}'", fix, name)
    words = str(columns[0]).lower().split() if len(columns) == 1 else []
    if {*words} & {*DATE_NAMES} and {*words} & {*FIELDS}:
        fix = "separate the cells by commas; here spaces seem to do it: pandas.read_csv(..., sep=r'\\s+') reads it"
        return unreadable(place, given, f"a column '{name}'", fix, name)
    fix = _rename(name, [str(label) for label in columns])
    if name == "close" and notes:
        fix = "declare the adjustment 'total_return': the only closes here are adjusted ones"
    return unreadable(place, given, f"a column '{name}'", fix, name)


def _rename(name: str, labels: list[str]) -> str:
    """Return how a missing column may be there under another name, or in another form."""
    meant = [label for label in labels if _may_be(name, label)]
    if meant and name == "close":
        others = f" ({', '.join(map(repr, meant[1:]))} may be meant too)" if len(meant) > 1 else ""
        return f"rename {meant[0]!r} to 'close' if it holds the closing price of each bar{others}"
    if meant:
        return f"rename {meant[0]!r} to {name!r}"
    bare = [label for label in labels if label.strip().lower() not in (*DATE_NAMES, *UNNAMED_INDEX)]
    frame = "panel_from_frame(pandas.read_csv(..., index_col=0), ...)"
    if name == "close" and field_pairs(bare) is not None:
        return f"the names join a field and a symbol: {frame} reads them, or write one file for each asset"
    if name == "close" and len(bare) > 1 and not any(map(field_word, bare)):
        return f"{_RENAME.format(name)}; if each column is an asset, {frame} reads them, or a Parquet file"
    return _RENAME.format(name)


def _may_be(name: str, label: str) -> bool:
    word = field_word(label)
    if name == "close":
        return word == "close" or word in LIKE_CLOSES
    plain = label.strip().strip("<>").lower()
    if name == "date":
        return plain in DATE_NAMES or plain.replace("_", " ").split(" ")[-1] in ("date", "day")
    return plain in SYMBOL_NAMES
