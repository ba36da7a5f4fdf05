"""What the data is and what is doubtful about it: the card, the census, and where the findings lie."""

from datetime import date

import pandas as pd

from quantdl.report import figures
from quantdl.report.contents import RunContents
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
    notice,
    number,
    row,
    shortened,
)
from quantdl.report.formatting import COUNT, NOT_RECORDED, PERCENT, counted, in_words, plainly
from quantdl.report.record import Record

LONGEST = 60
FEW_OF_A_KIND = 20
MOST_YEARS_DRAWN = 60
MOST_ASSETS_DRAWN = 80
CARD = (
    "source",
    "licence",
    "as_of",
    "calendar",
    "timezone",
    "frequency",
    "adjustment",
    "fields",
    "universe",
    "fingerprint",
)


def section(run: RunContents) -> Section:
    """Show the census and the card of the data."""
    lead = "Nothing is repaired silently: every finding is named, and every policy applied to it stands on the card."
    parts: list[Part] = [*_census(run.census), *_card(run.card), *_series(run.series)]
    return Section("data", "Data census and data card", "Data", lead, tuple(parts))


def _census(census: Record) -> list[Part]:
    if not census:
        return [notice("No census of the data is recorded for this run.")]
    parts: list[Part] = []
    survivorship = census.text("survivorship")
    if survivorship:
        parts.append(Words(survivorship))
    sessions, assets = census.number("n_sessions"), census.number("n_assets")
    if sessions is not None and assets is not None:
        parts.append(Words(f"{counted(int(assets), 'asset')} over {counted(int(sessions), 'session')}."))
    faults = census.records("findings") or census.records("faults")  # the list's name before schema version 2
    counts = census.record("faults") or census.record("counts")
    parts += _traded_map(census.record("traded_by_year"))
    parts += [_kinds(faults), *_maps(census.record("by_year"), faults), _findings(faults)] if faults else []
    parts.append(_not_found(counts, faults))
    parts += _coverage(census.record("coverage"))
    return parts


def _not_found(counts: Record, faults: tuple[Record, ...]) -> Words:
    """Name what was looked for and not found, so that silence is not mistaken for a check."""
    clean = [in_words(kind).lower() for kind in counts.values if counts.number(kind) == 0]
    if not clean:
        return Words("" if faults else "The census found nothing doubtful.")
    return Words(f"Looked for and not found: {', '.join(sorted(clean))}.", style="note")


def _kinds(faults: tuple[Record, ...]) -> Table:
    kinds = sorted({fault.text("kind") for fault in faults})
    rows = []
    for kind in kinds:
        found = [fault for fault in faults if fault.text("kind") == kind]
        symbols = {fault.text("symbol") for fault in found} - {""}
        cells = sum(int(fault.number("count") or 0) for fault in found)
        affected = str(len(symbols)) if symbols else "whole data set"
        rows.append(row(in_words(kind), number(len(found), COUNT), Cell(affected, numeric=True), number(cells, COUNT)))
    columns = header("Kind", "Findings", "Assets", "Cells or sessions")
    return Table("Findings by kind", columns, tuple(rows), narrow=True)


def _findings(faults: tuple[Record, ...]) -> Table:
    shown = _largest_of_each_kind(faults)
    rows = tuple(_finding(fault) for fault in shown)
    note = ""
    if len(shown) < len(faults):
        note = f"The largest of each kind: {len(shown):,} of {len(faults):,} findings; all of them are in census.json."
    columns = (
        Cell("Asset"),
        Cell("Kind"),
        Cell("First"),
        Cell("Last"),
        Cell("Count", numeric=True),
        Cell("What was seen"),
    )
    return Table("Findings", columns, rows, note)


