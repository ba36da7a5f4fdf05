"""A config as a tree that keeps the raw text and the place of everything in it.

Nothing is guessed here: a scalar stays the text that was written until the type that the schema expects says whether it
is a ticker, a number or a date. So ``ON``, ``007``, ``1E5`` and ``NA`` arrive as they were typed.
"""

import os
from collections import abc
from dataclasses import dataclass
from pathlib import Path

from quantdl.config.config_fault import ConfigFault, Key, Mark, source_lines
from quantdl.errors import closest_file


@dataclass(frozen=True)
class Scalar:
    """One value as it was written; ``plain`` means without quotes."""

    mark: Mark
    text: str
    plain: bool


@dataclass(frozen=True)
class Sequence:
    """A list; ``flow`` means in brackets."""

    mark: Mark
    items: tuple["Node", ...]
    flow: bool = False


@dataclass(frozen=True)
class Entry:
    """One key of a mapping: where the key stands, and its value."""

    mark: Mark
    value: "Node"


@dataclass(frozen=True)
class Mapping:
    """Keys, always as raw text, in the order of the file; ``flow`` means in braces."""

    mark: Mark
    entries: dict[str, Entry]
    flow: bool = False


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True)
class Document:
    """A parsed config.

    Attributes:
        path: Its file.
        root: What is in it, with what it takes from the configs that it extends.
        texts: Each file as it was written, the config's own first, then those that it extends.
        faults: What did not stop the parser, such as a key given twice.
    """

    path: Path
    root: Node
    texts: abc.Mapping[Path, str]
    faults: tuple[ConfigFault, ...]

    @property
    def text(self) -> str:
        """The config's own file as it was written."""
        return self.texts[self.path]

    def node(self, keys: tuple[Key, ...]) -> Node | None:
        """Return the node at ``keys``, or None where the file has nothing."""
        node: Node | None = self.root
        for key in keys:
            node = child(node, key)
        return node

    def lines(self, path: Path) -> list[str]:
        """Return the source lines of one of the files, for excerpts."""
        return source_lines(self.texts[path])

    def order(self, mark: Mark) -> tuple[int, int, int]:
        """Return what sorts places: by file, the config's own first, then by line and column."""
        return list(self.texts).index(mark.path), mark.line, mark.column

    def mark(self, keys: tuple[Key, ...]) -> Mark:
        """Return where the value of ``keys`` stands: a scalar itself, the key of a block, else the nearest parent."""
        node = self.node(keys)
        if isinstance(node, Scalar) and node.text:
            return node.mark
        return self.key_mark(keys)

    def key_mark(self, keys: tuple[Key, ...]) -> Mark:
        """Return where ``keys`` is written: the key of a mapping, the element of a list, else the nearest parent."""
        for length in range(len(keys), 0, -1):
            parent, key = self.node(keys[: length - 1]), keys[length - 1]
            if isinstance(parent, Mapping) and key in parent.entries:
                return parent.entries[str(key)].mark
            element = child(parent, key)
            if element is not None:
                return element.mark
        return Mark(self.path, 1, 1)


def child(node: Node | None, key: Key) -> Node | None:
    """Return the node under ``key`` of a mapping or at index ``key`` of a list, or None."""
    if isinstance(node, Mapping) and isinstance(key, str) and key in node.entries:
        return node.entries[key].value
    if isinstance(node, Sequence) and isinstance(key, int) and 0 <= key < len(node.items):
        return node.items[key]
    return None


def described(node: Node | None) -> str:
    """Return in a few words what was written, for a message."""
    if isinstance(node, Mapping):
        return "a mapping" if node.entries else "an empty mapping"
    if isinstance(node, Scalar):
        if node.plain and not node.text:
            return "nothing"
        return repr(node.text if len(node.text) <= 60 else f"{node.text[:57]}...")
    return "a list" if node is not None and node.items else "an empty list"


def beside(file: Path, path: Path) -> Path:
    """Return ``path`` relative to the folder of ``file``, without ``..`` where that names the same file."""
    whole = file.parent / path
    short = Path(os.path.normpath(whole))
    there = os.path.exists(whole) or (os.path.isdir(whole.parent) and "\0" not in whole.name)  # or it can be made
    same = there and os.path.realpath(short) == os.path.realpath(whole)
    return short if same else whole


def missing_file(document_path: Path, text: str) -> str | None:
    """Return what is wrong with a path that a config gives, or None where something is there.

    Args:
        document_path: File of the config; the path is relative to its folder.
        text: The path as it was written.
    """
    path = beside(document_path, Path(text))
    if os.path.exists(path):  # unlike Path.exists, says no to what can be no path
        return None
    neighbours = sorted(path.parent.glob("*")) if os.path.isdir(path.parent) else []
    near = closest_file(path, neighbours)
    meant = "" if near is None else f"; did you mean {str(Path(text).parent / near.name)!r}?"
    sought = "" if os.path.isabs(text) else f", which is {os.path.abspath(path)[:300]}"
    return f"no such file: {text[:300]!r}{sought}; paths are relative to this config{meant}"
