"""The census and the series of a run as they are stored beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from quantdl.market.card import Universe
from quantdl.market.data_fault import DataFault
from quantdl.market.inspection.census import SCHEMA_VERSION, Census, FaultMap
from quantdl.market.inspection.summary import Summary
from quantdl.market.panel import Panel
from quantdl.market.series.exogenous import ExogenousSeries, SeriesCard
from quantdl.records import INLINE, OMIT_DEFAULT


@dataclass(frozen=True, kw_only=True)
class CensusRecord:
    """What ``census.json`` holds; see `quantdl.market.inspection.census.Census` for what is not said here.

    Attributes:
        schema_version: Of this form.
        first: First session.
        last: Last session.
        n_sessions: Number of sessions.
        n_assets: Number of assets.
        fingerprint: Of the values as loaded.
        universe: How the universe looks chosen.
        survivorship: The reasons for that.
        currency: What the prices are in, as loaded.
        notes: What the card says of the data.
        counts: Cells, sessions or runs of every kind that was looked for, zeros included.
        assets_affected: Assets with a fault of each kind; 0 too for a kind that concerns no single asset.
        summary: Figures that are no faults by themselves.
        by_year: Where in time the faults on cells lie.
        coverage: Share of the bars in which each asset traded.
        faults: Every fault, by kind and then by asset.
        traded_by_year: Share of each year's sessions on which each asset traded, after the policies; None where no
            policy was applied.
    """

    schema_version: int
    first: date
    last: date
    n_sessions: int
    n_assets: int
    fingerprint: str
    universe: Universe
    survivorship: str
    currency: str = "not stated"
    notes: tuple[str, ...]
    counts: Mapping[str, int]
    assets_affected: Mapping[str, int]
    summary: Summary
    by_year: FaultMap
    coverage: Mapping[str, float]
    faults: tuple[DataFault, ...]
    traded_by_year: Mapping[str, Mapping[str, float]] | None = field(default=None, metadata=OMIT_DEFAULT)


@dataclass(frozen=True)
class SeriesRecord:
    """The card of a series beside the prices, and the dates between which it has values."""

    card: SeriesCard = field(metadata=INLINE)
    first: date
    last: date


def census_record(census: Census, treated: Panel | None = None) -> CensusRecord:
    """Return what is stored of a census.

    Args:
        census: Of the data before the policies.
        treated: The panel after them, where they were applied.
    """
    return CensusRecord(
        schema_version=SCHEMA_VERSION,
        first=census.first,
        last=census.last,
        n_sessions=census.n_sessions,
        n_assets=census.n_assets,
        fingerprint=census.fingerprint,
        universe=census.universe,
        survivorship=census.survivorship,
        currency=census.currency,
        notes=census.notes,
        counts=census.counts(),
        assets_affected=census.assets_affected(),
        summary=census.summary,
        by_year=census.by_year,
        coverage=census.coverage,
        faults=census.faults,
        traded_by_year=None if treated is None else _traded_by_year(treated),
    )


def series_record(series: ExogenousSeries) -> SeriesRecord:
    """Return what is stored of a series."""
    return SeriesRecord(series.card, series.observed_on[0].date(), series.observed_on[-1].date())


def _traded_by_year(panel: Panel) -> dict[str, dict[str, float]]:
    traded = pd.DataFrame(panel.traded, panel.sessions, list(panel.assets), dtype=float)
    shares = traded.groupby(panel.sessions.year).mean()
    return {asset: {str(year): float(share) for year, share in shares[asset].items()} for asset in panel.assets}
