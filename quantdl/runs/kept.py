"""What quantdl keeps on the disk beside the runs: where, how much, what for, and how it is removed.

Run folders, the ledger and the returns of trials are no part of it: nothing here touches them.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from quantdl.disk import disk_errors, is_used, partial_folders, remove_abandoned, remove_at_once, size_of
from quantdl.errors import RunError

UNFINISHED = ".unfinished"
"""Name of the folder, beside the runs, of trainings that were not finished."""

VINTAGES = "vintages"
"""Name of the folder, beside the runs, of ingests of data."""

PANELS, PARTIAL = "panels", "partial"
"""Names of the other two parts."""

_VINTAGE = re.compile(r"\d{6}")
_CONFIG = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class KeptPart:
    """Something that is kept.

    Attributes:
        name: By which it is removed.
        folder: Where it is.
        count: Panels, trainings, folders or vintages in it.
        size_bytes: Bytes of all of its files.
        safe: Whether removing it costs nothing but the time to read files again.
        meaning: What it is for, and what removing it costs.
    """

    name: str
    folder: Path
    count: int
    size_bytes: int
    safe: bool
    meaning: str


def kept_parts(root: Path) -> tuple[KeptPart, ...]:
    """Return what is kept: the cache of panels, which all folders of runs share, and what stands beside the runs.

    Args:
        root: Folder of the runs; need not exist.
    """
    from quantdl.market.storage.cache import cache_size  # loads pandas

    cache = cache_size()
    states, vintages = list(_states(root)), list(_vintages(root))
    partial = [path for path in partial_folders(root) if not is_used(path)] if root.is_dir() else []
    return (
        KeptPart(
            PANELS,
            cache.folder,
            cache.entries,
            cache.size_bytes,
            True,
            "prices as they were read, for every folder of runs; safe to remove: the next run reads the files again.",
        ),
        KeptPart(
            PARTIAL,
            root,
            len(partial),
            sum(map(size_of, partial)),
            True,
            "folders that killed processes left half-written; safe to remove, and the next run does.",
        ),
        KeptPart(
            UNFINISHED.lstrip("."),
            root / UNFINISHED,
            len(states),
            sum(path.stat().st_size for path in states),
            False,
            "trainings that were interrupted; without them the same run begins its training again. Those that go on "
            "stay, and those of two weeks ago are removed by themselves.",
        ),
        KeptPart(
            VINTAGES,
            root / VINTAGES,
            len(vintages),
            sum(map(size_of, vintages)),
            False,
            "data as each run found them, so that the next one can say what was revised; they cannot be made again.",
        ),
    )


def clear_part(root: Path, name: str) -> int:
    """Remove a part of what is kept, but for what a process uses; return how many bytes that freed.

    Args:
        root: Folder of the runs.
        name: Of the part, see `kept_parts`.

    Raises:
        RunError: If there is no such part, or the disk refuses.
    """
    before = {part.name: part.size_bytes for part in kept_parts(root)}
    if name not in before:
        raise RunError(f"{name!r}: nothing of this name is kept; expected one of {', '.join(before)}.")
    if name == PANELS:
        from quantdl.market.storage.cache import clear_cache  # loads pandas

        clear_cache()
    elif name == PARTIAL:
        remove_abandoned(root)
    else:
        with disk_errors(root):
            for path in _states(root) if name == UNFINISHED.lstrip(".") else ():
                path.unlink(missing_ok=True)
            for path in _vintages(root) if name == VINTAGES else ():
                remove_at_once(path)
        _remove_empty(root / (VINTAGES if name == VINTAGES else UNFINISHED))
    after = {part.name: part.size_bytes for part in kept_parts(root)}
    return before[name] - after[name]


def _states(root: Path) -> Iterator[Path]:
    """Yield the states of trainings that no process goes on with."""
    for folder in sorted((root / UNFINISHED).glob("*")):
        if _CONFIG.fullmatch(folder.name) and not is_used(folder):
            yield from sorted(folder.glob("*.safetensors"))


def _vintages(root: Path) -> Iterator[Path]:
    """Yield the folder of each vintage."""
    for path in sorted((root / VINTAGES).glob("*/*/*")):
        if _VINTAGE.fullmatch(path.name) and (path / "vintage.json").is_file():
            yield path


def _remove_empty(folder: Path) -> None:
    """Remove folders in which nothing is left, the innermost first; files of others stay with theirs."""
    for path in sorted((*folder.rglob("*"), folder), key=lambda path: -len(path.parts)):
        with suppress(OSError):  # a file, or a folder that is not empty
            path.rmdir()
