"""What files hold, by the digest of their content; a file that the system reports unchanged is not read again."""

import errno
import hashlib
import json
import os
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from quantdl.disk import replace_file
from quantdl.records import from_plain, json_text, to_plain

# A file that was changed less than this before it was read may be changed again within the same tick of its clock.
_AT_REST_NS = 2_000_000_000


@dataclass(frozen=True)
class SourceFile:
    """A file as it was read.

    Attributes:
        path: As it was given, since messages about its rows repeat it.
        size: Bytes.
        changed_ns: Last change of the content, nanoseconds since 1970.
        status_changed_ns: Last change of content, name, owner or times; no program sets it at will.
        inode: Number of the file in its file system.
        read_ns: When it was read.
        sha256: Of its content.
    """

    path: str
    size: int
    changed_ns: int
    status_changed_ns: int
    inode: int
    read_ns: int
    sha256: str


@dataclass(frozen=True)
class _Memo:
    files: tuple[SourceFile, ...]


def files_of(sources: Sequence[Path | str]) -> tuple[Path, ...]:
    """Return the files meant by paths, in the order given; a folder stands for the files directly in it, by name.

    Raises:
        OSError: If a path does not exist.
    """
    found: list[Path] = []
    for source in map(Path, sources):
        inside = sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else [source]
        found.extend(inside)
    return tuple(found)


def read_sources(paths: Sequence[Path], memo: Path) -> tuple[SourceFile, ...]:
    """Return what the files hold.

    A file is read again unless size, both times and inode are what they were when it was last read, two seconds or more
    after it was last changed: what git does, with the time that no program can set back.

    Args:
        paths: The files.
        memo: Where to remember what was read; a memo that is missing, damaged or cannot be written costs time only.

    Raises:
        OSError: If a file cannot be read.
    """
    known = {(file.path, os.path.abspath(file.path)): file for file in _remembered(memo)}
    files = tuple(_read(path, known.get((str(path), os.path.abspath(path)))) for path in paths)
    if files != tuple(known.values()):
        _remember(memo, files)
    return files


def _read(path: Path, known: SourceFile | None) -> SourceFile:
    before = _stat(path)
    if known is not None and before == _stat_of(known) and known.read_ns - max(before[1], before[2]) > _AT_REST_NS:
        return known
    while True:
        read_ns = time.time_ns()
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        after = _stat(path)
        if after == before:
            return SourceFile(str(path), *before, read_ns, digest)
        before = after  # written to while it was read


def _stat(path: Path) -> tuple[int, int, int, int]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))  # a pipe would be waited for, a device never ends
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _stat_of(file: SourceFile) -> tuple[int, int, int, int]:
    return file.size, file.changed_ns, file.status_changed_ns, file.inode


def _remembered(memo: Path) -> tuple[SourceFile, ...]:
    try:
        return from_plain(_Memo, json.loads(memo.read_bytes())).files
    except (OSError, ValueError, RecursionError):
        return ()


def _remember(memo: Path, files: tuple[SourceFile, ...]) -> None:
    with suppress(OSError):
        replace_file(memo, json_text(to_plain(_Memo(files)), memo.name).encode())
