"""What a schema expects at a place of a config, in words; read off the JSON schema that pydantic makes of the types.

A union is narrowed by what the file says there: by ``kind`` where the members have one, else by the member that fits
the keys best. So a misspelt key of one block is never reported against the keys of another.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from quantdl.config.config_fault import Key
from quantdl.config.document import Document, Mapping, Node, Scalar, Sequence, child

Schema = dict[str, Any]  # a JSON schema is a document of its own, and typed as one


class _LenientJsonSchema(GenerateJsonSchema):
    """A type that has no JSON form is described as "a value" instead of failing."""

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:
        return {}


@lru_cache(maxsize=8)  # a run asks about one type again and again; of a strategy's parameters each file has its own
def _schema(adapter: TypeAdapter[Any]) -> Schema:
    return adapter.json_schema(schema_generator=_LenientJsonSchema)


class Expectations:
    """Answers what is expected at a place, for one type and one document."""

    def __init__(self, adapter: TypeAdapter[Any], document: Document, prefix: tuple[Key, ...] = ()) -> None:
        self._schema = _schema(adapter)
        self._document = document
        self._prefix = prefix

    def members(self, keys: tuple[Key, ...]) -> list[Schema]:
        """Return what may stand at ``keys``: every member of a union, with references followed."""
        options = list(self._leaves(self._schema))
        node = self._document.node(self._prefix)
        for key in keys:
            options = [leaf for option in self._narrow(options, node) for leaf in self._step(option, key)]
            node = child(node, key)
        return options

    def chosen(self, keys: tuple[Key, ...]) -> list[Schema]:
        """Return `members`, narrowed to those that the file means."""
        return self._narrow(self.members(keys), self._document.node(self._prefix + keys))

    def properties(self, keys: tuple[Key, ...]) -> list[str]:
        """Return the keys that the mapping at ``keys`` may have, in the order of the type."""
        names = dict.fromkeys(name for option in self.chosen(keys) for name in option.get("properties", {}))
        return sorted(names, key=lambda name: name != "kind")

    def choices(self, keys: tuple[Key, ...]) -> list[str]:
        """Return the values that may stand at ``keys`` where they can be counted, else nothing."""
        options = self.members(keys)
        if keys and keys[-1] == "kind":  # every member of the union has its own
            options = [leaf for member in self.members(keys[:-1]) for leaf in self._step(member, "kind")]
        return list(dict.fromkeys(str(choice) for option in options for choice in _constants(option)))

    def phrase(self, keys: tuple[Key, ...]) -> str:
        """Return in words what may stand at ``keys``."""
        return self._phrase(self.members(keys), self.choices(keys))

    def _phrase(self, options: list[Schema], choices: list[str]) -> str:
        others = [option for option in options if not _constants(option)]
        kinds = [kind for option in others for kind in self._kinds(option)]
        words = [_one_of(choices)] if choices else []
        words += [f"a mapping whose kind is {_one_of(kinds)}"] if len(kinds) > 1 else []
        words += [self._described(option) for option in others if len(kinds) < 2 or not self._kinds(option)]
        return " or ".join(dict.fromkeys(words)) or "a value"

    def _described(self, option: Schema) -> str:
        """Return what an option is, of a list with what stands in it."""
        inside = self._step(option, 0) if option.get("type") == "array" else []
        choices = [str(choice) for leaf in inside for choice in _constants(leaf)]
        return f"{_describe(option)}, each {self._phrase(inside, choices)}" if inside else _describe(option)

    def is_other_member(self, keys: tuple[Key, ...], tag: str) -> bool:
        """Tell whether ``tag`` names a member of the union at ``keys`` that the file does not mean."""
        titles = {option.get("title") for option in self.members(keys)}
        return tag in titles and tag not in {option.get("title") for option in self.chosen(keys)}

    def _leaves(self, schema: Schema) -> Iterator[Schema]:
        if "$ref" in schema:
            yield from self._leaves(self._schema["$defs"][schema["$ref"].removeprefix("#/$defs/")])
            return
        members = [member for word in ("anyOf", "oneOf", "allOf") for member in schema.get(word, [])]
        if not members:
            yield schema
        for member in members:
            yield from self._leaves(member)

    def _step(self, schema: Schema, key: Key) -> list[Schema]:
        if isinstance(key, int):
            items = schema.get("prefixItems", [])
            below = items[key] if key < len(items) else schema.get("items")
        else:
            below = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
        return list(self._leaves(below)) if isinstance(below, dict) else []

    def _narrow(self, options: list[Schema], node: Node | None) -> list[Schema]:
        wanted = {Mapping: ("object",), Sequence: ("array",), Scalar: _SCALARS}.get(type(node), ())
        same = [option for option in options if option.get("type") in wanted] or options
        if len(same) < 2 or not isinstance(node, Mapping):
            return same
        kind = child(node, "kind")
        if isinstance(kind, Scalar):
            named = [option for option in same if kind.text in self._kinds(option)]
            same = named or same
        return [min(same, key=lambda option: _n_wrong_keys(option, node))]

    def _kinds(self, option: Schema) -> list[str]:
        return [str(value) for leaf in self._step(option, "kind") for value in _constants(leaf)]


_SCALARS = ("string", "integer", "number", "boolean", "null")


def _constants(schema: Schema) -> list[object]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", []))


def _n_wrong_keys(schema: Schema, node: Mapping) -> int:
    """Count the keys that this member lacks or does not know."""
    if "properties" not in schema:
        return 0
    missing = set(schema.get("required", [])) - set(node.entries)
    return len(missing) + len(set(node.entries) - set(schema["properties"]))


def _one_of(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"


def _describe(schema: Schema) -> str:
    match schema.get("type"):
        case "string":
            return _describe_text(schema)
        case "integer":
            return "a whole number" + _bounds(schema)
        case "number":
            return "a number" + _bounds(schema)
        case "boolean":
            return "true or false"
        case "null":
            return "null"
        case "array":
            return "a list" if schema.get("minItems", 0) == 0 else "a list that is not empty"
        case "object":
            names = sorted(schema.get("properties", {}), key=lambda name: name != "kind")
            if names:
                return f"a mapping with the keys {', '.join(names)}"
            return "a mapping that is not empty" if schema.get("minProperties") else "a mapping"
    return "a value"


def _describe_text(schema: Schema) -> str:
    formats = {"date": "a date such as 2019-01-02", "path": "a path relative to this file", "date-time": "an instant"}
    if schema.get("format") in formats:
        return formats[schema["format"]]
    if schema.get("examples"):
        return f"{schema.get('description', 'text')}, such as {schema['examples'][0]}"
    return "text that is not empty" if schema.get("minLength") else "text"


def _bounds(schema: Schema) -> str:
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
        "multipleOf": "a multiple of {}",
    }
    return "".join(f", {phrase.format(schema[word])}" for word, phrase in words.items() if word in schema)
