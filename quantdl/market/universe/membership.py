"""Who belonged to an index when: intervals of days by symbol, as they were in force."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.market.inspection.cuts import symbol_before_cuts
from quantdl.market.reading.row_faults import FaultyDataError, Place, RowFault, unreadable

_COLUMNS = ("symbol", "from", "to")


@dataclass(frozen=True, order=True)
class MembershipInterval:
    """A time of membership.

    Attributes:
        first: First day on which the asset belonged to the universe.
        last: Last day, inclusive; None if it still does.
    """

    first: date
    last: date | None = None

    def __post_init__(self) -> None:
        """Refuse an end before the beginning.

        Raises:
            DataError: If the last day is before the first.
        """
        if self.last is not None and self.last < self.first:
            raise DataError(f"A membership from {self.first} to {self.last} ends before it begins. Fix: swap the days.")


Membership = Mapping[str, tuple[MembershipInterval, ...]]


def load_membership(path: Path | str) -> Membership:
    """Load a CSV file with one interval a row.

    The header names ``symbol``, ``from`` and ``to``; other columns are not read. Days are written ``2020-08-31``; both
    ends belong to the interval, and an empty ``to`` means until today. The days are those on which the membership was
    in force: one that was announced for later is not in force yet. Symbols are text, the permanent ones of the panel.

    Raises:
        DataError: If the file cannot be read, a row cannot be understood or intervals of a symbol overlap: all of them
            at once, each with file, line, column, symbol, what was expected and the fix.
    """
    place = Place(str(path), unit="line", first=2)
    row_faults: list[RowFault] = []
    found: defaultdict[str, list[tuple[MembershipInterval, int]]] = defaultdict(list)
    for number, row in _rows(Path(path), place):
        objections = list(_objections(number, row, place))
        row_faults += objections
        if not objections:
            last = date.fromisoformat(row["to"]) if row["to"] else None
            found[row["symbol"]].append((MembershipInterval(date.fromisoformat(row["from"]), last), number))
    for symbol, rows in found.items():
        row_faults += _overlaps(symbol, sorted(rows), place)
    if row_faults:
        raise FaultyDataError(row_faults)
    return {symbol: tuple(interval for interval, _ in sorted(rows)) for symbol, rows in sorted(found.items())}


def member_cells(membership: Membership, sessions: pd.DatetimeIndex, assets: Sequence[str]) -> np.ndarray:
    """Return (T, A) bool: whether the asset belonged to the universe on the day of the bar.

    Both parts of a history that was cut belong while their symbol did, see `quantdl.market.inspection.cuts`.
    """
    days = sessions.to_numpy().astype("datetime64[D]")
    cells = np.zeros((len(days), len(assets)), dtype=bool)
    for column, asset in enumerate(assets):
        for interval in membership.get(symbol_before_cuts(asset), ()):
            last = date.max if interval.last is None else interval.last
            start = days.searchsorted(np.datetime64(interval.first, "D"), side="left")
            cells[start : days.searchsorted(np.datetime64(last, "D"), side="right"), column] = True
    return cells


def members_between(membership: Membership, first: date, last: date) -> tuple[str, ...]:
    """Return the symbols that belonged to the universe at any time from ``first`` to ``last``, sorted."""
    return tuple(
        sorted(
            symbol
            for symbol, intervals in membership.items()
            if any(item.first <= last and (item.last is None or item.last >= first) for item in intervals)
        )
    )


def _rows(path: Path, place: Place) -> Iterator[tuple[int, dict[str, str]]]:
    text = _text(path, place)
    try:
        lines = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise FaultyDataError([unreadable(place, str(error), "a CSV file", "repair the file")]) from None
    header = [name.strip().lower() for name in lines[0]] if lines else []
    if any(header.count(name) != 1 for name in _COLUMNS):
        expected = f"each of the columns {', '.join(_COLUMNS)} once"
        raise FaultyDataError([unreadable(place, f"the columns {header}", expected, "rename or add columns")])
    at = {name: header.index(name) for name in _COLUMNS}
    for number, cells in enumerate(lines[1:]):
        if len(cells) == len(header):
            yield number, {name: cells[position].strip() for name, position in at.items()}
        elif any(cells):
            given, expected = f"{len(cells)} cells", f"the {len(header)} cells of the header"
            raise FaultyDataError([_row_fault(place, number, None, None, given, expected, "complete the line")])


def _text(path: Path, place: Place) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        given, fix = f"byte {error.start} that is not UTF-8", "save the file as UTF-8"
        raise FaultyDataError([unreadable(place, given, "UTF-8 text", fix)]) from None
    except OSError as error:
        given = error.strerror or str(error)
        raise FaultyDataError([unreadable(place, given, "a file that can be read", "check the path")]) from None


def _objections(number: int, row: Mapping[str, str], place: Place) -> Iterator[RowFault]:
    symbol, iso = row["symbol"], "write it as 2020-08-31"
    if not symbol:
        yield _row_fault(place, number, "symbol", None, "an empty cell", "a symbol", "name the asset")
    first, last = _day(row["from"]), _day(row["to"])
    if first is None:
        yield _row_fault(place, number, "from", symbol, repr(row["from"]), "a date", iso)
    if row["to"] and last is None:
        yield _row_fault(place, number, "to", symbol, repr(row["to"]), "a date, or an empty cell", iso)
    if first is not None and last is not None and last < first:
        yield _row_fault(place, number, "to", symbol, str(last), f"a day not before {first}", "correct either day")


def _overlaps(symbol: str, rows: Sequence[tuple[MembershipInterval, int]], place: Place) -> Iterator[RowFault]:
    for (before, _), (after, number) in pairwise(rows):
        if before.last is None or after.first <= before.last:
            given = f"{after.first}, while a membership from {before.first} to {before.last or 'today'} stands already"
            fix = "correct the days, or join the intervals"
            yield _row_fault(place, number, "from", symbol, given, "intervals that do not overlap", fix)


def _row_fault(
    place: Place, number: int, column: str | None, symbol: str | None, given: str, expected: str, fix: str
) -> RowFault:
    return RowFault("unreadable", place, (number,), column, symbol or None, None, None, given, expected, fix)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2020-08-31") else None
    except ValueError:
        return None
