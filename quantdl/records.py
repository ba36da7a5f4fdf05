"""Frozen records as JSON and back, driven by their annotations: a record with a new field needs no change here."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from quantdl.errors import DataError

Record = TypeVar("Record")

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]

OMIT_DEFAULT: Mapping[str, object] = MappingProxyType({"omit_default": True})
"""Metadata of a field that is left out of the JSON where it holds its default."""

INLINE: Mapping[str, object] = MappingProxyType({"inline": True})
"""Metadata of a field that holds a record whose own fields are written among those of the outer one."""


def named(key: str) -> Mapping[str, object]:
    """Return the metadata of a field that is called ``key`` in JSON, for instance because Python reserves the word.

    Example:
        >>> from dataclasses import dataclass, field
        >>> @dataclass
        ... class Month:
        ...     total: float = field(metadata=named("return"))
        >>> to_plain(Month(0.5)), from_plain(Month, {"return": 0.5})
        ({'return': 0.5}, Month(total=0.5))
    """
    return MappingProxyType({"key": key})


def to_plain(value: object) -> Plain:
    """Return what JSON can hold of a record.

    Dataclasses and mappings become objects, tuples and numpy's arrays lists, days, instants and paths text.

    Raises:
        TypeError: If something in it is none of these, nor text, a number or None.
    """
    if hasattr(value, "tolist"):  # numpy's numbers, which are Python's too, and its arrays
        return to_plain(value.tolist())
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()[: len("2000-01-01")]  # a timestamp given for a day counts as its day
    if is_dataclass(value) and not isinstance(value, type):
        return plain_fields(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    raise TypeError(f"{value!r} of type {type(value).__name__} cannot be stored")


def plain_fields(record: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return what `to_plain` makes of a dataclass, as the dict that it then is."""
    plain: dict[str, Any] = {}
    for item in fields(record):
        content = getattr(record, item.name)
        if "omit_default" in item.metadata and content == _default(item):
            continue
        written = to_plain(content)
        plain |= written if "inline" in item.metadata and isinstance(written, dict) else {_key(item): written}
    return plain


def _default(item: Field[Any]) -> object:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _key(item: Field[Any]) -> str:
    return str(item.metadata.get("key", item.name))


def part_of(record: object, kind: type[Record]) -> Record:
    """Return the record of ``kind`` that another one holds: its values under the same names."""
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]  # any dataclass
    return kind(**{name: getattr(record, name) for name in names})


def from_plain(record: type[Record], plain: object) -> Record:
    """Return the record that `to_plain` made ``plain`` of.

    A field that is not there takes its default.

    Raises:
        ValueError: If ``plain`` is not of that form.
    """
    made: Record = _reader_of_record(record)(plain)
    return made


def reader_of(record: type[Record]) -> Callable[[object], Record]:
    """Return what reads many records of one kind: `from_plain` with the annotations looked up once.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Step:
        ...     loss: float
        >>> list(map(reader_of(Step), [{"loss": 1.0}, {"loss": 0.5}]))
        [Step(loss=1.0), Step(loss=0.5)]
    """
    return _reader_of_record(record)


