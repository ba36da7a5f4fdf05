"""Run folders: written whole or not at all, never changed afterwards, and checked byte by byte when read.

A run is built in ``.partial-<id>`` beside its final place. When all files are written, each is read back and hashed
into ``manifest.json``, and the folder is published (`quantdl.disk`). A process killed at any moment leaves at most a
partial folder, which `list_runs` does not show and `remove_abandoned` deletes.
"""

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from quantdl.disk import (
    AlreadyStoredError,
    PartialFolder,
    disk_error,
    disk_errors,
    locked,
    make_folder,
    partial_folders,
    remove_abandoned,
    remove_at_once,
    write_file,
)
from quantdl.errors import DataError, QuantdlError, RunError, RunNameError, did_you_mean
from quantdl.records import json_text, to_plain
from quantdl.runs.identifiers import checked_file, checked_name, id_time, new_run_id, trailing_id
from quantdl.runs.manifest import (
    FAILURE,
    MANIFEST,
    FileRecord,
    RunFolder,
    open_run,
    record_files,
    size_problem,
    write_manifest,
)

__all__ = [
    "FileRecord",
    "RunEntry",
    "RunFolder",
    "RunWriter",
    "delete_run",
    "find_run",
    "id_time",
    "list_runs",
    "new_run_id",
    "older_runs",
    "open_run",
    "remove_abandoned",
    "run_path",
]

_PLACE = "another place with --output"
_MATCHES_SHOWN = 5
_DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


