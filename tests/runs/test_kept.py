"""What is kept beside the runs: counted, and removed without touching a run, the ledger, or what a process uses."""

import pytest

from quantdl.disk import shared
from quantdl.errors import RunError
from quantdl.runs import Entry, Ledger
from quantdl.runs.kept import clear_part, kept_parts
from quantdl.runs.store import RunWriter

STATE = ".unfinished/" + "a" * 32


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("QUANTDL_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "runs"
    with RunWriter(root, "kept") as run:
        run.write_json("metrics.json", {})
    Ledger(root / "ledger.jsonl").append(Entry("t", "d", "run", None, "a test"))
    for name, size in (
        (f"{STATE}/fit.safetensors", 1000),
        (".partial-dead/half.parquet", 200),
        ("vintages/prices-0/source-1/000001/vintage.json", 30),
        ("vintages/prices-0/mine.txt", 4),
        ("notes/readme.txt", 5),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(bytes(size))
    return root


def of(root):
    return {part.name: (part.count, part.size_bytes) for part in kept_parts(root)}


def test_each_part_is_counted(root):
    assert of(root) == {"panels": (0, 0), "partial": (1, 200), "unfinished": (1, 1000), "vintages": (1, 30)}
    assert [part.name for part in kept_parts(root) if part.safe] == ["panels", "partial"]


@pytest.mark.parametrize("name, freed", [("panels", 0), ("partial", 200), ("unfinished", 1000), ("vintages", 30)])
def test_a_part_goes_and_nothing_else_does(root, name, freed):
    kept = {path for path in root.rglob("*") if path.is_file()}
    assert clear_part(root, name) == freed
    gone = kept - {path for path in root.rglob("*") if path.is_file()}
    assert len(gone) == (freed > 0)
    assert of(root)[name] == (0, 0)


def test_a_training_that_goes_on_stays(root):
    with shared(root / STATE):
        assert clear_part(root, "unfinished") == 0
    assert (root / STATE / "fit.safetensors").exists()


def test_what_is_not_kept_is_refused_by_name(root):
    with pytest.raises(RunError, match="expected one of panels, partial, unfinished, vintages"):
        clear_part(root, "runs")


def test_a_folder_that_is_not_there_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("QUANTDL_CACHE", str(tmp_path / "cache"))
    assert {count for count, _ in of(tmp_path / "nowhere").values()} == {0}