def digest(plain: Plain) -> str:
    """Return the SHA-256 of plain values, the same for the same content in any order of keys.

    Raises:
        ValueError: If a number is not finite.

    Example:
        >>> digest({"a": 1, "b": None}) == digest({"b": None, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(plain, sort_keys=True, allow_nan=False).encode()).hexdigest()


def json_text(plain: Plain, name: str) -> str:
    """Render JSON that is the same text for the same content: keys sorted, no NaN and no infinity.

    Any text comes back; only where it holds lone surrogates, which no file can, all of it is escaped.

    Args:
        plain: Plain values.
        name: Of the file, for the message.

    Raises:
        DataError: If a number is not finite, naming its key.

    Example:
        >>> print(json_text({"b": 1.5, "a": None}, "metrics.json"), end="")
        {
          "a": null,
          "b": 1.5
        }
    """
    where = ", ".join(_not_finite(plain, ""))
    if where:
        raise DataError(
            f"{name}: not a finite number at {where}. Fix: give None, and a reason, where nothing is known."
        )
    text = json.dumps(plain, sort_keys=True, allow_nan=False, indent=2, ensure_ascii=False) + "\n"
    return text if _can_be_encoded(text) else json.dumps(plain, sort_keys=True, allow_nan=False, indent=2) + "\n"


def _not_finite(plain: object, where: str) -> Iterator[str]:
    if isinstance(plain, float) and not math.isfinite(plain):
        yield where or "the top"
    elif isinstance(plain, Mapping):
        for key, value in plain.items():
            yield from _not_finite(value, f"{where}.{key}" if where else str(key))
    elif isinstance(plain, list | tuple):
        for position, value in enumerate(plain):
            yield from _not_finite(value, f"{where}[{position}]")


def _can_be_encoded(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reader(hint: object) -> Callable[[object], object]:
    """Return what reads a plain value as the annotation ``hint`` wants it; made once for all items of a tuple."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _reader_of_first(tuple(_reader(choice) for choice in inner))
    if origin is Literal:
        return lambda plain: _expect(plain in inner, plain, hint)
    if origin is tuple and inner[1:] == (...,):
        item = _reader(inner[0])
        return lambda plain: tuple(item(entry) for entry in _list(plain))
    if origin is tuple:
        return _reader_of_row(tuple(_reader(choice) for choice in inner))
    if origin is Mapping:
        item = _reader(inner[1])
        return lambda plain: {key: item(entry) for key, entry in as_object(plain).items()}
    if hint is object:  # any value of JSON
        return lambda plain: plain
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda plain: _shared_reader(hint)(plain)  # made when it is needed: a record may hold its own kind
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if hint is date or (isinstance(hint, type) and issubclass(hint, datetime)):
        return lambda plain: hint.fromisoformat(str(plain))
    if hint is float:
        return lambda plain: float(str(_expect(type(plain) in (int, float), plain, hint)))
    if hint in (str, int, bool, type(None)):
        return lambda plain: _expect(type(plain) is hint, plain, hint)
    raise TypeError(f"no record can be read with a field of type {hint}")


@cache
def _shared_reader(record: type[Any]) -> Callable[[object], Any]:
    return _reader_of_record(record)


def _reader_of_record(record: type[Any]) -> Callable[[object], Any]:
    hints = get_type_hints(record)
    keys = {item.name: _keys(item, hints[item.name]) for item in fields(record)}
    readers = {item.name: _reader(hints[item.name]) for item in fields(record)}
    inline = {item.name for item in fields(record) if "inline" in item.metadata}
    known = {key for own in keys.values() for key in own}
    required = {_key(item) for item in fields(record) if _is_required(item)} - inline

    def content(name: str, given: dict[str, Any]) -> object:
        own = keys[name]
        try:
            return readers[name]({key: given[key] for key in own & set(given)} if name in inline else given[min(own)])
        except ValueError as error:
            raise ValueError(f"{record.__name__}.{name}: {error}") from error

    def read(plain: object) -> object:
        given = as_object(plain)
        strange, missing = sorted(set(given) - known), sorted(required - set(given))
        if strange or missing:
            raise ValueError(f"{record.__name__} has unknown fields {strange} and lacks the fields {missing}")
        return record(
            **{name: content(name, given) for name, own in keys.items() if own & set(given) or name in inline}
        )

    return read


def _keys(item: Field[Any], hint: Any) -> set[str]:  # noqa: ANN401 - an annotation
    """Return the keys under which a field is written: its own, or those of the record it holds."""
    if "inline" not in item.metadata:
        return {_key(item)}
    hints = get_type_hints(hint)
    return {key for inner in fields(hint) for key in _keys(inner, hints[inner.name])}


def _is_required(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _reader_of_first(readers: tuple[Callable[[object], object], ...]) -> Callable[[object], object]:
    def read(plain: object) -> object:
        for reader in readers:
            try:
                return reader(plain)
            except ValueError:
                continue
        raise ValueError(f"{plain!r} is not among the values that the field may hold")

    return read


def _reader_of_row(readers: tuple[Callable[[object], object], ...]) -> Callable[[object], object]:
    def read(plain: object) -> object:
        given = _list(plain)
        if len(given) != len(readers):
            raise ValueError(f"expected {len(readers)} values, got {plain!r}")
        return tuple(reader(value) for reader, value in zip(readers, given, strict=True))

    return read


def _list(plain: object) -> list[Any]:
    if not isinstance(plain, list):
        raise ValueError(f"expected a list, got {plain!r}")
    return plain


def as_object(plain: object) -> dict[str, Any]:
    """Return plain values as the JSON object that they must be; raises ValueError where they are not one."""
    if not isinstance(plain, dict):
        raise ValueError(f"expected an object, got {plain!r}")
    return plain


def _expect(fits: bool, plain: object, hint: object) -> object:
    if not fits:
        raise ValueError(f"expected {hint}, got {plain!r}")
    return plain
