import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from quantdl.errors import DataError, IntegrityError
from quantdl.market.actions import CorporateActions
from quantdl.market.storage.vintages import Source, known_revisions, record_ingest, vintage_as_of, vintages
from tests.market.dirty_panels import differences, dirty_panel

PROJECT = Path(__file__).parents[3]


def mutated(value=7.5):
    panel = dirty_panel()
    closes = panel.closes.copy()
    closes[20, 0] = value
    return replace(panel, fields={**panel.fields, "close": closes})


def test_the_first_ingest_revises_nothing_and_is_kept(tmp_path):
    assert record_ingest(dirty_panel(), tmp_path) == ()
    (kept,) = vintages(tmp_path)
    assert kept.number == 1
    assert differences(kept.open(), dirty_panel()) == []


def test_the_same_content_again_is_no_new_vintage(tmp_path):
    for _ in range(3):
        assert record_ingest(dirty_panel(), tmp_path) == ()
    assert len(vintages(tmp_path)) == 1


def test_a_mutated_copy_is_a_revision_and_the_old_value_stays_readable(tmp_path):
    record_ingest(dirty_panel(), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (revision,) = record_ingest(mutated(), tmp_path)
    assert (revision.symbol, revision.field) == ("NA", "close")
    assert (revision.old, revision.new) == (float(dirty_panel().closes[20, 0]), 7.5)
    assert {path: path.read_bytes() for path in before} == before
    first, second = vintages(tmp_path)
    assert first.open().closes[20, 0] == revision.old
    assert second.open().closes[20, 0] == revision.new


def test_a_revision_is_told_as_often_as_its_content_is_ingested(tmp_path):
    """A run that was refused because of it must not pass when it is tried again."""
    record_ingest(dirty_panel(), tmp_path)
    first = record_ingest(mutated(), tmp_path)
    assert len(first) == 1
    assert record_ingest(mutated(), tmp_path) == first
    assert len(vintages(tmp_path)) == 2


def test_asking_for_revisions_keeps_nothing(tmp_path):
    assert known_revisions(mutated(), tmp_path) == ()
    assert list(tmp_path.iterdir()) == []
    record_ingest(dirty_panel(), tmp_path)
    asked = known_revisions(mutated(), tmp_path)
    assert len(vintages(tmp_path)) == 1
    assert asked == record_ingest(mutated(), tmp_path) == known_revisions(mutated(), tmp_path)


def test_a_value_that_comes_back_is_a_third_vintage(tmp_path):
    for panel in (dirty_panel(), mutated(), dirty_panel()):
        record_ingest(panel, tmp_path)
    assert [vintage.number for vintage in vintages(tmp_path)] == [1, 2, 3]


def test_lost_splits_are_a_vintage_of_their_own(tmp_path):
    record_ingest(dirty_panel(), tmp_path)
    revisions = record_ingest(replace(dirty_panel(), actions=CorporateActions()), tmp_path)
    assert {revision.field for revision in revisions} == {"split", "dividend", "pay_date", "ticker", "delisting"}
    assert all(revision.new is None for revision in revisions)
    assert len(vintages(tmp_path)) == 2


def test_sources_are_not_compared_with_each_other(tmp_path):
    card = mutated().card
    elsewhere = replace(card.declaration, source="another/source: of prices")
    other = replace(mutated(), card=replace(card, declaration=elsewhere))
    adjusted = replace(mutated(), card=mutated().card.restated(adjustment="split"))
    for panel in (dirty_panel(), other, adjusted):
        assert record_ingest(panel, tmp_path) == ()
    assert [vintage.number for vintage in vintages(tmp_path)] == [1, 1, 1]
    assert [vintage.source for vintage in vintages(tmp_path, Source.of(other))] == [Source.of(other)]


def test_what_was_known_at_an_instant_is_the_last_vintage_by_then(tmp_path):
    noon = datetime(2024, 1, 2, 12, tzinfo=UTC)
    record_ingest(dirty_panel(), tmp_path, noon)
    record_ingest(mutated(), tmp_path, noon.replace(day=3))
    kept = vintages(tmp_path)
    assert vintage_as_of(kept, noon).number == 1
    assert vintage_as_of(kept, noon.replace(hour=13)).number == 1
    assert vintage_as_of(kept, noon.replace(day=3)).number == 2
    with pytest.raises(DataError, match="Nothing had been ingested by 2024-01-02 11:00"):
        vintage_as_of(kept, noon.replace(hour=11))
    with pytest.raises(DataError, match="Nothing had been ingested"):
        vintage_as_of([], noon)


def test_instants_without_a_zone_are_refused_with_the_fix(tmp_path):
    with pytest.raises(DataError, match=r"Fix: datetime\.now\(UTC\)"):
        record_ingest(dirty_panel(), tmp_path, datetime(2024, 1, 2))
    with pytest.raises(DataError, match="Fix: add its offset"):
        vintage_as_of([], datetime(2024, 1, 2))


def test_several_at_once_leave_one_vintage_for_each_content(tmp_path):
    panels = [mutated(float(value % 2)) for value in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda panel: record_ingest(panel, tmp_path), panels))
    kept = vintages(tmp_path)
    assert [vintage.number for vintage in kept] == list(range(1, len(kept) + 1))
    values = [vintage.open().closes[20, 0] for vintage in kept]
    assert all(a != b for a, b in zip(values, values[1:], strict=False))


