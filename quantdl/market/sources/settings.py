"""Which prices a run uses and what happens to their faults: the settings of every source, light to import.

To add a source, add its settings here, its loader as a file of this package, and its arm to
`quantdl.market.sources.loading`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar, Literal

from quantdl.calendars.corrections import CalendarCorrection
from quantdl.calendars.names import is_calendar, shipped_names, unknown_calendar
from quantdl.errors import DataSettingsError
from quantdl.market.card import DAILY, Declaration, OnFault, PriceFacts, local_time
from quantdl.market.currency import currency_faults, in_a_list, is_currency, whole_currency
from quantdl.market.exchanges.rates import ExchangeRateFile, route
from quantdl.market.inspection.policies import Policies
from quantdl.market.sources.file_format import FileFormat
from quantdl.market.universe.rule import UniverseRule
from quantdl.records import part_of


@dataclass(frozen=True, kw_only=True)
class _Prices:
    """What all sources share.

    Attributes:
        start: First session to use; None for all.
        end: Last session to use; None for all.
        assets: Symbols to keep, as they are written; None for all.
        policies: What is done about each kind of fault.
        eligibility: Who belongs to the universe as of each bar; None for every listed asset.
        book_currency: Currency of the book: all money is in it, other prices are converted. None: that of the prices.
        exchange_rates: Rates that lead from the currencies of the prices to that of the book.
    """

    FILES: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that hold paths."""

    start: date | None = None
    end: date | None = None
    assets: tuple[str, ...] | None = None
    policies: Policies = Policies()
    eligibility: UniverseRule | None = None
    book_currency: str | None = None
    exchange_rates: tuple[ExchangeRateFile, ...] = ()

    def __post_init__(self) -> None:
        """Refuse invalid settings, all of them at once.

        Raises:
            DataSettingsError: Naming it.
        """
        faults = [*self.faults()]
        if faults:
            raise DataSettingsError(*faults)

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each invalid field, with what was given and expected."""
        if self.assets is not None and not all(self.assets):
            yield "assets", "given an empty symbol; expected text that is not empty"
        if self.assets == ():
            yield "assets", "given an empty list; expected a list that is not empty"
        twice = sorted(name for name, count in Counter(self.assets or ()).items() if count > 1)
        if twice:
            yield "assets", f"given {twice} twice; expected each symbol once"
        if self.start is not None and self.end is not None and self.end <= self.start:
            yield "end", f"given {self.end}; expected a date after start, which is {self.start}"
        yield from self._money_faults()

    def quoted_in(self) -> Mapping[str, str | None]:
        """Return the currency that each source of prices is in, by the field that states it."""
        return {}

    def n_assets(self) -> int | None:
        """Return how many assets the prices have at most, where that is known before they are loaded."""
        return None if self.assets is None else len(self.assets)

    def _money_faults(self) -> Iterator[tuple[str, str]]:
        """Yield what stands between the prices and a book in one currency."""
        wrong = [*currency_faults("book_currency", self.book_currency, whole=True)]
        yield from wrong
        pairs = [(rate.base, rate.quote) for rate in self.exchange_rates]
        for number, pair in enumerate(pairs):
            if {*pair} in [{*other} for other in pairs[:number]]:
                yield f"exchange_rates.{number}", f"given {pair[1]} per {pair[0]} again; expected one series for a pair"
        quoted = self.quoted_in()
        for field, code in quoted.items():
            if code is None and (len(quoted) > 1 or self.book_currency is not None):
                yield field, "missing; expected the currency of these prices, such as 'USD', or 'GBX' for pence"
        stated = [code for code in quoted.values() if code is not None]
        if self.book_currency is None:
            if len({*stated}) > 1:
                fix = "name the currency of the book here, and the rates that lead to it under exchange_rates"
                yield "book_currency", f"missing; the prices are in {in_a_list(stated)}. Fix: {fix}"
            elif pairs:
                yield "book_currency", "missing; exchange_rates need the currency that prices are converted to"
            return
        for code in [] if wrong else sorted({*stated}):
            if is_currency(code) and route(pairs, code, self.book_currency) is None:
                yield "exchange_rates", self._no_way(code, pairs)

    def _no_way(self, code: str, pairs: list[tuple[str, str]]) -> str:
        known = ", ".join(f"{quote} per {base}" for base, quote in pairs) or "none"
        whole, _ = whole_currency(code)
        expected = f"rates that lead from {whole} to the book's {self.book_currency}"
        fix = f"add a series with base: {self.book_currency}, quote: {whole}, or the reverse, and when it was known"
        return f"given {known}; expected {expected}. Fix: {fix}"

    def at_loading(self) -> OnFault:
        """Return whether a loader stops at rows that cannot be right."""
        return "refuse"

    def files(self) -> Mapping[str, Path]:
        """Return the paths that are given, by field."""
        return {name: getattr(self, name) for name in self.FILES if getattr(self, name) is not None}


SP500_ASSETS = 20
"""Stocks among the bundled prices."""


@dataclass(frozen=True, kw_only=True)
class Sp500Prices(_Prices):
    """The bundled closes of twenty S&P 500 members."""

    kind: Literal["sp500"]

    def quoted_in(self) -> Mapping[str, str | None]:
        """Return the currency of the bundled prices."""
        return {"kind": "USD"}

    def n_assets(self) -> int | None:
        """Return how many of the twenty are kept."""
        return SP500_ASSETS if self.assets is None else len(self.assets)


@dataclass(frozen=True, kw_only=True)
class _DeclaredPrices(PriceFacts, _Prices):
    """Prices of the user's own, with what only the user can know about them.

    Attributes:
        path: File or folder.
        actions: CSV file of splits, dividends, renames and delistings for prices that do not hold them yet; see
            `quantdl.market.corporate.actions_table.load_actions`.
        on_fault: ``"refuse"`` stops at rows that cannot be right, all of them named; ``"record"`` loads the good ones,
            and the policies treat what the census finds. None: ``"record"`` if a policy for such rows is not the
            default.
    """

    FILES: ClassVar[tuple[str, ...]] = ("path", "actions")

    path: Path
    actions: Path | None = None
    on_fault: OnFault | None = None

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield those of the facts and those of the selection."""
        yield from PriceFacts.faults(self)
        yield from _Prices.faults(self)

    def quoted_in(self) -> Mapping[str, str | None]:
        """Return the currency that is declared."""
        return {"currency": self.currency}

    def at_loading(self) -> OnFault:
        """Return whether a loader stops at rows that cannot be right."""
        return self.policies.on_fault() if self.on_fault is None else self.on_fault

    def declaration(self, on_fault: OnFault) -> Declaration:
        """Return what a loader is told."""
        return Declaration(**vars(part_of(self, PriceFacts)), on_fault=on_fault)


