import os

import pytest

import quantdl.market.storage.source_files as source_files
from quantdl.market.storage.source_files import files_of, read_sources


def at_rest(path, content):
    """Write a file that was last changed long ago, as far as its times tell."""
    path.write_text(content)
    os.utime(path, ns=(10**18, 10**18))


def digests(files):
    return [file.sha256 for file in files]


@pytest.fixture
def later(monkeypatch):
    """Let the clock say that every file was changed long ago."""
    now = source_files.time.time_ns
    monkeypatch.setattr(source_files.time, "time_ns", lambda: now() + 10**10)


def test_the_digest_is_that_of_the_content(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"abc")
    (file,) = read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")
    assert file.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def test_a_folder_stands_for_the_files_directly_in_it(tmp_path):
    (tmp_path / "deeper").mkdir()
    for name in ("b.csv", "a.csv", "deeper/c.csv"):
        (tmp_path / name).write_text("x")
    assert files_of([tmp_path]) == (tmp_path / "a.csv", tmp_path / "b.csv")


def test_a_file_at_rest_is_not_read_again(tmp_path, later, monkeypatch):
    at_rest(tmp_path / "a.csv", "old")
    first = read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")
    monkeypatch.setattr(source_files.hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert read_sources([tmp_path / "a.csv"], tmp_path / "memo.json") == first


def test_a_file_changed_a_moment_ago_is_read_again(tmp_path):
    at_rest(tmp_path / "a.csv", "old")
    first = read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")
    again = read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")
    assert again[0].read_ns > first[0].read_ns


def test_new_content_of_the_same_size_and_time_is_seen(tmp_path, later):
    at_rest(tmp_path / "a.csv", "old")
    first = read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")
    at_rest(tmp_path / "a.csv", "new")
    assert digests(read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")) != digests(first)


def test_a_file_put_in_place_of_another_is_seen(tmp_path, later):
    at_rest(tmp_path / "a.csv", "old")
    first = read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")
    at_rest(tmp_path / "b.csv", "new")
    os.replace(tmp_path / "b.csv", tmp_path / "a.csv")
    assert digests(read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")) != digests(first)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"files": [{}]}', b"\xff\xfe"])
def test_a_damaged_memo_costs_time_only(tmp_path, damage):
    (tmp_path / "a.csv").write_text("content")
    first = read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")
    (tmp_path / "memo.json").write_bytes(damage)
    assert digests(read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")) == digests(first)


def test_a_memo_that_cannot_be_written_costs_time_only(tmp_path):
    (tmp_path / "a.csv").write_text("content")
    assert len(read_sources([tmp_path / "a.csv"], tmp_path / "a.csv" / "memo.json")) == 1


def test_a_file_that_is_written_while_it_is_read_is_read_to_its_end(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("first")
    digest, calls = source_files.hashlib.file_digest, []

    def slow(stream, name):
        calls.append(name)
        if len(calls) == 1:
            (tmp_path / "a.csv").write_text("second, longer")
        return digest(stream, name)

    monkeypatch.setattr(source_files.hashlib, "file_digest", slow)
    (file,) = read_sources([tmp_path / "a.csv"], tmp_path / "memo.json")
    assert len(calls) == 2
    assert file.size == len("second, longer")
