"""Single files: forced to the disk, replaced in one step, appended to by several processes; and errors of the disk."""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from quantdl.errors import RunError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def disk_error(
    path: Path, error: OSError, outcome: str = "Nothing was left half-written.", place: str = "another folder"
) -> RunError:
    """Return what the operating system said about the disk as an error of quantdl, with the fix.

    Args:
        path: What was read or written.
        error: What the operating system said.
        outcome: In what state that leaves things.
        place: What to give instead, as the user would give it.
    """
    fix = f"Free some space, or give {place} on another disk."
    if error.errno not in _NO_ROOM:
        fix = f"Check the path and its permissions, or give {place}."
    return RunError(f"{path}: {error.strerror or error}. {outcome} {fix}")


@contextmanager
def disk_errors(
    path: Path, outcome: str = "Nothing was left half-written.", place: str = "another folder"
) -> Iterator[None]:
    """Turn an `OSError` of the block into a `RunError`; the arguments are those of `disk_error`."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error, outcome, place) from error


def flush(path: Path) -> None:
    """Force a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it that are missing, so that none of the new ones is lost in a power cut.

    Raises:
        OSError: If the disk refuses.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        flush(folder.parent)


def write_file(path: Path, content: bytes, *, force: bool = False) -> None:
    """Write a new file, in a folder that exists, in plain calls of the operating system.

    Args:
        path: The file; what stands there is overwritten.
        content: All of it.
        force: Whether it is on the disk when this returns.

    Raises:
        OSError: If the disk refuses; what was written of it stays.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        _write(descriptor, content)
        if force:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes, *, force: bool = False) -> None:
    """Put content in the place of a file in one step: a reader finds the old content or the new one.

    The folder is made when missing.

    Args:
        path: The file.
        content: All of it.
        force: Whether the new content is on the disk when this returns. Without it, the old content or an empty file
            may be found after a power cut, which does for what can be made again.

    Raises:
        OSError: If the disk refuses; the old content stays.
    """
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    make_folder(path.parent)
    try:
        write_file(draft, content, force=force)
        os.replace(draft, path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    if force:
        flush(path.parent)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place for what another writer makes, and put it in the place of a file when the block ends well.

    The folder is made when missing.

    Raises:
        OSError: If the disk refuses, or nothing was written; what stands at ``path`` stays, and no draft is left.
    """
    make_folder(path.parent)
    draft = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        with suppress(OSError):
            draft.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time into the block; the folder is made when missing.

    Raises:
        RunError: If the disk refuses.
    """
    with disk_errors(folder):
        make_folder(folder)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Appending:
    """A file that this process alone may extend for now.

    Attributes:
        size: Its length in bytes.
    """

    size: int
    _descriptor: int

    def read(self, start: int = 0) -> bytes:
        """Return what the file holds from byte ``start`` on."""
        parts: list[bytes] = []
        while start < self.size and (part := os.pread(self._descriptor, self.size - start, start)):
            parts.append(part)
            start += len(part)
        return b"".join(parts)

    def extend(self, kept: int, addition: bytes) -> None:
        """Cut the file to its first ``kept`` bytes and append; when this returns, the addition is on the disk.

        Raises:
            OSError: If the disk refuses; the file then ends after ``kept`` bytes, or, if that is refused too, with a
                piece of the addition.
        """
        if kept < self.size:
            os.ftruncate(self._descriptor, kept)
        try:
            _write(self._descriptor, addition)
            os.fsync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, kept)
            raise


@contextmanager
def appending(path: Path, *, force_name: bool = True) -> Iterator[Appending]:
    """Open a file for appending while every other process that wants to append waits.

    File and folder are made when missing.

    Args:
        path: The file.
        force_name: Whether its name in the folder is forced to the disk at the end too, as its content is; that of a
            new file is in any case. A caller that appends again and again needs it once, because the process that made
            the file may have been killed before it did.

    Raises:
        OSError: If the disk refuses.
    """
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        yield Appending(size, descriptor)
    finally:
        os.close(descriptor)
    if force_name or not size:
        flush(path.parent)


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_under_lock(path: Path) -> bytes:
    """Return the content of a file while nothing is being appended to it.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        return stream.read()


def size_of(folder: Path) -> int:
    """Return the bytes of all files below ``folder``; one that vanishes meanwhile counts nothing."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(directory, name)).st_size
    return total
