"""From the data block of a config, or a bare path, to a panel as its source states it."""

from datetime import date
from pathlib import Path

from quantdl.calendars import trading_calendar
from quantdl.config import ExperimentConfig
from quantdl.config.data_blocks import CsvFolderConfig, LeanConfig, ParquetConfig, Sp500Config
from quantdl.config.data_paths import variables
from quantdl.errors import ConfigError, DataError
from quantdl.market.card import Declaration, IntradayBars, OnFault
from quantdl.market.corporate.actions_table import load_actions
from quantdl.market.corporate.attachment import with_actions
from quantdl.market.panel import Panel
from quantdl.market.sources import load_csv_folder, load_lean, load_parquet, load_sp500
from quantdl.market.storage.cache import cached

_NOT_STATED = "not stated"
_DAILY = "1D"


def load_panel(config: ExperimentConfig, on_fault: OnFault) -> Panel:
    """Load all that the data block names, with its corporate actions, through the cache.

    Raises:
        ConfigError: If a path names a variable of the environment that is not set.
        DataError: If the data cannot be read, or holds impossible rows and ``on_fault`` is ``"refuse"``.
    """
    data = config.data
    if isinstance(data, Sp500Config):
        return load_sp500()
    path = config.locate_data(data.path, "data", "path")
    if not path.exists():
        folders = ", ".join(variables(data.path))
        fix = f"set {folders} to the folder of these data" if folders else "correct the path"
        raise DataError(f"{config.where('data', 'path')}: {path}: no such file or folder. Fix: {fix}.")
    declaration = data.declaration(on_fault)
    match data:
        case CsvFolderConfig():
            panel = csv_panel(path, declaration, data.symbol_pattern)
        case ParquetConfig():
            panel = parquet_panel(path, declaration)
        case LeanConfig():
            factors = config.locate_data(data.factor_files, "data", "factor_files")
            names = config.locate_data(data.map_files, "data", "map_files")
            files = (path, factors, names)
            panel = cached(lambda: load_lean(path, factors, names, declaration), "lean", files, declaration)
    if data.actions is None:
        return panel
    return with_actions(panel, load_actions(config.locate_data(data.actions, "data", "actions")))


def load_bare(path: Path, calendar: str | None, frequency: str = _DAILY, intraday: IntradayBars | None = None) -> Panel:
    """Load a folder of CSV files, a CSV file or a Parquet file that nobody described, faults and all.

    What is not said is not guessed: the card says so. It is enough to count faults, not to trade on.

    Args:
        path: The folder or file.
        calendar: Name of the trading calendar.
        frequency: Length of a bar, ``"1D"`` for one bar a session.
        intraday: How shorter bars are cut and dated.

    Raises:
        ConfigError: If no calendar is given.
        DataError: If nothing can be read.
    """
    if calendar is None:
        raise ConfigError(f"{path}: --calendar is needed for a bare path, for instance --calendar XNYS.")
    declaration = Declaration(
        source=_NOT_STATED,
        timezone=trading_calendar(calendar).timezone,
        frequency=frequency,
        adjustment="raw",
        calendar=calendar,
        as_of=date.today(),
        licence=_NOT_STATED,
        on_fault="record",
        intraday=intraday,
    )
    is_text = path.is_dir() or path.suffix.lower() == ".csv"
    return csv_panel(path, declaration, None) if is_text else parquet_panel(path, declaration)


def csv_panel(path: Path, declaration: Declaration, symbol_pattern: str | None) -> Panel:
    """Load CSV files through the cache."""
    loader = f"csv_folder {symbol_pattern}"
    return cached(lambda: load_csv_folder(path, declaration, symbol_pattern), loader, [path], declaration)


def parquet_panel(path: Path, declaration: Declaration) -> Panel:
    """Load a Parquet file through the cache."""
    return cached(lambda: load_parquet(path, declaration), "parquet", [path], declaration)
