"""Reads YAML into a `Document`.

A config is data from outside, so the reader is narrow: one document, UTF-8, at most 1 MiB, 32 levels and 100 000 nodes
after aliases are followed; no tags, no merge keys, no templates, no environment variables.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from quantdl.config.config_fault import ConfigFault, Mark, source_lines
from quantdl.config.document import Document, Entry, Mapping, Node, Scalar, Sequence
from quantdl.errors import ConfigError, closest_file

MAX_BYTES = 2**20
MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_ALIASES = 100


def read_document(path: Path, first_key: str = "name") -> Document:
    """Read a YAML file.

    Args:
        path: The file.
        first_key: Key with which such a file begins, for the message about an empty one.

    Raises:
        ConfigError: If the file is missing, too large, not UTF-8 or not YAML that this reader accepts.
    """
    return parse_document(_read_text(path), path, first_key)


def parse_document(text: str, path: Path, first_key: str = "name") -> Document:
    """Turn YAML text into a `Document`; ``path`` and ``first_key`` are only used in messages.

    Raises:
        ConfigError: If the text is empty, not YAML, or beyond the limits at the head of this file.

    Example:
        >>> document = parse_document("tickers: [ON, 007]", Path("a.yaml"))
        >>> [item.text for item in document.node(("tickers",)).items]
        ['ON', '007']
    """
    parser = YAML(typ="safe", pure=True)
    try:
        return _Composer(path, text, parser.parse(text), first_key).document()
    except ReaderError as error:
        before = text[: error.position]
        mark = Mark(path, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _refused(f"the character {text[error.position]!a} is not allowed in YAML", mark, text) from None
    except MarkedYAMLError as error:
        raise _refused(_syntax_message(error), _mark_of(error.problem_mark, path), text) from None
    except (YAMLError, ValueError, OverflowError) as error:  # the last two from escapes beyond Unicode
        raise _refused(f"not valid YAML: {error}", Mark(path, 1, 1), text) from None


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}{_nearest_file(path)}") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES:,} bytes; expected a config. Keep data in data files.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        given = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise ConfigError(f"{path}:{line}:1: {given}; expected UTF-8 text. Save the file with that encoding.") from None


def _nearest_file(path: Path) -> str:
    """Return ``"; did you mean configs/quickstart.yaml?"`` where a similar file exists beside or in configs/."""
    if path.exists():
        return ""
    beside = [file for pattern in ("*.yaml", "*.yml") for file in sorted(path.parent.glob(pattern))]
    elsewhere = sorted(Path("configs").glob("*.yaml")) if path.parent == Path() else []
    near = closest_file(path, [*elsewhere, *beside])
    return f"; did you mean {near}?" if near is not None else ""


def _refused(message: str, mark: Mark, text: str) -> ConfigError:
    return ConfigError(ConfigFault((), message, mark).render(source_lines(text)))


def _mark_of(mark: StreamMark | None, path: Path) -> Mark:
    return Mark(path, 1, 1) if mark is None else Mark(path, mark.line + 1, mark.column + 1)


def _syntax_message(error: MarkedYAMLError) -> str:
    problem = f"{error.problem}"
    if r"'\t'" in problem or "tab" in problem:
        return "a tab where YAML wants spaces; indent with spaces"
    context = f" {error.context}" if error.context else ""
    hint = "; a text with ': ' or '#' in it, or that begins with one of @`%*&!|>[]{}, needs quotes"
    return f"not valid YAML: {problem}{context}{hint}"


@dataclass
class _Composer:
    """Builds nodes from the parser's events and stops at the limits before anything large exists."""

    path: Path
    text: str
    events: Iterator[Event]
    first_key: str
    faults: list[ConfigFault] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    n_nodes: int = 0
    n_aliases: int = 0

    def document(self) -> Document:
        next(self.events)  # stream start
        start = next(self.events)
        if not isinstance(start, DocumentStartEvent):
            expected = f"the keys of a config, beginning with '{self.first_key}:'"
            raise ConfigError(f"{self.path}: the file is empty; expected {expected}.")
        root = self._node(next(self.events), 1)
        next(self.events)  # document end
        after = next(self.events)
        if isinstance(after, DocumentStartEvent):
            raise self._stop("a second document begins here; expected one config per file", after)
        return Document(self.path, root, {self.path: self.text}, tuple(self.faults))

    def _stop(self, message: str, event: Event) -> ConfigError:
        return _refused(message, self._mark(event), self.text)

    def _mark(self, event: Event) -> Mark:
        return _mark_of(event.start_mark, self.path)

    def _tag(self, tag: str, event: Event) -> None:
        short = tag.replace("tag:yaml.org,2002:", "!!")
        self._fault(f"the tag {short} is not read; expected a plain value, or text in quotes", event)

    def _fault(self, message: str, event: Event) -> None:
        self.faults.append(ConfigFault((), message, self._mark(event)))

    def _node(self, event: Event, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            return self._alias(event)
        self._count(1, event)
        if depth > MAX_DEPTH:
            raise self._stop(f"nested more than {MAX_DEPTH} levels deep", event)
        before = self.n_nodes
        if not isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
            raise self._stop("not valid YAML: expected a value", event)
        node = self._new_node(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, self.n_nodes - before + 1)
        return node

    def _new_node(self, event: ScalarEvent | SequenceStartEvent | MappingStartEvent, depth: int) -> Node:
        mark = self._mark(event)
        if event.tag is not None:
            self._tag(event.tag, event)
        if isinstance(event, ScalarEvent):
            return Scalar(mark, self._unicode(event), event.style is None)
        if isinstance(event, SequenceStartEvent):
            items = tuple(self._node(item, depth + 1) for item in self._until(SequenceEndEvent))
            return Sequence(mark, items, bool(event.flow_style))
        return Mapping(mark, self._entries(depth), bool(event.flow_style))

    def _entries(self, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for event in self._until(MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise self._stop("a key must be a single word or text, not a list, mapping or alias", event)
            key = self._key(event)
            value = self._node(next(self.events), depth + 1)
            if key in entries:
                self._fault(f"the key {key!r} is given twice; the first is on line {entries[key].mark.line}", event)
            elif key == "<<" and event.style is None:
                self._fault("merge keys (<<) are not read; write the keys out", event)
            else:
                entries[key] = Entry(self._mark(event), value)
        return entries

    def _key(self, event: ScalarEvent) -> str:
        self._count(1, event)
        if event.tag is not None:
            self._tag(event.tag, event)
        return self._unicode(event)

    def _alias(self, event: AliasEvent) -> Node:
        self.n_aliases += 1
        if self.n_aliases > MAX_ALIASES:
            raise self._stop(f"more than {MAX_ALIASES} aliases (*name)", event)
        if event.anchor not in self.anchors:
            raise self._stop(f"the alias *{event.anchor} has no finished anchor &{event.anchor} before it", event)
        node, size = self.anchors[event.anchor]
        self._count(size, event)
        return node

    def _count(self, n_more: int, event: Event) -> None:
        self.n_nodes += n_more
        if self.n_nodes > MAX_NODES:
            raise self._stop(f"more than {MAX_NODES:,} values once aliases are followed", event)

    def _until(self, end: type[Event]) -> Iterator[Event]:
        while not isinstance(event := next(self.events), end):
            yield event

    def _unicode(self, event: ScalarEvent) -> str:
        text = str(event.value)
        if re.search("[\ud800-\udfff]", text):
            self._fault("half of a surrogate pair is not text; write the character itself", event)
            return ""
        return text
