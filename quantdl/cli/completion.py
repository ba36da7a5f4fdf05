"""What a shell offers when a word is completed: configs and stored runs, told by the names of files alone."""

from collections.abc import Iterator
from pathlib import Path

import typer

_CONFIGS = Path("configs")
_MANIFEST = "manifest.json"


def complete_config(incomplete: str) -> list[str]:
    """Return the YAML files that a word may become: those of its folder, and of ``configs`` where it names none.

    Nothing is offered where no file fits: the shell goes on with its own completion, as into other folders.
    """
    folder, slash, _ = incomplete.rpartition("/")
    folders = [Path(folder or "/")] if slash else [Path(), _CONFIGS]
    found = [spelled for folder in folders for spelled in _yaml_files(folder, incomplete)]
    return [name for name in found if name.startswith(incomplete)]


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the runs that a word may become: names of their folders, or identifiers where none fits."""
    root = Path(ctx.params.get("root") or "runs")
    names = _run_names(root)
    fitting = [name for name in names if name.startswith(incomplete)]
    return fitting or [name for name in map(_identifier, names) if name.startswith(incomplete)]


def complete_layout(incomplete: str) -> list[str]:
    """Return the layouts of CSV files that a word may become."""
    from quantdl.market.sources.layouts.known import LAYOUTS

    return [name for name in LAYOUTS if name.startswith(incomplete)]


def _yaml_files(folder: Path, incomplete: str) -> Iterator[str]:
    prefix = "./" if incomplete.startswith("./") else ""  # as it was typed
    try:
        names = sorted(path.as_posix() for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError:
        return
    yield from (prefix + name for name in names)


def _run_names(root: Path) -> list[str]:
    """Return the names of the runs in a folder, the newest first."""
    try:
        names = [path.parent.name for path in root.glob(f"*/{_MANIFEST}")]
    except OSError:
        return []
    return sorted(names, key=_identifier, reverse=True)


def _identifier(name: str) -> str:
    return name.rpartition("-")[2]