@dataclass(frozen=True, kw_only=True)
class CsvFolderPrices(FileFormat, _DeclaredPrices):
    """A folder with one CSV file per symbol; ``symbol_pattern`` is a regular expression whose group is the symbol.

    Attributes:
        kind: Tells the sources apart.
        symbol_pattern: Regular expression that file names match, without their ending; its group is the symbol.
            None: the file's name is the symbol.
    """

    kind: Literal["csv_folder"]
    symbol_pattern: str | None = None

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield those of the format, of the facts and of the selection."""
        yield from FileFormat.faults(self)
        yield from _DeclaredPrices.faults(self)
        wrong = symbol_pattern_fault(self.symbol_pattern)
        if wrong is not None:
            yield "symbol_pattern", wrong

    def file_format(self) -> FileFormat:
        """Return how the files are written."""
        return part_of(self, FileFormat)


def symbol_pattern_fault(pattern: str | None) -> str | None:
    """Return why a pattern cannot tell the symbol in a file's name, or None.

    Example:
        >>> symbol_pattern_fault("NASDAQ_(.+)_30Y")
        >>> symbol_pattern_fault("NASDAQ_.+")[:53]
        "given 'NASDAQ_.+'; expected a group around the symbol"
    """
    if pattern is None:
        return None
    such = "such as 'NASDAQ_(.+)_30Y'"
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        return f"given {pattern!r}, which is no regular expression ({error}); expected one with a group, {such}"
    return None if groups else f"given {pattern!r}; expected a group around the symbol, {such}"


@dataclass(frozen=True, kw_only=True)
class ParquetPrices(_DeclaredPrices):
    """A Parquet file, long or wide; ``symbol`` is the asset of one that holds a single asset and does not name it.

    Attributes:
        kind: Tells the sources apart.
        symbol: Asset of a file that holds a single one and does not name it.
    """

    kind: Literal["parquet"]
    symbol: str | None = None

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield an empty symbol, and what all declared prices share."""
        yield from _DeclaredPrices.faults(self)
        if self.symbol is not None and not self.symbol.strip():
            yield "symbol", "given an empty symbol; expected text that is not empty"


