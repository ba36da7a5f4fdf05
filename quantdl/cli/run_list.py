"""A list of runs that fits a terminal of eighty columns: when, what, the verdict, and how to name the run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quantdl.cli.printing import print_table
from quantdl.cli.saying import say
from quantdl.cli.stored import one_line
from quantdl.errors import QuantdlError

if TYPE_CHECKING:
    from quantdl.runs.store import RunEntry

_SHORTEST = 8  # characters of an identifier: its second


def print_runs(root: Path, entries: Sequence["RunEntry"], *, whole: bool = False) -> None:
    """Print runs in their order.

    Args:
        root: Folder of the runs.
        entries: The runs.
        whole: Whether folders and identifiers are printed in full.
    """
    short = shortest_names([entry.id or "" for entry in entries])
    lines = []
    for entry, name in zip(entries, short, strict=True):
        verdict, sharpe = verdict_and_sharpe(entry)
        ratio = "" if sharpe is None else f"{sharpe:.2f}"
        named = entry.path.name if whole else name or entry.path.name
        lines.append((began(entry) or "", entry.name or entry.path.name, verdict, ratio, named))
    print_table(f"{root} (times are UTC)", ["began", "name", "verdict", "Sharpe", "run"], lines)
    for entry in entries:
        if entry.problem:
            say(f"{entry.path}: {entry.problem}", err=True)


def began(entry: "RunEntry") -> str | None:
    """Return when a run began, UTC, to the minute; None where its identifier cannot be read."""
    from quantdl.runs.store import id_time

    return None if entry.id is None else f"{id_time(entry.id):%Y-%m-%d %H:%M}"


def verdict_and_sharpe(entry: "RunEntry") -> tuple[str, float | None]:
    """Return the verdict of a run, or what became of it, and its Sharpe ratio."""
    if entry.problem:
        return "damaged", None
    if entry.failed:
        return "failed", None
    from quantdl.runs.store import open_run

    try:
        return one_line(open_run(entry.path))
    except (QuantdlError, OSError):  # removed or changed meanwhile
        return "damaged", None


def shortest_names(ids: Sequence[str]) -> list[str]:
    """Return the beginning of each identifier, all of one length, that no other one has.

    Example:
        >>> shortest_names(["01M8NKWH2FW42A", "01M8NKWH7AAAAA", "01N0000000AAAA"])
        ['01M8NKWH2', '01M8NKWH7', '01N000000']
    """
    known = {one for one in ids if one}
    longest = max(map(len, known), default=0)
    length = next(
        (n for n in range(_SHORTEST, longest) if len({one[:n] for one in known}) == len(known)), longest or _SHORTEST
    )
    return [one[:length] for one in ids]
