"""JSON files with their SHA-256 beside them, in the form that ``sha256sum --check`` reads."""

import hashlib
import json
from pathlib import Path
from typing import Any

from quantdl.disk import disk_errors
from quantdl.errors import IntegrityError
from quantdl.records import json_text, to_plain

RESTORE = "Fix: remove the folder and store the panel again, or restore the folder from a copy."


def write_sealed(path: Path, record: object) -> None:
    """Write a record as JSON, and its seal beside it.

    Raises:
        DataError: If the record holds a number that is not finite.
        RunError: If the disk refuses.
    """
    content = json_text(to_plain(record), path.name).encode()
    with disk_errors(path):
        path.write_bytes(content)
        _seal_of(path).write_text(_seal(path, content), encoding="ascii")


def read_sealed(path: Path) -> dict[str, Any]:
    """Return what `write_sealed` wrote, as plain values.

    Raises:
        IntegrityError: If it is not what was written.
    """
    try:
        content = path.read_bytes()
        sealed = _seal_of(path).read_bytes() == _seal(path, content).encode()
        plain = json.loads(content) if sealed else None
    except (OSError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{path}: cannot be read ({error}). {RESTORE}") from error
    if not isinstance(plain, dict):
        raise IntegrityError(f"{path}: not what was written, or {_seal_of(path).name} is not. {RESTORE}")
    return plain


def _seal_of(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _seal(path: Path, content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
