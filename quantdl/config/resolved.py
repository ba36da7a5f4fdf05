"""A config with everything that it leaves to others: what it extends merged, what it leaves out filled in."""

from pathlib import Path

from quantdl.config.config_fault import Mark
from quantdl.config.document import Entry, Mapping, Node, Scalar, Sequence
from quantdl.config.forecast_schema import ForecastConfig
from quantdl.config.scalars import resolve
from quantdl.config.yaml_writer import yaml_text

_LINE = 90  # letters of a text that is not folded
_NOWHERE = Mark(Path("resolved.yaml"), 1, 1)


def resolved(config: ForecastConfig) -> dict[str, object]:
    """Return every setting of a config as JSON holds it: dates and paths are texts, what is not there is None."""
    return config.model_dump(mode="json")


def resolved_yaml(config: ForecastConfig) -> str:
    """Return every setting of a config as YAML, which says the same wherever the config's own file could stand.

    Paths are relative to the folder of that file, or to where they pointed from, as in the config itself.
    """
    return value_yaml(resolved(config))


def value_yaml(value: object) -> str:
    """Return what JSON can hold as YAML.

    Example:
        >>> print(value_yaml({"limits": [{"kind": "drawdown", "limit": 0.3}], "name": "007", "end": None}), end="")
        limits:
          - {kind: drawdown, limit: 0.3}
        name: "007"
        end: null
    """
    return yaml_text(_node(value))


def _node(value: object, *, in_list: bool = False) -> Node:
    """Return a value as a tree: what is small and stands in a list in braces, so that a condition is a line."""
    if isinstance(value, dict):
        first = {"kind": value["kind"]} if "kind" in value else {}
        below = {str(key): Entry(_NOWHERE, _node(item)) for key, item in {**first, **value}.items()}
        flat = all(isinstance(entry.value, Scalar) for entry in below.values())
        return Mapping(_NOWHERE, below, flow=in_list and flat)
    if isinstance(value, list | tuple):
        items = tuple(_node(item, in_list=True) for item in value)
        return Sequence(_NOWHERE, items, flow=all(isinstance(item, Scalar) for item in items))
    if isinstance(value, str):
        return Scalar(_NOWHERE, value, plain=resolve(value) == value and len(value) <= _LINE)
    return Scalar(_NOWHERE, "null" if value is None else _written(value), plain=True)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
