"""The description of a stored panel: what it names, and what it refuses."""

import json

import pytest

from quantdl.errors import DataError, IntegrityError
from quantdl.market.storage.sealed_json import write_sealed
from quantdl.market.storage.store import save_panel
from quantdl.market.storage.stored_panel import DESCRIPTION, SCHEMA_VERSION, field_file, map_panel, read_description
from quantdl.records import to_plain
from tests.market.dirty_panels import FIELDS, SYMBOLS, differences, dirty_panel


@pytest.fixture
def stored(tmp_path):
    save_panel(dirty_panel(), tmp_path / "panel")
    return tmp_path / "panel"


def test_the_description_names_everything_but_the_arrays(stored):
    found = read_description(stored)
    assert (found.schema_version, found.assets, found.fields, found.has_members) == (
        SCHEMA_VERSION,
        SYMBOLS,
        FIELDS,
        True,
    )
    assert found.card == dirty_panel().card and found.actions == dirty_panel().actions
    assert set(found.files) == {path.name for path in stored.glob("*.npy")}


def test_a_field_is_stored_by_its_position_and_never_by_its_name(stored):
    assert [field_file(position) for position in range(2)] == ["field_0.npy", "field_1.npy"]
    assert len([*stored.glob("field_*.npy")]) == len(FIELDS)


def test_the_mapped_panel_is_the_one_that_was_stored(stored):
    assert differences(map_panel(stored, read_description(stored), verify=True), dirty_panel()) == []


def test_a_description_that_leaves_a_file_out_is_refused(stored):
    plain = to_plain(read_description(stored))
    del plain["files"]["status.npy"]
    write_sealed(stored / DESCRIPTION, plain)
    with pytest.raises(IntegrityError, match=r"does not describe status\.npy"):
        map_panel(stored, read_description(stored), verify=False)


def test_a_description_with_an_unknown_key_is_refused(stored):
    plain = to_plain(read_description(stored))
    write_sealed(stored / DESCRIPTION, {**plain, "surprise": 1})
    with pytest.raises(IntegrityError, match="surprise"):
        read_description(stored)


def test_a_newer_description_is_refused_with_the_fix(stored):
    plain = to_plain(read_description(stored))
    write_sealed(stored / DESCRIPTION, {**plain, "schema_version": SCHEMA_VERSION + 1})
    with pytest.raises(DataError, match="Update it"):
        read_description(stored)


def test_a_changed_description_is_found_by_its_seal(stored):
    content = json.loads((stored / DESCRIPTION).read_text())
    content["assets"][0] = "NB"
    (stored / DESCRIPTION).write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match=r"panel\.json"):
        read_description(stored)
