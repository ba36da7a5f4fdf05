import gc
import zlib

import numpy as np
import pytest

from quantdl.errors import IntegrityError
from quantdl.market.storage.stored_arrays import ArrayFile, StoredFile, check_file, map_array, stored_file, write_vector


def test_the_checksum_is_the_common_crc32(tmp_path):
    content = np.random.default_rng(0).bytes(1_000_003)
    (tmp_path / "file").write_bytes(content)
    assert stored_file(tmp_path / "file") == StoredFile(1_000_003, zlib.crc32(content))


def test_a_file_as_written_passes_and_a_changed_one_does_not(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"prices")
    written = stored_file(path)
    check_file(path, written, contents=True)
    path.write_bytes(b"prizes")
    check_file(path, written, contents=False)
    with pytest.raises(IntegrityError, match="changed"):
        check_file(path, written, contents=True)


def test_blocks_land_where_numpy_reads_them(tmp_path):
    values = np.arange(35, dtype=np.float64).reshape(5, 7)
    with ArrayFile(tmp_path / "a.npy", (5, 7), values.dtype) as file:
        file.write(0, 3, values[:, 3:])
        file.write(0, 0, values[:, :3])
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), values)
    np.testing.assert_array_equal(map_array(tmp_path / "a.npy", (5, 7), values.dtype), values)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((7, 5), np.float64), ((5, 7), np.float32), ((5, 7), np.int64), ((35, 1), np.float64)]
)
def test_another_array_than_expected_is_refused(tmp_path, shape, dtype):
    np.save(tmp_path / "a.npy", np.zeros((5, 7)))
    with pytest.raises(IntegrityError, match="not an array of"):
        map_array(tmp_path / "a.npy", shape, np.dtype(dtype))


def test_the_checksum_of_a_mapping_is_that_of_the_file(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((5, 7)))
    written = stored_file(tmp_path / "a.npy")
    map_array(tmp_path / "a.npy", (5, 7), np.dtype(np.float64), written.crc32)
    with pytest.raises(IntegrityError, match="changed"):
        map_array(tmp_path / "a.npy", (5, 7), np.dtype(np.float64), written.crc32 ^ 1)


def test_an_array_in_column_order_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(np.zeros((5, 7))))
    with pytest.raises(IntegrityError, match="not an array of"):
        map_array(tmp_path / "a.npy", (5, 7), np.dtype(np.float64))


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[object()]]), allow_pickle=True)
    with pytest.raises(IntegrityError, match="not an array of"):
        map_array(tmp_path / "a.npy", (1, 1), np.dtype(np.float64))


@pytest.mark.parametrize("position", range(128))
def test_a_damaged_header_is_refused_whatever_it_says(tmp_path, position):
    np.save(tmp_path / "a.npy", np.ones((5, 7)))
    content = bytearray((tmp_path / "a.npy").read_bytes())
    for bit in range(8):
        content[position] ^= 1 << bit
        (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(IntegrityError, match=r"a\.npy: "):
            map_array(tmp_path / "a.npy", (5, 7), np.dtype(np.float64))
        content[position] ^= 1 << bit


def test_vectors_of_instants_keep_their_unit(tmp_path):
    instants = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[us]")
    write_vector(tmp_path / "v.npy", instants)
    assert np.load(tmp_path / "v.npy", allow_pickle=False).dtype == instants.dtype


def test_a_file_that_cannot_be_made_so_large_is_closed(tmp_path):
    size = 2**62  # no file system holds it
    with pytest.raises(OSError, match="large|argument"):
        ArrayFile(tmp_path / "a.npy", (size // 8, 1), np.dtype(np.float64))
    gc.collect()  # a file left open would warn here
