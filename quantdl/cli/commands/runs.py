"""Stored runs: listed, shown, compared, verified, reproduced and deleted."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from quantdl.cli.commands.arguments import AsJson, Root, RunName
from quantdl.cli.printing import print_figures, print_json, print_table, progress_bars, row
from quantdl.errors import ConfigError, IntegrityError

_SHOWN = ("failure.json", "checklist.json", "metrics.json", "selection.json", "evaluation.json")


def runs_list(root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """List the runs of a folder, oldest first; a damaged one is listed with what is wrong."""
    from quantdl.runs.store import list_runs

    entries = list_runs(root)
    if as_json:
        print_json({"runs": entries})
    elif entries:
        lines = [(one.path, one.id, one.name, "failed" if one.failed else "", one.problem) for one in entries]
        print_table(str(root), ["run", "id", "name", "state", "problem"], lines)
    else:
        typer.echo(f"{root}: no runs yet; `quantdl run CONFIG` writes one", err=True)


def runs_show(run: RunName, root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Show what a run found: verdict, checklist and figures."""
    from quantdl.runs.store import find_run

    folder = find_run(root, run)
    parts = {name.removesuffix(".json"): folder.read_json(name) for name in _SHOWN if name in folder.files}
    if as_json:
        print_json({"path": str(folder.path), "id": folder.id, "name": folder.name, **parts})
    else:
        print_figures({"path": str(folder.path), "id": folder.id, "name": folder.name, **parts})


def runs_compare(first: RunName, second: RunName, root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Show the figures of two runs side by side, and test their returns where the sessions match."""
    from quantdl.runs.store import find_run

    runs = find_run(root, first), find_run(root, second)
    from quantdl.experiment.comparing import compare_runs

    table = compare_runs(*runs)
    if as_json:
        print_json(table)
        return
    print_table("Figures", ["figure", runs[0].path.name, runs[1].path.name, "difference"], map(row, table.figures))
    found = table.returns
    tests = () if found is None else (("mean return [bp]", 1e4, found.mean), ("Sharpe", 1.0, found.sharpe))
    rows = [(name, x * test.mean, x * test.error, test.t, test.p_value) for name, x, test in tests if test is not None]
    if rows:
        print_table(
            f"First less second per bar, {table.bars} returns over the same bars, {table.start}..{table.end}",
            ["figure", "difference", "standard error", "t", "p"],
            rows,
        )
    if table.undefined:
        typer.echo(f"undefined: {table.undefined}")


def runs_verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="Runs; all when left out.")] = None,
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
            typer.echo(f"{path}: {problem}", err=True)
        if not found and not as_json:
            typer.echo(f"{path}: intact")
    if any(problems.values()):
        raise typer.Exit(IntegrityError.exit_code)


def runs_reproduce(run: RunName, root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Carry a run out again from its own folder and compare every file; exit code 5 when one differs.

    Runs the strategy file in the run folder. What depends on the ledger, the clock and the machine is left out.
    """
    from quantdl.runs.store import find_run

    folder = find_run(root, run)
    from quantdl.experiment.reproducing import reproduce

    with progress_bars() as progress:
        found = reproduce(folder, progress)
    if as_json:
        print_json(found)
    for difference in found.differing:
        typer.echo(f"{difference.file}: {difference.detail}", err=True)
    if found.differing:
        for change in found.surroundings:
            typer.echo(f"not as it was: {change}", err=True)
        raise typer.Exit(IntegrityError.exit_code)
    if not as_json:
        typer.echo(f"{folder.path}: reproduced, {len(found.same)} files with the same bytes")


def runs_delete(
    run: RunName,
    root: Root = Path("runs"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a run for good. The ledger of trials keeps its record."""
    from quantdl.runs.store import delete_run, run_path

    path = run_path(root, run)
    if not yes and not sys.stdin.isatty():
        raise ConfigError(f"{path}: nothing was deleted; say --yes where no terminal can confirm it.")
    if yes or typer.confirm(f"Delete {path}?"):
        delete_run(path)
        typer.echo(f"{path}: deleted")
