"""The census on the command line: what the data is, what is wrong with it, and what would be done about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantdl.cli.printing import print_figures, print_json, print_table, row
from quantdl.cli.saying import say

if TYPE_CHECKING:
    from quantdl.market.data_fault import DataFault
    from quantdl.market.inspection.census import Census
    from quantdl.market.inspection.policies import Policies

_SHOWN = 5
_LEFT_OUT = frozenset(
    ("missing_close", "duplicate", "non_session", "outside_session", "after_as_of", "unreadable_row", "unmapped_ticker")
)  # rows that a loader cannot lay on the axis
_SHOWN_WHOLE = 20
_SYMBOLS_SHOWN = 10


def print_census(census: "Census", policies: "Policies", refused: Sequence["DataFault"], *, whole: bool) -> None:
    """Print a summary, a table of kinds, and the faults.

    Args:
        census: What was found.
        policies: What a run would do about each kind.
        refused: What a run would refuse.
        whole: Whether every fault is printed; else those of each kind that concern most cells.
    """
    print_figures(_overview(census))
    counts, assets, actions = census.counts(), census.assets_affected(), policies.actions()
    stopping = {fault.kind for fault in refused}
    treatment = {kind: "left out" if kind in _LEFT_OUT else action for kind, action in actions.items()}
    treatment |= dict.fromkeys(stopping, "refuse")
    kinds = [[kind, count, assets[kind], treatment[kind]] for kind, count in counts.items() if count]
    print_table("Faults by kind", ["kind", "count", "assets", "policy"], kinds)
    absent = [kind for kind, count in counts.items() if not count]
    say(f"looked for and not found: {', '.join(absent)}\n")
    shown, left_out = (list(census.faults), []) if whole else _largest(census.faults)
    print_table("Faults", ["kind", "symbol", "first", "last", "count", "detail"], map(row, shown))
    for line in left_out:
        say(line)
    if left_out:
        say("--all prints every fault.")


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
    lines = ["A run would refuse this data:"]
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
