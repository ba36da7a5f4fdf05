"""Values that were handed over in Python as a config: the same schema, the same checks, the same sentences.

The values become the tree that a YAML file would have become, and are read as that. So a fault names the argument in
place of a line, all faults come at once, and what is stored of a run is a config that can be run again.
"""

from collections import abc
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

from quantdl.config.config_fault import IN_PYTHON, Key, Mark
from quantdl.config.document import Document, Entry, Mapping, Node, Scalar, Sequence
from quantdl.config.loading import config_of_document
from quantdl.config.scalars import resolve
from quantdl.config.schema import ExperimentConfig
from quantdl.config.yaml_writer import yaml_text

_LONGEST = 60


def config_in_python(
    values: abc.Mapping[str, object],
    strategy_texts: abc.Mapping[str, str] | None = None,
    arguments: abc.Mapping[tuple[Key, ...], tuple[Key, ...]] = MappingProxyType({}),
) -> ExperimentConfig:
    """Return the config that says what the values say.

    Paths in them are relative to the working directory.

    Args:
        values: Under the keys of a config: text, numbers, days, None, lists, mappings, and the dataclasses of settings
            and of a plan.
        strategy_texts: Source of the strategy, where it stands in no file, by the names of `ExperimentConfig.strategy`.
        arguments: For keys that the caller has under another name: the argument that a fault there is one of.

    Raises:
        ConfigError: With every fault, each with the argument, what was given, what was expected.
        PlanError: The same, when only the plan is at fault.

    Example:
        >>> from quantdl.errors import ConfigError
        >>> try:
        ...     config_in_python({"name": "mine", "seed": -1})
        ... except ConfigError as error:
        ...     print([line for line in str(error).splitlines() if line.startswith("seed")])
        ["seed: given '-1'; expected a whole number, at least 0, below 9223372036854775808"]
    """
    root = tree(values)
    document = Document(IN_PYTHON, root, {IN_PYTHON: yaml_text(root)}, ())
    return config_of_document(document, strategy_texts, arguments)


def tree(values: object) -> Node:
    """Return values as the tree that a file would have become; each has a line of its own, by which faults are ordered.

    Args:
        values: As for `config_in_python`.
    """
    return _node(values, count(1))


def _node(value: object, lines: "count[int]") -> Node:
    mark = Mark(IN_PYTHON, next(lines), 1)
    if is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in fields(value) if not _is_default(value, item)}
    if hasattr(value, "tolist"):  # numpy's numbers, which are Python's too, and its arrays
        value = value.tolist()
    if isinstance(value, abc.Mapping):
        return Mapping(mark, {str(key): Entry(mark, _node(item, lines)) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return Sequence(mark, tuple(_node(item, lines) for item in value))
    return _scalar(value, mark)


def _is_default(record: object, item: "Field[Any]") -> bool:
    """Whether a field holds what it holds where a config leaves it out; a kind is always written."""
    if item.name == "kind":
        return False
    default = item.default if item.default_factory is MISSING else item.default_factory()
    value = getattr(record, item.name)
    return type(value) is type(default) and value == default


def _scalar(value: object, mark: Mark) -> Scalar:
    if value is None:
        return Scalar(mark, "", plain=True)
    if isinstance(value, bool):
        return Scalar(mark, str(value).lower(), plain=True)
    if isinstance(value, int | float):
        text = repr(value)
        return Scalar(mark, f".{text}".replace(".-", "-.") if text[-3:] in ("nan", "inf") else text, plain=True)
    if isinstance(value, date):
        return Scalar(mark, value.isoformat()[: len("2000-01-01")], plain=True)
    if isinstance(value, str | Path):
        text = str(value)
        return Scalar(mark, text, plain=len(text) <= _LONGEST and resolve(text) == text)
    return Scalar(mark, "..." if value is ... else repr(value)[:_LONGEST], plain=False)
