"""Folders of data that are written whole or not at all, and never changed afterwards.

A folder is built in ``.partial-<name>-<random>`` beside its final place, flushed to the disk, and published by one
rename. A process killed at any moment leaves at most a partial folder, which nothing reads and `remove_abandoned`
deletes.
"""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quantdl.disk import flush, remove_unclaimed
from quantdl.errors import DataError, RunError

_PARTIAL = ".partial-"


class AlreadyStoredError(DataError):
    """Something stands where a folder was to be published; it was left as it is."""


@contextmanager
def publishing(target: Path) -> Iterator[Path]:
    """Give an empty partial folder to write into, and publish it as ``target`` when the block ends well.

    Raises:
        AlreadyStoredError: If ``target`` exists, also when another process publishes it meanwhile.
        RunError: If the disk refuses. Nothing is left behind.
    """
    _refuse_existing(target)
    partial = target.parent / f"{_PARTIAL}{target.name}-{secrets.token_hex(4)}"
    with disk_errors(target):
        partial.mkdir(parents=True)
        alive = os.open(partial, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(alive, fcntl.LOCK_EX)  # what remove_abandoned tells the living by
    try:
        yield partial
        with disk_errors(target):
            _publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # gone already when published
        os.close(alive)


def remove_abandoned(folder: Path) -> tuple[Path, ...]:
    """Delete the partial folders that a killed process left in ``folder``, and return them; the living keep theirs."""
    removed: list[Path] = []
    for path in sorted(folder.glob(f"{_PARTIAL}*")):
        with disk_errors(path):
            removed += remove_unclaimed([path])
    return tuple(removed)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time into the block; the folder is made when missing."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below ``folder``; one that vanishes meanwhile counts nothing."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(directory, name)).st_size
            except FileNotFoundError:
                continue
    return total


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about the disk into a `RunError` with the fix."""
    try:
        yield
    except OSError as error:
        fix = "Check the path and its permissions, or give another folder."
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            fix = "Free some space, or give a folder on another disk."
        raise RunError(f"{path}: {error.strerror or error}. Nothing was left half-written. {fix}") from error


def _publish(partial: Path, target: Path) -> None:
    for path in sorted(partial.iterdir()):
        flush(path)
    flush(partial)
    _refuse_existing(target)
    try:
        os.rename(partial, target)  # fails, and loses nothing, if the target was filled meanwhile
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
            _refuse_existing(target)
        raise
    flush(target.parent)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise AlreadyStoredError(f"{target}: exists already and is never overwritten. Fix: give another folder.")
