"""A cache of loaded panels: what was read and checked once is mapped the next time.

An entry is found by the content of the source files, every field of the declaration, the loader and the code that reads
prices, so an entry is either what loading would give now, or it is not found. Nothing here can change a result: a
damaged entry is set aside and loaded again, a disk that is full means that nothing is kept, and both are said.
"""

import hashlib
import os
import secrets
import shutil
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from quantdl import __version__
from quantdl.disk import AlreadyStoredError, disk_errors, remove_abandoned, remove_at_once, size_of
from quantdl.errors import DataError, IntegrityError, RunError
from quantdl.market.card import Declaration
from quantdl.market.panel import Panel
from quantdl.market.storage.source_files import files_of, read_sources
from quantdl.market.storage.store import open_panel, save_panel
from quantdl.market.storage.stored_panel import SCHEMA_VERSION
from quantdl.records import json_text, to_plain

DEFAULT_LIMIT_BYTES = 10_000_000_000

_LIBRARIES = ("numpy", "pandas", "pandas-market-calendars", "pyarrow")


class CacheWarning(UserWarning):
    """Something about the cache that costs time, never a result."""


@dataclass(frozen=True)
class CacheSize:
    """What a cache takes.

    Attributes:
        folder: Where it is.
        entries: Panels in it.
        size_bytes: Bytes of all of its files, entries that were set aside included.
    """

    folder: Path
    entries: int
    size_bytes: int

    def __str__(self) -> str:
        """Return it in a line."""
        panels = "1 panel" if self.entries == 1 else f"{self.entries:,} panels"
        return f"{self.folder}: {panels}, {self.size_bytes / 1e6:,.1f} MB"


