"""The reference of a config: every key with its values, its default and its meaning, from the settings' own types.

Keys, types, ranges and defaults are those of the JSON schema by which a config is checked; meanings are the
``Attributes`` of the docstrings of the settings.
"""

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from quantdl.config import ExperimentConfig, RiskConfig
from quantdl.config.json_schema import attribute_texts
from quantdl.market.inspection.checks import CHECKS, ScaleRule
from quantdl.market.inspection.policies import AT_LOADING, Policies

Schema = dict[str, Any]
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
_TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "`true` or `false`",
    "null": "`null`",
}
_FAULTS = Policies().actions()
_RULES = {check.kind: check.rule for check in CHECKS}
_INTRODUCTION = """
A key without a default must be given. Unknown keys are refused, with the nearest known one. Paths are relative to the
file. `extends: other.yaml` takes another file as the base: mappings merge key by key, anything else is replaced, and
another `kind` replaces the whole block. A range is what is checked for the key alone; what several keys must be
together
is said in the meaning, and by the error.
"""


def config_page() -> str:
    """Return the page of a run's config."""
    return _page(
        "Config of a run", "What `quantdl run` and the other commands read as `CONFIG`.", ExperimentConfig, "config"
    )


def risk_config_page() -> str:
    """Return the page of the config of a book's risk."""
    says = (
        "What `quantdl risk --config` reads. Blocks that a run has too are described at [Config of a run](config.md)."
    )
    return _page("Config of the risk of a book", says, RiskConfig, "risk-config", ExperimentConfig)


def _page(title: str, says: str, root: type[BaseModel], prefix: str, elsewhere: type[BaseModel] | None = None) -> str:
    schema = root.model_json_schema()
    book = _Book(schema["$defs"], {found.__name__: found for found in _classes(root)}, prefix)
    if elsewhere is not None:
        book.elsewhere = {*elsewhere.model_json_schema()["$defs"]}
    lines = [f"# {title}", "", says, _INTRODUCTION, f"({prefix}-keys)=", "", "## Keys of the file", ""]
    lines += book.table(schema, root)
    for key, value in schema["properties"].items():
        names = [name for name in book.referred(value) if name not in book.elsewhere]
        if names:
            lines += [f"## `{key}`", ""]
            lines += book.blocks(names, key)
    return "\n".join(lines) + "\n"


