import errno
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quantdl.disk.folders as folders
import quantdl.market.storage.cache as cache
from quantdl.calendars import CalendarCorrection
from quantdl.errors import DataError
from quantdl.market.card import SilenceRule
from quantdl.market.sources.parquet import load_parquet
from quantdl.market.status import CellStatus
from quantdl.market.storage.cache import CacheWarning, cache_size, cached, clear_cache, default_cache_folder
from tests.market.dirty_panels import differences, dirty_panel

PROJECT = Path(__file__).parents[3]


class Loader:
    """Counts how often it is asked."""

    def __init__(self, panel=None):
        self.calls, self.panel = 0, panel or dirty_panel()

    def __call__(self):
        self.calls += 1
        return self.panel


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text("date,close\n2020-01-01,1\n")
    return path


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


def test_the_second_time_is_a_mapping_with_the_same_bits(declaration, source, root):
    load = Loader()
    first = cached(load, "csv", [source], declaration, root)
    second = cached(load, "csv", [source], declaration, root)
    assert load.calls == 1
    assert differences(first, second) == []
    assert isinstance(second.closes, np.memmap)


def test_a_changed_source_is_loaded_again(declaration, source, root):
    load = Loader()
    cached(load, "csv", [source], declaration, root)
    source.write_text("date,close\n2020-01-01,2\n")  # the same size
    cached(load, "csv", [source], declaration, root)
    assert load.calls == 2


def test_a_new_file_in_a_folder_is_seen(declaration, source, root):
    load, folder = Loader(), source.parent / "many"
    folder.mkdir()
    for name in ("A.csv", "B.csv"):
        (folder / name).write_text("x")
        cached(load, "csv", [folder], declaration, root)
    assert load.calls == 2


def test_the_same_content_under_another_name_is_another_entry(declaration, source, root):
    """Faults of a panel name the file they stand in."""
    load, copy = Loader(), source.with_name("copy.csv")
    copy.write_bytes(source.read_bytes())
    cached(load, "csv", [source], declaration, root)
    cached(load, "csv", [copy], declaration, root)
    assert load.calls == 2


CHANGES = {
    "source": "another",
    "timezone": "Europe/London",
    "frequency": "60min",
    "adjustment": "raw",
    "calendar": "XLON",
    "as_of": date(2024, 12, 30),
    "licence": "other",
    "universe": "survivors",
    "on_fault": "record",
    "silence": SilenceRule(11),
    "sectors": {"A": "Energy"},
    "notes": ("more",),
    "intraday": None,
    "currency": "GBX",
    "calendar_corrections": (CalendarCorrection(source="a notice", strike=date(2024, 5, 30)),),
}


def test_every_field_of_the_declaration_is_part_of_the_key(declaration, source, root):
    load = Loader()
    cached(load, "csv", [source], declaration, root)
    assert set(CHANGES) >= {item.name for item in fields(declaration)}
    for count, name in enumerate(sorted(set(CHANGES) - {"frequency", "intraday"}), start=2):
        cached(load, "csv", [source], replace(declaration, **{name: CHANGES[name]}), root)
        assert load.calls == count, name


def test_the_loader_is_part_of_the_key(declaration, source, root):
    load = Loader()
    cached(load, "csv", [source], declaration, root)
    cached(load, "csv symbol_pattern='(.+)_30Y'", [source], declaration, root)
    assert load.calls == 2


def test_other_code_finds_nothing_that_this_one_stored(declaration, source, root, monkeypatch):
    load = Loader()
    cached(load, "csv", [source], declaration, root)
    monkeypatch.setattr(cache, "__version__", "99")
    cached(load, "csv", [source], declaration, root)
    assert load.calls == 2


def entry_of(root):
    (entry,) = (root / "panels").iterdir()
    return entry


