"""What the prices of a new project can tell about themselves, and what only their owner can."""

import os
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from quantdl.errors import DataError
from quantdl.experiment.loading import load_bare
from quantdl.market.card import Adjustment
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.treatment import faults_at_loading
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from quantdl.market.sources.file_format import PLAIN_FILES, FileFormat

FEWEST_SESSIONS = 500
"""Sessions below which there is nothing to learn from, to choose by and to be judged on."""

NOT_STATED = "not stated"
_LONGEST_TEST, _LONGEST_VALIDATION = 1008, 504
_STRESS = (
    {"name": "crash of 2020", "first": date(2020, 2, 20), "last": date(2020, 4, 30)},
    {"name": "rate shock of 2022", "first": date(2022, 1, 3), "last": date(2022, 10, 14)},
)


@dataclass(frozen=True)
class Spans:
    """Where training, validation and test end and begin."""

    train_end: date
    validation_end: date
    test_start: date
    test_end: date
    test_sessions: int


@dataclass(frozen=True, eq=False)
class MarketFacts:
    """Prices of a new project.

    Attributes:
        panel: The prices.
        path: File or folder; None for the bundled set.
        settings: Keys of the ``data`` block that are known.
        broken_cells: Cells that cannot be right, by kind of fault: a run would refuse the prices until told otherwise.
    """

    panel: Panel
    path: Path | None
    settings: dict[str, object]
    broken_cells: dict[str, int] = field(default_factory=dict)

    @property
    def spans(self) -> Spans:
        """The last quarter, four years at most, is for the test; half as much before it for validation."""
        sessions = self.panel.sessions
        test = min(len(sessions) // 4, _LONGEST_TEST)
        validation = min(len(sessions) // 8, _LONGEST_VALIDATION)
        ends = (-test - validation - 1, -test - 1, -test, -1)
        train_end, validation_end, test_start, test_end = (sessions[end].date() for end in ends)
        return Spans(train_end, validation_end, test_start, test_end, test)

    @property
    def stress_windows(self) -> list[dict[str, object]]:
        """Known spans of stress that lie in the test span."""
        spans = self.spans
        inside = [one for one in _STRESS if spans.test_start <= one["first"] and one["last"] <= spans.test_end]  # type: ignore[operator]
        return [{**one, "first": str(one["first"]), "last": str(one["last"])} for one in inside]

    def declared(self, source: str, adjustment: Adjustment) -> Panel:
        """Return the prices with a card that says what their owner told."""
        card = self.panel.card
        stated = replace(card.declaration, source=source, adjustment=adjustment)
        return replace(self.panel, card=replace(card, declaration=stated))

    @property
    def has_volume(self) -> bool:
        """Whether the money that is traded can be measured."""
        return "volume" in self.panel.fields


def bundled_facts() -> MarketFacts:
    """Return the facts of the closes of twenty S&P 500 members that come with the installation."""
    panel, about = load_sp500(), {}
    card = panel.card.declaration
    for name in ("source", "timezone", "adjustment", "calendar"):
        about[name] = getattr(card, name)
    return MarketFacts(panel, None, about)


def facts_of_files(
    path: Path,
    calendar: str | None,
    file_format: FileFormat = PLAIN_FILES,
    symbol_pattern: str | None = None,
    adjustment: Adjustment | None = None,
) -> MarketFacts:
    """Return what files of daily bars tell: sessions, assets, fields, and the cells that cannot be right.

    Args:
        path: A folder of CSV files, a CSV file or a Parquet file.
        calendar: Trading calendar; see `load_bare`, which refuses to guess it.
        file_format: How the files are written, where they are no plain ones.
        symbol_pattern: How the names of CSV files spell symbols; None where they are the symbols.
        adjustment: What the prices are adjusted for, which nothing tells; None where it is to be asked.

    Raises:
        ConfigError: If no calendar is given.
        DataError: If nothing can be read, or there are too few sessions.
    """
    panel = load_bare(path, calendar, file_format=file_format, symbol_pattern=symbol_pattern)
    if len(panel.sessions) < FEWEST_SESSIONS:
        raise DataError(
            f"{path}: {len(panel.sessions):,} sessions; a strategy is fitted, chosen and judged on at least "
            f"{FEWEST_SESSIONS}. Bring a longer history."
        )
    broken: dict[str, int] = {}
    for fault in faults_at_loading(take_census(panel)):
        broken[fault.kind] = broken.get(fault.kind, 0) + fault.count
    card = panel.card.declaration
    parquet = path.is_file() and path.suffix.lower() != ".csv"
    settings: dict[str, object] = {"kind": "parquet" if parquet else "csv_folder", "timezone": card.timezone}
    settings |= {"calendar": card.calendar, "source": f"{NOT_STATED}; the files of {path.name}"}
    stated = {**vars(file_format), "symbol_pattern": symbol_pattern, "adjustment": adjustment}
    settings |= {name: value for name, value in stated.items() if value is not None}
    return MarketFacts(panel, path, settings, broken)


def read_on(path: Path) -> date:
    """Return the day on which the newest of some files was written, in the time of this machine."""
    files = [path] if path.is_file() else [file for file in path.iterdir() if file.is_file()]
    newest = max((os.stat(file).st_mtime for file in files), default=0.0)
    return date(1970, 1, 1) + timedelta(seconds=newest)