@dataclass(frozen=True, kw_only=True)
class LeanPrices(_DeclaredPrices):
    """Raw bars in one Parquet file, with the factor and map files of QuantConnect's Lean.

    Attributes:
        kind: Tells the sources apart.
        factor_files: Folder of factor files, or one CSV of all of them.
        map_files: Folder of map files, or one CSV of all of them.
    """

    FILES: ClassVar[tuple[str, ...]] = ("path", "actions", "factor_files", "map_files")

    kind: Literal["lean"]
    factor_files: Path
    map_files: Path


@dataclass(frozen=True, kw_only=True)
class StoredPrices(_Prices):
    """A panel as `quantdl.market.storage.store.save_panel` stores it; its card says what is known of it.

    Attributes:
        kind: Tells the sources apart.
        path: Its folder.
    """

    FILES: ClassVar[tuple[str, ...]] = ("path",)

    kind: Literal["stored"]
    path: Path


SinglePrices = Sp500Prices | CsvFolderPrices | ParquetPrices | LeanPrices | StoredPrices
"""The settings of one source, told apart by their ``kind``."""


@dataclass(frozen=True, kw_only=True)
class AlignedPrices(_Prices):
    """Several sources side by side on the decisions of one calendar, see `quantdl.market.exchanges.alignment`.

    What is selected, which policies hold and who is eligible is said for the aligned prices as a whole; a source may
    still name the assets and the span that are taken from it.

    Attributes:
        kind: Tells the sources apart.
        calendar: Trading calendar whose sessions decide, ISO code first.
        decide_at: ``"close"`` or ``"open"`` of a session, or a local time of the calendar's zone, ``"15:15"``.
        sources: What stands side by side: daily bars, every asset once, all adjusted alike.
        calendar_corrections: Sessions that the deciding calendar has wrong; each source states those of its own.
        on_fault: As in a single source; it holds for all of them.
    """

    kind: Literal["aligned"]
    calendar: str
    decide_at: str = "close"
    sources: tuple[SinglePrices, ...]
    calendar_corrections: tuple[CalendarCorrection, ...] = ()
    on_fault: OnFault | None = None

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield those of the selection, of the decisions, and what a source says that counts for all of them."""
        yield from _Prices.faults(self)
        if not is_calendar(self.calendar):
            yield "calendar", unknown_calendar(self.calendar, shipped_names())
        if self.decide_at not in ("close", "open") and local_time(self.decide_at) is None:
            expected = "'close', 'open' or a local time such as '15:15'"
            yield "decide_at", f"given {self.decide_at!r}; expected {expected}"
        if not self.sources:
            yield "sources", "given an empty list; expected at least one source"
        for number, source in enumerate(self.sources):
            alone: dict[str, object] = {
                "policies": Policies(),
                "eligibility": None,
                "book_currency": None,
                "exchange_rates": (),
            }
            for name, default in alone.items():
                if getattr(source, name) != default:
                    message = "given for one source; expected beside sources, where it counts for all of them"
                    yield f"sources.{number}.{name}", message
            if isinstance(source, _DeclaredPrices):
                yield from ((f"sources.{number}.{name}", message) for name, message in self._misfits(source))

    def quoted_in(self) -> Mapping[str, str | None]:
        """Return the currencies of the sources."""
        return {
            f"sources.{number}.{field}": code
            for number, source in enumerate(self.sources)
            for field, code in source.quoted_in().items()
        }

    def _misfits(self, source: _DeclaredPrices) -> Iterator[tuple[str, str]]:
        """Yield what one of the sources declares and the others cannot stand beside."""
        if source.frequency != DAILY:
            message = f"given {source.frequency!r}; expected {DAILY!r}: a config aligns daily bars"
            yield "frequency", f"{message}; bars of another length are aligned from Python"
        if source.on_fault is not None:
            yield "on_fault", f"given {source.on_fault!r}; expected beside sources, where it counts for all of them"
        declared = [other.adjustment for other in self.sources if isinstance(other, _DeclaredPrices)]
        if source.adjustment != declared[0]:
            message = f"given {source.adjustment!r}; expected {declared[0]!r} as in the first"
            yield "adjustment", f"{message}: prices side by side are adjusted alike"

    def at_loading(self) -> OnFault:
        """Return whether loaders stop at rows that cannot be right."""
        return self.policies.on_fault() if self.on_fault is None else self.on_fault


PriceSettings = SinglePrices | AlignedPrices
"""The settings of any prices, told apart by their ``kind``."""