@pytest.mark.parametrize("name", ["panel.json", "panel.sha256", "field_3.npy", "status.npy", "sessions.npy"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_entry_is_set_aside_said_once_and_loaded_again(declaration, source, root, name, damage):
    load = Loader()
    cached(load, "csv", [source], declaration, root)
    path = entry_of(root) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    if damage == "flip":
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_bytes(content[:-3])
    else:
        path.unlink()
    with pytest.warns(CacheWarning, match="damaged and is loaded again; it was set aside"):
        panel = cached(load, "csv", [source], declaration, root)
    assert load.calls == 2
    assert differences(panel, dirty_panel()) == []
    assert differences(cached(load, "csv", [source], declaration, root), dirty_panel()) == []
    assert load.calls == 2
    assert len(list((root / "damaged").iterdir())) == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_means_loading_without_keeping(declaration, source, root, monkeypatch, code):
    def refuse(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(folders.os, "fsync", refuse)
    load = Loader()
    with pytest.warns(CacheWarning, match=os.strerror(code)):
        panel = cached(load, "csv", [source], declaration, root)
    assert differences(panel, dirty_panel()) == []
    assert cache_size(root).entries == 0


def test_a_cache_that_cannot_be_made_means_loading_without_it(declaration, source):
    load = Loader()
    with pytest.warns(CacheWarning, match="not kept in the cache"):
        cached(load, "csv", [source], declaration, source / "no folder")
    assert load.calls == 1


def test_the_loader_speaks_about_a_source_that_is_missing(declaration, source, root):
    def fail():
        raise DataError("no such file, and what to do")

    with pytest.raises(DataError, match="and what to do"):
        cached(fail, "csv", [source.with_name("missing.csv")], declaration, root)
    assert not root.exists()


def test_a_load_that_fails_leaves_nothing(declaration, source, root):
    def fail():
        raise DataError("impossible rows")

    for _ in range(2):
        with pytest.raises(DataError, match="impossible rows"):
            cached(fail, "csv", [source], declaration, root)
    assert cache_size(root).entries == 0


def test_what_was_not_used_for_longest_goes_first(declaration, source, root):
    load = Loader()
    cached(load, "one", [source], declaration, root)
    size = cache_size(root).size_bytes
    limit = int(2.5 * size)
    cached(load, "two", [source], declaration, root, limit)
    for position, entry in enumerate(sorted((root / "panels").iterdir(), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(entry, ns=(position + 1, position + 1))
    cached(load, "one", [source], declaration, root, limit)  # used again
    cached(load, "three", [source], declaration, root, limit)
    assert load.calls == 3
    assert cache_size(root).entries == 2
    cached(load, "one", [source], declaration, root, limit)
    assert load.calls == 3
    cached(load, "two", [source], declaration, root, limit)
    assert load.calls == 4


def test_what_was_set_aside_goes_before_what_is_whole(declaration, source, root):
    load = Loader()
    cached(load, "one", [source], declaration, root)
    size = cache_size(root).size_bytes
    (entry_of(root) / "status.npy").write_bytes(b"")
    with pytest.warns(CacheWarning):
        cached(load, "one", [source], declaration, root)
    cached(load, "two", [source], declaration, root, int(2.2 * size))
    assert list((root / "damaged").iterdir()) == []
    assert cache_size(root).entries == 2


def test_a_panel_larger_than_the_cache_is_not_kept_and_that_is_said(declaration, source, root):
    with pytest.warns(CacheWarning, match="was not kept"):
        cached(Loader(), "csv", [source], declaration, root, limit_bytes=1000)
    assert cache_size(root).entries == 0


def test_an_open_panel_stays_readable_when_its_entry_is_removed(declaration, source, root):
    cached(Loader(), "csv", [source], declaration, root)
    panel = cached(Loader(), "csv", [source], declaration, root)
    held = clear_cache(root)
    assert held.entries == 1
    assert cache_size(root) == replace(held, entries=0, size_bytes=0)
    assert differences(panel, dirty_panel()) == []


def test_the_size_is_shown_in_words(root):
    assert str(cache_size(root)) == f"{root}: 0 panels, 0.0 MB"


def _load_many(arguments):
    root, source, declaration, seed = arguments
    order = np.random.default_rng(seed).permutation(12)
    for number in order:
        panel = cached(lambda n=number: dirty_panel(seed=int(n % 3)), f"{number % 3}", [source], declaration, root)
        assert differences(panel, dirty_panel(seed=int(number % 3))) == []
    return True


def test_threads_at_once_read_whole_panels_only(declaration, source, root):
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(_load_many, [(root, source, declaration, seed) for seed in range(4)]))
    assert cache_size(root).entries == 3


@pytest.mark.slow
def test_processes_at_once_read_whole_panels_only(declaration, source, root):
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        assert all(pool.map(_load_many, [(root, source, declaration, seed) for seed in range(3)]))
    assert cache_size(root).entries == 3


_KILLED = """
import os, signal, sys
from pathlib import Path
import quantdl.disk.folders as folders
from quantdl.market.storage.cache import cached
from quantdl.market.card import Declaration
from datetime import date
from tests.market.dirty_panels import dirty_panel
folders.os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
stated = Declaration("a test", "America/New_York", "1D", "raw", "XNYS", date(2024, 1, 1), "none")
cached(dirty_panel, "csv", [Path(sys.argv[1])], stated, sys.argv[2])
"""


def test_what_a_killed_writer_left_is_cleared_by_the_next(declaration, source, root):
    killed = subprocess.run([sys.executable, "-c", _KILLED, source, root], cwd=PROJECT, capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    assert len(list((root / "panels").glob(".partial-*"))) == 1
    assert cache_size(root).entries == 0
    cached(Loader(), "csv", [source], declaration, root)
    assert list((root / "panels").glob(".partial-*")) == []


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [
        ("/own", "/shared", "/own"),
        ("", "/shared", "/shared/quantdl"),
        ("", "relative", "/home/me/.cache/quantdl"),
        ("", "", "/home/me/.cache/quantdl"),
    ],
)
def test_the_folder_follows_the_environment(monkeypatch, own, shared, expected):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("QUANTDL_CACHE", own)
    monkeypatch.setenv("XDG_CACHE_HOME", shared)
    assert default_cache_folder() == Path(expected)


def test_a_file_whose_name_is_no_text_is_cached_like_any_other(declaration, source, root):
    load, path = Loader(), source.with_name(os.fsdecode(b"\xff\xfe.csv"))
    source.rename(path)
    cached(load, "csv", [path.parent], declaration, root)
    cached(load, "csv", [path.parent], declaration, root)
    assert load.calls == 1


def test_a_pipe_is_not_waited_for(declaration, source, root):
    pipe = source.with_name("pipe")
    os.mkfifo(pipe)
    with pytest.warns(CacheWarning, match="not a regular file"):
        cached(Loader(), "csv", [pipe], declaration, root)


def test_halts_come_back_from_the_cache(tmp_path, declaration):
    prices = tmp_path / "prices.parquet"
    days = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]
    words = ["traded", "halted", "traded", "suspended"]
    pd.DataFrame({"symbol": "A", "date": days, "close": [1.0, None, 3.0, 3.0], "status": words}).to_parquet(prices)
    loads = [
        cached(lambda: load_parquet(prices, declaration), "parquet", [prices], declaration, tmp_path / "cache")
        for _ in range(2)
    ]
    assert cache_size(tmp_path / "cache").entries == 1
    for panel in loads:
        T, H = CellStatus.TRADED, CellStatus.HALTED
        assert panel.status[:, 0].tolist() == [T, H, T, H]
        np.testing.assert_array_equal(panel.closes[:, 0], [1.0, np.nan, 3.0, np.nan])
    assert isinstance(loads[1].closes, np.memmap)
