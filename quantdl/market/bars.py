"""Bars, one a row, in the single form that every source is brought into.

A source turns its files into frames with a date, a symbol and the fields, hands each to `read_bars`, and the list to
`quantdl.market.assembly.assemble`. That is all there is to adding one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from quantdl.market.columns import Objection, read_days, read_numbers, read_symbols
from quantdl.market.findings import Finding, Place, unreadable

PRICES = ("open", "high", "low", "close")
FIELDS = (*PRICES, "volume")
DATE_NAMES = ("date", "datetime", "timestamp", "time", "session")
# How pandas writes an index without a name to CSV and to Parquet.
UNNAMED_INDEX = ("", "__index_level_0__")
SYMBOL_NAMES = ("symbol", "ticker", "asset")


@dataclass(frozen=True, eq=False)
class Bars:
    """Rows of one or several places in their own order, with the objections that reading them raised.

    Attributes:
        places: The files or frames.
        place: (N,) index into ``places``.
        row: (N,) position of the row in its place, from 0.
        symbols: Distinct symbols, sorted.
        symbol: (N,) index into ``symbols``; -1 for a row without one.
        day: (N,) session dates, datetime64[D]; NaT for a row without one.
        fields: float64 (N,) by field name, NaN for an empty cell, infinite for one that was objected to.
        findings: What could not be read.
        unread: Columns that are not used.
    """

    places: tuple[Place, ...]
    place: np.ndarray
    row: np.ndarray
    symbols: tuple[str, ...]
    symbol: np.ndarray
    day: np.ndarray
    fields: dict[str, np.ndarray]
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()

    def find(
        self, kind: str, rows: np.ndarray, column: str | None, given: Callable[[int], str], expected: str, fix: str
    ) -> list[Finding]:
        """Return one finding for each place and symbol among ``rows``; ``given`` words what stands in a row."""
        if not len(rows):
            return []
        key = self.place[rows] * (len(self.symbols) + 1) + self.symbol[rows]
        order = np.argsort(key, kind="stable")
        groups = np.split(rows[order], np.flatnonzero(np.diff(key[order])) + 1)
        return [self._finding(kind, group, column, given(int(group[0])), expected, fix) for group in groups]

    def object(self, objection: Objection, column: pd.Series, rows: np.ndarray | None = None) -> list[Finding]:
        """Return the findings of an objection to ``column``.

        Args:
            objection: Its rows count in ``column``.
            column: The column as the source gave it.
            rows: The same rows counted in these bars, where that differs.
        """
        rows = objection.rows if rows is None else rows
        given = {int(row): column.iloc[position] for row, position in zip(rows, objection.rows, strict=True)}

        def shown(row: int) -> str:
            return repr(given[row]) if isinstance(given[row], str) else str(given[row])

        return self.find(objection.kind, rows, str(column.name), shown, objection.expected, objection.fix)

    def keep(self, mask: np.ndarray) -> "Bars":
        """Return the rows where ``mask`` (N,) holds."""
        return replace(
            self,
            place=self.place[mask],
            row=self.row[mask],
            symbol=self.symbol[mask],
            day=self.day[mask],
            fields={name: values[mask] for name, values in self.fields.items()},
        )

    def _finding(self, kind: str, rows: np.ndarray, column: str | None, given: str, expected: str, fix: str) -> Finding:
        symbol, days = int(self.symbol[rows[0]]), self.day[rows]
        return Finding(
            kind=kind,
            place=self.places[self.place[rows[0]]],
            rows=tuple(self.row[rows].tolist()),
            column=column,
            symbol=self.symbols[symbol] if symbol >= 0 else None,
            first=days.min().item(),
            last=days.max().item(),
            given=given,
            expected=expected,
            fix=fix,
        )


def read_bars(frame: pd.DataFrame, place: Place, timezone: str, symbol: str | None = None) -> Bars:
    """Read a frame with one bar a row into `Bars`.

    Column names are matched without regard to case and outer spaces. Rows that are empty throughout are passed over,
    and so are rows without a date or a symbol once they are objected to.

    Args:
        frame: Columns for the date, for any of `FIELDS` with ``close`` among them, and for the symbol unless given.
        place: Where the frame comes from.
        timezone: The exchange's zone.
        symbol: The asset of every row, for sources with one file an asset.
    """
    header = _read_header(frame, place, needs_symbol=symbol is None)
    if header.findings:
        return _nothing(place, header.findings)
    row = np.flatnonzero(~_blank(frame))
    frame = frame.iloc[row]
    if not len(frame):
        return nothing_read(place, "no bars", "at least one bar", "fill the file or remove it")
    days, day_objections = read_days(frame[header.date], timezone)
    objections = [(header.date, objection) for objection in day_objections]
    codes = np.zeros(len(row), dtype=np.int64)
    symbols: tuple[str, ...] = (symbol or "",)
    if header.symbol is not None:
        codes, symbols, symbol_objections = read_symbols(frame[header.symbol])
        objections += [(header.symbol, objection) for objection in symbol_objections]
    fields = {}
    for name, label in header.fields.items():
        fields[name], number_objections = read_numbers(frame[label], name)
        objections += [(label, objection) for objection in number_objections]
    bars = Bars((place,), np.zeros(len(row), dtype=np.int64), row, symbols, codes, days, fields, (), header.unread)
    findings = [finding for label, objection in objections for finding in bars.object(objection, frame[label])]
    return replace(bars.keep(~np.isnat(days) & (codes >= 0)), findings=tuple(findings))


def date_columns(columns: pd.Index) -> list[str]:
    """Return the columns that hold the date by their names; an unnamed index only when no column is named so."""
    plain = {label: str(label).strip().lower() for label in columns}
    named = [label for label, name in plain.items() if name in DATE_NAMES]
    return named or [label for label, name in plain.items() if name in UNNAMED_INDEX]


def nothing_read(place: Place, given: str, expected: str, fix: str) -> Bars:
    """Return no bars and the objection to the whole place."""
    return _nothing(place, (unreadable(place, given, expected, fix),))


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
        fields={
            name: np.concatenate([part.fields.get(name, np.full(len(part.row), np.nan)) for part in parts])
            for name in names
        },
        findings=tuple(finding for part in parts for finding in part.findings),
        unread=tuple(dict.fromkeys(name for part in parts for name in part.unread)),
    )


@dataclass(frozen=True)
class _Header:
    """Which column is what. With findings, the rest means nothing."""

    date: str
    symbol: str | None
    fields: dict[str, str]
    unread: tuple[str, ...]
    findings: tuple[Finding, ...]


def _read_header(frame: pd.DataFrame, place: Place, needs_symbol: bool) -> _Header:
    plain = {label: str(label).strip().lower() for label in frame.columns}
    dates = date_columns(frame.columns)
    symbols = [label for label, name in plain.items() if name in SYMBOL_NAMES] if needs_symbol else []
    fields = {name: [label for label in plain if plain[label] == name] for name in FIELDS}
    needed = {"date": dates, "close": fields["close"], **({"symbol": symbols} if needs_symbol else {})}
    findings = [_missing(place, name, frame.columns) for name, labels in needed.items() if not labels]
    for name, labels in {"date": dates, "symbol": symbols, **fields}.items():
        if len(labels) > 1:
            expected = f"one column for the {name}"
            findings.append(unreadable(place, str([*map(str, labels)]), expected, "rename or remove the others"))
    used = [*dates, *symbols, *(label for labels in fields.values() for label in labels)]
    return _Header(
        date=dates[0] if dates else "",
        symbol=symbols[0] if symbols else None,
        fields={name: labels[0] for name, labels in fields.items() if labels},
        unread=tuple(str(label) for label in frame.columns if label not in used),
        findings=tuple(findings),
    )


def _missing(place: Place, name: str, columns: pd.Index) -> Finding:
    given = f"columns {[str(label) for label in columns]}"
    return unreadable(place, given, f"a column '{name}'", f"rename the column of the {name} to '{name}'", name)


def _blank(frame: pd.DataFrame) -> np.ndarray:
    """Return the rows in which every cell is empty: blank lines at the end of a text file."""
    text = frame.select_dtypes(include=["object", "str"])
    if text.shape[1] < frame.shape[1]:
        return np.zeros(len(frame), dtype=bool)
    return np.asarray((text.isna() | (text == "")).all(axis=1), dtype=bool)


def _nothing(place: Place, findings: tuple[Finding, ...]) -> Bars:
    empty = np.zeros(0, dtype=np.int64)
    day = np.zeros(0, dtype="datetime64[D]")
    return Bars((place,), empty, empty, (), empty, day, {}, findings)
