"""The census on the command line: what a run would refuse, what else is wrong with the data, and what it is."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from quantdl.cli.printing import print_figures, print_json, print_sentences, print_table
from quantdl.cli.saying import say

if TYPE_CHECKING:
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
    absent = [kind for kind, count in counts.items() if not count]
    print_sentences(f"looked for and not found: {', '.join(absent)}")
    others = [fault for fault in census.faults if fault.kind not in stopping]
    shown, left_out = (others, []) if whole else _largest(others)
    if shown:
        say("\nFaults that a run treats by its policies" if refused else "\nFaults")
    for fault in shown:
        print_sentences(f"  {_fault_line(fault)}")
    for line in left_out:
        say(f"  {line}")
    if left_out:
        say("--all prints every fault.")
    say("\nThe data")
    print_figures(_overview(census))


def _to_mend(refused: Sequence["DataFault"], rows: Sequence["RowFault"], *, whole: bool) -> Iterator[str]:
    """Yield a line for each refused fault, with file and line where the loader tells them, and then what to do."""
    for kind in dict.fromkeys(fault.kind for fault in refused):
        placed = [f"{kind}: {row}" for row in rows if row.kind == kind]
        own = [fault for fault in refused if fault.kind == kind]
        shown, left_out = (own, []) if whole else _largest(own)
        if placed:
            most = len(placed) if whole else min(_SHOWN, len(placed))
            more = len(placed) - most
            yield from placed[:most]
            yield from [f"{kind}: ... and {more:,} more faults; --all prints them"] if more else []
        else:
            yield from (_fault_line(fault) for fault in shown)
            yield from (f"{line}; --all prints them" for line in left_out)
    yield from _ways_out(list(dict.fromkeys(fault.kind for fault in refused)))


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
    others = {kind: [action for action in get_args(allowed[kind]) if action != "refuse"] for kind in kinds}
    at_loading = any(kind in AT_LOADING for kind in kinds)
    record = "`on_fault: record` under data, which loads the good rows beside these, and " if at_loading else ""
    yield f"Mend the data. Or write {record}under data.policies what becomes of each kind:"
    yield from (f"  {kind}: {' | '.join(actions)}" for kind, actions in others.items())


def print_census_json(census: "Census", policies: "Policies", refused: Sequence["DataFault"]) -> None:
    """Print the census as JSON, with the policy for each kind and the number of faults that a run would refuse."""
    from quantdl.records import plain_fields
    from quantdl.results.census import census_record

    counted: dict[str, int] = {}
    for fault in refused:
        counted[fault.kind] = counted.get(fault.kind, 0) + 1
    print_json({**plain_fields(census_record(census)), "policies": policies.actions(), "refused": counted})


def refusal(refused: Sequence["DataFault"]) -> str:
    """Say in a few lines what a run would not take."""
    kinds = dict.fromkeys(fault.kind for fault in refused)
    lines = [REFUSES]
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


def _overview(census: "Census") -> dict[str, object]:
    from quantdl.records import plain_fields

    summary = plain_fields(census.summary)
    early = census.summary.end_early
    if len(early) > _SYMBOLS_SHOWN:
        named = [f"{name} {day}" for name, day in list(early.items())[:_SYMBOLS_SHOWN]]
        summary["end_early"] = f"{len(early):,} assets: {', '.join(named)}, ..."
    return {
        "sessions": f"{census.n_sessions:,}, {census.first}..{census.last}",
        "assets": census.n_assets,
        "currency": census.currency,
        "fingerprint": census.fingerprint,
        "universe": census.universe,
        "survivorship": census.survivorship,
        "notes": list(census.notes),
        **summary,
    }


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
