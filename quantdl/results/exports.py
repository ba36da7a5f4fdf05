"""Everything that a run or an evaluation holds in figures, as tables for CSV files and spreadsheets."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import TypeGuard

import pandas as pd

from quantdl.disk import disk_errors, publishing
from quantdl.errors import RunError
from quantdl.results.run_record import BASELINE, STRATEGY
from quantdl.results.tables import csv_text, read_parquet
from quantdl.risk.curves.metrics import PerformanceMetrics
from quantdl.runs.manifest import FAILURE, RunFolder

RECORDS = ("checklist", "metrics", "breakdowns", "selection", "stress", "evaluation")
"""Records whose figures are laid out as tables, in the order in which a reader wants them."""
TABLES = ("equity", "trades", "orders", "fills", "risk", "exposures", "weights")
"""Tables of a run that come before its others."""
_ROW = "row"
_NAMING = (
    _ROW,
    "name",
    "item",
    "model",
    "asset",
    "rule",
    "kind",
    "test",
    "level",
)  # columns that a reader looks for first
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNDEFINED = "undefined"
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.-]")


def exported_tables(run: RunFolder) -> Iterator[tuple[str, pd.DataFrame]]:
    """Lay out all that a run or an evaluation has found: first its records, then its tables.

    One table is in memory at a time. The books of a run, strategy and baseline, stand side by side in ``figures``; what
    else a record holds is a row a figure, with the reason where it is undefined, and each list of records is a table of
    its own, named after its place.

    Args:
        run: An opened folder of a run or an evaluation.

    Yields:
        Names and tables; sessions are a column.

    Raises:
        RunError: If the run failed, or a table is not readable.
        IntegrityError: If a file is not what was written.
    """
    if FAILURE in run.files:
        raise RunError(f"{run.path}: this run failed, so it has no tables. `quantdl runs show` says why.")
    for name in RECORDS:
        if f"{name}.json" in run.files:
            yield from record_tables(name, run.read_json(f"{name}.json"))
    stored = sorted(name.removesuffix(".parquet") for name in run.files if re.fullmatch(r"[^/]+\.parquet", name))
    for name in sorted(stored, key=lambda name: TABLES.index(name) if name in TABLES else len(TABLES)):
        yield name, read_parquet(run, name)


def record_tables(name: str, plain: object) -> Iterator[tuple[str, pd.DataFrame]]:
    """Lay a record out as tables: its books side by side, its other figures a row each, its lists a table each.

    Args:
        name: Of the record.
        plain: As JSON holds it.

    Example:
        >>> record = {"n": 2, "undefined": {"sharpe": "no returns"}, "sharpe": None, "items": [{"item": "a", "x": 1}]}
        >>> for name, table in record_tables("found", record):
        ...     print(name, table.to_numpy().tolist())
        found [['n', 2, ''], ['sharpe', None, 'no returns']]
        found.items [['a', 1]]
    """
    content = dict(plain) if isinstance(plain, dict) else {"value": plain}
    strategy, baseline = content.get(STRATEGY), content.get(BASELINE)
    if isinstance(strategy, dict) and isinstance(baseline, dict):
        yield "figures", _side_by_side(strategy, baseline)
        del content[STRATEGY], content[BASELINE]
    laid_out = _LaidOut()
    laid_out.add(content, "")
    if laid_out.figures:
        yield name, pd.DataFrame(laid_out.figures, columns=["figure", "value", _UNDEFINED], dtype=object)
    for path, rows in laid_out.lists.items():
        columns = sorted({column for row in rows for column in row}, key=_naming_first)
        yield f"{name}.{path}", pd.DataFrame(rows, columns=columns, dtype=object)


def write_csv_folder(tables: Iterable[tuple[str, pd.DataFrame]], folder: Path) -> Path:
    """Write each table as a CSV file, see `quantdl.results.tables.csv_text`; all of them, or nothing.

    Args:
        tables: Names and tables.
        folder: To be made; a file is called as its table, with ``_`` for what not every disk allows.

    Returns:
        The folder.

    Raises:
        AlreadyStoredError: If the folder exists.
        RunError: If the disk refuses.
    """
    taken: set[str] = set()
    with publishing(folder) as partial, disk_errors(folder):
        for name, table in tables:
            stem = unused(_NOT_PLAIN.sub("_", name).lstrip("."), taken, 100)
            (partial / f"{stem}.csv").write_text(csv_text(table), encoding="utf-8", newline="", errors="replace")
    return folder


def unused(name: str, taken: set[str], longest: int) -> str:
    """Return a name of at most ``longest`` characters that is not taken, and take it; case does not count.

    Example:
        >>> taken = set()
        >>> [unused("Equity", taken, 7), unused("equity", taken, 7)]
        ['Equity', 'equ (2)']
    """
    found, number = name[:longest] or "table", 1
    while found.casefold() in taken:
        number += 1
        ending = f" ({number})"
        found = f"{name[: longest - len(ending)]}{ending}"
    taken.add(found.casefold())
    return found


def _side_by_side(strategy: Mapping[str, object], baseline: Mapping[str, object]) -> pd.DataFrame:
    """Figures of both books in the order of their record, with the reasons of what is undefined."""
    known = [one.name for one in fields(PerformanceMetrics) if one.name in strategy and one.name != _UNDEFINED]
    further = [name for name in strategy if name not in known and name != _UNDEFINED]
    rows = [
        (name, _cell(strategy[name]), _cell(baseline.get(name)), _reason(strategy, name) or _reason(baseline, name))
        for name in (*known, *further)
    ]
    return pd.DataFrame(rows, columns=["figure", STRATEGY, BASELINE, _UNDEFINED], dtype=object)


@dataclass
class _LaidOut:
    """What has been laid out of a record so far: single figures, and lists by their place."""

    figures: list[tuple[str, object, str]] = field(default_factory=list)
    lists: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def add(self, content: Mapping[str, object], before: str) -> None:
        for name, value in content.items():
            path = f"{before}{name}"
            if name == _UNDEFINED and isinstance(value, dict):
                continue
            if isinstance(value, dict):
                self.add(value, f"{path}.")
            elif _is_list_of_records(value):
                self.add_list(path, value)
            elif value != []:
                self.figures.append((path, _cell(value), _reason(content, name)))

    def add_list(self, path: str, records: list[dict[str, object]], outer: int | None = None) -> None:
        """Add the records of a list as rows; lists inside of them are tables that name the row they belong to."""
        rows = self.lists.setdefault(path, [])
        for record in records:
            row: dict[str, object] = {} if outer is None else {_ROW: outer}
            rows.append(row)
            self._fill(row, record, "", path, len(rows))

    def _fill(self, row: dict[str, object], record: Mapping[str, object], before: str, path: str, number: int) -> None:
        for name, value in record.items():
            if name == _UNDEFINED and isinstance(value, dict):
                row[f"{before}{name}"] = "; ".join(f"{figure}: {reason}" for figure, reason in value.items())
            elif isinstance(value, dict):
                self._fill(row, value, f"{before}{name}.", path, number)
            elif _is_list_of_records(value):
                self.add_list(f"{path}.{before}{name}", value, number)
            elif value != []:
                row[f"{before}{name}"] = _cell(value)


def _is_list_of_records(value: object) -> TypeGuard[list[dict[str, object]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _cell(value: object) -> object:
    """Return what stands in one cell: a list as its texts, and a day, which JSON holds as text, as a day."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def _naming_first(column: str) -> tuple[int, str]:
    return (_NAMING.index(column) if column in _NAMING else len(_NAMING)), column


def _reason(record: Mapping[str, object], name: str) -> str:
    reasons = record.get(_UNDEFINED)
    return str(reasons.get(name, "")) if isinstance(reasons, dict) else ""
