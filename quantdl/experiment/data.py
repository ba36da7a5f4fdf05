"""From the data block of a config to a panel with its census taken and its policies applied."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from quantdl.config import ExperimentConfig
from quantdl.config.data_blocks import CsvFolderConfig, ParquetConfig, Sp500Config
from quantdl.errors import ConfigError, DataError
from quantdl.market.card import Declaration, OnFault
from quantdl.market.census import Census, take_census
from quantdl.market.panel import Panel
from quantdl.market.policies import Policies
from quantdl.market.sources import load_csv_folder, load_parquet, load_sp500
from quantdl.market.treatment import apply_policies

_NOT_STATED = "not stated"
_PRICES = ("open", "high", "low", "close")
_AT_LOADING = (
    *(f"{fault}_{price}" for fault in ("zero", "negative", "non_finite") for price in _PRICES),
    "negative_volume",
    "non_finite_volume",
    "missing_close",
    "duplicate",
    "unsorted",
    "non_session",
    "after_as_of",
)


@dataclass(frozen=True, eq=False)
class LoadedData:
    """Prices as they will be used, and what was wrong with them as they came.

    Attributes:
        panel: After the policies.
        census: Before them.
    """

    panel: Panel
    census: Census


def load_data(config: ExperimentConfig) -> LoadedData:
    """Load, select, count the faults and apply the policies.

    Raises:
        DataError: If the data cannot be read, a fault is to be refused, or nothing is left.
    """
    panel = _load(config, _on_fault(config.data.policies))
    census = take_census(panel)
    before_test = int(panel.sessions.searchsorted(pd.Timestamp(config.splits.test_start))) - 1
    judged_through = panel.sessions[max(before_test, 0)]
    return LoadedData(apply_policies(panel, census, config.data.policies, judged_through), census)


def _on_fault(policies: Policies) -> OnFault:
    """Whether a loader stops at impossible bars: yes, unless the config chose a policy for them.

    The defaults of the policies are for data that were loaded with their faults; a config that says nothing about
    impossible prices wants to hear of them, with file and line.
    """
    chosen, standard = policies.actions(), Policies().actions()
    return "record" if any(chosen[kind] != standard[kind] for kind in _AT_LOADING) else "refuse"


def check_data(target: ExperimentConfig | Path, calendar: str | None = None) -> Census:
    """Take the census of a config's data or of a bare folder or file; faults are counted, not refused.

    Args:
        target: A config, a folder of CSV files, or a Parquet file.
        calendar: Trading calendar of a bare path, for instance ``"XNYS"``.

    Raises:
        ConfigError: If a bare path comes without a calendar.
        DataError: If nothing can be read.
    """
    if isinstance(target, ExperimentConfig):
        return take_census(_load(target, "record"))
    if calendar is None:
        raise ConfigError(f"{target}: --calendar is needed for a bare path, for instance --calendar XNYS.")
    declaration = _undeclared(calendar)
    if target.is_dir():
        return take_census(load_csv_folder(target, declaration))
    return take_census(load_parquet(target, declaration))


def _undeclared(calendar: str) -> Declaration:
    """What can be said of files that nobody described: enough to count their faults, not to trade on them."""
    from quantdl.calendars import trading_calendar

    return Declaration(
        source=_NOT_STATED,
        timezone=trading_calendar(calendar).timezone,
        frequency="1D",
        adjustment="raw",
        calendar=calendar,
        as_of=date.today(),
        licence=_NOT_STATED,
        on_fault="record",
    )


def _load(config: ExperimentConfig, on_fault: OnFault) -> Panel:
    data = config.data
    match data:
        case Sp500Config():
            panel = load_sp500()
        case CsvFolderConfig():
            panel = load_csv_folder(config.locate(data.path), data.declaration(on_fault), data.symbol_pattern)
        case ParquetConfig():
            panel = load_parquet(config.locate(data.path), data.declaration(on_fault))
    if data.assets is not None:
        unknown = sorted(set(data.assets) - set(panel.assets))
        if unknown:
            raise DataError(f"{config.where('data', 'assets')}: given {unknown}; the data holds {list(panel.assets)}.")
        panel = panel.select(data.assets)
    first, last = panel.sessions[0].date(), panel.sessions[-1].date()
    start, end = data.start or first, data.end or last
    if start > last or end < first:
        raise DataError(f"{config.where('data')}: {start}..{end} lies outside the data, which runs {first}..{last}.")
    return panel if (start, end) == (first, last) else panel.between(start, end)
