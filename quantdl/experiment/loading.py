"""From the data block of a config, or a bare path, to a panel as its source states it."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from quantdl.calendars import trading_calendar
from quantdl.config import ExperimentConfig
from quantdl.config.data_paths import variables
from quantdl.errors import ConfigError, DataError
from quantdl.market.card import DAILY, Declaration, IntradayBars, OnFault
from quantdl.market.panel import Panel
from quantdl.market.sources.loading import cached_csv_folder, cached_parquet, load_prices
from quantdl.market.sources.settings import PriceSettings

_NOT_STATED = "not stated"


def load_panel(config: ExperimentConfig, on_fault: OnFault) -> Panel:
    """Load all that the data block names, with its corporate actions, through the cache.

    Raises:
        ConfigError: If a path names a variable of the environment that is not set.
        DataError: If the data cannot be read, or holds impossible rows and ``on_fault`` is ``"refuse"``.
    """
    return load_prices(_located(config, config.data), on_fault)


def _located(config: ExperimentConfig, data: PriceSettings) -> PriceSettings:
    """Return the settings with paths as seen from the working directory.

    Raises:
        DataError: If the prices are not there.
    """
    named = {name: getattr(data, name) for name in data.FILES if getattr(data, name) is not None}
    found: dict[str, Any] = {name: config.locate_data(path, "data", name) for name, path in named.items()}
    if "path" in found and not found["path"].exists():
        folders = ", ".join(variables(named["path"]))
        fix = f"set {folders} to the folder of these data" if folders else "correct the path"
        raise DataError(f"{config.where('data', 'path')}: {found['path']}: no such file or folder. Fix: {fix}.")
    return replace(data, **found)


def load_bare(path: Path, calendar: str | None, frequency: str = DAILY, intraday: IntradayBars | None = None) -> Panel:
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
    return cached_csv_folder(path, declaration) if is_text else cached_parquet(path, declaration)
