"""What several commands take, and how it is read."""

import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantdl.cli.completion import complete_config, complete_layout, complete_run
from quantdl.errors import ConfigError, RunError, did_you_mean

if TYPE_CHECKING:
    from quantdl.config import ExperimentConfig
    from quantdl.market.sources.layouts.known import LayoutName

ConfigPath = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="The YAML file that describes the run.", autocompletion=complete_config),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress, and print the last line alone.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say what is read and fitted, and how long each stage took.")
]
Root = Annotated[Path, typer.Option("--root", help="Folder of the runs.")]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="Path, name or identifier of a run, or the beginning of one.", autocompletion=complete_run
    ),
]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        "--layout",
        metavar="NAME",
        help="Whose CSV files they are, for instance investing or stooq.",
        autocompletion=complete_layout,
    ),
]

_LONGEST_AGE = 4  # digits: more would lie before the calendar begins


def load(path: Path, seed: int | None = None) -> "ExperimentConfig":
    """Read a config, with another seed where one is given.

    Raises:
        ConfigError: If the file or anything in it is wrong; all faults at once.
        PlanError: If the plan is refused.
    """
    from quantdl.config import load_config, with_values

    loaded = load_config(path)
    return loaded if seed is None or seed == loaded.seed else with_values(loaded, {"seed": seed})


def load_with_strategy(path: Path, seed: int | None = None) -> "ExperimentConfig":
    """Read a config as `load` does, and build its strategy once: its parameters are judged before torch is loaded.

    Raises:
        ConfigError: As `load`; or if the strategy file cannot be run, or the parameters do not suit it.
        PlanError: As `load`.
    """
    from quantdl.config import configured_strategy

    loaded = load(path, seed)
    configured_strategy(loaded)
    return loaded


def day_of(text: str, option: str) -> date:
    """Read the date that an option states.

    Raises:
        ConfigError: If it is none.

    Example:
        >>> day_of("2016-12-30", "--on")
        datetime.date(2016, 12, 30)
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option}: given {text!r}; expected a date such as 2016-12-30.") from None


def layout_of(text: str | None) -> "LayoutName | None":
    """Read the name of a layout that an option states.

    Raises:
        ConfigError: If it is none.

    Example:
        >>> layout_of("stooq"), layout_of(None)
        ('stooq', None)
    """
    from quantdl.market.sources.layouts.known import LAYOUTS

    found = next((name for name in LAYOUTS if name == text), None)
    if text is not None and found is None:
        expected = f"expected one of {', '.join(LAYOUTS)}{did_you_mean(text, LAYOUTS)}"
        raise ConfigError(f"--layout: given {text!r}; {expected}")
    return found


def age_of(text: str, option: str) -> timedelta:
    """Read the age that an option states.

    Raises:
        ConfigError: If it is none.

    Example:
        >>> age_of("30d", "--older-than").days, age_of("12h", "--older-than").total_seconds()
        (30, 43200.0)
    """
    units = {"h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and unit in units and len(number) <= _LONGEST_AGE):
        raise ConfigError(f"{option}: given {text!r}; expected a whole number of hours, days or weeks: 12h, 30d, 6w.")
    return timedelta(**{units[unit]: int(number)})


def new_folder(output: Path | None) -> None:
    """Refuse a folder to write that exists, or that cannot be made, before any work is done for it.

    Raises:
        ConfigError: If it exists.
        RunError: If the first folder above it that exists is none, or may not be written to.
    """
    if output is None:
        return
    if output.exists():
        raise ConfigError(f"--output {output}: exists already; name a folder that does not.")
    above = next(folder for folder in output.absolute().parents if folder.exists())
    if not above.is_dir():
        raise RunError(f"--output {output}: {above} is no folder. Give another place with --output.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise RunError(f"--output {output}: {above} may not be written to. Check its permissions, or give another.")


def existing(path: Path) -> Path:
    """Return the path of data that are there.

    Raises:
        ConfigError: If nothing is.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder; expected a config (.yaml), CSV or Parquet.")
    return path
