"""Folders that are written whole or not at all, and never changed afterwards.

A folder is built as ``.partial-<name>`` beside its final place, flushed to the disk, and published by one rename. Its
writer holds a lock on it. A process killed at any moment leaves at most a partial folder without a lock, which nothing
reads and `remove_abandoned` deletes.
"""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from quantdl.disk.files import disk_errors, flush, make_folder
from quantdl.errors import DataError

_PARTIAL = ".partial-"
_MOST_TRIES = 1_000
_OCCUPIED = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})


class AlreadyStoredError(DataError):
    """The place where a folder was to be published is taken; what is there was left as it is."""


class PartialFolder:
    """A folder that is being written.

    Args:
        parent: Where it will be published; must exist.
        name: Different from that of every other partial folder of the parent.

    Attributes:
        path: Where to write.

    Raises:
        OSError: If the disk refuses.
    """

    def __init__(self, parent: Path, name: str) -> None:
        self.path = parent / f"{_PARTIAL}{name}"
        while True:
            self.path.mkdir()
            descriptor = _claimed(self.path, wait=True)
            if descriptor is not None:
                break  # else `remove_abandoned` of another process came between the two
        self._descriptor = descriptor

    def publish(self, target: Path) -> None:
        """Force all that was written to the disk and give it its place, on the same disk, by one rename.

        Raises:
            AlreadyStoredError: If something stands at ``target``.
            OSError: If the disk refuses.
        """
        for path in sorted(self.path.rglob("*"), reverse=True):  # files before the folders that name them
            flush(path)
        flush(self.path)
        refuse_existing(target)
        try:
            os.rename(self.path, target)  # fails, and loses nothing, if the target was filled meanwhile
        except OSError as error:
            if error.errno in _OCCUPIED:
                refuse_existing(target)
            raise
        flush(target.parent)

    def close(self) -> None:
        """Remove what was not published, and let go of the lock."""
        shutil.rmtree(self.path, ignore_errors=True)  # gone already when published
        os.close(self._descriptor)


@contextmanager
def publishing(target: Path) -> Iterator[Path]:
    """Give an empty partial folder to write into, and publish it as ``target`` when the block ends well.

    Raises:
        AlreadyStoredError: If ``target`` exists, also when another process publishes it meanwhile.
        RunError: If the disk refuses. Nothing is left behind.
    """
    refuse_existing(target)
    with disk_errors(target):
        make_folder(target.parent)
        partial = PartialFolder(target.parent, f"{target.name}-{secrets.token_hex(4)}")
    try:
        yield partial.path
        with disk_errors(target):
            partial.publish(target)
    finally:
        partial.close()


def refuse_existing(target: Path) -> None:
    """Refuse a place that is taken.

    Raises:
        AlreadyStoredError: If anything exists at ``target``, a broken link included.
    """
    if os.path.lexists(target):
        raise AlreadyStoredError(f"{target}: exists already and is never overwritten. Fix: give another folder.")


def partial_folders(folder: Path) -> tuple[Path, ...]:
    """Return what is being written, or was left by killed processes, in ``folder``, by name."""
    return tuple(sorted(folder.glob(f"{_PARTIAL}*")))


def remove_abandoned(folder: Path) -> tuple[Path, ...]:
    """Delete the partial folders that killed processes left in ``folder``, and return them.

    Those that a living process writes stay.

    Raises:
        RunError: If the disk refuses.
    """
    with disk_errors(folder):
        return remove_unclaimed(partial_folders(folder))


def remove_at_once(folder: Path) -> None:
    """Delete a published folder: for all who look for it, it is gone in one step.

    Raises:
        FileNotFoundError: If it does not exist.
        OSError: If the disk refuses.
    """
    doomed = folder.with_name(f"{_PARTIAL}{folder.name}-{secrets.token_hex(4)}")
    os.rename(folder, doomed)
    remove_unclaimed([doomed])


def remove_unclaimed(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Delete the folders that no process holds a lock on, and return those.

    Raises:
        OSError: If the disk refuses.
    """
    removed = []
    for folder in folders:
        descriptor = _claimed(folder, wait=False)
        if descriptor is None:
            continue  # being written, published or removed meanwhile
        try:
            shutil.rmtree(folder)
        finally:
            os.close(descriptor)
        removed.append(folder)
    return tuple(removed)


@contextmanager
def shared(folder: Path) -> Iterator[Callable[[], bool]]:
    """Use a folder that several processes may use at once, made when missing.

    The block is given a function that says whether this process is the only one left, and has the folder for itself
    from then on; where it says no, this process no longer counts among those that use it. So of several processes that
    ask at their end, the last one may remove the folder, and one that begins at that moment makes it anew.

    Raises:
        OSError: If the disk refuses.
    """
    descriptor = _made_and_locked(folder)

    def is_last() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        yield is_last
    finally:
        os.close(descriptor)


def _made_and_locked(folder: Path) -> int:
    """Make a folder and lock it; again where the last of its users removed it between the two."""
    for _ in range(_MOST_TRIES):
        with suppress(FileNotFoundError):
            make_folder(folder)
            descriptor = _locked(folder, fcntl.LOCK_SH)
            if descriptor is not None:
                return descriptor
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))


def is_used(folder: Path) -> bool:
    """Whether a process uses a folder as `shared`, or writes it."""
    descriptor = _claimed(folder, wait=False)
    if descriptor is None:
        return folder.is_dir()
    os.close(descriptor)
    return False


def _claimed(folder: Path, wait: bool) -> int | None:
    """Lock a folder for this process alone; None if another holds it, or it is no longer what stands at its path."""
    return _locked(folder, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def _locked(folder: Path, kind: int) -> int | None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, kind)
        if os.path.samestat(os.fstat(descriptor), os.stat(folder, follow_symlinks=False)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
