"""What all that is written whole or not at all shares: bytes forced to the disk, and leftovers of killed writers."""

import fcntl
import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def flush(path: Path) -> None:
    """Force a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unclaimed(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Delete the folders whose writers no longer hold a lock on them, and return those.

    Raises:
        OSError: If the disk refuses.
    """
    removed = []
    for folder in folders:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # published or removed meanwhile
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
            removed.append(folder)
        except BlockingIOError:
            pass  # its writer lives
        finally:
            os.close(descriptor)
    return tuple(removed)
