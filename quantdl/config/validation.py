"""A part of a document as a typed object, or every fault that stands in the way.

The tree becomes JSON and pydantic reads it in strict mode: nothing is coerced, ``yes`` is no flag and ``"3"`` no
number. Where a type expects text, the text as written is what counts, so those places are read again as text.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from quantdl.config.config_fault import IN_PYTHON, ConfigFault, Key, dotted
from quantdl.config.document import Document, Mapping, Node, Scalar, Sequence, child, described
from quantdl.config.expectations import Expectations
from quantdl.config.scalars import can_be_text, meant_flag, meant_number, resolve
from quantdl.errors import ConfigError, FieldFaults, PlanError, closest, did_you_mean

Keys = tuple[Key, ...]
T = TypeVar("T")

_WANTS_TEXT = ("string_type", "literal_error", "path_type", "enum")
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")


class FaultyPart(Exception):
    """A part of a document that cannot be read, with all of its faults. Never leaves this package."""

    def __init__(self, faults: Iterable[ConfigFault]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"{len(self.faults)} faults")


def read_value(adapter: TypeAdapter[T], document: Document, prefix: Keys = ()) -> T:
    """Read the node at ``prefix`` as the type of ``adapter``.

    Raises:
        FaultyPart: With every fault, in the order of the file.
    """
    as_text: set[Keys] = set()
    while True:
        payload = json.dumps(_payload(document.node(prefix), (), as_text))
        try:
            return adapter.validate_json(payload, strict=True)
        except ValidationError as error:
            details = error.errors(include_url=False)
        more = {keys for detail in details if (keys := _wants_text(detail, document, prefix)) is not None} - as_text
        if not more:
            raise FaultyPart(_Translator(adapter, document, prefix).faults(details))
        as_text |= more


def refusal(document: Document, faults: Iterable[ConfigFault]) -> ConfigError | PlanError:
    """Return the error that reports all ``faults``: a `PlanError` when only the plan is at fault."""
    ordered = sorted(set(faults), key=lambda fault: (document.order(fault.mark), fault.message))
    blocks = [fault.render(document.lines(fault.mark.path)) for fault in ordered]
    inherited = any(fault.mark.path != document.path for fault in ordered)
    count = f"{len(blocks)} error{'s' if len(blocks) > 1 else ''}"
    head = [_head(document, count)] if len(blocks) > 1 or inherited else []
    kind = PlanError if all(fault.keys[:1] == ("plan",) for fault in ordered) else ConfigError
    return kind("\n".join([*head, *blocks]))


def _head(document: Document, count: str) -> str:
    return f"{count}:" if document.path == IN_PYTHON else f"{document.path}: {count}"


def _payload(node: Node | None, keys: Keys, as_text: set[Keys]) -> object:
    if node is None:  # an absent block is an empty one, so that what it lacks is named
        return {}
    if isinstance(node, Scalar):
        return resolve(node.text) if node.plain and keys not in as_text else node.text
    if isinstance(node, Mapping):
        return {key: _payload(entry.value, (*keys, key), as_text) for key, entry in node.entries.items()}
    return [_payload(item, (*keys, index), as_text) for index, item in enumerate(node.items)]


def _wants_text(detail: ErrorDetails, document: Document, prefix: Keys) -> Keys | None:
    """Return the place of an unquoted scalar that stands where text is expected, else None."""
    if detail["type"] not in _WANTS_TEXT:
        return None
    keys, _ = _place(detail["loc"], document.node(prefix))
    node = document.node(prefix + keys)
    return keys if isinstance(node, Scalar) and node.plain and can_be_text(node.text) else None


def _place(location: Keys, node: Node | None) -> tuple[Keys, tuple[tuple[Keys, Key], ...]]:
    """Split pydantic's location into the keys of the document and the tags of unions, each with where it applies."""
    keys: Keys = ()
    tags: list[tuple[Keys, Key]] = []
    for part in location:
        below = child(node, part)
        if below is None:
            tags.append((keys, part))
        else:
            keys, node = (*keys, part), below
    return keys, tuple(tags)


