"""The ``data:`` block: which prices, what the user declares about them, and what happens to their faults."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from quantdl.config.blocks import Block
from quantdl.config.data_paths import DataPath
from quantdl.errors import FieldFaults
from quantdl.market.card import Adjustment, Declaration, IntradayBars, OnFault, SilenceRule, Universe
from quantdl.market.inspection.policies import Policies

Text = Annotated[str, Field(min_length=1)]
Assets = Annotated[tuple[Text, ...], Field(min_length=1)]


class EligibilityConfig(Block):
    """Who belongs to the universe as of each bar; see `quantdl.market.universe.eligibility.UniverseRule`.

    Attributes:
        membership: CSV file ``symbol,from,to``, relative to the config file; null when every asset is a member.
        minimum_history_bars: Bars on which an asset must have traded.
        minimum_price: Its last close at the least, as quoted: needs raw prices.
        minimum_dollar_volume: Mean of close times volume over the last ``window_bars`` bars at the least.
        window_bars: Bars of that mean.
    """

    membership: DataPath | None = None
    minimum_history_bars: PositiveInt = 1
    minimum_price: PositiveFloat | None = None
    minimum_dollar_volume: PositiveFloat | None = None
    window_bars: PositiveInt | None = None

    @model_validator(mode="after")
    def _dollars_need_a_window(self) -> "EligibilityConfig":
        if (self.window_bars is None) != (self.minimum_dollar_volume is None):
            missing = "window_bars" if self.window_bars is None else "minimum_dollar_volume"
            raise FieldFaults((missing, "missing; window_bars and minimum_dollar_volume are given together"))
        return self


class _DataConfig(Block):
    """What all sources share.

    Attributes:
        start: First session to use; null for all.
        end: Last session to use; null for all.
        assets: Symbols to keep, as they are written; null for all.
        policies: What is done about each kind of fault.
        eligibility: Who belongs to the universe as of each bar; null for every listed asset.
    """

    start: date | None = None
    end: date | None = None
    assets: Assets | None = None
    policies: Policies = Policies()
    eligibility: EligibilityConfig | None = None

    @model_validator(mode="after")
    def _each_asset_once(self) -> "_DataConfig":
        twice = sorted(name for name, count in Counter(self.assets or ()).items() if count > 1)
        if twice:
            raise FieldFaults(("assets", f"given {twice} twice; expected each symbol once"))
        return self


class Sp500Config(_DataConfig):
    """The bundled closes of twenty S&P 500 members."""

    kind: Literal["sp500"]

    def at_loading(self) -> OnFault:
        """Return whether a loader stops at rows that cannot be right; the bundled set has none."""
        return "refuse"


class _DeclaredConfig(_DataConfig):
    """Prices of the user's own, with what only the user can know about them.

    Attributes:
        path: File or folder, relative to the config file; see `quantdl.config.data_paths` for ``${env:...}``.
        source: Who published the prices.
        timezone: IANA name of the exchange's zone.
        frequency: Length of a bar: ``1D`` for one bar a session, or ``60min``, ``1min``, ... within it.
        intraday: How bars shorter than a session are cut and dated.
        adjustment: ``raw``, ``split`` or ``total_return``.
        calendar: Trading calendar, ISO code first (``XNYS``).
        as_of: Day on which the source stated these values.
        licence: Terms under which the prices may be used.
        universe: How the assets were chosen.
        sectors: Sector of each asset.
        silence: How silence after an asset's last trade is read.
        actions: CSV file of splits, dividends, renames and delistings, relative to the config file, for prices that do
            not hold them yet; see `quantdl.market.corporate.actions_table.load_actions`.
        on_fault: ``refuse`` stops at rows that cannot be right, all of them named; ``record`` loads the good ones, and
            the policies treat what the census finds. Null: ``record`` if a policy for such rows is not the default.
        notes: Further facts for the data card.
    """

    path: DataPath
    source: Text
    timezone: Text
    frequency: Text
    adjustment: Adjustment
    calendar: Text
    as_of: date
    licence: Text
    universe: Universe = "unknown"
    sectors: Mapping[str, str] = Field(default_factory=dict)
    silence: SilenceRule = SilenceRule()
    intraday: IntradayBars | None = None
    actions: DataPath | None = None
    on_fault: OnFault | None = None
    notes: tuple[str, ...] = ()

    def at_loading(self) -> OnFault:
        """Return whether a loader stops at rows that cannot be right."""
        return self.policies.on_fault() if self.on_fault is None else self.on_fault

    def declaration(self, on_fault: OnFault = "refuse") -> Declaration:
        """Return what the block declares.

        Args:
            on_fault: Whether a loader stops at impossible rows or records them for the census.

        Raises:
            DataError: If a value means nothing, such as an unknown time zone.
        """
        return Declaration(
            source=self.source,
            timezone=self.timezone,
            frequency=self.frequency,
            adjustment=self.adjustment,
            calendar=self.calendar,
            as_of=self.as_of,
            licence=self.licence,
            universe=self.universe,
            on_fault=on_fault,
            silence=self.silence,
            sectors=self.sectors,
            notes=self.notes,
            intraday=self.intraday,
        )


class CsvFolderConfig(_DeclaredConfig):
    """A folder with one CSV file per symbol; ``symbol_pattern`` is a regular expression whose group is the symbol."""

    kind: Literal["csv_folder"]
    symbol_pattern: Text | None = None


class ParquetConfig(_DeclaredConfig):
    """A Parquet file, long or wide."""

    kind: Literal["parquet"]


class LeanConfig(_DeclaredConfig):
    """Raw bars in one Parquet file, with the factor and map files of QuantConnect's Lean.

    Attributes:
        kind: Tells the sources apart.
        factor_files: Folder of factor files, or one CSV of all of them.
        map_files: Folder of map files, or one CSV of all of them.
    """

    kind: Literal["lean"]
    factor_files: DataPath
    map_files: DataPath


DataConfig = Annotated[Sp500Config | CsvFolderConfig | ParquetConfig | LeanConfig, Field(discriminator="kind")]
