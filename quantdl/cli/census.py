"""The census on the command line: what a run would refuse, what else is wrong with the data, and what it is."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from quantdl.cli.printing import print_figures, print_json, print_sentences, print_table
from quantdl.cli.saying import say

if TYPE_CHECKING:
    from datetime import date

    from quantdl.market.data_fault import DataFault
    from quantdl.market.inspection.census import Census
    from quantdl.market.inspection.policies import Policies
    from quantdl.market.reading.row_faults import RowFault

REFUSES = "A run would refuse this data:"
"""What is said above faults at which a run of a config would stop."""

REFUSES_BY_DEFAULT = "A run would refuse this data, unless its config says otherwise:"
"""The same of data without a config."""

_SHOWN = 5
_LEFT_OUT = frozenset(
    ("missing_close", "duplicate", "non_session", "outside_session", "after_as_of", "unreadable_row", "unmapped_ticker")
)  # rows that a loader cannot lay on the axis
_SHOWN_WHOLE = 20
_SYMBOLS_SHOWN = 10
_FIGURES = {
    "n_bars": "bars with a price above zero",
    "cells": "places of bars, by what stands there",
    "begin_by_year": "assets that begin, by year",
    "begin_at_first": "assets that begin on the first session",
    "end_at_last": "assets that end on the last session",
    "end_early": "assets that end before, each with its last session",
    "longest_gap": "longest gap between two bars, in sessions",
    "with_many_missing": "assets with more than 20 missing bars",
    "early_closes": "sessions that close early",
    "missing_on_early_closes": "bars missing on those",
    "lowest_close": "lowest close above zero",
    "highest_close": "highest close",
    "unchanged_share": "share of closes that repeat the one before",
    "longest_unchanged": "longest run of unchanged closes, in bars",
    "large_returns_adjacent": "returns beyond 50% from one bar to the next",
}
"""Figures of `quantdl.market.inspection.summary.Summary` in words."""


def print_census(
    census: "Census",
    policies: "Policies",
    refused: Sequence["DataFault"],
    rows: Sequence["RowFault"] = (),
    *,
    whole: bool,
    says: str = REFUSES,
) -> None:
    """Print what a run would refuse and how to mend it, then all faults, then what the data is.

    Args:
        census: What was found.
        policies: What a run would do about each kind.
        refused: What a run would refuse.
        rows: The rows that a loader refuses, with file and line; they stand for the faults of their kind.
        whole: Whether every fault is printed; else those of each kind that concern most cells.
        says: What is said of the refused faults, above them.
    """
    counts, assets, actions = census.counts(), census.assets_affected(), policies.actions()
    stopping = {fault.kind for fault in refused}
    if refused:
        say(says)
        for line in _to_mend(refused, rows, whole=whole):
            print_sentences(f"  {line}")
        say("")
    treatment = {kind: "left out" if kind in _LEFT_OUT else action for kind, action in actions.items()}
    treatment |= dict.fromkeys(stopping, "refuse")
    kinds = [[kind, count, assets[kind], treatment[kind]] for kind, count in counts.items() if count]
    if kinds:
        print_table("Faults by kind", ["kind", "count", "assets", "policy"], kinds)
    others = [fault for fault in census.faults if fault.kind not in stopping]
    shown, left_out = (others, []) if whole else _largest(others)
    if shown:
        say("Faults that a run treats by its policies" if refused else "Faults")
    for fault in shown:
        print_sentences(f"  {_fault_line(fault)}")
    for line in left_out:
        say(f"  {line}")
    absent = [kind for kind, count in counts.items() if not count]
    print_sentences(_not_found(absent, whole=whole, alone=not kinds))
    say("\nThe data")
    for line in _in_words(census):
        print_sentences(f"  {line}")
    if whole:
        say("\nEvery figure")
        print_figures(_figures(census))
    else:
        say("--all prints every fault, every kind that was looked for and every figure.")


def _not_found(absent: Sequence[str], *, whole: bool, alone: bool) -> str:
    """Say how many kinds were looked for in vain; which, if all is asked for."""
    looked = f"{len(absent)} {'kinds' if alone else 'other kinds'} of fault were looked for"
    names = f": {', '.join(absent)}" if whole and absent else ""
    return f"{'No fault found' if alone else 'Nothing else found'}: {looked}{names}"


def _to_mend(refused: Sequence["DataFault"], rows: Sequence["RowFault"], *, whole: bool) -> Iterator[str]:
    """Yield a line for each refused fault, with file and line where the loader tells them, and then what to do."""
    from quantdl.market.reading.row_faults import gathered

    kinds = list(dict.fromkeys(fault.kind for fault in refused))
    groups = gathered(row for row in rows if row.kind in kinds)
    placed = {row.kind for group in groups for row in group}
    for kind in kinds:
        if kind in placed:
            yield from _placed(kind, [group for group in groups if group[0].kind == kind], whole=whole)
            continue
        own = [fault for fault in refused if fault.kind == kind]
        shown, left_out = (own, []) if whole else _largest(own)
        yield from (_fault_line(fault) for fault in shown)
        yield from (f"{line}; --all prints them" for line in left_out)
    yield from _ways_out(kinds)


def _placed(kind: str, groups: Sequence[Sequence["RowFault"]], *, whole: bool) -> Iterator[str]:
    """Yield objections with file and line, and below those that can be mended alike what can be done, a line each."""
    from quantdl.market.reading.row_faults import objection_of

    shown = groups if whole else groups[:_SHOWN]
    for ways, alike in groupby(shown, key=lambda group: group[0].ways_out()):
        yield from (f"{kind}: {objection_of(group)}." for group in alike)
        yield from (f"  {'or' if number else 'Fix'}: {way}" for number, way in enumerate(ways))
    more = sum(len(group) for group in groups[len(shown) :])
    if more:
        yield f"{kind}: ... and {more:,} more faults; --all prints them"


def _fault_line(fault: "DataFault") -> str:
    """Return a fault in a line: with file and line where the loader knows them, else asset and sessions."""
    when = f"{fault.first}" if fault.first == fault.last else f"{fault.first}..{fault.last}"
    who = fault.symbol if fault.symbol is not None else "all assets"
    times = f", {fault.count:,} cells" if fault.count > 1 else ""
    return f"{fault.kind}: {who}, {when}{times}: {fault.detail}"


def _ways_out(kinds: Sequence[str]) -> Iterator[str]:
    """Yield what to write into a config so that a run takes the faults of some kinds as they are."""
    from typing import get_args, get_type_hints

    from quantdl.market.inspection.policies import AT_LOADING, Policies

    allowed = get_type_hints(Policies)
    alike: dict[str, list[str]] = {}
    for kind in kinds:
        alike.setdefault(" | ".join(one for one in get_args(allowed[kind]) if one != "refuse"), []).append(kind)
    at_loading = any(kind in AT_LOADING for kind in kinds)
    record = "`on_fault: record` under data, which loads the good rows beside these, and " if at_loading else ""
    yield f"Mend the data. Or write {record}under data.policies what becomes of each kind:"
    yield from (f"  {', '.join(named)}: {actions}" for actions, named in alike.items())


def print_census_json(census: "Census", policies: "Policies", refused: Sequence["DataFault"]) -> None:
    """Print the census as JSON, with the policy for each kind and the number of faults that a run would refuse."""
    from quantdl.records import plain_fields
    from quantdl.results.census import census_record

    counted: dict[str, int] = {}
    for fault in refused:
        counted[fault.kind] = counted.get(fault.kind, 0) + 1
    print_json({**plain_fields(census_record(census)), "policies": policies.actions(), "refused": counted})


def refusal(refused: Sequence["DataFault"], says: str = REFUSES) -> str:
    """Say in a few lines what a run would not take, under what is said above them."""
    kinds = dict.fromkeys(fault.kind for fault in refused)
    lines = [says]
    for kind in kinds:
        own = [fault for fault in refused if fault.kind == kind]
        symbols = list(dict.fromkeys(fault.symbol or "all assets" for fault in own))
        more = f" and {len(symbols) - _SYMBOLS_SHOWN:,} more" if len(symbols) > _SYMBOLS_SHOWN else ""
        count = sum(fault.count for fault in own)
        lines.append(f"{kind} ({count:,}): {', '.join(symbols[:_SYMBOLS_SHOWN])}{more}")
    lines.append(
        "Fix: mend the data; or load the good rows beside those that cannot be right (data.on_fault: record), and "
        "choose another action than refuse for the other kinds (data.policies)."
    )
    return "\n  ".join(lines)


def _in_words(census: "Census") -> Iterator[str]:
    """Yield what the data are, in a few sentences."""
    summary, span = census.summary, f"{census.first}..{census.last}"
    bars, assets = _count(summary.n_bars, "bar"), _count(census.n_assets, "asset")
    yield f"{bars} of {assets}, {span}, {_count(census.n_sessions, 'session')}"
    lowest, highest = summary.lowest_close, summary.highest_close
    if lowest is not None and highest is not None:
        ends = [f"{one.close:,.6g} ({one.symbol}, {one.session})" for one in (lowest, highest)]
        yield f"closes from {ends[0]} to {ends[1]}; currency: {census.currency}"
    if summary.longest_gap is not None:
        gap = summary.longest_gap
        yield f"longest gap: {_count(gap.length, 'session')} of {gap.symbol}, {gap.first}..{gap.last}"
    if summary.end_early:
        ended = "1 asset ends" if len(summary.end_early) == 1 else f"{len(summary.end_early):,} assets end"
        yield f"{ended} before the last session: {_last_bars(summary.end_early)}"
    yield f"universe: {census.universe}. {census.survivorship}"
    yield from census.notes
    yield f"fingerprint: {census.fingerprint}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _last_bars(ended: Mapping[str, "date"]) -> str:
    named = [f"{name} {day}" for name, day in list(ended.items())[:_SYMBOLS_SHOWN]]
    return ", ".join(named) + (", ..." if len(ended) > len(named) else "")


def _figures(census: "Census") -> dict[str, object]:
    """Return every figure of the summary by what it counts; what there is not is ``"none"``."""
    from quantdl.records import plain_fields

    found = plain_fields(census.summary)
    return {_FIGURES[name]: "none" if value in (None, {}) else value for name, value in found.items()}


def _largest(faults: Sequence["DataFault"]) -> tuple[list["DataFault"], list[str]]:
    """Return the faults of each kind, of many those that concern most cells, and a line for what is left out."""
    shown, lines = [], []
    for kind in dict.fromkeys(fault.kind for fault in faults):
        own = [fault for fault in faults if fault.kind == kind]
        if len(own) <= _SHOWN_WHOLE:
            shown += own
            continue
        counts = [-fault.count for fault in own]
        largest = sorted(range(len(own)), key=counts.__getitem__)[:_SHOWN]
        shown += [own[place] for place in sorted(largest)]
        lines.append(f"{kind}: ... and {len(own) - _SHOWN:,} more faults")
    return shown, lines