class _Book:
    """Writes each block of settings once, under the first key that leads to it."""

    def __init__(self, blocks: Schema, classes: dict[str, type], prefix: str) -> None:
        self.schemas, self.classes, self.prefix = blocks, classes, prefix
        self.elsewhere: set[str] = set()
        self.written: set[str] = set()

    def blocks(self, names: list[str], path: str) -> Iterator[str]:
        for name in names:
            if name in self.written or name in self.elsewhere or "properties" not in self.schemas[name]:
                continue
            self.written.add(name)
            schema = self.schemas[name]
            kind = schema["properties"].get("kind", {}).get("const")
            where = f"`{path}`" + (f", `kind: {kind}`" if kind else f" ({_words(name)})")
            yield from (f"({self.prefix}-{name.lower()})=", "", f"### {where}", "")
            yield from (_markdown(_summary(schema.get("description", ""))), "")
            yield from self.table(schema, self.classes[name])
            for key, value in schema["properties"].items():
                yield from self.blocks(self.referred(value), f"{path}.{key}")

    def table(self, schema: Schema, settings: type) -> Iterator[str]:
        meanings = attribute_texts(settings)
        yield from (":::{container} keys", "", "| key | values | default | meaning |", "|---|---|---|---|")
        for key, value in schema["properties"].items():
            default = "required" if key in schema.get("required", ()) else self.default(value)
            meaning = meanings.get(key) or self.meaning(key, value)
            yield f"| `{key}` | {_cell(self.values(value))} | {_cell(default)} | {_cell(meaning)} |"
        yield from ("", ":::", "")

    def meaning(self, key: str, schema: Schema) -> str:
        """Say what a key means that its block says nothing of: the block that it holds, or a kind of fault."""
        if key == "kind":
            return "Which of the variants this is."
        if key in _FAULTS:
            return _fault(key)
        blocks = self.referred(schema)
        return _first_sentence(_summary(self.schemas[blocks[0]].get("description", ""))) if blocks else ""

    def referred(self, schema: object) -> list[str]:
        """Return the names of the blocks that a key may hold, in their order."""
        if isinstance(schema, dict):
            own = [schema["$ref"].rpartition("/")[2]] if "$ref" in schema else []
            parts = [part for key, part in schema.items() if key not in ("default", "discriminator")]
            return own + [name for part in parts for name in self.referred(part)]
        return [name for part in schema for name in self.referred(part)] if isinstance(schema, list) else []

    def default(self, schema: Schema) -> str:
        if "default" not in schema:
            return "none given"
        if isinstance(schema["default"], dict) and self.referred(schema):
            return "see its block"
        return f"`{json.dumps(schema['default'], ensure_ascii=False)}`"

    def values(self, schema: Schema) -> str:
        """Say in words what a key may hold."""
        choices = schema.get("anyOf") or schema.get("oneOf")
        if "discriminator" in schema:
            return (
                "block of "
                + schema["discriminator"]["propertyName"]
                + " "
                + self._kinds(schema["discriminator"]["mapping"])
            )
        if choices:
            return " or ".join(dict.fromkeys(self.values(choice) for choice in choices))
        if "$ref" in schema:
            return self._link(schema["$ref"].rpartition("/")[2])
        if "const" in schema:
            return f"`{schema['const']}`"
        if "enum" in schema:
            return " or ".join(f"`{choice}`" for choice in schema["enum"])
        return self._plain(schema)

    def _kinds(self, mapping: dict[str, str]) -> str:
        return ", ".join(self._link(block.rpartition("/")[2], f"`{kind}`") for kind, block in mapping.items())

    def _plain(self, schema: Schema) -> str:
        kind = schema.get("type")
        bounds = " and ".join(f"{word} {_number(schema[key])}" for key, word in _BOUNDS.items() if key in schema)
        if kind == "array":
            items = schema.get("prefixItems")
            inside = ", ".join(self.values(item) for item in items) if items else self.values(schema.get("items", {}))
            return f"list of {inside}" + (", not empty" if schema.get("minItems") else "")
        if kind == "object":
            inside = schema.get("additionalProperties")
            return f"mapping of names to {self.values(inside) if isinstance(inside, dict) else 'values'}"
        if kind == "string" and "format" in schema:
            return {"date": "date", "path": "path"}.get(schema["format"], schema["format"])
        words = _TYPES.get(kind, "any value")
        return f"{words} {bounds}".strip() if bounds else words + (", not empty" if schema.get("minLength") else "")

    def _link(self, name: str, words: str | None = None) -> str:
        if "properties" not in self.schemas.get(name, {}):
            return "any value"
        prefix = "config" if name in self.elsewhere else self.prefix
        return f"[{words or _words(name)}](#{prefix}-{name.lower()})"


def _classes(settings: type, seen: set[type] | None = None) -> set[type]:
    """Return the settings that a class leads to, itself among them."""
    seen = set() if seen is None else seen
    if settings not in seen:
        seen.add(settings)
        for hint in get_type_hints(settings).values():
            for found in _within(hint):
                _classes(found, seen)
    return seen


def _within(hint: object) -> Iterator[type]:
    if inspect.isclass(hint) and (is_dataclass(hint) or issubclass(hint, BaseModel)):
        yield hint
    for part in get_args(hint):
        yield from _within(part)


def _summary(docstring: str) -> str:
    """Return what a docstring says before its sections."""
    return re.split(r"^(?:Attributes|Raises|Example|Args):$", inspect.cleandoc(docstring), flags=re.MULTILINE)[
        0
    ].strip()


def _fault(kind: str) -> str:
    """Return the definition of a kind of fault: what its rule says of itself, or its name in words."""
    rule = _RULES.get(kind)
    text = inspect.getdoc(rule.cells if isinstance(rule, ScaleRule) else rule) if rule else None
    named = f"{kind.replace('_', ' ').capitalize()}{', found when a file is read' if kind in AT_LOADING else ''}."
    return _first_sentence(text) if text else named


def _first_sentence(text: str) -> str:
    first = re.split(r"(?<=[.]) ", " ".join(text.split()))[0].removeprefix("Return (T, A) bool: ")
    return first[:1].upper() + first[1:]


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def _markdown(text: str) -> str:
    """Return docstring text as Markdown."""
    return re.sub(r"``\s*(.*?)\s*``", r"`\1`", text).replace("::\n", ":\n")


def _cell(text: str) -> str:
    return re.sub(r"\bNone\b", "`null`", _markdown(text)).replace("|", r"\|")
