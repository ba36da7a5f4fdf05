"""Writes a tree of `quantdl.config.document` as YAML that reads back as the same tree; comments are not kept."""

import json
import re
import textwrap
from collections.abc import Iterator

from quantdl.config.document import Mapping, Node, Scalar, Sequence

_WIDTH = 110
_BEGINS_PLAIN = re.compile(r"(?!\.\.\.)(-(?=[\w.]))?[\w./+~$]")
_BRACKETS = re.compile(r"[,\[\]{}]")
_UNPRINTABLE = re.compile("[^ -~\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")


def yaml_text(node: Node) -> str:
    r"""Return a tree as YAML, long texts folded.

    Example:
        >>> from pathlib import Path
        >>> from quantdl.config.yaml_reader import parse_document
        >>> document = parse_document("a: {b: 007}  # a ticker\nc:\n- x\n- d: 'y: z'", Path("a.yaml"))
        >>> print(yaml_text(document.root), end="")
        a: {b: 007}
        c:
          - x
          - d: "y: z"
    """
    return "\n".join(line.rstrip() for line in _block(node, "")) + "\n"


def _block(node: Node, indent: str) -> Iterator[str]:
    """Yield the lines of a node that begins on a line of its own."""
    if _fits_a_line(node, indent):
        yield indent + _inline(node)
    elif isinstance(node, Mapping):
        for key, entry in node.entries.items():
            yield from _entry(f"{indent}{_key(key)}:", entry.value, indent)
    elif isinstance(node, Sequence):
        for item in node.items:
            first, *rest = _block(item, indent + "  ")
            yield f"{indent}- {first.removeprefix(indent + '  ')}"
            yield from rest


def _entry(head: str, node: Node, indent: str) -> Iterator[str]:
    """Yield the lines of a key and its value."""
    if isinstance(node, Scalar) and not node.plain and _can_be_folded(node.text):
        yield f"{head} >-"
        width = _WIDTH - len(indent)
        for line in textwrap.wrap(node.text, width, break_long_words=False, break_on_hyphens=False):
            yield f"{indent}  {line}"
    elif _fits_a_line(node, head):
        yield f"{head} {_inline(node)}"
    else:
        yield head
        yield from _block(node, indent + "  ")


def _fits_a_line(node: Node, before: str) -> bool:
    """Tell whether a node is written in one line: a scalar, what is empty, and what was in brackets and is short."""
    if isinstance(node, Scalar) or not (node.entries if isinstance(node, Mapping) else node.items):
        return True
    return node.flow and len(before) + len(_inline(node)) < _WIDTH


def _inline(node: Node, *, nested: bool = False) -> str:
    """Return a node as it stands in a line, by itself or in brackets."""
    if isinstance(node, Mapping):
        pairs = (f"{_key(key)}: {_inline(entry.value, nested=True)}" for key, entry in node.entries.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(node, Sequence):
        return f"[{', '.join(_inline(item, nested=True) for item in node.items)}]"
    if node.plain and not node.text:
        return "null" if nested else ""
    plain = node.plain and _can_be_plain(node.text) and not (nested and _BRACKETS.search(node.text))
    return node.text if plain else _quoted(node.text)


def _key(key: str) -> str:
    return key if _can_be_plain(key) and not _BRACKETS.search(key) else _quoted(key)


def _quoted(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\U{ord(match.group()):08x}", json.dumps(text, ensure_ascii=False))


def _can_be_plain(text: str) -> bool:
    """Tell whether nothing in a text means something to YAML."""
    odd = ": " in text or " #" in text or text.endswith((":", " "))
    return _BEGINS_PLAIN.match(text) is not None and text.isprintable() and not odd


def _can_be_folded(text: str) -> bool:
    """Tell whether a text is long, and of words that single spaces part, so that it comes back once folded."""
    return len(text) > _WIDTH and text.isprintable() and text.split() == text.split(" ")
