import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantdl.errors import DataError, IntegrityError, RunError
from quantdl.market.actions import CorporateActions
from quantdl.market.storage.store import open_panel, save_panel
from tests.market.dirty_panels import differences, dirty_panel

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def stored(tmp_path):
    return save_panel(dirty_panel(), tmp_path / "panel")


def test_a_panel_comes_back_bit_for_bit(stored):
    assert differences(dirty_panel(), open_panel(stored)) == []


def test_a_panel_without_members_or_actions_comes_back(tmp_path):
    panel = replace(dirty_panel(), members=None, sectors={}, faults=())
    assert differences(panel, open_panel(save_panel(panel, tmp_path / "panel"))) == []


def test_the_bundled_set_comes_back_bit_for_bit(sp500, tmp_path):
    assert differences(sp500, open_panel(save_panel(sp500, tmp_path / "panel"))) == []


def test_a_stored_panel_can_be_stored_again(stored, tmp_path):
    again = save_panel(open_panel(stored), tmp_path / "again")
    assert {file.name: file.read_bytes() for file in again.iterdir()} == {
        file.name: file.read_bytes() for file in stored.iterdir()
    }


def test_arrays_are_mapped_and_cannot_be_written(stored):
    panel = open_panel(stored)
    for values in (*panel.fields.values(), panel.status, panel.members):
        assert isinstance(values, np.memmap)
        assert values.mode == "r"
        with pytest.raises(ValueError, match="read-only"):
            values[0, 0] = 1


def test_a_view_of_a_mapped_panel_cannot_reach_what_came_later(stored):
    view = open_panel(stored).until("2020-01-10")
    for values in (*view.fields.values(), view.status, view.members):
        assert not isinstance(values, np.memmap)
        assert values.base is None


def test_returns_of_a_mapped_panel_have_the_same_bits(tmp_path):
    panel = replace(dirty_panel(), actions=CorporateActions())
    mapped = open_panel(save_panel(panel, tmp_path / "panel"))
    assert mapped.log_returns().tobytes() == panel.log_returns().tobytes()


def test_every_flipped_byte_is_found(stored):
    generator = np.random.default_rng(0)
    for file in sorted(stored.iterdir()):
        content = file.read_bytes()
        positions = {0, len(content) - 1, *generator.integers(len(content), size=12).tolist()}
        for position in positions:
            flipped = bytearray(content)
            flipped[position] ^= 1 << int(generator.integers(8))
            file.write_bytes(flipped)
            with pytest.raises((IntegrityError, DataError), match=file.name.replace("sha256", "(sha256|json)")):
                open_panel(stored)
        file.write_bytes(content)
    assert differences(dirty_panel(), open_panel(stored)) == []


@pytest.mark.parametrize("keep", [0, 1, 70, -1])
def test_every_truncated_file_is_found(stored, keep):
    for file in sorted(stored.iterdir()):
        content = file.read_bytes()
        file.write_bytes(content[:keep])
        for verify in (True, False):
            with pytest.raises(IntegrityError, match=file.name.replace("sha256", "(sha256|json)")):
                open_panel(stored, verify=verify)
        file.write_bytes(content)


def test_every_missing_file_is_found(stored):
    for file in sorted(stored.iterdir()):
        content = file.read_bytes()
        file.unlink()
        with pytest.raises((IntegrityError, DataError)):
            open_panel(stored)
        file.write_bytes(content)


def test_a_link_in_place_of_a_file_is_refused(stored, tmp_path):
    shutil.move(stored / "status.npy", tmp_path / "elsewhere.npy")
    (stored / "status.npy").symlink_to(tmp_path / "elsewhere.npy")
    with pytest.raises(IntegrityError, match=r"status\.npy: missing, or a link"):
        open_panel(stored)


def test_a_file_longer_than_written_is_refused(stored):
    with (stored / "status.npy").open("ab") as file:
        file.write(b"more")
    with pytest.raises(IntegrityError, match=r"status\.npy: longer"):
        open_panel(stored, verify=False)


def test_nothing_is_overwritten(stored):
    before = {file.name: file.read_bytes() for file in stored.iterdir()}
    with pytest.raises(DataError, match="exists already and is never overwritten"):
        save_panel(dirty_panel(seed=1), stored)
    assert {file.name: file.read_bytes() for file in stored.iterdir()} == before


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("x")])
def test_a_place_without_a_panel_is_named(tmp_path, make):
    make(tmp_path / "panel")
    with pytest.raises(DataError, match="Fix: give a folder that save_panel"):
        open_panel(tmp_path / "panel")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="Check the path"):
        save_panel(dirty_panel(), tmp_path / "file" / "panel")


def test_a_panel_of_a_newer_quantdl_is_refused_with_the_fix(stored):
    content = json.loads((stored / "panel.json").read_text()) | {"schema_version": 99}
    (stored / "panel.json").write_text(json.dumps(content))
    digest = hashlib.sha256((stored / "panel.json").read_bytes()).hexdigest()
    (stored / "panel.sha256").write_text(f"{digest}  panel.json\n")
    with pytest.raises(DataError, match="schema version 99"):
        open_panel(stored)


def test_the_seal_is_what_sha256sum_reads(stored):
    digest = hashlib.sha256((stored / "panel.json").read_bytes()).hexdigest()
    assert (stored / "panel.sha256").read_text() == f"{digest}  panel.json\n"


def test_arrays_that_contradict_each_other_are_found_without_reading_checksums(stored):
    status = np.load(stored / "status.npy", mmap_mode="r+", allow_pickle=False)
    status[0, 0] = 2
    status.flush()
    with pytest.raises(IntegrityError, match="contradicts itself"):
        open_panel(stored, verify=False)


def test_arrays_open_without_quantdl(stored):
    content = json.loads((stored / "panel.json").read_text())
    position = content["fields"].index("close")
    closes = np.load(stored / f"field_{position}.npy", allow_pickle=False)
    assert closes.tobytes() == dirty_panel().closes.tobytes()


_KILLED = """
import os, signal, sys
from pathlib import Path
import quantdl.disk.folders as folders
from quantdl.market.storage.store import save_panel
from tests.market.dirty_panels import dirty_panel

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(folders.os, sys.argv[2], die)
save_panel(dirty_panel(), Path(sys.argv[1]))
"""


@pytest.mark.parametrize("call", ["rename", "fsync"])
def test_a_writer_killed_before_the_rename_leaves_nothing_to_read(tmp_path, call):
    target = tmp_path / "panel"
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(target), call], cwd=PROJECT, capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    assert not target.exists()
    assert len(list(tmp_path.iterdir())) == 1  # the partial folder
    assert differences(dirty_panel(), open_panel(save_panel(dirty_panel(), target))) == []


@pytest.mark.slow
def test_the_nasdaq_panel_reopens_as_it_was_and_unread(databank, tmp_path):
    from datetime import date

    from quantdl.market.card import Declaration
    from quantdl.market.sources import load_parquet

    stated = Declaration(
        source="NASDAQ",
        timezone="America/New_York",
        frequency="1D",
        adjustment="split",
        calendar="NASDAQ",
        as_of=date(2017, 12, 8),
        licence="for tests",
        on_fault="record",
    )
    panel = load_parquet(databank / "nasdaq_ohlcv.parquet", stated)
    save_panel(panel, tmp_path / "panel")
    reopened = open_panel(tmp_path / "panel")
    assert all(isinstance(values, np.memmap) for values in reopened.fields.values())
    assert differences(panel, reopened) == []
