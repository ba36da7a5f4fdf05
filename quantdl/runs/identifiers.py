"""Names that may become paths: run identifiers, run names and file names, checked before they touch the disk."""

import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import PurePosixPath

from quantdl.errors import RunError, RunNameError

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_RUN_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_FILE_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,127}")


def new_run_id(clock: Callable[[], int] = time.time_ns, after: str | None = None) -> str:
    """Make an identifier that sorts by time: 48 bits of milliseconds and 80 random bits in 26 characters (a ULID).

    Args:
        clock: Nanoseconds since 1970.
        after: An identifier that the new one must sort behind, also when the clock has been set back.

    Raises:
        RunError: If ``after`` is not an identifier.

    Example:
        >>> first = new_run_id(clock=lambda: 1_700_000_000_000_000_000)
        >>> first[:10], len(first)
        ('01HF7YAT00', 26)
        >>> new_run_id(clock=lambda: 0, after=first) > first
        True
    """
    number = (clock() // 1_000_000 << 80) | secrets.randbits(80)
    if after is not None and number <= _decode(checked_id(after)):
        number = _decode(after) + 1 + secrets.randbits(64)  # the same millisecond, or a clock set back
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(25, -1, -1))


def id_time(run_id: str) -> datetime:
    """UTC time that an identifier carries, to the millisecond: when the run began, unless the clock was set back.

    Example:
        >>> id_time("01HF7YAT000000000000000000").isoformat()
        '2023-11-14T22:13:20+00:00'
    """
    return datetime.fromtimestamp((_decode(checked_id(run_id)) >> 80) / 1000, UTC)


def trailing_id(folder: str) -> str | None:
    """The identifier at the end of a folder name, if there is one."""
    return folder[-26:] if _RUN_ID.fullmatch(folder[-26:]) else None


def checked_id(run_id: str) -> str:
    """Return a run identifier, or raise RunError if the text is not one."""
    if not _RUN_ID.fullmatch(run_id):
        raise RunError(f"run id {run_id!r}: expected 26 characters of 0-9 and A-Z without I, L, O, U.")
    return run_id


def checked_name(name: str) -> str:
    """Return the name of a run or run folder, or raise RunNameError if it could lead elsewhere."""
    if not _RUN_NAME.fullmatch(name):
        raise RunNameError(
            f"run name {name!r}: expected 1 to 100 letters, digits, dots, underscores or dashes, "
            "the first a letter or digit."
        )
    return name


def checked_file(name: str) -> str:
    """Return the relative path of a file in a run folder, or raise RunError if it could lead elsewhere."""
    parts = name.split("/")
    if not all(_FILE_PART.fullmatch(part) for part in parts) or str(PurePosixPath(name)) != name:
        raise RunError(
            f"file name {name!r}: expected a path inside the run folder such as 'model/weights.safetensors', its parts "
            "of letters, digits, dots, underscores, dashes or equals signs, not starting with a dot."
        )
    return name


def _decode(run_id: str) -> int:
    number = 0
    for character in run_id:
        number = number << 5 | _ALPHABET.index(character)
    return number
