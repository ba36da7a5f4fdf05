"""Prices as settings describe them, loaded through the cache."""

from functools import partial
from pathlib import Path

from quantdl.errors import DataSettingsError
from quantdl.market.card import Declaration, OnFault
from quantdl.market.corporate.actions_table import load_actions
from quantdl.market.corporate.attachment import with_actions
from quantdl.market.exchanges.alignment import align
from quantdl.market.exchanges.decisions import DecisionTimes
from quantdl.market.panel import Panel
from quantdl.market.sources.csv_folder import load_csv_folder
from quantdl.market.sources.file_format import PLAIN_FILES, FileFormat
from quantdl.market.sources.lean import load_lean
from quantdl.market.sources.parquet import load_parquet
from quantdl.market.sources.settings import (
    AlignedPrices,
    CsvFolderPrices,
    LeanPrices,
    ParquetPrices,
    PriceSettings,
    SinglePrices,
    Sp500Prices,
    StoredPrices,
)
from quantdl.market.sources.sp500 import load_sp500
from quantdl.market.storage.cache import cached
from quantdl.market.storage.store import open_panel


def load_prices(settings: PriceSettings, on_fault: OnFault) -> Panel:
    """Load all that settings name, with its corporate actions, through the cache.

    Which sessions and assets are kept, what is done about faults, and the conversion of prices to the currency of the
    book are left to the caller; of sources that are aligned, each is selected from before.

    Args:
        settings: What to load; its paths are as seen from the working directory.
        on_fault: Whether a loader stops at impossible rows or records them for the census.

    Raises:
        DataError: If the data cannot be read, or holds impossible rows and ``on_fault`` is ``"refuse"``.
    """
    match settings:
        case AlignedPrices():
            panels = [_source(source, on_fault) for source in settings.sources]
            decisions = DecisionTimes(settings.calendar, settings.decide_at, settings.calendar_corrections)
            return align(panels, decisions, several_currencies=settings.book_currency is not None).panel
        case Sp500Prices():
            return load_sp500()
        case StoredPrices():
            return open_panel(settings.path)
        case CsvFolderPrices():
            declaration = settings.declaration(on_fault)
            panel = cached_csv_folder(settings.path, declaration, settings.symbol_pattern, settings.file_format())
        case ParquetPrices():
            panel = cached_parquet(settings.path, settings.declaration(on_fault), settings.symbol)
        case LeanPrices():
            declaration = settings.declaration(on_fault)
            files = (settings.path, settings.factor_files, settings.map_files)
            panel = cached(lambda: load_lean(*files, declaration), "lean", files, declaration)
    return panel if settings.actions is None else with_actions(panel, load_actions(settings.actions))


def selected(panel: Panel, settings: PriceSettings) -> Panel:
    """Return the assets and the sessions that settings keep.

    Raises:
        DataSettingsError: If the data holds no such asset, or none of the span.
    """
    if settings.assets is not None:
        unknown = sorted(set(settings.assets) - set(panel.assets))
        if unknown:
            raise DataSettingsError(("assets", f"given {unknown}; the data holds {list(panel.assets)}."))
        panel = panel.select(settings.assets)
    first, last = panel.sessions[0].date(), panel.sessions[-1].date()
    start, end = settings.start or first, settings.end or last
    if start > last or end < first:
        field = "end" if settings.start is None else "start"
        raise DataSettingsError((field, f"{start}..{end} lies outside the data, which runs {first}..{last}."))
    return panel if (start, end) == (first, last) else panel.between(start, end)


def _source(settings: SinglePrices, on_fault: OnFault) -> Panel:
    """Load what is selected of one of several sources."""
    return selected(load_prices(settings, on_fault), settings)


def cached_csv_folder(
    path: Path,
    declaration: Declaration,
    symbol_pattern: str | None = None,
    file_format: FileFormat = PLAIN_FILES,
) -> Panel:
    """Load CSV files through the cache, otherwise as `load_csv_folder`."""
    loader = f"csv_folder {symbol_pattern} {file_format}"
    load = partial(load_csv_folder, path, declaration, symbol_pattern, file_format)
    return cached(load, loader, [path], declaration)


def cached_parquet(path: Path, declaration: Declaration, symbol: str | None = None) -> Panel:
    """Load a Parquet file through the cache, otherwise as `load_parquet`."""
    return cached(lambda: load_parquet(path, declaration, symbol), f"parquet {symbol}", [path], declaration)
