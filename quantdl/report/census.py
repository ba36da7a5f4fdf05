"""What the data is and what is doubtful about it: the card, the census, and where the faults lie."""

from collections.abc import Mapping

import pandas as pd

from quantdl.market.card import DataCard
from quantdl.market.data_fault import DataFault
from quantdl.market.inspection.census import FaultMap
from quantdl.market.series.declaration import ReleaseRule
from quantdl.report import charts
from quantdl.report.document import (
    Bullets,
    Cell,
    Facts,
    Heading,
    Part,
    Row,
    Section,
    Table,
    Words,
    header,
    number,
    row,
    shortened,
)
from quantdl.report.formatting import COUNT, PERCENT, counted, in_words
from quantdl.results.census import CensusRecord, SeriesRecord
from quantdl.results.run_record import RunRecord

LONGEST = 60
FEW_OF_A_KIND = 20
FEWEST_SHOWN = 3
MOST_YEARS_DRAWN = 60
MOST_ASSETS_DRAWN = 80


def section(run: RunRecord) -> Section:
    """Show the census and the card of the data."""
    lead = "Nothing is repaired silently: every fault is named, and every policy applied to it stands on the card."
    parts: list[Part] = [*_census(run.census), *_card(run.card), *_series(run.series)]
    return Section("data", "Data census and data card", "Data", lead, tuple(parts))


def _census(census: CensusRecord) -> list[Part]:
    size = f"{counted(census.n_assets, 'asset')} over {counted(census.n_sessions, 'session')}."
    parts: list[Part] = [Words(census.survivorship), Words(size)]
    parts += _traded_map(census.traded_by_year or {})
    if census.faults:
        parts += [_kinds(census), *_maps(census.by_year, census.faults), _faults(census.faults)]
    clean = sorted(in_words(kind).lower() for kind, count in census.counts.items() if count == 0)
    parts.append(Words(f"Looked for and not found: {', '.join(clean)}.", style="note"))
    parts += _coverage(census.coverage)
    return parts


def _kinds(census: CensusRecord) -> Table:
    counts, assets = census.counts, census.assets_affected
    rows = []
    for kind in sorted({fault.kind for fault in census.faults}):
        n_faults = sum(1 for fault in census.faults if fault.kind == kind)
        affected = str(assets.get(kind, 0) or "whole data set")
        cells = number(n_faults, COUNT), Cell(affected, numeric=True), number(counts.get(kind), COUNT)
        rows.append(row(in_words(kind), *cells))
    columns = header("Kind", "Faults", "Assets", "Cells or sessions")
    return Table("Faults by kind", columns, tuple(rows), narrow=True)


def _faults(faults: tuple[DataFault, ...]) -> Table:
    shown = _largest_of_each_kind(faults)
    note = ""
    if len(shown) < len(faults):
        note = f"The largest of each kind: {len(shown):,} of {len(faults):,} faults; all of them are in census.json."
    columns = (
        Cell("Asset"),
        Cell("Kind"),
        Cell("First"),
        Cell("Last"),
        Cell("Count", numeric=True),
        Cell("What was seen"),
    )
    return Table("Faults", columns, tuple(map(_fault_row, shown)), note)


