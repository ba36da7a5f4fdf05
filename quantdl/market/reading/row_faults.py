"""What a loader objects to, worded for the person who has to mend the file: where, what, what was expected, the fix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice, pairwise

from quantdl.errors import DataError
from quantdl.market.data_fault import DataFault

Stated = str | int | bool

_OR = "; or "  # between the ways out of a fault
_FILES_SHOWN = 3
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
class Proposal:
    """Settings under which a file can be read, for its user to state.

    Attributes:
        settings: Keys of `quantdl.market.sources.file_format.FileFormat`, each with its value.
        reason: What they do: ``"which reads files of Stooq"``.
        as_options: Whether they are worded as options of a command instead of keys of a config.
    """

    settings: tuple[tuple[str, Stated], ...]
    reason: str
    as_options: bool = False

    def __str__(self) -> str:
        r"""Return what to state, and why.

        Example:
            >>> tabs = Proposal((("separator", "\t"), ("skip_rows", 1)), "which reads it")
            >>> print(tabs, replace(tabs, as_options=True), sep="; ")
            state separator: "\t", skip_rows: 1, which reads it; give --separator tab --skip-rows 1, which reads it
        """
        if self.as_options:
            stated = [f"--{key.replace('_', '-')}{_option(value)}" for key, value in self.settings]
            return f"give {' '.join(stated)}, {self.reason}"
        return f"state {', '.join(f'{key}: {_yaml(value)}' for key, value in self.settings)}, {self.reason}"


def _option(value: Stated) -> str:
    """Return the value of an option as a shell takes it; a flag has none."""
    if value is True:
        return ""
    return " tab" if value == "\t" else f" {_quoted(value)}"


def _yaml(value: Stated) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return '"\\t"' if value == "\t" else _quoted(value)


def _quoted(value: Stated) -> str:
    text = str(value)
    if text.isidentifier() or isinstance(value, int):
        return text
    return f'"{text}"' if "'" in text else f"'{text}'"


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
        fix: What to do; several ways are joined by ``"; or "``.
        proposed: What to state so that the file is read as it is, if that is known: the first way out.
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
    proposed: Proposal | None = None

    def __str__(self) -> str:
        """Return the objection in one line."""
        return f"{self.objection()}. Fix: {_OR.join(self.ways_out())}."

    def objection(self) -> str:
        """Return where, what stands there and what was expected."""
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
        return f"{where}: {what}: got {self.given}; expected {self.expected}"

    def ways_out(self) -> tuple[str, ...]:
        """Return each thing that can be done by itself."""
        own = tuple(self.fix.split(_OR))
        return own if self.proposed is None else (str(self.proposed), *own)

    def as_data_fault(self, first: date, last: date) -> DataFault:
        """Return the census entry of an objection that was recorded.

        Args:
            first: First session of the place, for rows that do not say when they were.
            last: Last session of the place.
        """
        return DataFault(self.kind, self.symbol, self.first or first, self.last or last, len(self.rows), str(self))


class FaultyDataError(DataError):
    """Data that was refused, with every objection in ``row_faults``; the message shows the first two hundred.

    One objection to several columns of the same rows, or to several whole files, is shown once.
    """

    def __init__(self, row_faults: Iterable[RowFault]) -> None:
        self.row_faults = tuple(row_faults)
        places = {row_fault.place.name for row_fault in self.row_faults}
        head = f"{_count(len(self.row_faults), 'fault')} in {_count(len(places), 'file')}, nothing was loaded:"
        groups = gathered(self.row_faults)
        shown = [f"{objection_of(group)}. Fix: {_OR.join(group[0].ways_out())}." for group in groups[:_FAULTS_SHOWN]]
        left_out = sum(map(len, groups[_FAULTS_SHOWN:]))
        more = [f"and {_count(left_out, 'fault')} more"] if left_out else []
        super().__init__("\n  ".join([head, *shown, *more]))


def gathered(row_faults: Iterable[RowFault]) -> list[tuple[RowFault, ...]]:
    """Put together what is one objection: to several columns of the same rows, or to several files as a whole."""
    groups: dict[tuple[object, ...], list[RowFault]] = {}
    for number, one in enumerate(row_faults):
        way = one.fix if one.proposed is None else one.proposed
        key: tuple[object, ...] = (one.expected, way)
        if one.rows:
            kind = one.kind.rpartition("_")[0] or one.kind  # non_finite_open, non_finite_high, ...
            key += (kind, one.place, one.rows, one.symbol) if one.column is not None else (number,)
        else:
            key += (one.given, one.column)
        groups.setdefault(key, []).append(one)
    return [tuple(group) for group in groups.values()]


def objection_of(group: Sequence[RowFault]) -> str:
    """Return the first of some objections that `gathered` put together, and where else it is made."""
    first, *others = group
    if not others:
        return first.objection()
    if first.rows:
        where = f"column{'s' * (len(others) > 1)} {', '.join(repr(shortened(str(other.column))) for other in others)}"
    else:
        named = ", ".join(other.place.name for other in others[:_FILES_SHOWN])
        where = f"{_count(len(others), 'more file')}: {named}{', ...' if len(others) > _FILES_SHOWN else ''}"
    return f"{first.objection()}; the same in {where}"


def unreadable(
    place: Place, given: str, expected: str, fix: str, column: str | None = None, proposed: Proposal | None = None
) -> RowFault:
    """Return the objection to a whole file or a whole column."""
    return RowFault("unreadable", place, (), column, None, None, None, given, expected, fix, proposed)


def in_options(row_fault: RowFault) -> RowFault:
    """Return an objection whose proposal is worded as options of a command."""
    proposed = row_fault.proposed
    return row_fault if proposed is None else replace(row_fault, proposed=replace(proposed, as_options=True))


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
