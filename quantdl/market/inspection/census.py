"""The census: everything that is wrong or doubtful with a panel, named, dated and counted; nothing is repaired here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from quantdl.market.card import Universe
from quantdl.market.data_fault import DataFault
from quantdl.market.inspection.checks import CHECKS, Check, InspectedPanel
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.same_prices import same_prices
from quantdl.market.inspection.session_bars import session_numbers
from quantdl.market.inspection.summary import Summary, summarise
from quantdl.market.inspection.survivorship import judge_survivorship
from quantdl.market.panel import Panel
from quantdl.shown import block, facts, note, table, title

SCHEMA_VERSION = 1
"""Of the JSON form, see `quantdl.results.census.CensusRecord`."""


@dataclass(frozen=True)
class FaultMap:
    """Cells with a fault in each calendar year. A cell with several faults counts once for its asset.

    Attributes:
        bars: The panel's bars in each year, with or without a trade.
        kinds: Cells of all assets by kind and year; kinds and years without one are left out.
        assets: Cells of any kind by asset and year; assets and years without one are left out.
    """

    bars: Mapping[str, int]
    kinds: Mapping[str, Mapping[str, int]]
    assets: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Census:
    """What a panel holds and what is wrong with it.

    Attributes:
        first: First session.
        last: Last session.
        n_sessions: Number of sessions.
        n_assets: Number of assets.
        fingerprint: Of the values as loaded, see `quantdl.market.card.DataCard`.
        coverage: Share of the panel's bars in which each asset traded.
        faults: Every fault, by kind and then by asset.
        by_year: Where in time the faults on cells lie.
        summary: Figures that are no faults by themselves.
        universe: How the universe looks chosen, see `quantdl.market.inspection.survivorship`.
        survivorship: The reasons for that, in a sentence.
        currency: What the prices are in, see `quantdl.market.card.DataCard.currency`.
        notes: What the card says of the data, for instance which columns were not read.
        cells: By kind, the cells that a rule concerns: (N,) positions in the flattened (T, A) panel, increasing. Kinds
            without one are left out. The summary and the policies read them; each rule is run once on the panel.
        breaks: By kind, the first cells of new histories, as ``cells``.
        recognised_breaks: By kind, those that were recognised at their own close, whatever came later, as ``cells``;
            only of kinds whose ``breaks`` are judged by later cells too.
    """

    first: date
    last: date
    n_sessions: int
    n_assets: int
    fingerprint: str
    coverage: Mapping[str, float]
    faults: tuple[DataFault, ...]
    by_year: FaultMap
    summary: Summary
    universe: Universe
    survivorship: str
    currency: str
    notes: tuple[str, ...]
    cells: Mapping[str, np.ndarray] = field(compare=False, repr=False)
    breaks: Mapping[str, np.ndarray] = field(compare=False, repr=False)
    recognised_breaks: Mapping[str, np.ndarray] = field(compare=False, repr=False)

    def _repr_html_(self) -> str:
        counts, affected = self.counts(), self.assets_affected()
        found = sorted((kind for kind, count in counts.items() if count), key=lambda kind: -counts[kind])
        absent = len(counts) - len(found)
        pairs = {
            "span": f"{self.first} to {self.last}, {self.n_sessions:,} sessions",
            "assets": f"{self.n_assets:,}",
            "universe": f"{self.universe}. {self.survivorship}",
        }
        rows = [[kind, f"{counts[kind]:,}", f"{affected[kind]:,}"] for kind in found]
        return block(
            title("Census"),
            facts(pairs),
            table(("Fault", "count", "assets"), rows) if rows else "",
            note(f"{absent} more kinds were looked for and not found. Each fault stands in census.faults."),
        )

    def counts(self) -> dict[str, int]:
        """Return the number of cells, sessions or runs of every kind that was looked for, zeros included."""
        counts = dict.fromkeys(Policies().actions(), 0)
        for fault in self.faults:
            counts[fault.kind] = counts.get(fault.kind, 0) + fault.count
        return counts

    def assets_affected(self) -> dict[str, int]:
        """Return the number of assets with a fault of each kind; 0 too for a kind that concerns no single asset."""
        symbols: dict[str, set[str]] = {kind: set() for kind in self.counts()}
        for fault in self.faults:
            if fault.symbol is not None:
                symbols[fault.kind].add(fault.symbol)
        return {kind: len(named) for kind, named in symbols.items()}


def take_census(panel: Panel) -> Census:
    """Look for every kind of fault that is known.

    The kinds on cells are listed in `quantdl.market.inspection.checks`. ``session_missing_for_all`` is a session of the
    calendar on which no asset has a bar although some asset has one before and after. ``same_prices`` is an asset with
    the closes of another one, see `quantdl.market.inspection.same_prices`. What the loader recorded
    (``duplicate``, ``unsorted``, ``non_session`` and others, see `quantdl.market.reading.assembly.assemble`) is
    repeated, and so is every ``revision`` that the vintages of the source show.

    Args:
        panel: The panel as loaded, before any policy.
    """
    inspected = InspectedPanel(panel)
    cells = {check.kind: inspected.cells(check.rule) for check in CHECKS}
    breaks = {
        check.kind: cells[check.kind] if rule == check.rule else inspected.cells(rule)
        for check in CHECKS
        if (rule := check.breaks) is not None
    }
    recognised = {
        check.kind: inspected.cells(rule) for check in CHECKS if (rule := check.recognised_breaks) is not None
    }
    found = [fault for check in CHECKS for fault in _faults(panel, check, cells[check.kind])]
    survivorship = judge_survivorship(panel)
    share = panel.has_bar.mean(axis=0)
    return Census(
        first=panel.sessions[0].date(),
        last=panel.sessions[-1].date(),
        n_sessions=int(session_numbers(panel)[-1]) + 1,
        n_assets=len(panel.assets),
        fingerprint=panel.card.fingerprint,
        coverage={name: float(value) for name, value in zip(panel.assets, share, strict=True)},
        faults=(*panel.faults, *_missing_for_all(panel), *found, *same_prices(panel)),
        by_year=map_faults(panel, cells),
        summary=summarise(panel, missing=cells["missing_session"], large_returns=cells["return_above_50pct"]),
        universe=survivorship.universe,
        survivorship=survivorship.sentence,
        currency=panel.card.currency,
        notes=panel.card.declaration.notes,
        cells=_positions(cells),
        breaks=_positions(breaks),
        recognised_breaks=_positions(recognised),
    )


def _positions(cells: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {kind: np.flatnonzero(found) for kind, found in cells.items() if found.any()}


def _missing_for_all(panel: Panel) -> list[DataFault]:
    number = session_numbers(panel)
    seen = np.zeros(number[-1] + 1, dtype=bool)
    seen[number[panel.has_bar.any(axis=1)]] = True
    days = panel.sessions.unique()[np.flatnonzero(~seen)]
    return [
        DataFault("session_missing_for_all", None, day.date(), day.date(), 1, "No asset has a bar on this session.")
        for day in days
    ]


def _faults(panel: Panel, check: Check, cells: np.ndarray) -> list[DataFault]:
    found = []
    for column in np.flatnonzero(cells.any(axis=0)).tolist():
        rows = np.flatnonzero(cells[:, column])
        edges = {"cell": range(1, len(rows)), "run": np.flatnonzero(np.diff(rows) != 1) + 1, "asset": ()}[check.each]
        groups = np.split(rows, list(edges))
        found += [_fault(panel, check, column, group) for group in groups]
    return found


def _fault(panel: Panel, check: Check, column: int, rows: np.ndarray) -> DataFault:
    starts = np.flatnonzero(np.r_[True, np.diff(rows) != 1])
    lengths = np.diff(np.r_[starts, len(rows)])
    longest = int(lengths.argmax())
    n_bars = int(panel.has_bar[rows, column].sum()) if check.each == "run" else len(rows)
    detail = f"Longest run {lengths[longest]:,} from {panel.sessions[rows[starts[longest]]]:%Y-%m-%d}."
    return DataFault(
        kind=check.kind,
        symbol=panel.assets[column],
        first=panel.sessions[rows[0]].date(),
        last=panel.sessions[rows[-1]].date(),
        count=len(lengths) if check.runs else n_bars,
        detail=detail if check.describe is None else check.describe(panel, column, rows),
    )


def map_faults(panel: Panel, cells: Mapping[str, np.ndarray]) -> FaultMap:
    """Count cells (T, A) bool, by kind and year."""
    years = np.asarray(panel.sessions.year)
    firsts = np.flatnonzero(np.r_[True, years[1:] != years[:-1]])
    names = [str(year) for year in years[firsts]]
    touched = np.zeros(panel.status.shape, dtype=bool)
    kinds = {}
    for kind, found in cells.items():
        touched |= found
        kinds[kind] = _named(names, np.add.reduceat(found.sum(axis=1), firsts))
    by_asset = np.add.reduceat(touched, firsts, axis=0, dtype=np.int64)
    assets = {name: _named(names, by_asset[:, column]) for column, name in enumerate(panel.assets)}
    return FaultMap(
        bars=_named(names, np.diff(np.r_[firsts, len(years)])),
        kinds={kind: found for kind, found in kinds.items() if found},
        assets={name: found for name, found in assets.items() if found},
    )


def _named(years: list[str], counts: np.ndarray) -> dict[str, int]:
    return {year: int(count) for year, count in zip(years, counts, strict=True) if count}