def _largest_of_each_kind(faults: tuple[DataFault, ...]) -> list[DataFault]:
    """Return, in their order, all faults of a kind with few, and of the others those that concern most cells."""
    if len(faults) <= LONGEST:
        return list(faults)
    kinds = {fault.kind for fault in faults}
    most = max(FEWEST_SHOWN, LONGEST // len(kinds))
    kept: list[int] = []
    for kind in kinds:
        own = [place for place, fault in enumerate(faults) if fault.kind == kind]
        largest = sorted(own, key=lambda place: faults[place].count, reverse=True)
        kept += own if len(own) <= FEW_OF_A_KIND else largest[:most]
    return [faults[place] for place in sorted(kept)]


def _fault_row(fault: DataFault) -> Row:
    return row(
        fault.symbol or "all",
        Cell(in_words(fault.kind)),
        Cell(str(fault.first)),
        Cell(str(fault.last)),
        number(fault.count, COUNT),
        Cell(fault.detail),
    )


def _maps(by_year: FaultMap, faults: tuple[DataFault, ...]) -> list[Part]:
    """Draw where in time the faults lie: each where assets are few, else the share of each year's bars."""
    parts: list[Part] = []
    years = sorted(by_year.bars)[-MOST_YEARS_DRAWN:]
    if by_year.kinds:
        parts.append(charts.kind_map(_counts(by_year.kinds, years).rename(index=in_words)))
    drawn = tuple(map(_drawn, faults))
    if len({one.asset for one in drawn}) <= MOST_ASSETS_DRAWN:
        return [*parts, charts.faults_over_time(drawn)]
    counts = _counts(by_year.assets, years)
    worst = counts.iloc[:MOST_ASSETS_DRAWN]
    caption = "Share of the year's bars that any fault concerns."
    if len(worst) < len(counts):
        caption += f" Drawn are the {len(worst):,} assets with most of them, of {len(counts):,} with any."
    return [*parts, charts.fault_map(worst, [by_year.bars[year] for year in years], caption)]


def _counts(by_name: Mapping[str, Mapping[str, int]], years: list[str]) -> pd.DataFrame:
    """Lay counts out by name and year, the name with most of them first."""
    table = pd.DataFrame([[counts.get(year, 0) for year in years] for counts in by_name.values()], list(by_name), years)
    totals = table.sum(axis=1)
    return table.loc[sorted(table.index, key=lambda name: (-totals[name], name))]


def _drawn(fault: DataFault) -> charts.DrawnFault:
    count = counted(fault.count, "cell")
    return charts.DrawnFault(fault.symbol or "all assets", in_words(fault.kind), fault.first, fault.last, count)


def _traded_map(traded: Mapping[str, Mapping[str, float]]) -> list[Part]:
    """Draw the share of sessions with a price per asset and year; of many assets, those with the fewest prices."""
    if not traded:
        return []
    shares = pd.DataFrame(traded, dtype=float).T.sort_index(axis=1)
    shares = shares[shares.columns[-MOST_YEARS_DRAWN:]]
    totals = shares.sum(axis=1)
    fewest = sorted(sorted(shares.index, key=lambda asset: (totals[asset], asset))[:MOST_ASSETS_DRAWN])
    parts: list[Part] = [charts.traded_map(shares.loc[fewest])]
    if len(fewest) < len(shares):
        parts.append(Words(f"Drawn are the {len(fewest):,} of {len(shares):,} assets with the fewest prices.", "note"))
    return parts


def _coverage(coverage: Mapping[str, float]) -> list[Part]:
    gaps = sorted((share, asset) for asset, share in coverage.items() if share < 1.0)
    whole = sum(1 for share in coverage.values() if share >= 1.0)
    complete = f"{counted(whole, 'asset')} of {len(coverage):,} with a price on every session."
    if not gaps:
        return [Words(complete, style="note")]
    rows, note = shortened(
        [row(asset, number(share, PERCENT)) for share, asset in gaps], LONGEST, "assets", "census.json"
    )
    columns = header("Asset", "Sessions with a price [%]")
    return [Table("Coverage, lowest first", columns, rows, " ".join((complete, note)).strip(), narrow=True)]


def _card(card: DataCard) -> list[Part]:
    declared = card.declaration
    facts = (
        ("Source", declared.source),
        ("Licence", declared.licence),
        ("As of", str(declared.as_of)),
        ("Calendar", declared.calendar),
        ("Timezone", declared.timezone),
        ("Frequency", declared.frequency),
        ("Adjustment", declared.adjustment),
        ("Currency", card.quoted_in),
        ("Universe", declared.universe),
        ("Fields", ", ".join(card.fields)),
        ("Fingerprint", card.fingerprint),
    )
    notes = Bullets(declared.notes) if declared.notes else Words("Notes: none.", style="note")
    return [Heading("Data card"), Facts(facts), notes]


def _series(series: Mapping[str, SeriesRecord]) -> list[Part]:
    """List the series beside the prices, with what decides when their values were known."""
    if not series:
        return []
    rows = tuple(
        row(
            name,
            Cell(one.card.declaration.source),
            Cell(one.card.declaration.unit),
            Cell(f"{one.first}..{one.last}"),
            Cell(_released(one.card.declaration.release)),
        )
        for name, one in series.items()
    )
    columns = (Cell("Series"), Cell("Source"), Cell("Unit"), Cell("Dated"), Cell("A value is known"))
    return [Table("Series beside the prices", columns, rows)]


def _released(rule: ReleaseRule) -> str:
    wait = (
        f"{counted(rule.days_after, 'session')} of {rule.calendar}"
        if rule.calendar
        else counted(rule.days_after, "day")
    )
    return f"{wait} after the end of its {rule.period}, at {rule.at} {rule.timezone}"
