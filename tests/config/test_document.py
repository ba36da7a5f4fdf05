"""The tree of a config: what stands where, and the files that its paths name."""

import os
from pathlib import Path

import pytest

from quantdl.config.config_fault import Mark
from quantdl.config.document import Document, Mapping, beside, child, described, missing_file
from quantdl.config.yaml_reader import parse_document

PATH = Path("a.yaml")
DOCUMENT = parse_document("a:\n  b: [x, {c: 1}]\nd:\n", PATH)


def test_a_node_is_found_by_its_keys() -> None:
    assert described(DOCUMENT.node(("a", "b", 0))) == "'x'"
    assert described(DOCUMENT.node(("a", "b", 1, "c"))) == "'1'"
    for keys in (("a", "b", 2), ("a", "b", -1), ("a", "z"), ("a", 0), ("a", "b", "x"), ("d", "e")):
        assert DOCUMENT.node(keys) is None


@pytest.mark.parametrize(
    ("keys", "line", "column"),
    [
        (("a", "b", 0), 2, 7),  # a scalar stands where it is written
        (("a", "b"), 2, 3),  # a block where its key is
        (("a", "b", 1, "z"), 2, 10),  # what is missing at the nearest that is there
        (("d",), 3, 1),  # a key without a value at the key
        (("z",), 1, 1),
    ],
)
def test_a_fault_of_a_value_has_a_place(keys: tuple[str | int, ...], line: int, column: int) -> None:
    assert DOCUMENT.mark(keys) == Mark(PATH, line, column)


def test_places_are_sorted_by_file_line_and_column() -> None:
    base = Path("base.yaml")
    document = Document(PATH, Mapping(Mark(PATH, 1, 1), {}), {PATH: "", base: ""}, ())
    places = [Mark(PATH, 2, 3), Mark(PATH, 2, 5), Mark(PATH, 9, 1), Mark(base, 1, 1)]
    assert sorted(reversed(places), key=document.order) == places


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: {b: 1}", "a mapping"), ("a: {}", "an empty mapping"), ("a: [1]", "a list"), ("a: []", "an empty list")]
    + [("a:", "nothing"), ("a: ''", "''"), ("a: x", "'x'"), (f"a: {'y' * 70}", f"'{'y' * 57}...'")],
)
def test_what_was_written_is_said_in_a_few_words(text: str, words: str) -> None:
    assert described(child(parse_document(text, PATH).root, "a")) == words


def test_a_path_is_relative_to_its_config(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    assert beside(tmp_path / "gone" / "a.yaml", Path("../prices")) == tmp_path / "gone" / ".." / "prices"
    assert beside(tmp_path / "configs" / "a.yaml", Path("../prices")) == tmp_path / "prices"  # it can be made there
    (tmp_path / "prices").mkdir()
    assert beside(tmp_path / "configs" / "a.yaml", Path("../prices")) == tmp_path / "prices"
    assert beside(tmp_path / "a.yaml", Path("/prices")) == Path("/prices")


def test_a_path_through_a_link_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "far" / "configs").mkdir(parents=True)
    (tmp_path / "far" / "prices").mkdir()
    (tmp_path / "prices").mkdir()
    (tmp_path / "configs").symlink_to(tmp_path / "far" / "configs")
    found = beside(tmp_path / "configs" / "a.yaml", Path("../prices"))
    assert os.path.samefile(found, tmp_path / "far" / "prices")


def test_a_file_that_is_not_there_is_named_with_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "strategy.py").write_text("")
    assert missing_file(tmp_path / "a.yaml", "strategy.py") is None
    message = missing_file(tmp_path / "a.yaml", "strateggy.py")
    assert message == (
        f"no such file: 'strateggy.py', which is {tmp_path}/strateggy.py; paths are relative to this config; "
        "did you mean 'strategy.py'?"
    )
    assert missing_file(tmp_path / "a.yaml", "nul\0byte") is not None


def test_a_file_that_is_not_there_is_shown_as_the_config_writes_it_and_from_the_root(
    tmp_path: Path, monkeypatch
) -> None:
    """Neither depends on the folder in which the command runs."""
    for folder in ("configs", "strategies"):
        (tmp_path / folder).mkdir()
    (tmp_path / "strategies" / "pairs.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert missing_file(Path("configs/a.yaml"), "../strategies/nosuch.py") == (
        f"no such file: '../strategies/nosuch.py', which is {tmp_path}/strategies/nosuch.py; "
        "paths are relative to this config"
    )
    assert str(missing_file(Path("configs/a.yaml"), "../strategies/pair.py")).endswith(
        "; did you mean '../strategies/pairs.py'?"
    )
    assert missing_file(Path("configs/a.yaml"), "/nowhere/a.py") == (
        "no such file: '/nowhere/a.py'; paths are relative to this config"
    )
