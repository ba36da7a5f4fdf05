"""From the data block of a config, or a bare path, to a panel as its source states it, and as it stated it before."""

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from quantdl.calendars import trading_calendar
from quantdl.config import ForecastConfig
from quantdl.config.data_paths import variables
from quantdl.config.early_checks import stated_calendar
from quantdl.errors import ConfigError, DataError, DataSettingsError
from quantdl.market.card import DAILY, Declaration, IntradayBars, OnFault
from quantdl.market.panel import Panel
from quantdl.market.reading.row_faults import FaultyDataError, in_options
from quantdl.market.sources.file_format import PLAIN_FILES, FileFormat
from quantdl.market.sources.loading import cached_csv_folder, cached_parquet, load_prices, selected
from quantdl.market.sources.settings import AlignedPrices, PriceSettings, SinglePrices
from quantdl.market.storage.revisions import with_revisions
from quantdl.market.storage.vintages import known_revisions, record_ingest
from quantdl.runs.kept import VINTAGES

_NOT_STATED = "not stated"


def load_panel(config: ForecastConfig, on_fault: OnFault, *, keep_ingest: bool = False) -> Panel:
    """Load what the data block of a config selects, with its corporate actions and what it said differently before.

    Every ingest of a run is kept as a vintage beside the runs if it differs from the one before, and what was revised
    since then is among the faults of the panel. The bundled data are a vintage of their own already: that of the
    installed package.

    Args:
        config: Of the run.
        on_fault: Whether a loader stops at impossible rows or records them for the census.
        keep_ingest: Whether the prices are kept as a vintage; else they are only compared with the last one.

    Raises:
        ConfigError: If a path names a variable of the environment that is not set.
        DataError: If the data cannot be read, holds impossible rows and ``on_fault`` is ``"refuse"``, or holds nothing
            of what is selected.
        IntegrityError: If the last vintage is not what was written.
        RunError: If the disk refuses.
    """
    located = _located(config, config.data)
    try:
        panel = _loaded(config, located, on_fault)
    except DataSettingsError as error:
        raise _placed(config, error) from None
    folder = _vintages(config, located)
    if folder is not None:
        panel = with_revisions(panel, record_ingest(panel, folder) if keep_ingest else known_revisions(panel, folder))
    try:
        return selected(panel, config.data)
    except DataSettingsError as error:
        raise _placed(config, error) from None


def _placed(config: ForecastConfig, error: DataSettingsError) -> DataError:
    """Return what is wrong with settings of the data, each with its place in the config."""
    return DataError("\n".join(f"{config.where('data', name)}: {message}" for name, message in error.faults))


def _loaded(config: ForecastConfig, located: PriceSettings, on_fault: OnFault) -> Panel:
    """Load; what the sources of aligned prices cannot be together is said where they stand in the config."""
    if not isinstance(located, AlignedPrices):
        return load_prices(located, on_fault)
    try:
        return load_prices(located, on_fault)
    except DataError as error:
        raise DataError(f"{config.where('data', 'sources')}: {error}") from error


def _located(config: ForecastConfig, data: PriceSettings) -> PriceSettings:
    """Return the settings with paths as seen from the working directory.

    Raises:
        DataError: If the prices are not there.
    """
    if not isinstance(data, AlignedPrices):
        return _located_source(config, data, ("data",))
    sources = [_located_source(config, source, ("data", "sources", at)) for at, source in enumerate(data.sources)]
    return replace(data, sources=tuple(sources))


def _located_source(config: ForecastConfig, data: SinglePrices, keys: tuple[str | int, ...]) -> SinglePrices:
    named = data.files()
    found: dict[str, Any] = {name: config.locate_data(path, *keys, name) for name, path in named.items()}
    if "path" in found and not found["path"].exists():
        folders = ", ".join(variables(named["path"]))
        fix = f"set {folders} to the folder of these data" if folders else "correct the path"
        raise DataError(f"{config.where(*keys, 'path')}: {found['path']}: no such file or folder. Fix: {fix}.")
    return replace(data, **found)


def _vintages(config: ForecastConfig, located: PriceSettings) -> Path | None:
    """One folder for what is read: two files of one publisher are not vintages of each other.

    Neither are bars aligned on other decisions, which are other bars without anything having been revised.
    """
    sources = located.sources if isinstance(located, AlignedPrices) else (located,)
    paths = [source.files()["path"].resolve() for source in sources if "path" in source.files()]
    if not paths:
        return None
    decisions = [located.calendar, located.decide_at] if isinstance(located, AlignedPrices) else []
    corrected = [str(item) for source in (located, *sources) for item in getattr(source, "calendar_corrections", ())]
    digest = hashlib.sha256("\n".join([*map(str, paths), *decisions, *corrected]).encode()).hexdigest()[:12]
    return config.runs_root / VINTAGES / f"{'-'.join(path.stem for path in paths)[:60]}-{digest}"


def load_bare(
    path: Path,
    calendar: str | None,
    frequency: str = DAILY,
    intraday: IntradayBars | None = None,
    file_format: FileFormat = PLAIN_FILES,
    symbol_pattern: str | None = None,
    on_fault: OnFault = "record",
) -> Panel:
    """Load a folder of CSV files, a CSV file or a Parquet file without a declaration, faults and all.

    What is not said is not guessed: the card says so. It is enough to count faults, not to trade on. What a refusal
    proposes to state is worded as options of the command line.

    Args:
        path: The folder or file.
        calendar: Name of the trading calendar.
        frequency: Length of a bar, ``"1D"`` for one bar a session, ``"1W"`` or ``"1M"`` for one a week or month.
        intraday: How shorter bars are cut and dated.
        file_format: How the files are written, where they are no plain ones; of a Parquet file its symbol alone.
        symbol_pattern: How the names of CSV files spell symbols, see `quantdl.market.sources.csv_folder`.
        on_fault: Whether impossible rows are recorded, or refused.

    Raises:
        ConfigError: If no calendar is given, or what belongs to CSV files for a Parquet file.
        DataError: If nothing can be read, or impossible rows are refused.
    """
    calendar = stated_calendar(path, calendar)
    declaration = Declaration(
        source=_NOT_STATED,
        timezone=trading_calendar(calendar).timezone,
        frequency=frequency,
        adjustment="raw",
        calendar=calendar,
        as_of=date.today(),
        licence=_NOT_STATED,
        on_fault=on_fault,
        intraday=intraday,
    )
    try:
        if path.is_dir() or path.suffix.lower() == ".csv":
            return cached_csv_folder(path, declaration, symbol_pattern, file_format)
        _refuse_for_parquet(path, file_format, symbol_pattern)
        return cached_parquet(path, declaration, file_format.symbol)
    except FaultyDataError as error:
        raise FaultyDataError(map(in_options, error.row_faults)) from error


def _refuse_for_parquet(path: Path, file_format: FileFormat, symbol_pattern: str | None) -> None:
    """Refuse options that belong to CSV files.

    Raises:
        ConfigError: Naming the first of them.
    """
    given = {**vars(replace(file_format, symbol=None)), "symbol_pattern": symbol_pattern}
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"{path}: --{name.replace('_', '-')} is for CSV files; leave the option out.")
