"""Names of trading calendars, read without pandas from the file of calendars that ships with the package."""

import io
import json
import zipfile
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from quantdl.errors import IntegrityError, nearest

FORMAT = 2
FILE = "schedules.npz"

# ISO codes that pandas-market-calendars keeps under a trading name only.
_TRADING_NAMES = {"XNAS": "NASDAQ", "XCBO": "CBOE_Equity_Options", "XCME": "CME_Equity", "IEXG": "IEX"}


@cache
def shipped_names() -> tuple[str, ...]:
    """Return the name of every calendar that ships with the package.

    Raises:
        IntegrityError: If the file is missing, damaged or of another version.

    Example:
        >>> "XNYS" in shipped_names()
        True
    """
    return tuple(entry["name"] for entry in listing())


def is_calendar(name: str) -> bool:
    """Return whether `trading_calendar` knows the name; only one that does not ship is asked of the slow library.

    Example:
        >>> is_calendar("XNYS"), is_calendar("XNY")
        (True, False)
    """
    if name in shipped_names():
        return True
    from quantdl.calendars.library import listed_names

    return name in listed_names()


def meant_names(name: str, names: Sequence[str]) -> list[str]:
    """Return the calendars that an unknown name probably meant, the nearest first.

    Example:
        >>> meant_names("XNAS", ["NASDAQ"]), meant_names("xnys", ["XNYS"])
        (['NASDAQ'], ['XNYS'])
    """
    if name in _TRADING_NAMES:
        return [_TRADING_NAMES[name]]
    return nearest(name, names)


def unknown_calendar(name: str, names: Sequence[str]) -> str:
    """Return the objection to a calendar name, with the one that was meant."""
    meant = meant_names(name, names)
    hint = f"Did you mean {' or '.join(map(repr, meant))}? " if meant else ""
    return f"Unknown calendar {name!r}. {hint}Names are ISO codes such as 'XNYS', 'XTKS', 'XLON', or '24/7'."


def listing() -> list[dict[str, Any]]:
    """Return what the file says about each of its calendars, as ``data/calendars/build_tables.py`` wrote it.

    Raises:
        IntegrityError: If the file is missing, damaged or of another version.
    """
    content = json.loads(member("listing").tobytes().decode())
    if content["format"] != FORMAT:
        given = f"{FILE} has format {content['format']}, this version of quantdl reads {FORMAT}."
        raise IntegrityError(
            f"{given} Fix: reinstall quantdl, or build the tables anew (data/calendars/build_tables.py)."
        )
    return list(content["calendars"])


def member(name: str) -> np.ndarray:
    """Return one array of the file.

    Raises:
        IntegrityError: If the file is missing or damaged.
    """
    source = files("quantdl.calendars").joinpath(FILE)
    try:
        with source.open("rb") as stream, np.load(io.BytesIO(stream.read())) as archive:
            return np.asarray(archive[name])
    except (EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise IntegrityError(
            f"The calendar tables ({source}) cannot be read: {error}. Fix: reinstall quantdl."
        ) from error
