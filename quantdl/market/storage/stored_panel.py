"""What a stored panel looks like on the disk, and how it is read.

panel.json      schema version, assets, fields, data card, sectors, faults, silence, actions; every file with its
size and CRC-32
panel.sha256    SHA-256 of panel.json, as ``sha256sum --check`` reads it
sessions.npy    (T,) datetime64
known_at.npy    (T,) datetime64, UTC
status.npy      (T, A) int8
members.npy     (T, A) bool, where membership is known
field_0.npy     (T, A) float64, in the order of ``fields`` in panel.json; field_1.npy ...
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.disk import disk_errors
from quantdl.errors import DataError, IntegrityError
from quantdl.market.actions import CorporateActions
from quantdl.market.card import DataCard, SilenceRule
from quantdl.market.data_fault import DataFault
from quantdl.market.panel import Panel
from quantdl.market.storage.sealed_json import RESTORE, read_sealed, write_sealed
from quantdl.market.storage.stored_arrays import StoredFile, check_file, map_array, stored_file
from quantdl.records import from_plain

SCHEMA_VERSION = 1
DESCRIPTION = "panel.json"
SESSIONS, KNOWN_AT, STATUS, MEMBERS = "sessions.npy", "known_at.npy", "status.npy", "members.npy"


@dataclass(frozen=True)
class StoredPanel:
    """The description of a stored panel: all of it but the arrays.

    Attributes:
        schema_version: Of this layout.
        written_by: Program and version.
        assets: (A,) symbols.
        fields: Names in the order of the files.
        has_members: Whether membership was written.
        session_name: Name of the session index.
        known_at_name: Name of the index of instants.
        card: The data card.
        sectors: Sector by asset.
        faults: What the loader found.
        silence: How silence after the last trade is read.
        actions: Corporate actions.
        files: Every array file.
    """

    schema_version: int
    written_by: str
    assets: tuple[str, ...]
    fields: tuple[str, ...]
    has_members: bool
    session_name: str | None
    known_at_name: str | None
    card: DataCard
    sectors: Mapping[str, str]
    faults: tuple[DataFault, ...]
    silence: SilenceRule
    actions: CorporateActions
    files: Mapping[str, StoredFile]


def field_file(position: int) -> str:
    """Return the file of a field; a field's own name may not be one for a file."""
    return f"field_{position}.npy"


def describe(folder: Path, names: Iterable[str]) -> Mapping[str, StoredFile]:
    """Read files back from the disk and describe them."""
    with disk_errors(folder):
        return {name: stored_file(folder / name) for name in names}


def write_description(folder: Path, stored: StoredPanel) -> None:
    """Write the description and its seal."""
    write_sealed(folder / DESCRIPTION, stored)


def read_description(folder: Path) -> StoredPanel:
    """Read the description of a stored panel without its arrays.

    Raises:
        DataError: If no panel is stored there, or a newer quantdl wrote it.
        IntegrityError: If it is not what was written.
    """
    if not (folder / DESCRIPTION).is_file():
        what = "no panel is stored in this folder" if folder.is_dir() else "no such folder"
        raise DataError(f"{folder}: {what}. Fix: give a folder that save_panel or PanelWriter wrote.")
    plain = read_sealed(folder / DESCRIPTION)
    version = plain.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise DataError(f"{folder}: schema version {version}, this quantdl reads up to {SCHEMA_VERSION}. Update it.")
    try:
        return from_plain(StoredPanel, plain)
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"{folder / DESCRIPTION}: cannot be read ({error}). {RESTORE}") from error


def map_panel(folder: Path, stored: StoredPanel, verify: bool) -> Panel:
    """Map the arrays of a stored panel; see `quantdl.market.storage.store.open_panel`.

    Raises:
        IntegrityError: If a file is not what was written.
        DataError: If the arrays contradict each other.
    """
    fields = {name: field_file(position) for position, name in enumerate(stored.fields)}
    for name in (*fields.values(), STATUS, SESSIONS, KNOWN_AT, *([MEMBERS] if stored.has_members else [])):
        if name not in stored.files:
            raise IntegrityError(f"{folder / DESCRIPTION}: does not describe {name}. {RESTORE}")
        check_file(folder / name, stored.files[name], contents=name in (SESSIONS, KNOWN_AT))

    def mapped(name: str, kind: type[np.generic]) -> np.ndarray:
        return map_array(folder / name, shape, np.dtype(kind), stored.files[name].crc32 if verify else None)

    sessions = _instants(folder / SESSIONS)
    shape = len(sessions), len(stored.assets)
    return Panel(
        sessions=pd.DatetimeIndex(sessions, name=stored.session_name),
        known_at=pd.DatetimeIndex(_instants(folder / KNOWN_AT), name=stored.known_at_name).tz_localize("UTC"),
        assets=stored.assets,
        fields={name: mapped(file, np.float64) for name, file in fields.items()},
        status=mapped(STATUS, np.int8),
        sectors=stored.sectors,
        card=stored.card,
        faults=stored.faults,
        silence=stored.silence,
        actions=stored.actions,
        members=mapped(MEMBERS, np.bool_) if stored.has_members else None,
    )


def _instants(path: Path) -> np.ndarray:
    """Read a vector of datetime64 into memory."""
    try:
        values: np.ndarray = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise IntegrityError(f"{path}: not an array ({error}). {RESTORE}") from error
    if values.ndim != 1 or values.dtype.kind != "M":
        raise IntegrityError(f"{path}: holds {values.dtype} of shape {values.shape}, expected instants. {RESTORE}")
    return values
