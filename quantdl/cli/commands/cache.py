"""What quantdl keeps on the disk beside the runs: what it is for, how large it is, and what can be removed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantdl.cli.commands.arguments import AsJson, Root
from quantdl.cli.printing import print_json, print_sentences, print_table
from quantdl.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from quantdl.runs.kept import KeptPart


def cache_show(root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Show what is kept beside the runs, its size, and what removing it would cost."""
    from quantdl.runs.kept import kept_parts

    parts = kept_parts(root)
    if as_json:
        print_json({"parts": parts})
        return
    rows = [(*_sizes(one), "removed" if one.safe else "if named", str(one.folder)) for one in parts]
    print_table("Kept on the disk", ["part", "count", "MB", "`cache clear`", "folder"], rows)
    for one in parts:
        print_sentences(f"{one.name}: {one.meaning}")


def cache_clear(
    parts: Annotated[
        list[str] | None, typer.Argument(metavar="PART...", help="panels, unfinished, partial, vintages.")
    ] = None,
    root: Root = Path("runs"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove what can be made again: the cache of panels, and folders that killed processes left half-written.

    Unfinished trainings and vintages of data go only where they are named: the first are hours of work that a killed
    run goes on with, the second are how a run knows that the past was revised. Runs and their ledger are never touched.
    """
    from quantdl.runs.kept import clear_part, kept_parts

    kept = {one.name: one for one in kept_parts(root)}
    for name in parts or ():
        if name not in kept:
            meant = did_you_mean(name, kept)
            raise ConfigError(f"cache clear: given {name!r}; expected one of {', '.join(kept)}{meant}")
    found = [kept[name] for name in kept if name in (parts or ()) or (not parts and kept[name].safe)]
    print_table("To remove", ["part", "count", "MB"], map(_sizes, found))
    for one in (one for one in found if not one.safe and one.count):
        print_sentences(f"warning: {one.name}: {one.meaning}")
    if not any(one.size_bytes or one.count for one in found):
        typer.echo("nothing to remove")
        return
    if not yes and not sys.stdin.isatty():
        raise ConfigError("cache clear: nothing was removed; say --yes where no terminal can confirm it.")
    if yes or typer.confirm("Remove these?"):
        for one in found:
            freed = clear_part(root, one.name)
            typer.echo(f"{one.name}: {freed / 1e6:,.1f} MB freed")


def _sizes(part: "KeptPart") -> tuple[str, int, str]:
    return part.name, part.count, f"{part.size_bytes / 1e6:,.1f}"
