"""The manifest of a run: which files were written, how long each is, and its SHA-256."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from quantdl.disk import write_file
from quantdl.errors import IntegrityError, QuantdlError, RunError, RunNameError
from quantdl.records import digest, json_text
from quantdl.runs.identifiers import checked_file, checked_id, checked_name

MANIFEST = "manifest.json"
FAILURE = "failure.json"
"""File of a run that failed, with why; such a run has no results."""
VERDICT = "verdict.json"
"""File of a run with its verdict in plain words, for whoever lists and shows runs without reading all of them."""
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class FileRecord:
    """Size in bytes and SHA-256 of a file, as it was when the run was published."""

    size: int
    sha256: str


@dataclass(frozen=True)
class RunFolder:
    """A run on the disk, read through its manifest: a file that is not what was written is never handed out.

    Attributes:
        path: The folder.
        id: Identifier, sorts by time.
        name: Name from the config.
        files: What was written, by path relative to the folder, with ``/``.
    """

    path: Path
    id: str
    name: str
    files: Mapping[str, FileRecord] = field(repr=False)

    def file(self, name: str) -> Path:
        """Path of an intact file, for a reader such as ``pandas.read_parquet``.

        Raises:
            RunError: If the run has no such file.
            IntegrityError: If the file is missing, truncated or changed.
        """
        record = self.files.get(name)
        if record is None and FAILURE in self.files:
            raise RunError(f"{self.path}: this run failed, so it has no {name}. `quantdl runs show` says why.")
        if record is None:
            raise RunError(f"{self.path}: the run has no file {name!r}. It holds: {', '.join(sorted(self.files))}.")
        problem = file_problem(self.path, name, record)
        if problem is not None:
            raise IntegrityError(f"{self.path}: {problem}. Restore the folder from a copy or run it again.")
        return self.path / name

    def read_bytes(self, name: str) -> bytes:
        """Content of a file; raises as `file`."""
        return self.file(name).read_bytes()

    def read_text(self, name: str) -> str:
        """Content of a UTF-8 file; raises as `file`."""
        return self.read_bytes(name).decode()

    def read_json(self, name: str) -> object:
        """Content of a JSON file; raises as `file`, and IntegrityError when it is not JSON."""
        try:
            content: object = json.loads(self.read_bytes(name))
        except ValueError as error:
            raise IntegrityError(f"{self.path / name}: not a JSON file ({error}).") from error
        return content


def open_run(path: Path) -> RunFolder:
    """Open a published run.

    Raises:
        RunNameError: If there is no run at ``path``.
        RunError: If it was written by a newer quantdl.
        IntegrityError: If its manifest is damaged.
    """
    path = Path(path)
    manifest = path / MANIFEST
    if not path.is_dir():
        raise RunNameError(f"{path}: no such run folder. `quantdl runs list` shows what there is.")
    if not manifest.is_file() or manifest.is_symlink():
        raise RunNameError(f"{path}: not a run folder, it has no {MANIFEST}. `quantdl runs list` shows what there is.")
    try:
        written = manifest.read_bytes()
        content = json.loads(written)
        version, seal = int(content["schema_version"]), content.pop("seal")
        damaged = seal != digest(content) or written != _sealed(content)
        files = {checked_file(name): FileRecord(**record) for name, record in content["files"].items()}
        run = RunFolder(path, checked_id(content["id"]), checked_name(content["name"]), MappingProxyType(files))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, QuantdlError) as error:
        raise IntegrityError(f"{manifest}: the manifest is damaged ({error!r}). Restore it from a copy.") from error
    if damaged:
        raise IntegrityError(f"{manifest}: the manifest is not the one that was written. Restore it from a copy.")
    if version > SCHEMA_VERSION:
        raise RunError(
            f"{manifest}: schema version {version}; this quantdl reads up to {SCHEMA_VERSION}. Update quantdl."
        )
    return run


def write_manifest(run: RunFolder) -> None:
    """Write the manifest of a run, sealed with its own SHA-256."""
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": run.id,
        "name": run.name,
        "files": {name: {"size": record.size, "sha256": record.sha256} for name, record in run.files.items()},
    }
    write_file(run.path / MANIFEST, _sealed(content))


def _sealed(content: dict[str, Any]) -> bytes:
    """The bytes of a manifest; none of them can be another one without being found."""
    return json_text({**content, "seal": digest(content)}, MANIFEST).encode()


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Read every file back from the disk and record it.

    Raises:
        RunError: If something is not a plain file with an allowed name.
    """
    records = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise RunError(f"{path}: a run folder holds plain files only, no links, pipes or devices.")
        if path.is_file() and name != MANIFEST:
            records[checked_file(name)] = FileRecord(path.stat().st_size, _sha256(path))
    return records


def file_problem(folder: Path, name: str, record: FileRecord) -> str | None:
    """What is wrong with a recorded file, or None; all of it is read."""
    problem = size_problem(folder, name, record)
    if problem is None and _sha256(folder / name) != record.sha256:
        return f"{name}: changed, the SHA-256 is not the one that was written"
    return problem


def size_problem(folder: Path, name: str, record: FileRecord) -> str | None:
    """What is wrong with a recorded file by its place and length, or None; nothing of it is read."""
    path = folder / name
    if path.resolve() != folder.resolve() / name:
        return f"{name}: a link stands where a file was written"
    if not path.is_file():
        return f"{name}: missing"
    size = path.stat().st_size
    if size == record.size:
        return None
    return f"{name}: {'truncated' if size < record.size else 'longer'}, {size} bytes where {record.size} were written"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
