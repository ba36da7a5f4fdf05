"""The ``data:`` block: which prices, what the user declares about them, and what happens to their faults."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from quantdl.config.blocks import Block
from quantdl.market.card import Adjustment, Declaration, OnFault, SilenceRule, Universe
from quantdl.market.policies import Policies

Text = Annotated[str, Field(min_length=1)]
Assets = Annotated[tuple[Text, ...], Field(min_length=1)]


class _DataConfig(Block):
    """What all sources share.

    Attributes:
        start: First session to use; null for all.
        end: Last session to use; null for all.
        assets: Symbols to keep, as they are written; null for all.
        policies: What is done about each kind of fault.
    """

    start: date | None = None
    end: date | None = None
    assets: Assets | None = None
    policies: Policies = Policies()


class Sp500Config(_DataConfig):
    """The bundled closes of twenty S&P 500 members."""

    kind: Literal["sp500"]


class _DeclaredConfig(_DataConfig):
    """Prices of the user's own, with what only the user can know about them.

    Attributes:
        path: File or folder, relative to the config file.
        source: Who published the prices.
        timezone: IANA name of the exchange's zone.
        frequency: Spacing of the bars, ``1D``.
        adjustment: ``raw``, ``split`` or ``total_return``.
        calendar: Trading calendar, ISO code first (``XNYS``).
        as_of: Day on which the source stated these values.
        licence: Terms under which the prices may be used.
        universe: How the assets were chosen.
        sectors: Sector of each asset.
        silence: How silence after an asset's last trade is read.
        notes: Further facts for the data card.
    """

    path: Path
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
    notes: tuple[str, ...] = ()

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
        )


class CsvFolderConfig(_DeclaredConfig):
    """A folder with one CSV file per symbol; ``symbol_pattern`` is a regular expression whose group is the symbol."""

    kind: Literal["csv_folder"]
    symbol_pattern: Text | None = None


class ParquetConfig(_DeclaredConfig):
    """A Parquet file, long or wide."""

    kind: Literal["parquet"]


DataConfig = Annotated[Sp500Config | CsvFolderConfig | ParquetConfig, Field(discriminator="kind")]