_KILLED = """
import os, signal, sys
import quantdl.disk.folders as folders
from quantdl.market.storage.vintages import record_ingest
from tests.market.dirty_panels import dirty_panel
done, rename = [], os.rename
def die(*paths):
    done.append(paths)
    if len(done) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*paths)
folders.os.rename = die
record_ingest(dirty_panel(seed=1), sys.argv[1])
"""


@pytest.mark.parametrize("step", ["1", "2"])
def test_after_a_kill_the_store_opens_as_before(tmp_path, step):
    record_ingest(dirty_panel(), tmp_path)
    killed = subprocess.run([sys.executable, "-c", _KILLED, tmp_path, step], cwd=PROJECT, capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    (kept,) = vintages(tmp_path)
    assert differences(kept.open(), dirty_panel()) == []
    assert record_ingest(dirty_panel(), tmp_path) == ()
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".partial-")] == []


def test_a_damaged_vintage_is_named_and_never_overwritten(tmp_path):
    record_ingest(dirty_panel(), tmp_path)
    (kept,) = vintages(tmp_path)
    status = kept.folder / "panel" / "status.npy"
    content = bytearray(status.read_bytes())
    content[-1] ^= 1
    status.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"status\.npy: changed"):
        record_ingest(mutated(), tmp_path)
    assert status.read_bytes() == content
    assert len(vintages(tmp_path)) == 1


def test_a_changed_description_is_found(tmp_path):
    record_ingest(dirty_panel(), tmp_path, datetime(2024, 1, 2, tzinfo=UTC))
    (kept,) = vintages(tmp_path)
    path = kept.folder / "vintage.json"
    path.write_text(path.read_text().replace("2024", "2023"))
    with pytest.raises(IntegrityError, match=r"vintage\.json: not what was written"):
        vintages(tmp_path)


def test_a_vintage_moved_to_another_number_is_found(tmp_path):
    record_ingest(dirty_panel(), tmp_path)
    (kept,) = vintages(tmp_path)
    kept.folder.rename(kept.folder.with_name("000002"))
    with pytest.raises(IntegrityError, match="describes vintage 1"):
        vintages(tmp_path)


def test_nothing_kept_is_an_empty_list(tmp_path):
    assert vintages(tmp_path / "nowhere") == ()
    assert vintages(tmp_path / "nowhere", Source("a", "b", "c", "d")) == ()


def test_a_mapped_panel_can_be_ingested(tmp_path):
    record_ingest(dirty_panel(), tmp_path)
    (kept,) = vintages(tmp_path)
    assert isinstance(kept.open().closes, np.memmap)
    assert record_ingest(kept.open(), tmp_path) == ()
