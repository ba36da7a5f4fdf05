"""A config file as a tree that keeps the raw text and the place of everything in it.

Nothing is guessed here: a scalar stays the text that was written until the type that the schema expects says whether it
is a ticker, a number or a date. So ``ON``, ``007``, ``1E5`` and ``NA`` arrive as they were typed.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from quantdl.config.faults import Fault, Key, Mark, source_lines


@dataclass(frozen=True)
class Scalar:
    """One value as it was written; ``plain`` means without quotes."""

    mark: Mark
    text: str
    plain: bool


@dataclass(frozen=True)
class Sequence:
    """A list."""

    mark: Mark
    items: tuple["Node", ...]


@dataclass(frozen=True)
class Entry:
    """One key of a mapping: where the key stands, and its value."""

    mark: Mark
    value: "Node"


@dataclass(frozen=True)
class Mapping:
    """Keys, always as raw text, in the order of the file."""

    mark: Mark
    entries: dict[str, Entry]


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True)
class Document:
    """A parsed file with the faults that did not stop the parser, such as a key given twice."""

    path: Path
    text: str
    root: Node
    faults: tuple[Fault, ...]

    def node(self, keys: tuple[Key, ...]) -> Node | None:
        """Return the node at ``keys``, or None where the file has nothing."""
        node: Node | None = self.root
        for key in keys:
            node = child(node, key)
        return node

    @property
    def lines(self) -> list[str]:
        """The source lines, for excerpts."""
        return source_lines(self.text)

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
        return Mark(1, 1)


def child(node: Node | None, key: Key) -> Node | None:
    """Return the node under ``key`` of a mapping or at index ``key`` of a list, or None."""
    if isinstance(node, Mapping) and isinstance(key, str) and key in node.entries:
        return node.entries[key].value
    if isinstance(node, Sequence) and isinstance(key, int) and 0 <= key < len(node.items):
        return node.items[key]
    return None


def beside(file: Path, path: Path) -> Path:
    """Return ``path`` relative to the folder of ``file``, without ``..`` where that names the same file."""
    whole = file.parent / path
    short = Path(os.path.normpath(whole))
    same = os.path.exists(short) and os.path.exists(whole) and os.path.samefile(short, whole)
    return short if same else whole
