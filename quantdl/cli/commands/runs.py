"""Stored runs: listed, shown, compared, verified, reproduced and deleted."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantdl.cli.commands.arguments import AsJson, Quiet, Root, RunName, Verbose, age_of
from quantdl.cli.completion import complete_run
from quantdl.cli.going_on import nothing_kept, saying_how_to_go_on
from quantdl.cli.printing import print_json
from quantdl.cli.progress import told
from quantdl.cli.run_list import began, print_runs, verdict_and_sharpe
from quantdl.cli.saying import say
from quantdl.cli.stored import contents_of, print_stored
from quantdl.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    from quantdl.runs.store import RunEntry


def runs_list(root: Root = Path("runs"), as_json: AsJson = False, verbose: Verbose = False) -> None:
    """List the runs of a folder, oldest first, with verdict and Sharpe ratio; a damaged one with what is wrong.

    The last column is the beginning of an identifier, long enough for every command that takes a RUN. -v prints whole
    folders.
    """
    from quantdl.runs.store import list_runs

    entries = list_runs(root)
    if as_json:
        print_json({"runs": [{**vars(one), **found} for one, found in zip(entries, _found(entries), strict=True)]})
    elif entries:
        print_runs(root, entries, whole=verbose)
    else:
        say(f"{root}: no runs yet; `quantdl run CONFIG` writes one", err=True)


def _found(entries: Sequence["RunEntry"]) -> list[dict[str, object]]:
    """Return when each run began, its verdict and its Sharpe ratio."""
    found = ((began(entry), *verdict_and_sharpe(entry)) for entry in entries)
    return [dict(zip(("began", "verdict", "sharpe"), one, strict=True)) for one in found]


def runs_show(run: RunName, root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Show what a run found: its verdict in plain words, its figures beside equal weight, and where the rest is.

    --json prints every figure and the whole checklist.
    """
    from quantdl.runs.store import find_run

    folder = find_run(root, run)
    if as_json:
        print_json(contents_of(folder))
    else:
        print_stored(folder)
        typer.echo(folder.path)


def runs_compare(first: RunName, second: RunName, root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Show the figures of two runs side by side, and test their returns where the sessions match."""
    from quantdl.runs.store import find_run

    runs = find_run(root, first), find_run(root, second)
    from quantdl.experiment.comparing import compare_runs

    table = compare_runs(*runs)
    if as_json:
        print_json(table)
        return
    from quantdl.cli.comparison import print_comparison

    print_comparison(table, runs[0].path.name, runs[1].path.name)


def runs_verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN...", help="Runs; all when left out.", autocompletion=complete_run),
    ] = None,
    root: Root = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Compare runs with what was written, byte by byte; exit code 5 when something differs.

    Without a RUN, the ledger of trials and the returns kept beside it too.
    """
    from quantdl.runs.ledger import LEDGER
    from quantdl.runs.store import list_runs, run_path
    from quantdl.runs.verification import verify_ledger, verify_run

    paths = [run_path(root, name) for name in names or ()] or [entry.path for entry in list_runs(root)]
    problems = {str(path): list(verify_run(path)) for path in paths}
    if not names and (root / LEDGER).exists():
        problems[str(root / LEDGER)] = list(verify_ledger(root))
    if as_json:
        print_json({"problems": problems})
    for path, found in problems.items():
        for problem in found:
            say(f"{path}: {problem}", err=True)
        if not found and not as_json:
            say(f"{path}: intact")
    if any(problems.values()):
        raise typer.Exit(IntegrityError.exit_code)


def runs_reproduce(
    run: RunName,
    root: Root = Path("runs"),
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Carry a run out again from its own folder and compare every file; exit code 5 when one differs.

    Runs the strategy file in the run folder. What depends on the ledger, the clock and the machine is left out.
    """
    from quantdl.runs.store import find_run

    folder = find_run(root, run)
    from quantdl.experiment.reproducing import reproduce

    with saying_how_to_go_on(nothing_kept), told(quiet=quiet, verbose=verbose) as progress:
        found = reproduce(folder, progress)
    if as_json:
        print_json(found)
    for difference in found.differing:
        say(f"{difference.file}: {difference.detail}", err=True)
    if found.differing:
        for change in found.surroundings:
            say(f"not as it was: {change}", err=True)
        raise typer.Exit(IntegrityError.exit_code)
    if not as_json:
        say(f"{folder.path}: reproduced, {len(found.same)} files with the same bytes")


def runs_delete(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Path, name or identifier of a run.", autocompletion=complete_run),
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="All runs that began longer ago: 30d, 12h, 6w.")
    ] = None,
    root: Root = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a run for good, or all that are older than an age. The ledger of trials keeps their records and returns.

    Nothing else is deleted: no ledger, no vintage of data, no folder that is not a run, and no run whose manifest is
    damaged unless it is named.
    """
    if (run is None) == (older_than is None):
        raise ConfigError("runs delete: give one RUN, or --older-than with an age such as 30d.")
    from quantdl.disk import size_of
    from quantdl.runs.store import delete_run, list_runs, older_runs, run_path

    if run is not None:
        paths = [run_path(root, run)]
    else:
        before = datetime.now(UTC) - age_of(str(older_than), "--older-than")
        entries = older_runs(root, before)
        paths = [entry.path for entry in entries if entry.name is not None]
        for entry in (one for one in entries if one.name is None):
            say(f"{entry.path}: left as it is: {entry.problem}", err=True)
        total = sum(map(size_of, paths))
        if not paths:
            say(f"{root}: of {len(list_runs(root))} runs none began before {before:%Y-%m-%d %H:%M} UTC", err=True)
            return
        print_runs(root, [entry for entry in entries if entry.name is not None], whole=True)
        say(f"{_counted(len(paths))} that began before {before:%Y-%m-%d %H:%M} UTC, {total / 1e6:,.1f} MB")
    if dry_run:
        say("nothing was deleted: --dry-run", err=True)
        return
    what = str(paths[0]) if run is not None else _counted(len(paths))
    if not yes and not sys.stdin.isatty():
        raise ConfigError(f"{what}: nothing was deleted; say --yes where no terminal can confirm it.")
    if yes or typer.confirm(f"Delete {what}?"):
        for path in paths:
            delete_run(path)
            say(f"{path}: deleted")


def _counted(runs: int) -> str:
    return f"{runs:,} run{'s' if runs != 1 else ''}"
