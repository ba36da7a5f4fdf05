"""What a loader objects to, worded for the person who has to mend the file: where, what, what was expected, the fix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice, pairwise

from quantdl.errors import DataError
from quantdl.market.data_fault import DataFault

_RANGES_SHOWN = 20
_FAULTS_SHOWN = 200
_LONGEST = 80


@dataclass(frozen=True)
class Place:
    """A file, or a frame, and how its rows are counted.

    Attributes:
        name: Path of the file, or a name for a frame.
        unit: ``"line"`` for text files, ``"row"`` otherwise.
        first: Number of the first data row: 2 under a header line, 0 in a frame or a Parquet file.
    """

    name: str
    unit: str = "row"
    first: int = 0


@dataclass(frozen=True)
class RowFault:
    """One objection to one column of one asset in one file; it may concern many rows.

    Attributes:
        kind: The fault kind of the census, or ``"unreadable"`` for a whole file or column that cannot be used.
        place: Where.
        rows: Positions of the rows, from 0; empty when the whole file is meant.
        column: Column, or None.
        symbol: Asset, or None.
        first: First session concerned, None if unknown.
        last: Last session concerned, None if unknown.
        given: What stands there: the value, or the first few different ones with their rows.
        expected: What should stand there.
        fix: What to do.
    """

    kind: str
    place: Place
    rows: tuple[int, ...]
    column: str | None
    symbol: str | None
    first: date | None
    last: date | None
    given: str
    expected: str
    fix: str

    def __str__(self) -> str:
        """Return the objection in one line."""
        where = self.place.name
        if self.rows:
            where += f": {_ranges(self.place.unit, [row + self.place.first for row in self.rows])}"
        what = "file" if not self.rows else "bar"
        if self.column is not None:
            what = f"column '{shortened(self.column)}'" if self.column else "unnamed column"
        if self.symbol is not None:
            what += f" of {shortened(self.symbol)}"
        if self.first is not None:
            what += f" on {self.first}" if self.first == self.last else f" from {self.first} to {self.last}"
        return f"{where}: {what}: got {self.given}; expected {self.expected}. Fix: {self.fix}."

    def as_data_fault(self, first: date, last: date) -> DataFault:
        """Return the census entry of an objection that was recorded.

        Args:
            first: First session of the place, for rows that do not say when they were.
            last: Last session of the place.
        """
        return DataFault(self.kind, self.symbol, self.first or first, self.last or last, len(self.rows), str(self))


class FaultyDataError(DataError):
    """Data that was refused, with every objection in ``row_faults``; the message shows the first two hundred."""

    def __init__(self, row_faults: Iterable[RowFault]) -> None:
        self.row_faults = tuple(row_faults)
        places = {row_fault.place.name for row_fault in self.row_faults}
        head = f"{_count(len(self.row_faults), 'fault')} in {_count(len(places), 'file')}, nothing was loaded:"
        shown = [str(row_fault) for row_fault in self.row_faults[:_FAULTS_SHOWN]]
        left_out = len(self.row_faults) - len(shown)
        more = [f"and {_count(left_out, 'fault')} more"] if left_out else []
        super().__init__("\n  ".join([head, *shown, *more]))


def unreadable(place: Place, given: str, expected: str, fix: str, column: str | None = None) -> RowFault:
    """Return the objection to a whole file or a whole column."""
    return RowFault("unreadable", place, (), column, None, None, None, given, expected, fix)


def shortened(text: str) -> str:
    """Return text that fits into a message: a damaged file can hold a cell of a million characters.

    Example:
        >>> shortened("abc"), shortened("x" * 1_000_000)[78:]
        ('abc', 'xx... (1,000,000 characters)')
    """
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def _ranges(unit: str, numbers: Sequence[int]) -> str:
    """Write ``[3, 4, 5, 9]`` as ``lines 3-5, 9``."""
    breaks = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(numbers)) if b != a + 1), len(numbers)]
    spans = [(numbers[a], numbers[b - 1]) for a, b in pairwise(breaks)]
    shown = [f"{a}" if a == b else f"{a}-{b}" for a, b in islice(spans, _RANGES_SHOWN)]
    more = sum(b - a + 1 for a, b in spans[_RANGES_SHOWN:])
    return f"{unit}{'s' * (len(numbers) > 1)} {', '.join(shown)}" + (f" and {more:,} more" if more else "")
