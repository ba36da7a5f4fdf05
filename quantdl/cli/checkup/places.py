"""Where files go: the folder of runs and the cache; both are tried by writing."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from quantdl.cli.checkup.finding import Finding
from quantdl.errors import QuantdlError

_NO_ROOM, _LITTLE_ROOM = 200e6, 2e9
_EACH = 25e6  # bytes of a run of twenty assets and four years, rounded up


def places(root: Path) -> Iterator[Finding]:
    """Yield whether runs and the cache can be written, and how much room is left.

    Args:
        root: Folder of the runs.
    """
    yield _runs(root)
    yield _cache()


def refusal(folder: Path) -> str:
    """Return why nothing can be written in a folder, or in the one that it would be made in; empty where it can be."""
    try:
        with tempfile.TemporaryFile(dir=standing(folder)) as file:
            file.write(b"quantdl")
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def standing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    whole = folder.absolute()
    return next((place for place in (whole, *whole.parents) if place.exists()), whole)


def _runs(root: Path) -> Finding:
    where = root.absolute()
    if why := refusal(root):
        return Finding("runs", "broken", f"{where}: {why}", "give another folder: output.root of the config, or --root")
    free = shutil.disk_usage(standing(root)).free
    count = sum(1 for path in root.glob("*/manifest.json")) if root.is_dir() else 0
    held = f"{count:,} runs" if count else "no runs yet"
    detail = f"{where}: {held}; {free / 1e9:.1f} GB free"
    if free < _NO_ROOM:
        return Finding("runs", "broken", f"{detail}, too little for a run", "free some space, or `quantdl runs delete`")
    if free < _LITTLE_ROOM:
        return Finding("runs", "note", f"{detail}, enough for some {int(free / _EACH)} small runs", "free some space")
    return Finding("runs", "ok", detail)


def _cache() -> Finding:
    from quantdl.market.storage.cache import cache_size, default_cache_folder

    try:
        folder = default_cache_folder()
        if why := refusal(folder):
            detail = f"{folder}: {why}; prices are read anew in every run"
            return Finding("cache", "slow", detail, "set QUANTDL_CACHE to a folder that can be written")
        return Finding("cache", "ok", str(cache_size(folder)))
    except QuantdlError as error:
        return Finding("cache", "slow", str(error))
