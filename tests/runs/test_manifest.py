"""The manifest of a run: sizes and hashes of its files, sealed, and every change of either found."""

import hashlib
import json
import os

import pytest

from quantdl.errors import IntegrityError, RunError
from quantdl.runs.manifest import (
    MANIFEST,
    FileRecord,
    RunFolder,
    file_problem,
    open_run,
    record_files,
    size_problem,
    write_manifest,
)

RUN_ID = "01HF7YAT000000000000000000"
# FIPS 180-2, appendix B.1: the SHA-256 of "abc".
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "log.txt").write_bytes(b"abc")
    (tmp_path / "model" / "model.json").write_bytes(b'{"a": [1, null]}')
    write_manifest(RunFolder(tmp_path, RUN_ID, "quickstart", record_files(tmp_path)))
    return tmp_path


def rewrite(folder, change, sealed=True):
    """Change the manifest; sealed as a writer would who knows how the seal is made."""
    content = json.loads((folder / MANIFEST).read_text())
    del content["seal"]
    change(content)
    seal = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    whole = {**content, "seal": seal if sealed else "0" * 64}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=2, sort_keys=True) + "\n")


def test_files_are_recorded_with_size_and_sha256(folder):
    records = record_files(folder)
    assert list(records) == ["log.txt", "model/model.json"]  # not the manifest itself
    assert records["log.txt"] == FileRecord(3, ABC)


def test_a_run_is_opened_as_it_was_written(folder):
    run = open_run(folder)
    assert (run.id, run.name) == (RUN_ID, "quickstart")
    assert run.files["log.txt"] == FileRecord(3, ABC)
    assert run.read_bytes("log.txt") == b"abc" and run.read_text("log.txt") == "abc"
    assert run.read_json("model/model.json") == {"a": [1, None]}
    with pytest.raises(TypeError, match="does not support item assignment"):
        run.files["log.txt"] = FileRecord(0, ABC)


def test_a_file_that_the_run_does_not_have_is_refused_with_those_it_has(folder):
    with pytest.raises(RunError, match=r"no file 'equity.parquet'. It holds: log.txt, model/model.json\."):
        open_run(folder).file("equity.parquet")


def test_text_is_not_read_as_json(folder):
    with pytest.raises(IntegrityError, match=r"log\.txt: not a JSON file"):
        open_run(folder).read_json("log.txt")


def test_bytes_that_are_no_text_are_not_read_as_json(folder):
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 40)
    write_manifest(RunFolder(folder, RUN_ID, "quickstart", record_files(folder)))
    with pytest.raises(IntegrityError, match=r"weights\.bin: not a JSON file"):
        open_run(folder).read_json("weights.bin")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"ab", "log.txt: truncated, 2 bytes where 3 were written"),
        (b"abcd", "log.txt: longer, 4 bytes where 3 were written"),
        (b"abd", "log.txt: changed, the SHA-256 is not the one that was written"),
        (None, "log.txt: missing"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_never_handed_out(folder, content, problem):
    run = open_run(folder)
    (folder / "log.txt").unlink()
    if content is not None:
        (folder / "log.txt").write_bytes(content)
    assert file_problem(folder, "log.txt", run.files["log.txt"]) == problem
    with pytest.raises(IntegrityError, match=problem):
        run.read_bytes("log.txt")


def test_a_link_to_the_same_content_is_a_problem(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "log.txt"
    (folder / "log.txt").rename(elsewhere)
    (folder / "log.txt").symlink_to(elsewhere)
    problem = file_problem(folder, "log.txt", FileRecord(3, ABC))
    assert problem == "log.txt: a link stands where a file was written"


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("log.txt"), os.mkfifo])
def test_only_plain_files_are_recorded(folder, make):
    make(folder / "other")
    with pytest.raises(RunError, match="plain files only"):
        record_files(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(id="mine"),
        lambda content: content.update(id="../../etc"),
        lambda content: content.update(files={"../x": {"size": 1, "sha256": ""}}),
        lambda content: content.update(name="../elsewhere"),
        lambda content: content["files"].update({"../log.txt": {"size": 3, "sha256": ABC}}),
        lambda content: content["files"].update({"log.txt": {"size": 3}}),
        lambda content: content.pop("files"),
        lambda content: content.update(schema_version="x"),
    ],
)
def test_a_manifest_of_another_form_is_damaged(folder, change):
    rewrite(folder, change)
    with pytest.raises(IntegrityError, match="the manifest is damaged"):
        open_run(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"seal": 1}'])
def test_a_manifest_of_other_text_is_damaged(folder, text):
    (folder / MANIFEST).write_text(text)
    with pytest.raises(IntegrityError, match="the manifest is damaged"):
        open_run(folder)


def test_a_changed_manifest_breaks_its_seal(folder):
    rewrite(folder, lambda content: content["files"]["log.txt"].update(size=4), sealed=False)
    with pytest.raises(IntegrityError, match="not the one that was written"):
        open_run(folder)


def test_a_manifest_of_a_later_version_says_to_update(folder):
    rewrite(folder, lambda content: content.update(schema_version=2))
    with pytest.raises(RunError, match="schema version 2; this quantdl reads up to 1. Update quantdl."):
        open_run(folder)


def test_a_folder_without_a_manifest_is_no_run(tmp_path):
    with pytest.raises(RunError, match="not a run folder"):
        open_run(tmp_path)
    with pytest.raises(RunError, match="no such run folder"):
        open_run(tmp_path / "nothing")


def test_a_manifest_that_says_the_same_in_other_bytes_is_not_the_one_that_was_written(folder):
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes().replace(b": ", b" :", 1))
    with pytest.raises(IntegrityError, match="not the one that was written"):
        open_run(folder)


def test_a_file_that_was_changed_without_changing_its_length_is_seen_only_where_it_is_read(folder):
    record = open_run(folder).files["log.txt"]
    (folder / "log.txt").write_bytes(b"abd")
    assert size_problem(folder, "log.txt", record) is None
    assert file_problem(folder, "log.txt", record) is not None


def test_a_link_in_place_of_the_manifest_is_not_followed(folder):
    (folder / MANIFEST).rename(folder / "other.json")
    (folder / MANIFEST).symlink_to("other.json")
    with pytest.raises(RunError, match="not a run folder"):
        open_run(folder)
