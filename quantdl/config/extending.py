"""Configs that extend others: ``extends: base/sp500.yaml`` at the top of a file takes over what that file says.

Mappings are merged key by key; everything else that is written anew, lists and ``null`` included, takes the place of
what stood there. A mapping of another ``kind`` takes the place of the whole mapping, since its keys mean something
else; so does ``stress`` where one of both names a file of scenarios and the other writes scenarios out. The path is
relative to the file that writes it, and the config it names may extend another.

Every value keeps its place in the file that wrote it, for messages. Paths of an extended config are respelled so that
they lead to the same files from the extending one. So a config says the same written as one file or as several.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping as ValueMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from quantdl.config.config_fault import ConfigFault, Key
from quantdl.config.data_paths import respelled
from quantdl.config.document import (
    Document,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    beside,
    child,
    described,
    missing_file,
)
from quantdl.config.expectations import Expectations
from quantdl.config.scalars import resolve
from quantdl.config.yaml_reader import parse_document, read_document
from quantdl.errors import ConfigError

EXTENDS = "extends"
_SCENARIOS: tuple[str, ...] = ("stress",)  # written out, or as the file in which they stand
Keys = tuple[Key, ...]


def read_layers(path: Path, first_key: str = "name") -> tuple[Document, ...]:
    """Read a config and those that it extends, its own file first.

    Args:
        path: The config.
        first_key: Key with which such a config begins, for the message about an empty one.

    Raises:
        ConfigError: If one cannot be read, is not there, or extends itself.
    """
    document = read_document(path, first_key)
    layers = [without(document, (EXTENDS,))]
    while child(document.root, EXTENDS) is not None:
        extended = _extended(document)
        chain = [layer.path for layer in layers]
        if os.path.realpath(extended) in map(os.path.realpath, chain):
            raise _refused(document, f"a config cannot extend itself: {' -> '.join(map(str, [*chain, extended]))}")
        base = read_document(extended, first_key)
        if not isinstance(base.root, Mapping):
            raise _refused(document, f"{extended} is no mapping of keys, so nothing can be taken from it")
        document = base
        layers.append(without(document, (EXTENDS,)))
    return tuple(layers)


def merged(layers: tuple[Document, ...]) -> Document:
    """Return one document that says what all layers say together, with each value at its place."""
    root = layers[-1].root
    for layer in reversed(layers[:-1]):
        root = _over(layer.root, root, ())
    texts = {path: text for layer in layers for path, text in layer.texts.items()}
    return Document(layers[0].path, root, texts, tuple(fault for layer in layers for fault in layer.faults))


def with_whole_members(document: Document) -> Document:
    """Return a document in which each member of an ensemble is a block of its own, as it is meant.

    A bare kind becomes a block, and a block without a horizon gets that of the ensemble, at whose place a message about
    it then points.
    """
    root = _at(document.root, "model", _with_whole_members)
    return replace(document, root=_at(root, "compare", lambda node: _each(node, _with_whole_members)))


def _with_whole_members(model: Node) -> Node:
    kind, horizon = child(model, "kind"), child(model, "horizon")
    if not isinstance(kind, Scalar) or kind.text != "ensemble":
        return model

    def whole(member: Node) -> Node:
        if isinstance(member, Scalar) and member.text:
            member = Mapping(member.mark, {"kind": Entry(member.mark, member)}, flow=True)
        if not isinstance(member, Mapping) or horizon is None or "horizon" in member.entries:
            return member
        return replace(member, entries={**member.entries, "horizon": Entry(horizon.mark, horizon)})

    return _at(model, "members", lambda members: _each(members, whole))


def _at(node: Node, key: str, change: Callable[[Node], Node]) -> Node:
    """The node with another value of a key, where it has one."""
    below = child(node, key)
    if below is None or not isinstance(node, Mapping):
        return node
    return replace(node, entries={**node.entries, key: Entry(node.entries[key].mark, change(below))})


def _each(node: Node, change: Callable[[Node], Node]) -> Node:
    return replace(node, items=tuple(map(change, node.items))) if isinstance(node, Sequence) else node


def changes(values: ValueMapping[str, object], document_path: Path) -> Document:
    """Return a layer that writes values by their dotted keys, as if a file beside a config did.

    Args:
        values: Text, numbers and flags by keys such as ``training.learning_rate``.
        document_path: File of the config that the layer is laid over.
    """
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *above, last = name.split(".")
        block = nested
        for key in above:
            block = block.setdefault(key, {})
        block[last] = value
    return parse_document(json.dumps(nested, indent=2), document_path.with_suffix(".changed.yaml"))


def without(document: Document, keys: Keys) -> Document:
    """Return a document that does not write ``keys``."""
    return replace(document, root=_removed(document.root, keys))


def overrides(layers: tuple[Document, ...]) -> Iterator[Keys]:
    """Yield what the first layer writes over the others, then what it adds to them."""
    below = merged(layers[1:])
    written = list(_written(layers[0].root, below.root, ()))
    yield from sorted(written, key=lambda keys: below.node(keys) is None)


def with_paths(document: Document, adapter: TypeAdapter[Any], spell: Callable[[Keys, Scalar], str]) -> Document:
    """Return a document with each path in it as ``spell`` writes it, and its keys in the order of its type.

    Args:
        document: Of one file or merged.
        adapter: Of the type, which says what a path is.
        spell: Given the keys of a path and what stands there, returns what shall stand there.
    """
    expected = Expectations(adapter, document)

    def changed(node: Node, keys: Keys) -> Node:
        if isinstance(node, Mapping):
            known = [key for key in expected.properties(keys) if key in node.entries]
            ordered = {key: node.entries[key] for key in [*known, *node.entries]}
            values = {key: changed(entry.value, (*keys, key)) for key, entry in ordered.items()}
            return replace(node, entries={key: Entry(ordered[key].mark, values[key]) for key in ordered})
        if isinstance(node, Sequence):
            items = tuple(changed(item, (*keys, index)) for index, item in enumerate(node.items))
            return replace(node, items=items)
        is_path = any(member.get("format") == "path" for member in expected.members(keys))
        if not is_path or (node.plain and resolve(node.text) is None):
            return node
        return replace(node, text=spell(keys, node))

    return replace(document, root=changed(document.root, ()))


def with_own_paths(document: Document, adapter: TypeAdapter[Any]) -> Document:
    """Return a merged document in which the paths of other files are written as seen from the document's own."""
    here = document.path.parent

    def spell(_: Keys, node: Scalar) -> str:
        return respelled(node.text, node.mark.path.parent, here) if node.mark.path != document.path else node.text

    return document if len(document.texts) == 1 else with_paths(document, adapter, spell)


