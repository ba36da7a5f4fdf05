"""Paths to data in a config: relative to its file, or below a folder that an environment variable names.

``${env:QUANTDL_DATABANK}/prices.parquet`` reads the variable; ``${env:QUANTDL_DATABANK:-../elsewhere}/prices.parquet``
takes what stands behind ``:-`` where the variable is not set. Nothing else in a config reads the environment, and only
variables whose names begin with ``QUANTDL_`` can be read, so that a config cannot carry a secret into a run folder.
"""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from quantdl.errors import ConfigError

_REFERENCE = re.compile(r"\$\{env:(?P<name>[^}:]*)(?P<otherwise>:-[^}]*)?\}")
_NAME = re.compile(r"QUANTDL_[A-Z0-9_]+")


def _checked(path: Path) -> Path:
    text = str(path)
    names = [match["name"] for match in _REFERENCE.finditer(text)]
    strange = [name for name in names if not _NAME.fullmatch(name)]
    if strange or "${" in _REFERENCE.sub("", text):
        expected = "a path, in which ${env:QUANTDL_NAME} or ${env:QUANTDL_NAME:-folder} may stand for a folder"
        raise ValueError(f"given {text!r}; expected {expected}; only names that begin with QUANTDL_ are read")
    return path


DataPath = Annotated[Path, AfterValidator(_checked)]
"""The type of such a path in the schema."""


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
