"""What several commands take, and how it is read."""

import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from quantdl.cli.completion import complete_config, complete_layout, complete_run
from quantdl.errors import ConfigError, DataSettingsError, RunError

if TYPE_CHECKING:
    from quantdl.config import ExperimentConfig
    from quantdl.market.sources.file_format import FileFormat

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
SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Asset of a file that does not name it.")]
SymbolPatternOption = Annotated[
    str | None,
    typer.Option("--symbol-pattern", help="How names of CSV files spell symbols, for instance 'NASDAQ_(.+)_30Y'."),
]
SeparatorOption = Annotated[
    str | None, typer.Option("--separator", metavar="MARK", help="Between the cells of CSV files: , ; | or tab.")
]
DecimalOption = Annotated[
    str | None, typer.Option("--decimal", metavar="MARK", help="Before the decimals of numbers: . or ,")
]
ThousandsOption = Annotated[
    str | None,
    typer.Option("--thousands", metavar="MARK", help="Between the thousands of numbers: , . ' or a space."),
]
DateFormatOption = Annotated[
    str | None,
    typer.Option("--date-format", metavar="FORMAT", help="How dates are written, for instance '%d.%m.%Y'."),
]
SkipRowsOption = Annotated[
    int | None, typer.Option("--skip-rows", metavar="LINES", help="Lines above the header of CSV files.")
]
NewestFirstOption = Annotated[bool, typer.Option("--newest-first", help="The CSV files may begin with the latest bar.")]

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


def file_format_of(
    layout: str | None = None,
    symbol: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    skip_rows: int | None = None,
    *,
    newest_first: bool = False,
) -> "FileFormat":
    """Read what options state of how files are written.

    Raises:
        ConfigError: If one of them is none of its values, or they do not suit one another; all of them at once.

    Example:
        >>> form = file_format_of("stooq", decimal=",")
        >>> form.layout, form.decimal, form.thousands
        ('stooq', ',', None)
    """
    from quantdl.market.reading.dialect import Decimal, Separator, Thousands
    from quantdl.market.sources.file_format import FileFormat

    marks: dict[str, tuple[str | None, tuple[str, ...]]] = {
        "separator": ("\t" if separator in ("tab", "\\t") else separator, get_args(Separator)),
        "decimal": (decimal, get_args(Decimal)),
        "thousands": (thousands, get_args(Thousands)),
    }
    wrong = []
    for name, (given, known) in marks.items():
        if given is not None and given not in known:
            spelled = " ".join("tab" if mark == "\t" else repr(mark) for mark in known)
            wrong.append(f"--{name}: given {given!r}; expected one of {spelled}")
    if wrong:
        raise ConfigError("\n".join(wrong))
    stated: dict[str, Any] = {name: given for name, (given, _) in marks.items()}
    stated |= {"layout": layout, "symbol": symbol, "date_format": date_format, "skip_rows": skip_rows}
    try:
        return FileFormat(**stated, newest_first=True if newest_first else None)
    except DataSettingsError as error:
        raise of_options(error) from None


def of_options(error: DataSettingsError) -> ConfigError:
    """Return the error for settings of the data that stand on the command line, each by the name of its option.

    Example:
        >>> str(of_options(DataSettingsError(("times_in", "given 'Mars/Base'"))))
        "--times-in: given 'Mars/Base'"
    """
    several = {"intraday": "--labelled and --anchored"}
    named = [(several.get(name) or "--" + name.replace("_", "-"), message) for name, message in error.faults]
    return ConfigError("\n".join(f"{option}: {message}" for option, message in named))


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
