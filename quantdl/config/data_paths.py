"""Paths to data in a config: relative to its file, or below a folder that an environment variable names.

``${env:QUANTDL_DATABANK}/prices.parquet`` reads the variable; ``${env:QUANTDL_DATABANK:-../elsewhere}/prices.parquet``
takes the default after ``:-`` where the variable is not set. Nothing else in a config reads the environment, and only
variables whose names begin with ``QUANTDL_`` can be read, so that a config cannot carry a secret into a run folder.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

from quantdl.errors import ConfigError

_REFERENCE = re.compile(r"\$\{env:(?P<name>[^}:]*)(?P<otherwise>:-[^}]*)?\}")
_NAME = re.compile(r"QUANTDL_[A-Z0-9_]+")


def path_faults(settings: object) -> Iterator[tuple[str, str]]:
    """Yield every path of some settings, those of settings within them included, that names a variable wrongly.

    Args:
        settings: A dataclass.
    """
    for item in fields(settings):  # type: ignore[arg-type]  # any dataclass
        value = getattr(settings, item.name)
        parts = {item.name: value} if is_dataclass(value) else {}
        if isinstance(value, tuple):
            parts = {f"{item.name}.{number}": part for number, part in enumerate(value) if is_dataclass(part)}
        for place, part in parts.items():
            yield from ((f"{place}.{name}", message) for name, message in path_faults(part))
        if isinstance(value, Path) and (message := _misread(str(value))) is not None:
            yield item.name, message


def _misread(text: str) -> str | None:
    names = [match["name"] for match in _REFERENCE.finditer(text)]
    if all(map(_NAME.fullmatch, names)) and "${" not in _REFERENCE.sub("", text):
        return None
    expected = "a path, in which ${env:QUANTDL_NAME} or ${env:QUANTDL_NAME:-folder} may stand for a folder"
    return f"given {text!r}; expected {expected}; only names that begin with QUANTDL_ are read"


def variables(path: Path) -> tuple[str, ...]:
    """Return the names of the variables in a path."""
    return tuple(match["name"] for match in _REFERENCE.finditer(str(path)))


def expanded(path: Path, where: str) -> Path:
    """Return the path with its variables replaced.

    Args:
        path: As it stands in the config.
        where: File, line and key, for the message.

    Raises:
        ConfigError: If a variable is not set and nothing stands in for it.
    """

    def value(match: re.Match[str]) -> str:
        given = os.environ.get(match["name"])
        if given:
            return given
        if match["otherwise"] is None:
            raise ConfigError(
                f"{where}: the environment variable {match['name']} is not set; it names the folder of these data. "
                f"Fix: set it, or write ${{env:{match['name']}:-FOLDER}} to name a folder for when it is not."
            )
        return match["otherwise"].removeprefix(":-")

    return Path(_REFERENCE.sub(value, str(path)))


def respelled(text: str, folder: Path, other: Path) -> str:
    """Return a path relative to ``folder`` as one relative to ``other`` that leads to the same place.

    An absolute path stays as it is, and so does a variable at the head of a path, where only the folder that stands in
    for it is respelled.

    Example:
        >>> respelled("../prices", Path("configs/base"), Path("configs"))
        'prices'
        >>> respelled("${env:QUANTDL_DATABANK:-../bank}/a.csv", Path("configs/base"), Path("configs"))
        '${env:QUANTDL_DATABANK:-bank}/a.csv'
    """
    variable = _REFERENCE.match(text)
    if variable is not None:
        instead = (variable["otherwise"] or "").removeprefix(":-")
        otherwise = f":-{respelled(instead, folder, other)}" if instead else variable["otherwise"] or ""
        return f"${{env:{variable['name']}{otherwise}}}{text[variable.end() :]}"
    head, reference, tail = text.partition("${")
    if os.path.isabs(head):
        return text
    whole = os.path.join(folder, head)
    moved = os.path.relpath(whole, other)
    if os.path.realpath(os.path.join(other, moved)) != os.path.realpath(whole):  # a link on the way
        moved = os.path.realpath(whole)
    return moved + ("/" if reference and head.endswith("/") else "") + reference + tail


def without_stand_in(path: Path) -> str | None:
    """Return a path that begins with a variable, without the folder that stands in for it; None for other paths.

    Example:
        >>> without_stand_in(Path("${env:QUANTDL_DATABANK:-../bank}/a.csv"))
        '${env:QUANTDL_DATABANK}/a.csv'
    """
    variable = _REFERENCE.match(str(path))
    return None if variable is None else f"${{env:{variable['name']}}}{str(path)[variable.end() :]}"
