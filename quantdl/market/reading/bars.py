"""Bars, one a row, in the single form that every source is brought into.

A source turns its files into frames with a date, a symbol and the fields, hands each to `read_bars`, and the list to
`quantdl.market.reading.assembly.assemble`. That is all there is to adding one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from quantdl.calendars import bar_length
from quantdl.market.card import Declaration
from quantdl.market.reading.columns import Objection, as_text, read_halts, read_numbers, read_symbols
from quantdl.market.reading.header import FIELDS, read_header
from quantdl.market.reading.row_faults import Place, Proposal, RowFault, shortened, unreadable
from quantdl.market.reading.times import on_the_clock, read_days, read_times

_VALUES_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Bars:
    """Rows of one or several places in their own order, with the objections that reading them raised.

    Attributes:
        places: The files or frames.
        place: (N,) index into ``places``.
        row: (N,) position of the row in its place, from 0.
        symbols: Distinct symbols, sorted.
        symbol: (N,) index into ``symbols``; -1 for a row without one.
        day: (N,) session dates, datetime64[D], NaT for a row without one; for bars within a session the local date on
            which the bar begins.
        fields: float64 (N,) by field name, NaN for an empty cell, infinite for one that was objected to.
        time: (N,) UTC instants by which the source dates bars within a session, datetime64[us]; None for daily bars.
        halts: (N,) bool, rows of which the source says that trading was halted, their fields empty; None where it says
            nothing of the kind.
        row_faults: What could not be read.
        unread: Columns that are not used.
        notes: What the card must say about how the columns were read.
    """

    places: tuple[Place, ...]
    place: np.ndarray
    row: np.ndarray
    symbols: tuple[str, ...]
    symbol: np.ndarray
    day: np.ndarray
    fields: dict[str, np.ndarray]
    time: np.ndarray | None = None
    halts: np.ndarray | None = None
    row_faults: tuple[RowFault, ...] = ()
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def halted(self) -> np.ndarray:
        """(N,) bool: the rows of which the source says that trading was halted."""
        return np.zeros(len(self.row), dtype=bool) if self.halts is None else self.halts

    def find(
        self, kind: str, rows: np.ndarray, column: str | None, given: Callable[[int], str], expected: str, fix: str
    ) -> list[RowFault]:
        """Return one row_fault for each place and symbol among ``rows``; ``given`` words what stands in a row."""
        if not len(rows):
            return []
        key = self.place[rows] * (len(self.symbols) + 1) + self.symbol[rows]
        order = np.argsort(key, kind="stable")
        groups = np.split(rows[order], np.flatnonzero(np.diff(key[order])) + 1)
        return [self._row_fault(kind, group, column, self._values(group, given), expected, fix) for group in groups]

    def object(self, objection: Objection, column: pd.Series, rows: np.ndarray | None = None) -> list[RowFault]:
        """Return the faults of an objection to ``column``.

        Args:
            objection: Its rows count in ``column``.
            column: The column as the source gave it.
            rows: The same rows counted in these bars, where that differs.
        """
        rows = objection.rows if rows is None else rows
        position = dict(zip(rows.tolist(), objection.rows.tolist(), strict=True))

        def shown(row: int) -> str:
            return _worded(column.iloc[position[row]])

        return self.find(objection.kind, rows, str(column.name), shown, objection.expected, objection.fix)

    def keep(self, mask: np.ndarray) -> "Bars":
        """Return the rows where ``mask`` (N,) holds."""
        return replace(
            self,
            place=self.place[mask],
            row=self.row[mask],
            symbol=self.symbol[mask],
            day=self.day[mask],
            time=None if self.time is None else self.time[mask],
            halts=None if self.halts is None else self.halts[mask],
            fields={name: values[mask] for name, values in self.fields.items()},
        )

    def _values(self, rows: np.ndarray, given: Callable[[int], str]) -> str:
        """Return what stands in the rows: the one value, or the first few different ones, each with its row."""
        place = self.places[self.place[rows[0]]]
        first_row: dict[str, int] = {}
        for row in rows.tolist():
            first_row.setdefault(given(row), int(self.row[row]) + place.first)
            if len(first_row) > _VALUES_SHOWN:
                break
        if len(first_row) == 1:
            return next(iter(first_row))
        shown = [f"{value} ({place.unit} {row})" for value, row in list(first_row.items())[:_VALUES_SHOWN]]
        return ", ".join(shown) + (", ..." if len(first_row) > _VALUES_SHOWN else "")

    def _row_fault(
        self, kind: str, rows: np.ndarray, column: str | None, given: str, expected: str, fix: str
    ) -> RowFault:
        symbol, days = int(self.symbol[rows[0]]), self.day[rows][~np.isnat(self.day[rows])]
        return RowFault(
            kind=kind,
            place=self.places[self.place[rows[0]]],
            rows=tuple(self.row[rows].tolist()),
            column=column,
            symbol=self.symbols[symbol] if symbol >= 0 else None,
            first=days.min().item() if len(days) else None,
            last=days.max().item() if len(days) else None,
            given=given,
            expected=expected,
            fix=fix,
        )


def read_bars(frame: pd.DataFrame, place: Place, declaration: Declaration, symbol: str | None = None) -> Bars:
    """Read a frame with one bar a row into `Bars`.

    Column names are matched without regard to case and outer spaces, see `quantdl.market.reading.header`. Rows that are
    empty throughout are passed over, and so are rows without a date or a symbol, or with a status that is no word of
    `quantdl.market.reading.columns.read_halts`, once they are objected to. A row that is halted has no field.

    Args:
        frame: Columns for the date, for any of `FIELDS` with ``close`` among them, for the symbol unless given, and for
            the status where the source states it. Its index numbers the rows.
        place: Where the frame comes from.
        declaration: What the prices are.
        symbol: The asset of every row, for sources with one file an asset.
    """
    header = read_header(frame.columns, place, declaration.adjustment, needs_symbol=symbol is None)
    if header.row_faults:
        return no_bars(place, tuple(replace(row_fault, symbol=symbol) for row_fault in header.row_faults))
    row = np.flatnonzero(~_blank(frame))
    if not len(row):
        return nothing_read(place, "no bars", "at least one bar", "fill the file or remove it")
    columns = [frame.iloc[:, at] if len(row) == len(frame) else frame.iloc[row, at] for at in range(frame.shape[1])]
    days, times, day_objections = read_dates(columns[header.date], declaration)
    objections = [(header.date, objection) for objection in day_objections]
    codes = np.zeros(len(row), dtype=np.int64)
    symbols: tuple[str, ...] = (symbol or "",)
    if header.symbol is not None:
        codes, symbols, symbol_objections = read_symbols(columns[header.symbol])
        objections += [(header.symbol, objection) for objection in symbol_objections]
    halts, doubtful = None, np.zeros(len(row), dtype=bool)
    if header.status is not None:
        halts, doubtful, status_objections = read_halts(columns[header.status])
        objections += [(header.status, objection) for objection in status_objections]
    fields = {}
    for name, at in header.fields.items():
        fields[name], number_objections = read_numbers(columns[at], name, halts)
        objections += [(at, objection) for objection in number_objections]
    nowhere = np.zeros(len(row), dtype=np.int64)
    number = frame.index.to_numpy(dtype=np.int64)[row]
    bars = Bars((place,), nowhere, number, symbols, codes, days, fields, times, halts)
    row_faults = [row_fault for at, objection in objections for row_fault in bars.object(objection, columns[at])]
    bars = bars.keep(~np.isnat(days) & (codes >= 0) & ~doubtful)
    return replace(bars, row_faults=tuple(row_faults), unread=header.unread, notes=header.notes)


def read_dates(column: pd.Series, declaration: Declaration) -> tuple[np.ndarray, np.ndarray | None, list[Objection]]:
    """Return the day of each row, its instant where bars are shorter than a session, and the rows without.

    Args:
        column: Dates or instants.
        declaration: Zone, length of a bar, and what its label means.
    """
    if declaration.intraday is None:
        days, objections = read_days(column, declaration.timezone)
        return days, None, objections
    times, objections = read_times(column, declaration.intraday.times_in)
    length = np.timedelta64(bar_length(declaration.frequency))
    begin = times if declaration.intraday.labelled == "start" else times - length
    return on_the_clock(begin, declaration.timezone).astype("datetime64[D]"), times, objections


def nothing_read(place: Place, given: str, expected: str, fix: str, proposed: Proposal | None = None) -> Bars:
    """Return no bars and the objection to the whole place."""
    return no_bars(place, (unreadable(place, given, expected, fix, proposed=proposed),))


def no_bars(place: Place, row_faults: tuple[RowFault, ...]) -> Bars:
    """Return no bars and the objections to the place."""
    empty = np.zeros(0, dtype=np.int64)
    day = np.zeros(0, dtype="datetime64[D]")
    return Bars((place,), empty, empty, (), empty, day, {}, row_faults=row_faults)


def concatenate(parts: Sequence[Bars]) -> Bars:
    """Return the rows of all parts, in their order, under one numbering of places and symbols.

    A field that only some parts have is empty in the others.
    """
    symbols = tuple(sorted({name for part in parts for name in part.symbols}))
    number = {name: index for index, name in enumerate(symbols)}
    names = [name for name in FIELDS if any(name in part.fields for part in parts)]
    first_place = np.cumsum([0, *(len(part.places) for part in parts)])
    return Bars(
        places=tuple(place for part in parts for place in part.places),
        place=np.concatenate([part.place + first for part, first in zip(parts, first_place, strict=False)]),
        row=np.concatenate([part.row for part in parts]),
        symbols=symbols,
        symbol=np.concatenate(
            [np.array([number[name] for name in part.symbols], dtype=np.int64)[part.symbol] for part in parts]
        ),
        day=np.concatenate([part.day for part in parts]),
        time=_all_times(parts),
        halts=np.concatenate([part.halted for part in parts])
        if any(part.halts is not None for part in parts)
        else None,
        fields={
            name: np.concatenate([part.fields.get(name, np.full(len(part.row), np.nan)) for part in parts])
            for name in names
        },
        row_faults=tuple(row_fault for part in parts for row_fault in part.row_faults),
        unread=tuple(dict.fromkeys(name for part in parts for name in part.unread)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _worded(cell: object) -> str:
    if isinstance(cell, pd.Timestamp):
        return str(cell) if pd.Timestamp.min < cell.tz_localize(None) < pd.Timestamp.max else str(cell.asm8)
    return shortened(repr(cell) if isinstance(cell, str | bytes) else str(cell))


def _all_times(parts: Sequence[Bars]) -> np.ndarray | None:
    times = [part.time for part in parts if part.time is not None]
    return np.concatenate(times) if times else None


def _blank(frame: pd.DataFrame) -> np.ndarray:
    """Return the rows in which every cell is empty: blank lines at the end of a text file."""
    columns = [frame.iloc[:, at] for at in range(frame.shape[1])]
    blank = np.ones(len(frame), dtype=bool)
    if any(not isinstance(column.dtype, pd.StringDtype) and column.dtype != object for column in columns):
        return ~blank
    for column in columns:
        if blank.any():
            blank &= np.asarray(as_text(column) == "", dtype=bool)
    return blank