def _largest_of_each_kind(faults: tuple[Record, ...]) -> list[Record]:
    """Return, in their order, all findings of a kind with few, and of the others those that concern most cells."""
    if len(faults) <= LONGEST:
        return list(faults)
    kinds = {fault.text("kind") for fault in faults}
    most = max(3, LONGEST // len(kinds))
    kept: list[int] = []
    for kind in kinds:
        own = [place for place, fault in enumerate(faults) if fault.text("kind") == kind]
        largest = sorted(own, key=lambda place: -(faults[place].number("count") or 0.0))
        kept += own if len(own) <= FEW_OF_A_KIND else largest[:most]
    return [faults[place] for place in sorted(kept)]


def _finding(fault: Record) -> Row:
    return row(
        fault.text("symbol") or "all",
        Cell(in_words(fault.text("kind"))),
        Cell(fault.text("first")),
        Cell(fault.text("last")),
        number(fault.number("count"), COUNT),
        Cell(fault.text("detail")),
    )


def _maps(by_year: Record, faults: tuple[Record, ...]) -> list[Part]:
    """Draw where in time the findings lie: span by span where assets are few, else as shares of each year's bars."""
    spans = tuple(span for fault in faults if (span := _span(fault)) is not None)
    few = len({span.asset for span in spans}) <= MOST_ASSETS_DRAWN
    maps: list[Part] = [*_kind_map(by_year)]
    if spans and few:
        maps.append(figures.fault_spans(spans))
    return maps if few else [*maps, *_fault_map(by_year)]


def _kind_map(by_year: Record) -> list[Part]:
    years, kinds = _years(by_year), by_year.record("kinds")
    if not years or not kinds:
        return []
    totals = {kind: sum(kinds.number(kind, year) or 0.0 for year in years) for kind in kinds.values}
    ordered = sorted(totals, key=lambda kind: (-totals[kind], kind))
    counts = [[kinds.number(kind, year) or 0.0 for year in years] for kind in ordered]
    return [figures.kind_map(pd.DataFrame(counts, [in_words(kind) for kind in ordered], years, dtype=float))]


def _fault_map(by_year: Record) -> list[Part]:
    years, assets = _years(by_year), by_year.record("assets")
    if not years or not assets:
        return [notice("Where in time the findings of each asset lie is not recorded; the table lists them.")]
    bars = [by_year.number("bars", year) or float("nan") for year in years]
    totals = {name: sum(assets.number(name, year) or 0.0 for year in years) for name in assets.values}
    worst = sorted(totals, key=lambda name: (-totals[name], name))[:MOST_ASSETS_DRAWN]
    counts = pd.DataFrame([[assets.number(name, year) or 0.0 for year in years] for name in worst], worst, years)
    caption = "Share of the year's bars that any finding concerns."
    if len(worst) < len(totals):
        caption += f" Drawn are the {len(worst):,} assets with most of them, of {len(totals):,} with any."
    return [figures.fault_map(counts / bars, caption)]


def _years(by_year: Record) -> list[str]:
    return sorted(by_year.record("bars").values)[-MOST_YEARS_DRAWN:]


def _span(fault: Record) -> figures.FaultSpan | None:
    try:
        first, last = date.fromisoformat(fault.text("first")), date.fromisoformat(fault.text("last"))
    except ValueError:
        return None
    count = counted(int(fault.number("count") or 0), "cell")
    kind = in_words(fault.text("kind"))
    return figures.FaultSpan(fault.text("symbol") or "all assets", kind, first, last, count)


def _traded_map(traded: Record) -> list[Part]:
    """Draw the share of sessions with a price per asset and year; of many assets, those with the fewest prices."""
    years = sorted({year for asset in traded.values for year in traded.record(asset).values})
    if not years:
        return []
    total = {asset: sum(traded.number(asset, year) or 0.0 for year in years) for asset in traded.values}
    fewest = sorted(sorted(total, key=lambda asset: (total[asset], asset))[:MOST_ASSETS_DRAWN])
    shares = [[traded.number(asset, year) for year in years] for asset in fewest]
    parts: list[Part] = [figures.traded_map(pd.DataFrame(shares, fewest, years, dtype=float))]
    if len(fewest) < len(total):
        parts.append(Words(f"Drawn are the {len(fewest):,} of {len(total):,} assets with the fewest prices.", "note"))
    return parts


def _coverage(coverage: Record) -> list[Part]:
    if not coverage:
        return [notice("No coverage per asset is recorded.")]
    shares = {asset: coverage.number(asset) or 0.0 for asset in coverage.values}
    gaps = sorted((share, asset) for asset, share in shares.items() if share < 1.0)
    complete = f"{counted(len(shares) - len(gaps), 'asset')} of {len(shares):,} with a price on every session."
    if not gaps:
        return [Words(complete, style="note")]
    rows, note = shortened(
        [row(asset, number(share, PERCENT)) for share, asset in gaps], LONGEST, "assets", "census.json"
    )
    columns = header("Asset", "Sessions with a price [%]")
    return [Table("Coverage, lowest first", columns, rows, " ".join((complete, note)).strip(), narrow=True)]


def _card(card: Record) -> list[Part]:
    if not card:
        return [notice("No data card is recorded for this run.")]
    further = sorted(set(card.values) - {*CARD, "notes"})
    pairs = [(in_words(key), plainly(card.get(key))) for key in (*CARD, *further)]
    parts: list[Part] = [Heading("Data card"), Facts(tuple(pairs))]
    notes = card.texts("notes")
    return [*parts, Bullets(notes)] if notes else [*parts, Words(f"Notes: {NOT_RECORDED}.", style="note")]


def _series(series: Record) -> list[Part]:
    """List the series beside the prices, with what decides when their values were known."""
    if not series:
        return []
    cards = [(name, series.record(name)) for name in series.values]
    rows = [
        row(
            name,
            Cell(card.text("source")),
            Cell(card.text("unit")),
            Cell(f"{card.text('first')}..{card.text('last')}"),
            Cell(_released(card.record("release"))),
        )
        for name, card in cards
    ]
    columns = (Cell("Series"), Cell("Source"), Cell("Unit"), Cell("Dated"), Cell("A value is known"))
    return [Table("Series beside the prices", columns, tuple(rows))]


def _released(rule: Record) -> str:
    days = int(rule.number("days_after") or 0)
    calendar = rule.text("calendar")
    unit = f"sessions of {calendar}" if calendar else "days"
    return f"{days} {unit} after the end of its {rule.text('period')}, at {rule.text('at')} {rule.text('timezone')}"
