import numpy as np
import pytest

from quantdl.market.arrays import BLOCK_CELLS, locked, row_blocks, sealed


def test_a_locked_array_is_a_copy_that_cannot_be_written():
    values = np.ones((2, 3))
    copy = locked(values, np.float64)
    values[0, 0] = 9
    assert copy[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        copy[0, 0] = 9


def test_what_is_sealed_already_is_not_copied_again():
    values = sealed(np.ones((2, 3)))
    assert locked(values, np.float64) is values
    assert locked(values[1:], np.float64) is not values[1:]


def test_a_file_mapped_for_reading_is_not_copied_and_one_for_writing_is(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 3)))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert locked(mapped, np.float64) is mapped
    assert not isinstance(locked(np.load(tmp_path / "a.npy", mmap_mode="r+"), np.float64), np.memmap)
    assert not isinstance(locked(mapped, np.float32), np.memmap)
    assert not isinstance(sealed(mapped), np.memmap)


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (3, 5_000_000), (2_000_000, 1), (0, 3), (3, 0)])
def test_blocks_cover_every_row_once(shape):
    values = np.broadcast_to(np.int8(0), shape)
    blocks = list(row_blocks(values))
    assert [row for block in blocks for row in (block.start, min(block.stop, shape[0]))][::2] == [
        block.start for block in blocks
    ]
    assert sum(len(values[block]) for block in blocks) == shape[0]
    assert all(values[block].size <= max(BLOCK_CELLS, shape[1]) for block in blocks)
