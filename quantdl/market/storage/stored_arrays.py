"""The arrays of a stored panel: plain ``.npy`` files, written in blocks, mapped for reading, each with its checksum."""

import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from quantdl.errors import IntegrityError
from quantdl.market.storage.sealed_json import RESTORE

_CHANGED = "changed, its checksum is not the one that was written."
_PIECE_BYTES = 1 << 17  # stays in the processor's cache between reading and summing


@dataclass(frozen=True)
class StoredFile:
    """What was written.

    Attributes:
        size: Bytes.
        crc32: Checksum. It differs for any change within 32 bits in a row, so for every flipped byte, and for all but
            one in four thousand million other changes. It guards against accidents, not against intent.
    """

    size: int
    crc32: int


def stored_file(path: Path) -> StoredFile:
    """Read a file back and describe it."""
    return StoredFile(path.stat().st_size, _crc32(path))


def check_file(path: Path, written: StoredFile, contents: bool) -> None:
    """Compare a file with what was written.

    Args:
        path: The file.
        written: Its description.
        contents: Whether to read it whole; its size is compared in any case.

    Raises:
        IntegrityError: If it differs, is missing or is a link.
    """
    if path.is_symlink() or not path.is_file():
        raise IntegrityError(f"{path}: missing, or a link where a file was written. {RESTORE}")
    size = path.stat().st_size
    if size != written.size:
        short = "truncated" if size < written.size else "longer"
        raise IntegrityError(f"{path}: {short}, {size:,} bytes where {written.size:,} were written. {RESTORE}")
    if contents and _crc32(path) != written.crc32:
        raise IntegrityError(f"{path}: {_CHANGED} {RESTORE}")


def map_array(path: Path, shape: tuple[int, int], dtype: np.dtype, crc32: int | None = None) -> np.ndarray:
    """Map an array for reading only.

    Args:
        path: The file.
        shape: Of the array.
        dtype: Of its values.
        crc32: Checksum of the file, compared over the same mapping; None to read nothing until it is looked at.

    Raises:
        IntegrityError: If the file holds another array, or none, or differs from its checksum.
    """
    header = _header(shape, dtype)
    try:
        with path.open("rb") as file:
            same = file.read(len(header)) == header  # compared, never parsed: what is damaged can say anything
        array = np.memmap(path, dtype, mode="r", offset=len(header), shape=shape) if same else None
    except (ValueError, OSError) as error:
        raise IntegrityError(f"{path}: cannot be mapped ({error}). {RESTORE}") from error
    if array is None:
        raise IntegrityError(f"{path}: not an array of {dtype} with the shape {shape}. {RESTORE}")
    whole_file: Any = array.base  # the mapping, header included
    if crc32 is not None and zlib.crc32(whole_file) != crc32:
        raise IntegrityError(f"{path}: {_CHANGED} {RESTORE}")
    return array


class ArrayFile:
    """An ``.npy`` file of shape (T, A) that is filled block by block.

    Written with ordinary writes: on a full disk they fail with an error; a write into a mapping kills the process.
    """

    def __init__(self, path: Path, shape: tuple[int, int], dtype: np.dtype) -> None:
        """Create the file with its header; the cells are zero until written."""
        self.shape, self.dtype = shape, dtype
        header = _header(shape, dtype)
        self._start = len(header)
        self._file: BinaryIO = path.open("wb", buffering=0)
        try:
            self._file.write(header)
            self._file.truncate(self._start + shape[0] * shape[1] * dtype.itemsize)
        except OSError:
            self.close()
            raise

    def write(self, row: int, column: int, block: np.ndarray) -> None:
        """Write a block (n, m) whose first cell is (row, column)."""
        block = np.ascontiguousarray(block, dtype=self.dtype)
        if block.shape[1] == self.shape[1]:
            self._write_at(row, 0, block)
            return
        for offset, cells in enumerate(block):
            self._write_at(row + offset, column, cells)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_at(self, row: int, column: int, cells: np.ndarray) -> None:
        self._file.seek(self._start + (row * self.shape[1] + column) * self.dtype.itemsize)
        left = cells.tobytes()
        while left:
            left = left[self._file.write(left) :]


def write_vector(path: Path, values: np.ndarray) -> None:
    """Write a vector as an ``.npy`` file."""
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.ascontiguousarray(values), allow_pickle=False)


def _header(shape: tuple[int, int], dtype: np.dtype) -> bytes:
    """Return the first bytes of an ``.npy`` file in row-major order."""
    header = BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def _crc32(path: Path) -> int:
    checksum = 0
    with path.open("rb", buffering=0) as file:
        piece = bytearray(_PIECE_BYTES)
        while n_bytes := file.readinto(piece):
            checksum = zlib.crc32(memoryview(piece)[:n_bytes], checksum)
    return checksum
