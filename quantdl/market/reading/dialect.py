"""How a text file writes dates and numbers, where that is not how a plain CSV file does; light to import."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Separator = Literal[",", ";", "\t", "|"]
Decimal = Literal[".", ","]
Thousands = Literal[",", ".", " ", "'"]
TimeUnit = Literal["s", "ms"]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What has to be known of a text file before its cells can be read; the defaults are those of a plain CSV file.

    Attributes:
        separator: What stands between two cells.
        decimal: Mark before the decimals of a number.
        thousands: Mark between the thousands of a number; None where there is none.
        date_format: How dates are written, in the directives of Python's ``strptime``; None for ``2017-12-08`` and for
            instants with their offset.
        time_unit: Unit of dates that are counted from 1970-01-01 UTC; None where they are not.
        skip_rows: Lines above the header.
        columns: Names in the file by what they hold (``date``, ``symbol``, ``open``, ``high``, ``low``, ``close``,
            ``volume``, ``status``), where the file calls it something else; a date in several columns is joined by
            spaces.
        symbol: The asset of a file that does not name it; None where the file or its name does.
        missing: Words for an empty cell, in any case.
        newest_first: Whether the latest bar may stand first.
        currency_signs: Whether a sign of a currency may stand before a number.
        multiples: Whether ``K``, ``M``, ``B`` or ``T`` may stand behind a number.
        two_levels: Whether the names of columns stand in two lines, fields in the first and symbols in the second, with
            a line below that names the dates.
    """

    separator: Separator = ","
    decimal: Decimal = "."
    thousands: Thousands | None = None
    date_format: str | None = None
    time_unit: TimeUnit | None = None
    skip_rows: int = 0
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    symbol: str | None = None
    missing: tuple[str, ...] = ()
    newest_first: bool = False
    currency_signs: bool = False
    multiples: bool = False
    two_levels: bool = False


PLAIN = Dialect()
"""A plain CSV file: commas, points before decimals, dates as ``2017-12-08``, names of columns that are known."""

Head = Sequence[Sequence[str]]
"""Cells of the first lines of a file, without outer spaces and in lower case, split at commas."""


@dataclass(frozen=True)
class Layout:
    """Files as one vendor writes them.

    Attributes:
        name: What a config calls it.
        whose: Whose files they are, for messages: ``"files of Stooq"``.
        dialect: How they are written.
        recognises: Whether a file, by its first lines, is probably one of them. It is then proposed, never assumed.
    """

    name: str
    whose: str
    dialect: Dialect
    recognises: Callable[[Head], bool]
