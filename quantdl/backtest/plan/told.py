"""What an item of a plan says, as one line for people."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass


def told(value: object) -> str:
    """Return what a part of a plan holds in words; what it leaves at its default is left out.

    Example:
        >>> from quantdl.backtest.plan.invalidation import DrawdownLimit
        >>> told((DrawdownLimit("drawdown", 0.3), None, True))
        'drawdown (limit: 0.3), none, yes'
    """
    if is_dataclass(value) and not isinstance(value, type):
        return _record(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {told(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(told, value))
    return f"{value:g}" if isinstance(value, float) else "..." if value is ... else str(value)


def _record(record: object) -> str:
    kind = getattr(record, "kind", None)
    said = []
    for item in fields(record):  # type: ignore[arg-type]  # a dataclass, which the caller has seen to
        value = getattr(record, item.name)
        if item.name == "kind" or (item.default is not MISSING and value == item.default):
            continue
        inside = told(value)
        nested = is_dataclass(value) and getattr(value, "kind", None) is None
        said.append(f"{item.name.replace('_', ' ')}: {f'({inside})' if nested else inside}")
    inside = "; ".join(said)
    if kind is None:
        return inside
    return f"{str(kind).replace('_', ' ')} ({inside})" if inside else str(kind).replace("_", " ")