class RunWriter:
    """Builds a run folder; used in a ``with`` block, whose end publishes it.

    An exception or Ctrl-C inside the block removes everything written.

    Args:
        root: Folder of the runs, made when missing.
        name: Name of the run: letters, digits, ``_ . -``, at most 100.
        folder: Name of the final folder; ``<name>-<id>`` when None.
        clock: Nanoseconds since 1970, for the identifier.

    Raises:
        RunNameError: On a name that is not allowed, or a folder that exists.
        RunError: On a disk that refuses, or a folder that came into being during the run.

    Example:
        >>> import tempfile
        >>> with RunWriter(Path(tempfile.mkdtemp()), "quickstart") as run:
        ...     run.write_json("metrics.json", {"sharpe": 0.9})
        >>> open_run(run.target).read_json("metrics.json")
        {'sharpe': 0.9}
    """

    def __init__(
        self, root: Path, name: str, folder: str | None = None, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.root = Path(root)
        self.name = checked_name(name)
        self.id = ""
        self._folder = None if folder is None else checked_name(folder)
        self._clock = clock

    @property
    def target(self) -> Path:
        """Where the run will stand once published."""
        return self.root / (self._folder or f"{self.name}-{self.id}")

    def __enter__(self) -> Self:
        with disk_errors(self.root, place=_PLACE):
            make_folder(self.root)
            with locked(self.root):  # the identifiers of runs that start together sort by their start
                self.id = new_run_id(self._clock, after=_latest_id(self.root))
                if os.path.lexists(self.target):
                    raise RunNameError(_taken(self.target))
                self._partial = PartialFolder(self.root, self.id)
        return self

    def path(self, name: str) -> Path:
        """Where another writer (Parquet, safetensors) is to put a file of the run; its folder is made.

        Args:
            name: Relative path with ``/`` of plain names: ``model/weights.safetensors``.

        Raises:
            RunError: If the name is not allowed.
        """
        destination = self._partial.path / checked_file(name)
        if name == MANIFEST:
            raise RunError(f"{MANIFEST} is written when the run is published.")
        with disk_errors(destination, place=_PLACE):
            destination.parent.mkdir(parents=True, exist_ok=True)
        return destination

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file of the run."""
        destination = self.path(name)
        with disk_errors(destination, place=_PLACE):
            write_file(destination, content)

    def write_text(self, name: str, content: str) -> None:
        """Write a UTF-8 file of the run."""
        self.write_bytes(name, content.encode())

    def write_json(self, name: str, content: object) -> None:
        """Write a record as JSON, see `quantdl.records`.

        Raises:
            RunError: If a number is not finite; an undefined figure is null beside a reason.
        """
        try:
            text = json_text(to_plain(content), name)
        except DataError as error:
            raise RunError(str(error)) from error
        self.write_text(name, text)

    def so_far(self) -> RunFolder:
        """The files written until now, readable like a published run; the run's own report is made from it."""
        folder = self._partial.path
        with disk_errors(folder, place=_PLACE):
            return RunFolder(folder, self.id, self.name, MappingProxyType(record_files(folder)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._publish()
            elif isinstance(error, OSError) and self._is_own_fault(error):
                raise disk_error(self._partial.path, error, place=_PLACE) from error
        finally:
            self._partial.close()

    def _publish(self) -> None:
        with disk_errors(self.target, place=_PLACE):
            write_manifest(self.so_far())
            try:
                self._partial.publish(self.target)
            except AlreadyStoredError as error:
                raise RunError(_taken(self.target)) from error

    def _is_own_fault(self, error: OSError) -> bool:
        return error.errno in _DISK_FAULTS or str(self._partial.path) in str(error.filename)


def _taken(target: Path) -> str:
    """What to do where something stands that is never overwritten."""
    if (target / MANIFEST).is_file():
        fix = f"Give {_PLACE}, or remove it with `quantdl runs delete {_as_path(target)}`."
        return f"{target}: this run folder exists, and runs are never overwritten. {fix}"
    kind = "a folder that is no run" if target.is_dir() else "a file"
    return f"{target}: {kind} stands there, and nothing is overwritten. Give {_PLACE}."


def _as_path(target: Path) -> str:
    """A path as `find_run` knows it from a name."""
    return str(target) if "/" in str(target) else f"./{target}"


@dataclass(frozen=True)
class RunEntry:
    """A line in the list of runs.

    Attributes:
        path: Its folder.
        id: Its identifier; None where it cannot be read.
        name: Its name; None where it cannot be read.
        problem: What is wrong with the folder; None for a readable run.
        failed: Whether the run ended with an error, which `failure.json` tells.
    """

    path: Path
    id: str | None
    name: str | None
    problem: str | None
    failed: bool = False


def list_runs(root: Path) -> tuple[RunEntry, ...]:
    """All runs of a folder, oldest first; a broken run is listed with its problem and hides no other.

    Files are looked at by name and length, not read: `quantdl.runs.verification` finds every changed byte.
    Partial folders, and folders that are no runs, are left out.
    """
    root = Path(root)
    entries = []
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        run_id = trailing_id(path.name)
        if path.name.startswith(".") or not path.is_dir() or not (run_id or (path / MANIFEST).exists()):
            continue
        try:
            run = open_run(path)
            problems = [size_problem(path, name, record) for name, record in sorted(run.files.items())]
        except (QuantdlError, OSError) as error:
            entries.append(RunEntry(path, run_id, None, str(error)))
        else:
            problem = next(filter(None, problems), None)
            entries.append(RunEntry(path, run.id, run.name, problem, FAILURE in run.files))
    return tuple(sorted(entries, key=lambda entry: (entry.id or "", entry.path.name)))


def find_run(root: Path, reference: str) -> RunFolder:
    """Open a run by its path, its folder name, its identifier, its name, or the beginning of one of these.

    Raises:
        RunNameError: If none or several match.
        IntegrityError: If its manifest is damaged.
    """
    return open_run(run_path(root, reference))


def run_path(root: Path, reference: str) -> Path:
    """The folder of a run, not opened, so that a damaged one can be verified and deleted; see `find_run`.

    Raises:
        RunNameError: If none or several match.
    """
    if "/" in reference:
        return Path(reference)
    entries = list_runs(root)
    matches = _called(entries, reference)
    if len(matches) == 1:
        return matches[0].path
    if matches:
        shown = ", ".join(entry.path.name for entry in matches[-_MATCHES_SHOWN:])
        most = "" if len(matches) <= _MATCHES_SHOWN else f" the last {_MATCHES_SHOWN} are"
        raise RunNameError(
            f"{Path(root)}: {len(matches)} runs are called {reference!r}:{most} {shown}. "
            "Give the name of a folder, or the beginning of an identifier."
        )
    names = [name for entry in entries for name in (entry.path.name, entry.id, entry.name) if name]
    meant = did_you_mean(reference, names) or "."
    raise RunNameError(f"{Path(root)}: no run is called {reference!r}{meant} `quantdl runs list` shows what there is.")


def _called(entries: tuple[RunEntry, ...], reference: str) -> list[RunEntry]:
    """Return the runs that a word means: a whole folder name or identifier, a whole name, or the beginning of one."""
    if not reference:
        return []
    wholly = [entry for entry in entries if reference in (entry.path.name, entry.id)]
    by_name = [entry for entry in entries if reference == entry.name]
    begun = [
        entry
        for entry in entries
        if (entry.id or "").startswith(reference.upper()) or entry.path.name.startswith(reference)
    ]
    return wholly or by_name or begun


def older_runs(root: Path, began_before: datetime) -> tuple[RunEntry, ...]:
    """The runs of a folder that began before an instant, oldest first.

    A folder whose identifier cannot be read has no date, and is not among them.

    Args:
        root: Folder of the runs.
        began_before: The instant, with its zone.
    """
    return tuple(entry for entry in list_runs(root) if entry.id is not None and id_time(entry.id) < began_before)


def delete_run(path: Path) -> None:
    """Delete a published run; for `list_runs` it is gone in one step.

    Raises:
        RunNameError: If there is no run at ``path``.
        RunError: If the disk refuses.
    """
    path = Path(path)
    if path.is_symlink() or not (path / MANIFEST).is_file():
        raise RunNameError(f"{path}: not a run folder, nothing was deleted.")
    with disk_errors(path, place=_PLACE):
        remove_at_once(path)


def _latest_id(root: Path) -> str | None:
    published = [run_id for path in root.iterdir() if (run_id := _id_of(path)) is not None]
    partial = [run_id for path in partial_folders(root) if (run_id := trailing_id(path.name))]
    return max(published + partial, default=None)


def _id_of(path: Path) -> str | None:
    """Identifier of a published run, from the name of its folder where that ends with it."""
    run_id = trailing_id(path.name)
    if run_id is not None or path.name.startswith(".") or not (path / MANIFEST).is_file():
        return run_id
    try:
        return open_run(path).id
    except (QuantdlError, OSError):
        return None
