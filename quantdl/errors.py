"""The errors a user can meet, each with the exit code that the command line returns for it.

::

    QuantdlError            6  the run failed (strategy, numbers, disk)
     +-- ConfigError        2  the config or the command line is wrong
     +-- DataError          3  the data cannot be trusted as given
     |    +-- DataSettingsError  invalid settings of prices or series
     +-- CalendarError      3  an unknown exchange or a day outside its calendar
     +-- PlanError          4  the trading plan is refused
     +-- LookAheadError     4  a forecast was asked for a session its model has seen
     +-- IntegrityError     5  a stored run or ledger is not what was written
     +-- RunError           6  the run failed
          +-- RunNameError  2  a name that is no run's, or of several

The message says what, where, what was expected and the fix; it is printed as it is, without a traceback.
"""

import sys
from collections.abc import Iterable
from pathlib import Path


class FieldFaults(ValueError):
    """Invalid settings: each fault with the field that it belongs to, all of them at once.

    A config reports each at the line of its key, whatever layer found it.

    Attributes:
        faults: Pairs of a field and a message such as ``"given -1; expected 0 or more"``.
    """

    def __init__(self, *faults: tuple[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in faults))
        self.faults = faults


class QuantdlError(Exception):
    """Base of every error that quantdl raises on purpose."""

    exit_code = 6


class ConfigError(QuantdlError):
    """A config or a command line that cannot be understood."""

    exit_code = 2


class DataError(QuantdlError):
    """Market data that cannot be trusted as given."""

    exit_code = 3


class DataSettingsError(DataError, FieldFaults):
    """Invalid settings of prices or series, see `FieldFaults`."""


class CalendarError(QuantdlError):
    """An exchange that is not known, or a day outside its calendar."""

    exit_code = 3


class PlanError(QuantdlError):
    """A trading plan that is missing, incomplete, contradictory or unable to bind."""

    exit_code = 4


class LookAheadError(QuantdlError):
    """A value that could not have been known at that session."""

    exit_code = 4


class IntegrityError(QuantdlError):
    """A stored artefact differs from what was written."""

    exit_code = 5


class RunError(QuantdlError):
    """A run that failed: strategy, numbers or disk."""

    exit_code = 6


class RunNameError(RunError):
    """A name of a run as the user gave it: not there, of several, taken, or not allowed."""

    exit_code = 2


_LIKE = 0.6
_LIKE_FILE = 0.75  # of the names of files, which are short and end alike


def nearest(given: str, choices: Iterable[str], most: int = 3, closeness: float = _LIKE) -> list[str]:
    """Return the choices that were probably meant, the nearest first; case, hyphens and underscores do not count.

    Args:
        given: What was written.
        choices: What could have been written.
        most: Number of choices to return at most.
        closeness: Share of the characters that must agree, as `difflib` counts it.

    Example:
        >>> nearest("Widht", ["width", "heads"])
        ['width']
    """
    from difflib import get_close_matches  # only a message about a mistake needs it

    simple = {_simplified(choice): choice for choice in choices}
    return [simple[near] for near in get_close_matches(_simplified(given), list(simple), n=most, cutoff=closeness)]


def closest(given: str, choices: Iterable[str]) -> str | None:
    """Return the choice that was probably meant, see `nearest`, or None."""
    return next(iter(nearest(given, choices, most=1)), None)


def closest_file(given: Path, files: Iterable[Path]) -> Path | None:
    """Return the file that was probably meant, or None: names are compared without folder and ending, and closely.

    Example:
        >>> closest_file(Path("a/pairz.py"), [Path("a/pairs.py"), Path("a/trend.py")]).name
        'pairs.py'
        >>> closest_file(Path("a/nosuch.py"), [Path("a/pairs.py")]) is None
        True
    """
    named = {file.stem: file for file in sorted(files, key=lambda file: file.suffix == given.suffix)}
    near = nearest(given.stem, named, most=1, closeness=_LIKE_FILE)
    return named[near[0]] if near else None


def did_you_mean(given: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'width'?"``, or nothing when no choice is near."""
    near = closest(given, choices)
    return f"; did you mean {near!r}?" if near is not None else ""


_SOLD_AS = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "talib": "TA-Lib",
    "yaml": "PyYAML",
}
"""Names under which packages are installed, where they are imported under another one."""


def install_hint(error: BaseException) -> str:
    """Return how to install the package that an import asked for and that is not there; empty for any other error.

    Example:
        >>> install_hint(ModuleNotFoundError("No module named 'talib'", name="talib"))[:44]
        "The package 'talib' is not installed here. F"
    """
    from importlib.util import find_spec  # only a message about a mistake needs it

    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not package or package in sys.modules or find_spec(package) is not None:
        return ""
    sold_as = _SOLD_AS.get(package, package)
    return (
        f"The package {package!r} is not installed here. Fix: {sys.executable} -m pip install {sold_as}, or do without "
        "it; a run records the versions of all packages, and whoever repeats it needs them too."
    )


def _simplified(word: str) -> str:
    return word.casefold().replace("-", "_").replace(" ", "_")