class _Translator:
    """Turns pydantic's errors into faults that name place, given, expected and the nearest thing that was meant."""

    def __init__(self, adapter: TypeAdapter[Any], document: Document, prefix: Keys) -> None:
        self._document = document
        self._prefix = prefix
        self._expected = Expectations(adapter, document, prefix)

    def faults(self, details: Iterable[ErrorDetails]) -> list[ConfigFault]:
        """Return one fault per place and message, without what a wrong ``kind`` makes of the keys beside it."""
        found = {(fault.keys, fault.message): fault for detail in details for fault in self._translate(detail)}
        for keys in self._misspelt(found):
            found = {key: fault for key, fault in found.items() if key[0] != keys}
        blocks = {keys[:-1] for keys, _ in found if keys[-1:] == ("kind",) and len(self._kinds(keys)) > 1}
        return [
            fault
            for (keys, _), fault in found.items()
            if keys[-1:] == ("kind",) or not any(keys[: len(block)] == block for block in blocks)
        ]

    def _misspelt(self, found: Iterable[tuple[Keys, str]]) -> list[Keys]:
        """Return the missing keys that stand there under a misspelt name, which is reported already."""
        unknown = [(keys[:-1], str(keys[-1])) for keys, message in found if message.startswith("unknown key")]
        meant = [(block, closest(name, self._expected.properties(self._local(block)))) for block, name in unknown]
        return [(*block, name) for block, name in meant if name and self._document.node((*block, name)) is None]

    def _local(self, keys: Keys) -> Keys:
        return keys[len(self._prefix) :]

    def _kinds(self, keys: Keys) -> list[str]:
        return self._expected.choices(self._local(keys))

    def _translate(self, detail: ErrorDetails) -> Iterator[ConfigFault]:
        keys, tags = _place(detail["loc"], self._document.node(self._prefix))
        code = detail["type"]
        missing = tags[-1][1] if code == "missing" and tags else None
        unions = tags[:-1] if missing is not None else tags
        if any(self._expected.is_other_member(where, str(tag)) for where, tag in unions):
            return
        if code == "too_short" and self._counts_faulty_items(keys, detail):
            return
        if missing is not None:
            yield self._missing((*keys, missing))
        elif code == "union_tag_not_found":
            yield self._no_kind(keys)
        elif code == "union_tag_invalid":
            yield self._wrong((*keys, "kind"), code)
        elif code in _UNKNOWN_KEY:
            yield self._unknown(keys)
        elif code == "value_error":
            yield from self._refused(keys, detail["ctx"]["error"])
        elif not self._is_another_members_type(keys, code):
            yield self._wrong(keys, code)

    def _counts_faulty_items(self, keys: Keys, detail: ErrorDetails) -> bool:
        """Tell whether a list is long enough, and too short only without items that are reported themselves."""
        node = self._document.node(self._prefix + keys)
        return isinstance(node, Sequence) and len(node.items) >= detail["ctx"]["min_length"]

    def _is_another_members_type(self, keys: Keys, code: str) -> bool:
        """Tell whether the file has a block or list here, the union allows one, and another member does not."""
        node = self._document.node(self._prefix + keys)
        kind = {Mapping: "object", Sequence: "array"}.get(type(node))
        members = self._expected.members(keys)
        suits = any(member.get("type") == kind for member in members)
        return len(members) > 1 and suits and (code == "literal_error" or code.endswith("_type"))

    def _fault(self, keys: Keys, message: str) -> ConfigFault:
        full = self._prefix + keys
        return ConfigFault(full, message, self._document.mark(full))

    def _missing(self, keys: Keys) -> ConfigFault:
        parent = dotted((*self._prefix, *keys)[:-1])
        where = f"under '{parent}:'" if parent else "at the top of the file"
        fix = f"give {keys[-1]}=" if self._document.path == IN_PYTHON else f"add '{keys[-1]}:' {where}"
        return self._fault(keys, f"missing; expected {self._expected.phrase(keys)}; fix: {fix}")

    def _no_kind(self, keys: Keys) -> ConfigFault:
        node = self._document.node(self._prefix + keys)
        near = closest("kind", node.entries) if isinstance(node, Mapping) else None
        if near is None or near in self._expected.properties(keys):
            return self._missing((*keys, "kind"))
        return self._unknown((*keys, near))

    def _unknown(self, keys: Keys) -> ConfigFault:
        full = self._prefix + keys
        names = self._expected.properties(keys[:-1]) + (
            [] if full[:-1] or self._document.path == IN_PYTHON else ["extends"]
        )
        known = f"expected one of {', '.join(names)}" if names else "expected no key here"
        message = f"unknown key; {known}{did_you_mean(str(keys[-1]), names)}"
        return ConfigFault(full, message, self._document.key_mark(full))

    def _refused(self, keys: Keys, error: Exception) -> Iterator[ConfigFault]:
        """Place what a type's own check says: at the field it names, where it names one."""
        if isinstance(error, FieldFaults):
            for name, message in error.faults:
                inside = (int(part) if part.isdigit() else part for part in name.split("."))
                yield self._fault((*keys, *inside), message)
            return
        first_word = re.match(r"\w*", str(error))
        name = first_word.group() if first_word is not None else ""
        yield self._fault((*keys, name) if name in self._expected.properties(keys) else keys, str(error))

    def _wrong(self, keys: Keys, code: str) -> ConfigFault:
        node = self._document.node(self._prefix + keys)
        expected = self._expected.phrase(keys)
        if code == "finite_number":
            expected = expected.replace("a number", "a finite number")
        return self._fault(keys, f"given {described(node)}; expected {expected}{self._hint(keys, node)}")

    def _hint(self, keys: Keys, node: Node | None) -> str:
        """Return what was probably meant by a wrong scalar."""
        if not isinstance(node, Scalar):
            return ""
        members = self._expected.members(keys)
        types = {member.get("type") for member in members}
        if re.fullmatch(r"\d{4}-\d\d-\d\d", node.text) and any(member.get("format") == "date" for member in members):
            return "; there is no such day"
        if types & {"integer", "number"} and (number := meant_number(node.text)) not in (None, node.text):
            return f"; did you mean {number}?"
        if "boolean" in types and (flag := meant_flag(node.text)) is not None:
            return f"; did you mean {flag}?"
        return did_you_mean(node.text, self._expected.choices(keys))
