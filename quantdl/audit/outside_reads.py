"""Files with data that a strategy opens by itself, and the same files without the rows of later days.

A strategy sees the market through its view, which ends at now. A file that it opens knows no now. While a strategy is
built and asked, every file is noticed that Python opens, whoever opens it, and every connection that it makes. What was
opened by `open` is shown again, in a second try, without the lines that begin with a later date. So a file that is only
read up to now does no harm, and one that is read further is found; of what was opened in other ways nothing can be
shown, and that is said.
"""

import builtins
import gzip
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from os import PathLike
from pathlib import Path
from typing import IO, Any

_DATE = re.compile(rb'^[\s"\']*(\d{4})[-/]?(\d{2})[-/]?(\d{2})')
_CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".dll", ".dylib", ".pth", ".typed")
_TABLES = (".csv", ".gz", ".txt", ".parquet", ".feather", ".npy", ".npz", ".h5", ".hdf", ".zip", ".bz2", ".xz", ".db")
_SYSTEM = (("proc",), ("sys",), ("dev",), ("etc",))  # what the machine says of itself
_OWN = Path(__file__).resolve().parents[1]
_DATED_SHARE = 0.5  # of the lines, from which on a text counts as rows of dates


class OutsideReads:
    """What was opened, and until which day rows are shown.

    Attributes:
        opened: Paths of files with data that were opened for reading, and addresses of connections, in order.
        last_day: Lines of a later date are left out; None leaves files as they are.
        unchanged: Those of them from which no later rows could be left out.
    """

    def __init__(self, last_day: date | None = None) -> None:
        """Begin with nothing opened."""
        self.last_day = last_day
        self.opened: list[str] = []
        self.unchanged: list[str] = []
        self._served = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch everything that is opened meanwhile."""
        _install()
        original = builtins.open
        watched = self._watched(original)
        builtins.open = io.open = watched  # type: ignore[assignment]  # open has an overload for every mode
        _watchers.append(self)
        try:
            yield
        finally:
            _watchers.remove(self)
            builtins.open = io.open = original

    def notice(self, name: str) -> None:
        """Note what Python itself says is being opened."""
        if self._served:
            return
        _add(self.opened, name)
        if self.last_day is not None:
            _add(self.unchanged, name)

    def _watched(self, original: Callable[..., IO[Any]]) -> Callable[..., IO[Any]]:
        def watched_open(
            file: int | str | bytes | PathLike[str],
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            errors: str | None = None,
            newline: str | None = None,
            closefd: bool = True,
            opener: Callable[[str, int], int] | None = None,
        ) -> IO[Any]:
            path = _data_file(file, mode)
            content = None if path is None or self.last_day is None else self._shown(path, original, self.last_day)
            if content is None:
                return original(file, mode, buffering, encoding, errors, newline, closefd, opener)
            inner = io.BytesIO(content)
            return inner if "b" in mode else io.TextIOWrapper(inner, encoding or "utf-8", errors, newline)

        return watched_open

    def _shown(self, path: Path, original: Callable[..., IO[Any]], last_day: date) -> bytes | None:
        """Return what is shown of a file in its place, or None for the file itself."""
        self._served = True
        try:
            with original(path, "rb") as whole:
                content = rows_until(whole.read(), last_day)
        finally:
            self._served = False
        if content is not None:
            _add(self.opened, str(path))
        return content


_watchers: list[OutsideReads] = []
_installed: list[bool] = []


def _install() -> None:
    """Ask Python to say what it opens: once a process, because there is no way to take it back; idle unless watched."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watchers:
        return
    if event == "open":
        path = _data_file(arguments[0], arguments[1] or _mode(arguments[2]))
        name = None if path is None else str(path)
    elif event in {"sqlite3.connect", "socket.connect"}:
        name = f"{event}: {arguments[-1]}"
    else:
        return
    if name is not None:
        for watcher in _watchers[-1:]:
            watcher.notice(name)


def _mode(flags: int) -> str:
    return "w" if flags & (os.O_WRONLY | os.O_RDWR) else "r"


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)


def _data_file(file: object, mode: str) -> Path | None:
    """Return the path that is opened for reading, if it is one of data and not of the program itself."""
    if not isinstance(file, str | PathLike) or set(mode) & set("wax+"):
        return None
    path = Path(os.path.abspath(os.fspath(file)))
    own = path.is_relative_to(_OWN) or path.suffix in _CODE or path.parts[1:2] in _SYSTEM
    installed = "site-packages" in path.parts
    of_python = path.is_relative_to(sys.base_prefix) and not installed
    of_a_library = installed and (path.suffix not in _TABLES or path.parent.suffix == ".dist-info")
    zones = "zoneinfo" in path.parts or "tzdata" in path.parts
    return None if own or of_python or of_a_library or zones or path.is_dir() else path


def rows_until(content: bytes, last_day: date) -> bytes | None:
    r"""Return a text of dated rows without those of later days, compressed again if it was; None if it is none.

    Args:
        content: Of the file.
        last_day: Last day that is kept.

    Example:
        >>> rows_until(b"date,close\n2020-01-02,1.0\n2020-01-03,2.0\n", date(2020, 1, 2))
        b'date,close\n2020-01-02,1.0\n'
    """
    if content[:2] == b"\x1f\x8b":
        inner = rows_until(gzip.decompress(content), last_day)
        return None if inner is None else gzip.compress(inner)
    lines = content.splitlines(keepends=True)
    found = [_DATE.match(line) for line in lines]
    if sum(match is not None for match in found) < _DATED_SHARE * max(len(lines), 1):
        return None
    latest = b"%04d%02d%02d" % (last_day.year, last_day.month, last_day.day)
    kept = (
        line for line, match in zip(lines, found, strict=True) if match is None or b"".join(match.groups()) <= latest
    )
    return b"".join(kept)
