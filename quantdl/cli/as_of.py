"""What is forecast and ordered as of a session, printed and written as CSV."""

from datetime import date
from pathlib import Path

from quantdl.cli.printing import print_json, print_table
from quantdl.cli.saying import say
from quantdl.disk import disk_errors, publishing
from quantdl.errors import ConfigError
from quantdl.experiment.as_of import AsOf
from quantdl.records import json_text, to_plain
from quantdl.results.tables import csv_text

_TABLES = ("law", "risk", "orders", "exits", "positions", "events")
_FACTS = ("session", "next_session", "fitted_through", "equity", "cash", "fill_at", "halted")
_ORDER = (
    "asset",
    "rule",
    "kind",
    "side",
    "quantity",
    "reference_price",
    "worst_price",
    "trigger_price",
    "target_weight",
)
_EXITS = ("asset", "rule", "stop_price", "target_price", "trail")
_RISK = ("book", "window", "level", "value_at_risk", "expected_shortfall", "value_at_risk_money", "basis")
_LAW = ("asset", "window", "mean", "q01", "q05", "median", "q95", "q99")


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
        (partial / "as_of.json").write_text(json_text(to_plain(_facts(found)), "as_of.json"), encoding="utf-8")


def print_as_of(found: AsOf) -> None:
    """Print the law of the next session, the risk of the book, the orders and the exits of positions."""
    facts = [f"{name.replace('_', ' ')}: {value}" for name, value in _facts(found).items() if value not in (None, "")]
    law = found.law[found.law["window"] == "next_session"]
    tables = (law, found.risk, found.orders, found.exits)
    titles = (
        "Log return of the next session",
        "Risk, as a fraction of equity",
        f"Orders, to fill at {found.fill_at}",
        "Exits",
    )
    for title, table, columns in zip(titles, tables, (_LAW, _RISK, _ORDER, _EXITS), strict=True):
        if len(table):
            shown = table[list(columns)].astype(object)
            print_table(title, list(columns), shown.where(shown.notna(), None).to_numpy().tolist())
    for _, event in found.events.iterrows():
        say(f"{event['item']}: {event['detail']}")
    say("\n".join(facts if len(found.orders) else [*facts, "orders: none"]))


def print_as_of_json(found: AsOf) -> None:
    """Print everything as JSON; an undefined number is null."""
    print_json({**_facts(found), **{name: getattr(found, name).to_dict("records") for name in _TABLES}})


def _facts(found: AsOf) -> dict[str, object]:
    return {name: getattr(found, name) for name in _FACTS}
