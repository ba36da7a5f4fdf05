"""What is forecast and ordered as of a session, printed and written as CSV."""

from datetime import date
from pathlib import Path

from quantdl.cli.printing import print_json, print_table
from quantdl.cli.saying import say
from quantdl.disk import disk_errors, publishing
from quantdl.errors import ConfigError
from quantdl.experiment.as_of_record import AsOf
from quantdl.records import json_text, to_plain
from quantdl.results.tables import csv_text

_TABLES = ("law", "risk", "orders", "exits", "positions", "events")


def folder_of(name: str, session: date, output: Path | None) -> Path:
    """Return the folder that the forecast of a session is written to.

    Raises:
        ConfigError: If it exists.
    """
    folder = output or Path(f"forecast-{name}-{session}")
    if folder.exists():
        raise ConfigError(f"{folder}: exists already, and no forecast is overwritten. Name another one with --output.")
    return folder


def write_as_of(found: AsOf, folder: Path) -> None:
    """Write each table as CSV (``law.csv``, ``orders.csv`` ...) and the rest as ``as_of.json``; all of it, or nothing.

    Raises:
        AlreadyStoredError: If the folder exists.
        RunError: If the disk refuses.
    """
    with publishing(folder) as partial, disk_errors(folder):
        for name in _TABLES:
            (partial / f"{name}.csv").write_text(csv_text(getattr(found, name)), encoding="utf-8", newline="")
        (partial / "as_of.json").write_text(json_text(to_plain(found.facts()), "as_of.json"), encoding="utf-8")


def print_as_of(found: AsOf) -> None:
    """Print the law of the next session, the risk of the book, the orders and the exits of positions."""
    for sheet in found.sheets():
        print_table(sheet.caption, sheet.columns, sheet.rows)
    for sentence in found.happened():
        say(sentence)
    say("\n".join(f"{name}: {value}" for name, value in found.said_facts().items()))


def print_as_of_json(found: AsOf) -> None:
    """Print everything as JSON; an undefined number is null."""
    print_json({**found.facts(), **{name: getattr(found, name).to_dict("records") for name in _TABLES}})
