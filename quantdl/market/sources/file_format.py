"""How the files of a source are written, as its settings state it; light to import."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from quantdl.errors import DataSettingsError, did_you_mean
from quantdl.market.reading.dialect import PLAIN, Decimal, Dialect, Separator, Thousands, TimeUnit
from quantdl.market.sources.layouts.known import LAYOUTS, LayoutName

Value = TypeVar("Value")

HOLDS = ("date", "symbol", "open", "high", "low", "close", "volume", "status")
"""What a column of a file may hold."""

_SOME_DAY = datetime(1999, 12, 31, 23, 59, 58)


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """What is stated of how files are written; what is not stated is as in the layout, or as in a plain CSV file.

    Attributes:
        layout: Whose files they are.
        separator: What stands between two cells: a comma, a semicolon, a tab or a vertical bar.
        decimal: Mark before decimals.
        thousands: Mark between thousands.
        date_format: How dates are written, in the directives of ``strptime``: ``"%d.%m.%Y"``.
        time_unit: Unit of dates that count from 1970-01-01 UTC: ``s`` or ``ms``.
        skip_rows: Lines above the header.
        columns: The file's own names, by what the columns hold (`HOLDS`).
        symbol: The asset of a single file that does not name it.
        missing: Words for an empty cell, in any case.
        newest_first: Whether the latest bar may stand first.
    """

    layout: LayoutName | None = None
    separator: Separator | None = None
    decimal: Decimal | None = None
    thousands: Thousands | None = None
    date_format: str | None = None
    time_unit: TimeUnit | None = None
    skip_rows: int | None = None
    columns: Mapping[str, str] | None = None
    symbol: str | None = None
    missing: tuple[str, ...] | None = None
    newest_first: bool | None = None

    def __post_init__(self) -> None:
        """Refuse invalid settings, all of them at once.

        Raises:
            DataSettingsError: Naming it.
        """
        faults = [*self.faults()]
        if faults:
            raise DataSettingsError(*faults)

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each field that cannot be as it is, with what was given and expected."""
        if self.layout is not None and self.layout not in LAYOUTS:
            yield (
                "layout",
                f"given {self.layout!r}; expected one of {', '.join(LAYOUTS)}{did_you_mean(self.layout, LAYOUTS)}",
            )
            return
        whole = self.dialect()
        if whole.thousands == whole.decimal:
            field = "decimal" if self.thousands is None else "thousands"
            yield field, f"given {whole.thousands!r}; expected another mark than that of the other, {whole.decimal!r}"
        if self.date_format is not None and self.time_unit is not None:
            yield "time_unit", f"given {self.time_unit!r}; expected no unit beside a date_format, dates are one of both"
        if self.date_format is not None and not _is_date_format(self.date_format):
            expected = "directives of strptime with year, month and day, such as '%d.%m.%Y'"
            yield "date_format", f"given {self.date_format!r}; expected {expected}"
        if self.skip_rows is not None and self.skip_rows < 0:
            yield "skip_rows", f"given {self.skip_rows}; expected the number of lines above the header, 0 or more"
        if self.symbol is not None and not self.symbol.strip():
            yield "symbol", "given an empty symbol; expected text that is not empty"
        for name in [name for name in self.columns or {} if name not in HOLDS]:
            expected = f"what a column holds, {', '.join(HOLDS)}{did_you_mean(name, HOLDS)}"
            yield "columns", f"given {name!r}; expected {expected}"

    def dialect(self) -> Dialect:
        """Return how the files are written: as the layout says, but for what is stated here."""
        base = PLAIN if self.layout is None else LAYOUTS[self.layout].dialect
        own = {} if self.columns is None else {holds: (name,) for holds, name in self.columns.items()}
        dated = self.date_format is not None or self.time_unit is not None
        return replace(
            base,
            separator=_stated(self.separator, base.separator),
            decimal=_stated(self.decimal, base.decimal),
            thousands=_stated(self.thousands, base.thousands),
            date_format=self.date_format if dated else base.date_format,
            time_unit=self.time_unit if dated else base.time_unit,
            skip_rows=_stated(self.skip_rows, base.skip_rows),
            columns={**base.columns, **own},
            symbol=self.symbol,
            missing=_stated(self.missing, base.missing),
            newest_first=_stated(self.newest_first, base.newest_first),
        )


def _stated(value: Value | None, otherwise: Value) -> Value:
    return otherwise if value is None else value


def _is_date_format(directives: str) -> bool:
    try:
        return datetime.strptime(_SOME_DAY.strftime(directives), directives).date() == _SOME_DAY.date()
    except ValueError:
        return False


PLAIN_FILES = FileFormat()
"""Nothing is stated: files are plain CSV files."""
