"""Prices in: those that come with the package, files, folders and frames."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from quantdl.calendars.corrections import CalendarCorrection
from quantdl.calendars.names import is_calendar
from quantdl.config.arguments import Arguments, as_list, path_of
from quantdl.errors import ConfigError, DataSettingsError
from quantdl.interface.days import Day, day_of
from quantdl.interface.prices import Prices
from quantdl.market.card import Adjustment, IntradayBars, OnFault, SilenceRule, Universe
from quantdl.market.corporate.actions_table import load_actions
from quantdl.market.corporate.attachment import with_actions
from quantdl.market.inspection.policies import Policies
from quantdl.market.panel import Panel
from quantdl.market.sources import sp500
from quantdl.market.sources.file_format import PLAIN_FILES, FileFormat
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.sources.layouts.known import LayoutName
from quantdl.market.sources.loading import load_prices, selected
from quantdl.market.sources.settings import CsvFolderPrices, ParquetPrices
from quantdl.market.universe.rule import UniverseRule
from quantdl.records import plain_fields

Given = TypeVar("Given")
Read = TypeVar("Read")

_NOT_STATED = "not stated"
_IN_MEMORY = "a DataFrame in memory"


def load_sp500() -> Prices:
    """Load daily closes of twenty S&P 500 stocks, 1990-01-02 to 2022-12-28; see `quantdl.market.sources.sp500`.

    Example:
        >>> load_sp500().assets[:3]
        ('AAPL', 'AMD', 'BAC')
    """
    return Prices.of(sp500.load_sp500())


def read_prices(
    prices: Path | str | pd.DataFrame,
    *,
    calendar: str | None = None,
    adjustment: Adjustment | None = None,
    source: str | None = None,
    timezone: str | None = None,
    frequency: str = "1D",
    as_of: Day | None = None,
    licence: str = _NOT_STATED,
    universe: Universe = "unknown",
    currency: str | None = None,
    sectors: Mapping[str, str] | None = None,
    intraday: IntradayBars | None = None,
    silence: SilenceRule = SilenceRule(),  # noqa: B008 - frozen
    calendar_corrections: Iterable[CalendarCorrection] = (),
    notes: Iterable[str] = (),
    symbol: str | None = None,
    symbol_pattern: str | None = None,
    layout: LayoutName | None = None,
    file_format: FileFormat = PLAIN_FILES,
    actions: Path | str | None = None,
    assets: Iterable[str] | None = None,
    start: Day | None = None,
    end: Day | None = None,
    policies: Policies = Policies(),  # noqa: B008 - frozen
    eligibility: UniverseRule | None = None,
    on_fault: OnFault | None = None,
) -> Prices:
    """Read prices of your own: a CSV file, a folder of them, a Parquet file or a frame.

    A frame is wide (dates in the index, a column of closes an asset), long (one bar a row with a ``symbol``), or what
    ``yfinance.download`` returns. ``data/README.md`` shows the layouts.

    What prices cannot tell of themselves is declared, see `quantdl.market.card.PriceFacts`: two things always, because
    a wrong guess of them would spoil every figure. The rest has a default that claims nothing, which the card shows.

    Args:
        prices: The frame, or the path of a file or folder.
        calendar: Trading calendar, ``"XNYS"``; must be given.
        adjustment: ``"raw"`` as traded, ``"split"`` for splits only, ``"total_return"`` for splits and dividends; must
            be given.
        source: Who published the prices; the path where nothing is said.
        timezone: IANA name of the exchange's zone; that of the calendar where nothing is said.
        frequency: Length of a bar: ``"1D"``, ``"1W"``, ``"1M"``, or such as ``"60min"``, with ``intraday``.
        as_of: Day on which the source stated these values; today where nothing is said.
        licence: Terms of use.
        universe: ``"survivors"``, ``"point_in_time"`` or ``"unknown"``.
        currency: Of the prices, ``"USD"``.
        sectors: Sector by symbol.
        intraday: How bars shorter than a session are cut and dated.
        silence: How silence after an asset's last trade is read.
        calendar_corrections: Sessions that the calendar has wrong.
        notes: Further facts for the card.
        symbol: The asset of a single file, or of a frame of one asset, that does not name it.
        symbol_pattern: Regular expression whose group is the symbol in a file's name: ``"NASDAQ_(.+)_30Y"``.
        layout: Whose CSV files they are, ``"stooq"``.
        file_format: How CSV files are written that have no layout: ``qd.FileFormat(decimal=",", separator=";")``.
        actions: CSV file of splits, dividends, renames and delistings.
        assets: Symbols to keep; all where nothing is said.
        start: First session to keep.
        end: Last one.
        policies: What is done about each kind of fault.
        eligibility: Who belongs to the universe as of each bar.
        on_fault: ``"refuse"`` stops at rows that cannot be right, all of them named; ``"record"`` loads the good ones
            for the census. Where nothing is said: ``"record"`` if a policy for such rows is not the default.

    Raises:
        ConfigError: With every argument that is missing or wrong, what was given and what was expected.
        DataError: If the prices cannot be read, or hold rows that cannot be right: all at once, each with its place.

    Example:
        >>> closes = pd.DataFrame({"ON": [10.0, 10.5]}, index=pd.to_datetime(["2024-01-02", "2024-01-03"]))
        >>> read_prices(closes, calendar="XNYS", adjustment="split").assets
        ('ON',)
    """
    if not isinstance(prices, pd.DataFrame | str | Path):
        raise ConfigError(
            f"prices: given {type(prices).__name__}; expected a DataFrame, or the path of a file or folder."
        )
    in_memory = isinstance(prices, pd.DataFrame)
    path = Path(_IN_MEMORY) if isinstance(prices, pd.DataFrame) else path_of(prices, "prices")
    call = Arguments("read_prices")
    is_csv = not in_memory and (path.is_dir() or path.suffix.lower() == ".csv")
    given: dict[str, Any] = {
        "path": path,
        "calendar": calendar,
        "adjustment": adjustment,
        "source": source or str(path),
        "timezone": timezone or _zone_of(calendar),
        "frequency": frequency,
        "as_of": (None if as_of is None else _kept(call, as_of, "as_of", day_of)) or date.today(),
        "licence": licence,
        "universe": universe,
        "currency": currency,
        "sectors": sectors or {},
        "intraday": intraday,
        "silence": silence,
        "calendar_corrections": as_list(calendar_corrections),
        "notes": [notes] if isinstance(notes, str) else as_list(notes),
        "symbol": symbol,
        "actions": None if actions is None else _kept(call, actions, "actions", _actions),
        "assets": as_list(assets),
        "start": None if start is None else _kept(call, start, "start", day_of),
        "end": None if end is None else _kept(call, end, "end", day_of),
        "policies": policies,
        "eligibility": eligibility,
        "on_fault": on_fault,
    }
    written = {"layout": layout, "symbol_pattern": symbol_pattern}
    stated = [name for name, value in written.items() if value is not None]
    if is_csv:
        given |= {**_written(call, file_format, layout, symbol), **written, "kind": "csv_folder"}
    else:
        stated += ["file_format"] * (file_format != PLAIN_FILES)
        what = "a frame" if in_memory else "a Parquet file"
        for name in stated:
            call.add(name, f"given for {what}; expected only for CSV files. Fix: leave it out")
        given["kind"] = "parquet"
    missing = {"calendar", "adjustment", "timezone"}
    said = {name: value for name, value in given.items() if value is not None or name not in missing}
    if calendar is None:
        said["timezone"] = "UTC"  # reported is what is missing, not what follows from it
    settings = call.read(CsvFolderPrices, said) if is_csv else call.read(ParquetPrices, said)
    call.refuse_faults()
    assert settings is not None  # or there was a fault
    return replace(_loaded(prices, settings), policies=settings.policies, eligibility=settings.eligibility)


def _loaded(prices: Path | str | pd.DataFrame, settings: CsvFolderPrices | ParquetPrices) -> Prices:
    on_fault = settings.at_loading()
    if isinstance(prices, pd.DataFrame):
        panel: Panel = panel_from_frame(prices, settings.declaration(on_fault), settings.symbol)
        panel = panel if settings.actions is None else with_actions(panel, load_actions(settings.actions))
    else:
        if not settings.path.exists():
            raise ConfigError(f"prices: {settings.path}: no such file or folder; expected CSV or Parquet.")
        panel = load_prices(settings, on_fault)
    try:
        return Prices.of(selected(panel, settings))
    except DataSettingsError as error:
        raise ConfigError("\n".join(f"{name}: {message}" for name, message in error.faults)) from None


def _zone_of(calendar: str | None) -> str | None:
    """The zone of a calendar, if there is such a one; a wrong name is reported with the other faults."""
    from quantdl.calendars import trading_calendar

    return trading_calendar(calendar).timezone if isinstance(calendar, str) and is_calendar(calendar) else "UTC"


def _actions(given: Path | str, argument: str) -> Path:
    return path_of(given, argument, "the path of a CSV file")


def _kept(call: Arguments, given: Given, argument: str, read: Callable[[Given, str], Read]) -> Read | None:
    """What an argument is read as; None where it cannot be, which is told with the other faults."""
    try:
        return read(given, argument)
    except ConfigError as error:
        call.add(argument, str(error).removeprefix(f"{argument}: ").removesuffix("."))
        return None


def _written(
    call: Arguments, file_format: FileFormat, layout: LayoutName | None, symbol: str | None
) -> dict[str, object]:
    """How CSV files are written, but for what has an argument of its own."""
    if not isinstance(file_format, FileFormat):
        call.add("file_format", f"given {type(file_format).__name__}; expected qd.FileFormat(...)")
        return {}
    own = {name: value for name, value in plain_fields(file_format).items() if name not in ("layout", "symbol")}
    for name, argument in (("layout", layout), ("symbol", symbol)):
        inside = getattr(file_format, name)
        if inside is not None and argument not in (None, inside):
            call.add(name, f"given {argument!r}, and {inside!r} in file_format; expected one of both")
    return own
