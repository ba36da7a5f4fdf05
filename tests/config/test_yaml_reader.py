"""Reading YAML: raw text and places survive, and whatever is odd gives one clear message."""

import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from quantdl.config.config_fault import Mark
from quantdl.config.document import Document, Scalar
from quantdl.config.yaml_reader import parse_document, read_document
from quantdl.errors import ConfigError

PATH = Path("a.yaml")
TICKERS = [
    "NA",
    "NAN",
    "NULL",
    "TRUE",
    "ON",
    "NO",
    "Y",
    "INF",
    "1E5",
    "007",
    "MAR 1",
    "1_000",
    "2024-01-01",
    "0x1F",
    "1:30",
]


def text_at(document: Document, *keys: str | int) -> str:
    node = document.node(keys)
    assert isinstance(node, Scalar)
    return node.text


@pytest.mark.parametrize("ticker", TICKERS)
def test_text_is_kept_as_written(ticker: str) -> None:
    document = parse_document(f"plain: {ticker}\nquoted: '{ticker}'\n{ticker}: key\nlist: [{ticker}]", PATH)
    assert text_at(document, "plain") == text_at(document, "quoted") == text_at(document, "list", 0) == ticker
    assert text_at(document, ticker) == "key"


def test_places_are_counted_from_one() -> None:
    document = parse_document("a:\n  b: [1,\n    two]\n", PATH)
    assert document.mark(("a", "b", 1)) == Mark(PATH, 3, 5)
    assert document.key_mark(("a", "b")) == Mark(PATH, 2, 3)


def test_what_is_missing_stands_at_its_parent() -> None:
    document = parse_document("a:\n  b: {c: 1}\n", PATH)
    assert document.mark(("a", "b", "absent")) == Mark(PATH, 2, 3)
    assert document.mark(("absent",)) == Mark(PATH, 1, 1)


def test_an_alias_means_the_block_it_names() -> None:
    document = parse_document("a: &block {b: 1}\nc: *block", PATH)
    assert text_at(document, "c", "b") == "1"


def test_windows_line_ends_and_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    document = read_document(path)
    assert (text_at(document, "b"), document.mark(("b",))) == ("2", Mark(path, 2, 4))


ODD = {
    "tab": ("a:\n\tb: 1", "a.yaml:2:1: a tab"),
    "unclosed list": ("a: [1, 2\nb: 3", "a.yaml:2:"),
    "unclosed quote": ("a: 'x\nb: 3", "a.yaml:"),
    "colon in text": ("a: b: c", "a.yaml:1:5: not valid YAML"),
    "empty": ("", "the file is empty"),
    "only a comment": ("# nothing\n", "the file is empty"),
    "two documents": ("a: 1\n---\nb: 2", "a.yaml:2:1: a second document"),
    "list as key": ("? [a, b]\n: c", "a.yaml:1:3: a key must be"),
    "mapping as key": ("{a: 1}: c", "a.yaml:1:1: a key must be"),
    "unknown alias": ("a: *b", "a.yaml:1:4: the alias *b"),
    "alias of itself": ("a: &a [*a]", "a.yaml:1:8: the alias *a"),
    "control character": ("a: \x07", "a.yaml:1:4: the character '\\x07'"),
    "impossible version": ("%YAML 9.9\n---\na: 1", "a.yaml:1:1: not valid YAML"),
    "escape beyond Unicode": ('a: "\\UFFFFFFFF"', "a.yaml:1:"),
    "deep list": ("a: " + "[" * 200 + "]" * 200, "more than 32 levels"),
    "deep mapping": ("\n".join(" " * level + "a:" for level in range(200)), "more than 32 levels"),
    "very deep list": ("[" * 100_000, "more than 32 levels"),
    "too many values": ("a: &a [" + "1," * 1100 + "]\nb: [" + "*a," * 95 + "]", "more than 100,000 values"),
    "too many aliases": ("a: &a 1\nb: [" + "*a," * 101 + "]", "more than 100 aliases"),
}


@pytest.mark.parametrize("text, expected", ODD.values(), ids=ODD)
def test_odd_yaml_is_refused_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_document(text, PATH)
    assert expected in str(refused.value)


SURVIVABLE = {
    "key twice": ("a: 1\nb: 2\na: 3", Mark(PATH, 3, 1), "'a' is given twice; the first is on line 1"),
    "python tag": ("a: !!python/object/apply:os.system [ls]", Mark(PATH, 1, 4), "!!python/object/apply:os.system"),
    "local tag": ("a: !include other.yaml", Mark(PATH, 1, 4), "the tag !include"),
    "tag on a key": ("!!str a: 1", Mark(PATH, 1, 1), "the tag !!str"),
    "merge key": ("x: &x {b: 1}\na: {<<: *x}", Mark(PATH, 2, 5), "merge keys"),
    "half a surrogate pair": ('a: "\\ud800"', Mark(PATH, 1, 4), "surrogate"),
}


@pytest.mark.parametrize("text, mark, expected", SURVIVABLE.values(), ids=SURVIVABLE)
def test_faults_that_do_not_stop_the_reader_are_collected(text: str, mark: Mark, expected: str) -> None:
    (fault,) = parse_document(text, PATH).faults
    assert fault.mark == mark
    assert expected in fault.message


def test_alias_bomb_ends_at_once() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    started = time.process_time()
    with pytest.raises(ConfigError, match="more than 100,000 values once aliases are followed"):
        parse_document("\n".join(lines), PATH)
    assert time.process_time() - started < 10  # 9**10 values would not fit in memory


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"a: 1\nb: \xff\n", r"a.yaml:2:1: byte 0xff is not UTF-8"),
        ("a: é".encode("utf-16"), "not UTF-8"),
        (b"a: " + b"x" * 2**20, "larger than 1,048,576 bytes"),
    ],
)
def test_bytes_that_are_no_config_are_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=expected):
        read_document(tmp_path / "a.yaml")


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").write_text("a: 1")
    with pytest.raises(ConfigError, match=rf"did you mean {tmp_path / 'quickstart.yaml'}\?"):
        read_document(tmp_path / "quickstrat.yaml")


def test_folder_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        read_document(tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:- \n\t[]{},&*!|>'\"#%@`?<0.\\\r\x00é\u2028", max_size=60))
@example("a: &a\n  *a")
@example("&a a: *a")
@example("--- %\n...\n---")
@example("? \n: ")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        document = parse_document(text, PATH)
    except ConfigError as refused:
        assert "a.yaml" in str(refused)
    else:
        assert document.text == text
