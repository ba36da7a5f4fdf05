"""Observed bars on disk, mapped into memory when they are read: for panels larger than memory."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from quantdl.disk import disk_errors, publishing
from quantdl.errors import DataError, IntegrityError
from quantdl.features import FeatureTable
from quantdl.market.panel import Panel
from quantdl.market.storage.sealed_json import read_sealed, write_sealed
from quantdl.market.storage.stored_arrays import StoredFile, check_file, stored_file
from quantdl.records import from_plain
from quantdl.sequences.observed_bars import ObservedBars, no_rows, rows_of
from quantdl.sequences.returns import ReturnWindow

_DESCRIPTION = "bars.json"
_SCHEMA_VERSION = 1
_AGAIN = "Remove the folder and store the bars again."
_TYPES = {
    "features": np.dtype("<f4"),
    "bar": np.dtype("<i4"),
    "scale": np.dtype("<f4"),
    "returns": np.dtype("<f4"),
    "target": np.dtype("<f4"),
    "observed": np.dtype("?"),
}


@dataclass(frozen=True)
class StoredBars:
    """What a folder of observed bars holds.

    Attributes:
        fingerprint: Of the panel they were made from, see `quantdl.market.card.DataCard`.
        features: Names of the columns.
        bars: The rows, mapped: nothing is read before it is looked at, and the system can drop at any time what was
            read. The tensors are for reading only; the system ends a process that writes into one.
    """

    fingerprint: str
    features: tuple[str, ...]
    bars: ObservedBars


def store_bars(
    panel: Panel,
    table: Callable[[Panel], FeatureTable],
    windows: Sequence[ReturnWindow],
    folder: Path,
    block_assets: int = 256,
) -> None:
    """Write the observed bars of a panel, a block of assets at a time, so that neither has to fit into memory.

    The folder appears whole or not at all. It can be made again from the panel at any time.

    Args:
        panel: Prices, mapped ones too.
        table: Computes the features of a panel of some of the assets. It must treat each asset by itself: a column that
            compares assets would compare those of a block only.
        windows: Return windows of the targets.
        folder: Where to write; must not exist.
        block_assets: Assets computed together.

    Raises:
        DataError: If the folder exists or no asset has a history.
        RunError: If the disk refuses.
    """
    with publishing(Path(folder)) as partial, disk_errors(Path(folder)):
        counts: list[int] = []
        names: tuple[str, ...] = ()
        with ExitStack() as stack:
            files = {name: stack.enter_context(_RowFile(partial / _file(name), _TYPES[name])) for name in _TYPES}
            for block in _blocks(panel, block_assets):
                features = table(block)
                names = tuple(feature.name for feature in features.features)
                rows = rows_of(block, windows, features)
                counts += rows.counts.tolist()
                for name, file in files.items():
                    file.append(rows.arrays[name])
        if not any(counts):
            raise no_rows(panel)
        written = {_file(name): stored_file(partial / _file(name)) for name in _TYPES}
        description = _Description(
            _SCHEMA_VERSION, panel.card.fingerprint, names, tuple(windows), panel.assets, tuple(counts), written
        )
        write_sealed(partial / _DESCRIPTION, description)


def open_bars(folder: Path, verify: bool = False) -> StoredBars:
    """Map what `store_bars` wrote.

    Args:
        folder: The folder.
        verify: Whether to read every file whole and compare its checksum; sizes are compared in any case.

    Raises:
        DataError: If there is no such folder.
        IntegrityError: If a file is not what was written; the message names it.
    """
    folder = Path(folder)
    if not (folder / _DESCRIPTION).is_file():
        raise DataError(f"{folder}: no observed bars are stored here. Write them with store_bars(panel, ...).")
    stored = _read_description(folder / _DESCRIPTION)
    for name in _TYPES:
        check_file(folder / _file(name), stored.files[_file(name)], contents=verify)
    tensors = {name: _mapped(folder / _file(name), _TYPES[name]) for name in _TYPES}
    first = np.concatenate([[0], np.cumsum(stored.counts, dtype=np.int64)])
    if len(first) != len(stored.assets) + 1 or any(len(tensor) != first[-1] for tensor in tensors.values()):
        raise IntegrityError(f"{folder}: its files hold unequal numbers of rows. {_AGAIN}")
    bars = ObservedBars(stored.assets, stored.windows, first, **tensors)
    return StoredBars(stored.fingerprint, stored.features, bars)


@dataclass(frozen=True)
class _Description:
    """The contents of ``bars.json``.

    Attributes:
        schema_version: Of this layout.
        fingerprint: Of the panel.
        features: Names of the columns.
        windows: Return windows of the targets.
        assets: (A,) symbols.
        counts: (A,) rows of each asset.
        files: Every array file.
    """

    schema_version: int
    fingerprint: str
    features: tuple[str, ...]
    windows: tuple[ReturnWindow, ...]
    assets: tuple[str, ...]
    counts: tuple[int, ...]
    files: Mapping[str, StoredFile]


def _file(name: str) -> str:
    return f"{name}.npy"


def _blocks(panel: Panel, block_assets: int) -> Iterator[Panel]:
    for start in range(0, len(panel.assets), block_assets):
        yield panel.select(panel.assets[start : start + block_assets])


class _RowFile:
    """An ``.npy`` file that grows by rows; its header, which states their number, is written at the end."""

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        self._file: BinaryIO = path.open("wb")
        self._dtype, self._shape = dtype, (0,)

    def append(self, rows: np.ndarray) -> None:
        """Write rows (n, *) at the end."""
        if not self._file.tell():
            self._shape = (0, *rows.shape[1:])
            self._file.write(self._header())
        self._shape = (self._shape[0] + len(rows), *self._shape[1:])
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).data)

    def __enter__(self) -> "_RowFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.seek(0)
        self._file.write(self._header())
        self._file.close()

    def _header(self) -> bytes:
        header = BytesIO()  # numpy leaves room for the first axis to grow
        described = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(header, described)
        return header.getvalue()


def _mapped(path: Path, dtype: np.dtype) -> Tensor:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise IntegrityError(f"{path}: not an array ({error}). {_AGAIN}") from error
    if array.dtype != dtype:
        raise IntegrityError(f"{path}: holds {array.dtype}, expected {dtype}. {_AGAIN}")
    with warnings.catch_warnings():
        # A private copy-on-write mapping would be writable, but the system grants none that is larger than memory.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(array)


def _read_description(path: Path) -> _Description:
    plain = read_sealed(path)
    try:
        if plain.get("schema_version") != _SCHEMA_VERSION:
            raise ValueError(f"expected schema version {_SCHEMA_VERSION}")
        stored = from_plain(_Description, plain)
        if absent := {_file(name) for name in _TYPES} - set(stored.files):
            raise ValueError(f"it does not describe {', '.join(sorted(absent))}")
    except (ValueError, DataError) as error:
        raise IntegrityError(f"{path}: no description of observed bars ({error}). {_AGAIN}") from error
    return stored
