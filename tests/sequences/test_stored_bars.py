"""Observed bars on disk: the same rows as in memory, mapped, whole or not at all."""

import hashlib
import json
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantdl.errors import DataError, IntegrityError
from quantdl.features import feature_table
from quantdl.market.storage.store import open_panel, save_panel
from quantdl.sequences import NEXT_SESSION, WindowLoader, open_bars, position_window, store_bars
from quantdl.simulation import panel_of_closes

WINDOWS = (NEXT_SESSION, position_window(5))
TENSORS = ("features", "bar", "scale", "returns", "target", "observed")


def by_asset(panel):
    """Features of each asset by itself; the default ones compare assets."""
    return feature_table(panel, groups=("own_history",))


@pytest.fixture(scope="module")
def folder(ragged_panel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars") / "stored"
    store_bars(ragged_panel, by_asset, WINDOWS, folder, block_assets=2)
    return folder


@pytest.mark.parametrize("block_assets", [1, 3, 5, 100])
def test_blocks_of_any_size_store_what_is_laid_out_in_memory(ragged_panel, bars, tmp_path, block_assets):
    store_bars(ragged_panel, by_asset, WINDOWS, tmp_path / "stored", block_assets)
    stored = open_bars(tmp_path / "stored", verify=True)
    names = tuple(feature.name for feature in by_asset(ragged_panel).features)
    assert stored.features == names
    assert stored.fingerprint == ragged_panel.card.fingerprint
    assert stored.bars.assets == bars.assets and stored.bars.windows == WINDOWS
    np.testing.assert_array_equal(stored.bars.first, bars.first)
    assert torch.equal(stored.bars.features, bars.features[:, : len(names)])
    for name in ("bar", "scale", "returns", "target", "observed"):
        assert torch.equal(getattr(stored.bars, name), getattr(bars, name))


def test_a_mapped_panel_stores_the_same_rows(ragged_panel, folder, tmp_path):
    mapped = open_panel(save_panel(ragged_panel, tmp_path / "panel"))
    assert isinstance(mapped.closes, np.memmap)
    store_bars(mapped, by_asset, WINDOWS, tmp_path / "stored")
    one, other = open_bars(folder).bars, open_bars(tmp_path / "stored").bars
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in TENSORS)


def test_windows_of_mapped_rows_are_those_of_rows_in_memory(folder):
    stored = open_bars(folder).bars
    loaded = replace(stored, **{name: getattr(stored, name).clone() for name in TENSORS})
    one, other = (WindowLoader(rows, 16, 12, seed=0) for rows in (stored, loaded))
    for mapped, kept in zip(one.batches(one.start(1)), other.batches(other.start(1)), strict=True):
        assert torch.equal(mapped.features, kept.features)
        assert torch.equal(mapped.target, kept.target) and torch.equal(mapped.weight, kept.weight)


def test_opening_reads_no_rows_and_warns_of_nothing(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stored = open_bars(folder).bars
    for name in TENSORS:  # a file that vanishes stays readable through its mapping, a copy would not be one
        assert getattr(stored, name).data_ptr() % 64 == 0


@pytest.mark.slow
def test_a_process_that_opens_rows_keeps_them_out_of_its_private_memory(tmp_path):
    """Fifty megabytes of features are read and less than ten of them are the process's own."""
    closes = 50.0 * np.exp(0.01 * np.random.default_rng(0).standard_normal((2000, 500)).cumsum(axis=0))
    store_bars(panel_of_closes(closes), by_asset, [NEXT_SESSION], tmp_path / "stored", block_assets=100)
    script = """
import sys
from pathlib import Path
from quantdl.sequences import open_bars
def private():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))
before = private()
bars = open_bars(Path(sys.argv[1])).bars
total = sum(float(piece.sum()) for piece in bars.features.split(1000))
print(private() - before, bars.features.numel() * 4 // 1024)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "stored")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    private, features = map(int, done.stdout.split())
    assert features > 40_000 and private < 10_000  # kilobytes


# What is damaged or absent


def test_a_folder_that_exists_is_left_as_it_is(ragged_panel, folder):
    with pytest.raises(DataError, match="exists already"):
        store_bars(ragged_panel, by_asset, WINDOWS, folder)
    open_bars(folder, verify=True)


def test_a_panel_without_history_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match="no asset has a bar with features"):
        store_bars(panel_of_closes(100.0 + np.arange(20.0).reshape(10, 2)), by_asset, WINDOWS, tmp_path / "stored")
    assert not list(tmp_path.iterdir())


def test_a_failure_in_the_middle_leaves_nothing(ragged_panel, tmp_path):
    def failing(panel):
        if panel.assets[0] != ragged_panel.assets[0]:
            raise DataError("the second block")
        return by_asset(panel)

    with pytest.raises(DataError, match="the second block"):
        store_bars(ragged_panel, failing, WINDOWS, tmp_path / "stored", block_assets=2)
    assert not list(tmp_path.iterdir())


def test_no_folder_is_a_data_error_with_the_fix(tmp_path):
    with pytest.raises(DataError, match="no observed bars are stored here.*store_bars"):
        open_bars(tmp_path / "nothing")


@pytest.fixture
def copy(folder, tmp_path):
    target = tmp_path / "copy"
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize("name", [f"{name}.npy" for name in TENSORS])
def test_a_truncated_or_missing_file_is_named(copy, name):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1])
    with pytest.raises(IntegrityError, match=rf"{name}: truncated"):
        open_bars(copy)
    (copy / name).unlink()
    with pytest.raises(IntegrityError, match=name):
        open_bars(copy)


@pytest.mark.parametrize("name", [f"{name}.npy" for name in TENSORS])
def test_a_flipped_byte_is_found_when_asked_for(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(IntegrityError, match=rf"{name}: changed"):
        open_bars(copy, verify=True)


def write_description(folder, content):
    """As another program would write it, seal included."""
    text = json.dumps(content)
    (folder / "bars.json").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / "bars.sha256").write_text(f"{digest}  bars.json\n")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema_version": 99}', "null"])
def test_a_damaged_description_is_named(copy, content):
    (copy / "bars.json").write_text(content)
    with pytest.raises(IntegrityError, match=r"bars\.json"):
        open_bars(copy)


@pytest.mark.parametrize(
    ("key", "value"),
    [("counts", [1]), ("counts", "many"), ("windows", [{"bars": 1}]), ("files", {}), ("files", None), ("assets", 3)],
)
def test_a_description_that_does_not_fit_the_files_is_refused(copy, key, value):
    write_description(copy, json.loads((copy / "bars.json").read_text()) | {key: value})
    with pytest.raises(IntegrityError, match="bars"):
        open_bars(copy)


def test_a_description_that_was_changed_is_refused(copy):
    stated = (copy / "bars.json").read_text()
    write_description(copy, json.loads(stated))
    open_bars(copy)
    (copy / "bars.json").write_text(stated + " ")
    with pytest.raises(IntegrityError, match=r"bars\.json: not what was written"):
        open_bars(copy)


def test_a_description_of_another_schema_is_refused(copy):
    write_description(copy, json.loads((copy / "bars.json").read_text()) | {"schema_version": 99})
    with pytest.raises(IntegrityError, match="expected schema version 1"):
        open_bars(copy)
