"""The JSON Schema of a config, by which an editor completes and checks it while it is written.

It is made of the types that read a config, so it cannot say anything else than they do; descriptions are those of the
``Attributes`` in their docstrings. A file that extends another one may leave out whatever that one says, so the schema
holds two forms: a whole config, and a part of one. What only the numbers together can break (caps that never bind,
dates out of order) is for `load_config`.
"""

import copy
import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from quantdl.config.extending import EXTENDS
from quantdl.config.risk_schema import RiskConfig
from quantdl.config.schema import ExperimentConfig

Schema = dict[str, Any]  # a JSON schema is a document of its own, and typed as one

_PART = "Part."
_REFERENCE = "#/$defs/"
_ENTRY = re.compile(r"^(\w+): (.*)$")
_EXTENDS_SAYS = "Another config, relative to this file; what stands here counts instead of what stands there."


def run_schema() -> Schema:
    """Return the schema of the config of a run, see `ExperimentConfig`."""
    return _whole_or_part(TypeAdapter(ExperimentConfig), "A run of quantdl")


def risk_schema() -> Schema:
    """Return the schema of the config of the risk of a book, see `RiskConfig`."""
    return _whole_or_part(TypeAdapter(RiskConfig), "The risk of a book")


def attribute_texts(kind: type) -> dict[str, str]:
    """Return what the docstrings of a class and of its bases say of each attribute, those of the class itself first.

    Example:
        >>> from quantdl.config.schema import BacktestSettings
        >>> attribute_texts(BacktestSettings)
        {'initial_equity': 'Money at the start.', 'draws': 'Joint draws per session for risk and sizing.'}
    """
    texts: dict[str, str] = {}
    for base in kind.__mro__:
        for name, text in _attributes(base.__doc__ or ""):
            texts.setdefault(name, text)
    return texts


class _Described(GenerateJsonSchema):
    """Adds to each key what the docstring of its class says of it; a type without a JSON form takes any value."""

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:
        return {}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401  # pydantic's own union of schemas
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _described(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _described(super().dataclass_schema(schema), schema["cls"])


def _described(schema: JsonSchemaValue, kind: type) -> JsonSchemaValue:
    texts = attribute_texts(kind)
    for name, below in schema.get("properties", {}).items():
        if name in texts:
            below["description"] = texts[name]
    schema["description"] = _plain(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0])
    named = schema.get("properties", {}).get("kind")  # where a member of a union says nothing of its name, what it is
    if named is not None and "const" in named:
        named.setdefault("description", schema["description"])
    return schema


def _attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield the entries of the section ``Attributes:`` of a docstring, each on one line."""
    name, words = "", list[str]()
    _, _, section = inspect.cleandoc(docstring).partition("Attributes:\n")
    for line in section.split("\n"):
        if line and not line.startswith(" "):
            break
        entry = _ENTRY.match(line.removeprefix("    ")) if not line.startswith("     ") else None
        if entry is not None:
            if name:
                yield name, _plain(" ".join(words))
            name, words = entry[1], [entry[2]]
        elif line.strip():
            words.append(line.strip())
    if name:
        yield name, _plain(" ".join(words))


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _whole_or_part(adapter: TypeAdapter[Any], title: str) -> Schema:
    whole = adapter.json_schema(schema_generator=_Described)
    definitions = whole.pop("$defs")
    parts = {f"{_PART}{name}": _part(schema) for name, schema in definitions.items()}
    part = _part(whole)
    for ensemble in (definitions["EnsembleSettings"], parts[f"{_PART}EnsembleSettings"]):
        _take_bare_members(ensemble, definitions)
    part["properties"] = {EXTENDS: {"type": "string", "description": _EXTENDS_SAYS}, **part["properties"]}
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": title,
        "description": whole["description"],
        "type": "object",
        "if": {"required": [EXTENDS]},
        "then": {"$ref": f"{_REFERENCE}{_PART}Config"},
        "else": {"$ref": f"{_REFERENCE}Config"},
        "$defs": {"Config": whole, f"{_PART}Config": part, **definitions, **parts},
    }


def _part(schema: Schema) -> Schema:
    """Return a schema that asks for no key, with references to such schemas."""
    changed = _changed(copy.deepcopy(schema))
    assert isinstance(changed, dict)
    return changed


def _changed(node: object) -> object:
    if isinstance(node, list):
        return [_changed(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key not in ("required", "discriminator", "oneOf", "$ref")}
    kept = {
        key: {name: _changed(below) for name, below in value.items()} if key == "properties" else _changed(value)
        for key, value in kept.items()
    }
    if "oneOf" in node:  # a part may lack the kind that tells members apart
        kept["anyOf"] = _changed(node["oneOf"])
    if "$ref" in node:
        kept["$ref"] = node["$ref"].replace(_REFERENCE, f"{_REFERENCE}{_PART}")
    return kept


def _take_bare_members(ensemble: Schema, definitions: Schema) -> None:
    """Let a member be the name of a kind, or a block without a horizon, which takes that of the ensemble."""
    members = ensemble["properties"]["members"]
    blocks = members["items"].get("anyOf") or members["items"]["oneOf"]
    names = [block["$ref"].removeprefix(_REFERENCE).removeprefix(_PART) for block in blocks]
    kinds = [definitions[name]["properties"]["kind"]["const"] for name in names]
    parts = [{"$ref": f"{_REFERENCE}{_PART}{name}"} for name in names]
    members["items"] = {"anyOf": [{"enum": kinds}, *parts]}