def default_cache_folder() -> Path:
    """Return ``$QUANTDL_CACHE``, else ``$XDG_CACHE_HOME/quantdl``, else ``~/.cache/quantdl``.

    Raises:
        RunError: If none of them is known.
    """
    if own := os.environ.get("QUANTDL_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(shared):  # the XDG Base Directory Specification says to ignore a relative one
        return Path(shared) / "quantdl"
    try:
        return Path.home() / ".cache" / "quantdl"
    except RuntimeError as error:
        raise RunError(f"No folder for the cache: {error} Fix: set QUANTDL_CACHE.") from error


def cached(
    load: Callable[[], Panel],
    loader: str,
    sources: Sequence[Path | str],
    declaration: Declaration,
    folder: Path | str | None = None,
    limit_bytes: int = DEFAULT_LIMIT_BYTES,
) -> Panel:
    """Return what ``load`` gives, from the cache where it can.

    Args:
        load: Loads the panel. Its result must depend on nothing but ``loader``, the content of ``sources`` and
            ``declaration``.
        loader: Name of the loader with every further argument it is given.
        sources: The files that ``load`` reads; a folder stands for the files directly in it.
        declaration: What the prices are.
        folder: The cache; `default_cache_folder` when None.
        limit_bytes: When the cache grows beyond it, what was not used for longest is removed.

    Warns:
        CacheWarning: Once for an entry that was damaged, which is set aside; and if the panel could not be kept.

    Raises:
        QuantdlError: What ``load`` raises; a load that fails leaves nothing.
    """
    try:
        root = default_cache_folder() if folder is None else Path(folder)
        key = _key(loader, sources, declaration, root)
    except (OSError, RunError) as error:  # a source that cannot be read: the loader says it better
        panel = load()
        _warn(f"{error} The panel was loaded without the cache.")
        return panel
    entry = root / "panels" / key
    found = _opened(entry, root)
    if found is not None:
        return found
    panel = load()
    _keep(panel, entry, limit_bytes)
    return panel


def cache_size(folder: Path | str | None = None) -> CacheSize:
    """Return how much a cache holds."""
    root = default_cache_folder() if folder is None else Path(folder)
    return CacheSize(root, len(_entries(root)), size_of(root))


def clear_cache(folder: Path | str | None = None) -> CacheSize:
    """Remove every entry and what was set aside, and return what the cache held.

    Panels that are open stay readable.

    Raises:
        RunError: If the disk refuses.
    """
    before = cache_size(folder)
    for path in (*_entries(before.folder), *_set_aside(before.folder)):
        _remove(path)
    with disk_errors(before.folder):
        shutil.rmtree(before.folder / "files", ignore_errors=True)
    return before


def _key(loader: str, sources: Sequence[Path | str], declaration: Declaration, root: Path) -> str:
    paths = files_of(sources)
    listed = "\n".join(os.path.abspath(path) for path in paths)
    files = read_sources(paths, root / "files" / f"{_digest(listed)[:32]}.json")
    content = {
        "schema_version": SCHEMA_VERSION,
        "loader": loader,
        "code": _code_version(),
        "sources": [[file.path, file.sha256] for file in files],
        "declaration": to_plain(declaration),
    }
    return _digest(json_text(content, "the declaration"))


def _code_version() -> str:
    """Return what stands for the code that reads prices: the files of its rooms and the versions of its libraries."""
    digest = hashlib.sha256(__version__.encode())
    package = Path(__file__).parents[2]
    for room in (package / "market", package / "calendars"):
        for path in sorted(room.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(package).as_posix().encode())
                digest.update(path.read_bytes())
    for library in _LIBRARIES:
        with suppress(PackageNotFoundError):
            digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()


def _opened(entry: Path, root: Path) -> Panel | None:
    """Map an entry; one that is damaged is set aside, so that it is said only once."""
    if not entry.is_dir():
        return None
    try:
        panel = open_panel(entry)
    except (DataError, IntegrityError, OSError) as error:
        aside = root / "damaged" / f"{entry.name}-{secrets.token_hex(4)}"
        try:
            aside.parent.mkdir(exist_ok=True)
            entry.rename(aside)
        except FileNotFoundError:
            return None  # removed by another process: no fault of the entry
        except OSError as refusal:
            aside = entry
            _warn(f"{entry}: cannot be set aside ({refusal.strerror}).")
        _warn(f"A cached panel was damaged and is loaded again; it was set aside at {aside}. {error}")
        return None
    with suppress(OSError):  # a cache that may only be read
        os.utime(entry)
    return panel


def _keep(panel: Panel, entry: Path, limit_bytes: int) -> None:
    expected = panel.status.size * (8 * len(panel.fields) + 2)
    if expected > limit_bytes:
        _warn(f"The panel takes {expected / 1e6:,.1f} MB, the cache {limit_bytes / 1e6:,.1f} MB: it was not kept.")
        return
    try:
        save_panel(panel, entry)
        remove_abandoned(entry.parent)
        _remove_oldest(entry, limit_bytes)
    except AlreadyStoredError:
        pass  # another process was quicker, with the same content
    except (RunError, DataError) as error:
        _warn(f"The panel was loaded and not kept in the cache. {error}")


def _remove_oldest(newest: Path, limit_bytes: int) -> None:
    """Remove what was set aside, then what was not used for longest, until the limit holds."""
    root = newest.parents[1]
    used = [(path, size_of(path)) for path in (*_set_aside(root), *_entries(root)) if path != newest]
    total = size_of(newest) + sum(size for _, size in used)
    for path, size in used:
        if total <= limit_bytes:
            return
        _remove(path)
        total -= size


def _entries(root: Path) -> list[Path]:
    """Return the entries, the one that was not used for longest first."""
    return _by_age(root / "panels")


def _set_aside(root: Path) -> list[Path]:
    return _by_age(root / "damaged")


def _by_age(folder: Path) -> list[Path]:
    aged = []
    for path in folder.glob("[!.]*"):
        with suppress(FileNotFoundError):
            aged.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(aged)]


def _remove(path: Path) -> None:
    """Remove a folder that another process may be removing too."""
    with disk_errors(path), suppress(FileNotFoundError):
        remove_at_once(path)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()  # a file name may be no text


def _warn(message: str) -> None:
    warnings.warn(message, CacheWarning, stacklevel=3)
