"""Settings given as arguments in Python, checked as if they stood in a config: the same faults in the same words."""

import json
import os
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, create_model

from quantdl.config.config_fault import dotted
from quantdl.config.forecast_schema import STRICT
from quantdl.config.validation import FaultyPart, read_value
from quantdl.config.yaml_reader import parse_document
from quantdl.errors import ConfigError
from quantdl.records import Plain, to_plain

Settings = TypeVar("Settings")


class Arguments:
    """The arguments of one call, by the settings that they belong to; each is read, then all faults are raised at once.

    Args:
        call: What was called, for messages: ``"Transformer"``.

    Example:
        >>> from quantdl.training.settings import TrainingSettings
        >>> call = Arguments("Transformer")
        >>> _ = call.read(TrainingSettings, {"epochs": 0, "device": "gpu"})
        >>> try:
        ...     call.refuse_faults()
        ... except ConfigError as error:
        ...     print(error)
        Transformer: 2 errors
          epochs: given '0'; expected a whole number, above 0
          device: given 'gpu'; expected one of auto, cpu, cuda; did you mean 'cpu'?
    """

    def __init__(self, call: str) -> None:
        self._call = call
        self._faults: list[str] = []

    def read(self, kind: type[Settings], values: Mapping[str, object]) -> Settings | None:
        """Return the settings that values make; None if some are wrong, which `refuse_faults` then says.

        Args:
            kind: A dataclass.
            values: By field.
        """
        text = json.dumps({"given": {name: _plain(value) for name, value in values.items()}})
        document = parse_document(text, Path(self._call))
        try:
            found: Settings = read_value(_adapter(cast(Hashable, kind)), document).given
        except FaultyPart as part:
            self._faults += [_line(fault.keys[1:], fault.message) for fault in part.faults]
            return None
        return found

    def add(self, argument: str, message: str) -> None:
        """Add a fault of an argument that no settings know of."""
        self._faults.append(f"{argument}: {message}")

    def refuse_faults(self) -> None:
        """Raise what was found.

        Raises:
            ConfigError: With every fault.
        """
        if not self._faults:
            return
        found = list(dict.fromkeys(self._faults))
        if len(found) == 1:
            raise ConfigError(f"{self._call}: {found[0]}")
        raise ConfigError("\n  ".join([f"{self._call}: {len(found)} errors", *found]))


def path_of(given: object, argument: str, expected: str = "a path") -> Path:
    """Return a path that was given for an argument.

    Args:
        given: Text or a path.
        argument: Its name, for messages.
        expected: What it is the path of.

    Raises:
        ConfigError: If it is none.

    Example:
        >>> path_of("configs/a.yaml", "config").name
        'a.yaml'
    """
    text = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(text, str) or "\0" in text:
        shown = repr(text) if text is not None else type(given).__name__
        raise ConfigError(f"{argument}: given {shown}; expected {expected}.")
    return Path(text)


def as_list(given: object) -> object:
    """Return what can be gone through as a list; text, a mapping and whatever cannot as it is, for a reader to refuse.

    Example:
        >>> as_list(("AAPL", "JPM")), as_list("AAPL"), as_list(5)
        (['AAPL', 'JPM'], 'AAPL', 5)
    """
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping) else given


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    fields: dict[str, Any] = {"given": (kind, ...)}
    block: type[BaseModel] = create_model("Block", __config__=STRICT, **fields)
    return TypeAdapter(block)


def _line(keys: tuple[str | int, ...], message: str) -> str:
    what, missing, _ = message.partition("; fix: add '")
    name = dotted(keys)
    return f"{name}: {what}; fix: give {name}=..." if missing else f"{name}: {message}"


def _plain(value: object) -> Plain:
    """What JSON can hold of an argument; what it cannot hold as Python writes it, which no settings expect."""
    try:
        return to_plain(value)
    except TypeError:
        return repr(value)
