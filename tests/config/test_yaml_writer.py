"""What is written reads back as the same tree, whatever stands in it."""

from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from quantdl.config.config_fault import Mark
from quantdl.config.document import Entry, Mapping, Node, Scalar, Sequence
from quantdl.config.yaml_reader import parse_document
from quantdl.config.yaml_writer import yaml_text
from tests.config.trees import bare

PATH = Path("a.yaml")
MARK = Mark(PATH, 1, 1)
CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "007",
        "1E5",
        "",
        "-",
        "---",
        "...",
        "null",
        "a: b",
        "a #b",
        "a:",
        " a",
        "a ",
        "- a",
        "#",
        "\u2028",
        "\ufeff",
        "x\ny",
    ]
    + [
        "${env:QUANTDL_A:-../b}/c",
        "word " * 40 + "end",
        "word  " * 40 + "end",
        "# " + "word " * 40,
        "é" * 200,
        "<<",
        "?",
    ]
)


def quoted(text: str) -> Scalar:
    return Scalar(MARK, text, plain=False)


NODES = st.recursive(
    TEXTS.map(quoted),
    lambda inner: (
        st.builds(lambda items, flow: Sequence(MARK, tuple(items), flow), st.lists(inner, max_size=3), st.booleans())
        | st.builds(
            lambda values, flow: Mapping(MARK, {key: Entry(MARK, value) for key, value in values.items()}, flow),
            st.dictionaries(TEXTS, inner, max_size=3),
            st.booleans(),
        )
    ),
    max_leaves=12,
)


@given(NODES)
@example(Mapping(MARK, {}))
@example(Sequence(MARK, (Sequence(MARK, (Sequence(MARK, ()), quoted("a"))), Mapping(MARK, {}))))
def test_a_tree_comes_back(node: Node) -> None:
    document = parse_document(yaml_text(node), PATH)
    assert document.faults == ()
    assert bare(document.root) == bare(node)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_that_ships_comes_back_in_its_order(path: Path) -> None:
    root = parse_document(path.read_text(), path).root
    written = parse_document(yaml_text(root), path).root
    assert bare(written) == bare(root)
    assert isinstance(root, Mapping) and isinstance(written, Mapping)
    assert list(written.entries) == list(root.entries)


@pytest.mark.parametrize(
    "text",
    [
        "a: x\n  y",
        "a: x\n\n  y",
        "a: -1.5",
        "a:",
        "a: ~",
        "a: .5",
        "[1:30, a-b, -a, ~, 'a, b', {b: , c: -}]",
        "a: 0x1F",
    ],
)
def test_unquoted_text_means_the_same_once_written(text: str) -> None:
    root = parse_document(text, PATH).root
    assert bare(parse_document(yaml_text(root), PATH).root) == bare(root)


def test_a_long_text_is_folded_into_lines_that_can_be_read() -> None:
    statement = "Volatility can be predicted and is not paid for. " * 5 + "So it is."
    lines = yaml_text(Mapping(MARK, {"statement": Entry(MARK, quoted(statement))})).splitlines()
    assert lines[0] == "statement: >-"
    assert len(lines) == 4 and all(len(line) <= 112 for line in lines)
