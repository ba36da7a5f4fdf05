"""The commands on what is kept: sizes, what goes by itself and what only by name."""

import json

import pytest

from tests.cli.running import invoke


@pytest.fixture
def kept(root, tmp_path, monkeypatch):
    monkeypatch.setenv("QUANTDL_CACHE", str(tmp_path / "cache"))
    for name in ("vintages/prices-0/source-1/000001/vintage.json", ".partial-dead/half.parquet"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(bytes(100))
    return root


def test_what_is_kept_is_shown_with_what_it_is_for(kept):
    code, output, errors = invoke("cache", "show", "--root", str(kept))
    assert (code, errors) == (0, "")
    assert "safe to remove" in output and "they cannot be made again" in output
    parts = json.loads(invoke("cache", "show", "--root", str(kept), "--json")[1])["parts"]
    assert {part["name"]: part["count"] for part in parts} == {
        "panels": 0,
        "partial": 1,
        "unfinished": 0,
        "vintages": 1,
    }


def test_nothing_goes_without_a_word(kept):
    code, _, errors = invoke("cache", "clear", "--root", str(kept))
    assert code == 2 and "say --yes" in errors
    assert (kept / ".partial-dead").exists()


def test_only_what_can_be_made_again_goes_by_itself(kept):
    code, output, _ = invoke("cache", "clear", "--root", str(kept), "--yes")
    assert code == 0 and "partial: 0.0 MB freed" in output
    assert not (kept / ".partial-dead").exists() and (kept / "vintages").exists()
    code, output, _ = invoke("cache", "clear", "vintages", "--root", str(kept), "--yes")
    assert code == 0 and "warning: vintages: data as each run found them" in output
    assert not (kept / "vintages").exists()
    assert len([*kept.glob("example-*")]) == 2


def test_an_unknown_part_is_wrong_usage(kept):
    code, _, errors = invoke("cache", "clear", "vintage", "--root", str(kept))
    assert code == 2 and "did you mean 'vintages'?" in errors
    assert "nothing to remove" in invoke("cache", "clear", "unfinished", "--root", str(kept))[1]