def _extended(document: Document) -> Path:
    """Return the file that a config extends."""
    node = document.node((EXTENDS,))
    if not isinstance(node, Scalar) or not node.text or (node.plain and resolve(node.text) is None):
        raise _refused(document, f"given {described(node)}; expected the path of one config, relative to this file")
    path = beside(document.path, Path(node.text))
    message = missing_file(document.path, node.text)
    if message is not None or os.path.isdir(path):
        raise _refused(document, message or f"{path} is a folder; expected the file of a config")
    return path


def _refused(document: Document, message: str) -> ConfigError:
    mark = document.mark((EXTENDS,))
    return ConfigError(ConfigFault((EXTENDS,), message, mark).render(document.lines(mark.path)))


def _over(own: Node, base: Node, keys: Keys) -> Node:
    if not (isinstance(own, Mapping) and isinstance(base, Mapping)) or _replaces(own, base, keys):
        return own
    entries = dict(base.entries)
    for key, entry in own.entries.items():
        below = base.entries.get(key)
        entries[key] = entry if below is None else Entry(entry.mark, _over(entry.value, below.value, (*keys, key)))
    return Mapping(own.mark, entries, own.flow and base.flow)


def _replaces(own: Mapping, base: Mapping, keys: Keys) -> bool:
    """Whether a mapping takes the place of the whole one below it, because its keys mean something else."""
    if keys == _SCENARIOS and own.entries and base.entries:
        return ("file" in own.entries) != ("file" in base.entries)
    kinds = child(own, "kind"), child(base, "kind")
    return isinstance(kinds[0], Scalar) and isinstance(kinds[1], Scalar) and kinds[0].text != kinds[1].text


def _written(own: Node, base: Node | None, keys: Keys) -> Iterator[Keys]:
    if isinstance(own, Mapping) and isinstance(base, Mapping) and not _replaces(own, base, keys):
        for key, entry in own.entries.items():
            yield from _written(entry.value, child(base, key), (*keys, key))
    elif keys:
        yield keys


def _removed(node: Node, keys: Keys) -> Node:
    if not isinstance(node, Mapping) or keys[0] not in node.entries:
        return node
    first, rest = str(keys[0]), keys[1:]
    entries = dict(node.entries)
    if rest:
        entries[first] = Entry(entries[first].mark, _removed(entries[first].value, rest))
    else:
        del entries[first]
    return replace(node, entries=entries)
