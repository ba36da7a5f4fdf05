"""What a backtest says, in memory or read from a run folder: the verdict first, then the figures and the tables."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.backtest import Checklist
from quantdl.backtest.judging.checklist import ChecklistItem
from quantdl.errors import ConfigError
from quantdl.experiment.outcome import Outcome
from quantdl.report import write_report
from quantdl.report.quantities import Quantity
from quantdl.report.performance import HEADLINES
from quantdl.report.verdict import Verdict, row_of, verdict
from quantdl.report.formatting import headline, in_words
from quantdl.results.metrics import RunMetrics
from quantdl.results.run_record import BASELINE, STRATEGY, read_run
from quantdl.results.tables import read_by_session, read_parquet
from quantdl.risk.metrics import PerformanceMetrics
from quantdl.runs.manifest import RunFolder, open_run
from quantdl.runs.selection import Selection
from quantdl.shown import block, note, table, title

_WIDTH, _HEIGHT, _POINTS = 640, 160, 400
_SIGNS = {True: "✓ holds", False: "✗ failed", None: "? undecided"}


@dataclass(frozen=True)
class Said:
    """The verdict in plain words.

    Attributes:
        status: ``"defended"``, ``"relative evidence only"`` or ``"not defended"``.
        sentences: What it comes to, for whoever reads no statistics.
        reasons: What failed or could not be decided, one sentence each.
    """

    status: str
    sentences: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as text, a line a reason."""
        return "\n".join([self.sentences, *(f"  - {reason}" for reason in self.reasons)])

    def __repr__(self) -> str:
        """Return what a prompt shows."""
        return str(self)


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """A backtest under its plan: judged, measured, and ready to be written.

    Attributes:
        name: Of the run.
        checklist: Each item of the plan and how it fared.
        metrics: Every figure, as ``metrics.json`` holds it: ``metrics.strategy.sharpe``.
        equity: Money of the book at each close, costs taken off; named ``strategy``.
        baseline: The same of equal weight.
        trades: A row a trade: ``asset, entry, exit, bars, pnl, return_on_equity, rule_in, rule_out`` and more.
        selection: How much of the Sharpe ratio many trials leave; None where no trial was counted.
        folder: Of the run, where it is stored.
        outcome: All that the run left in memory; None of one that was read.
    """

    name: str
    checklist: Checklist
    metrics: RunMetrics
    equity: pd.Series
    baseline: pd.Series
    trades: pd.DataFrame
    selection: Selection | None = None
    folder: Path | None = None
    outcome: Outcome | None = None
    _written: Callable[[Path, Path | None], Path] | None = None

    @property
    def verdict(self) -> Said:
        """Whether the plan stands, in plain words, with the reasons."""
        said = _said(self.checklist)
        return Said(self.checklist.verdict, f"{said.title}. {said.reason}", said.causes)

    @cached_property
    def figures(self) -> pd.DataFrame:
        """The figures that a reader asks for first, of the strategy and of equal weight, as text with units."""
        books = {STRATEGY: self.metrics.strategy, "equal weight": self.metrics.baseline}
        rows = {shown.name: [_figure(shown, book) for book in books.values()] for shown in HEADLINES}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(books))

    def save(self, folder: Path | str | None = None, runs: Path | str = "runs") -> Path:
        """Write the run: config, strategy, data card, tables, figures and report. It is counted as a trial.

        Args:
            folder: The run folder, which must not exist; None for a new one among the runs.
            runs: Folder of runs, whose ledger counts the trial, where no folder is given.

        Returns:
            The run folder, which the command line reads and repeats: ``quantdl runs reproduce``.

        Raises:
            ConfigError: If this run was read from a folder.
            RunError: If the folder exists or the disk refuses.
        """
        if self._written is None:
            raise ConfigError(f"folder: this run is stored already, in {self.folder}. Fix: copy that folder.")
        return self._written(Path(runs) if folder is None else Path(folder).parent, None if folder is None else Path(folder))

    def report(self, path: Path | str) -> Path:
        """Write the report as one HTML file, the same that stands in a run folder; returns the file.

        Of a run that is not stored no trial is counted, so the report knows of this one alone.

        Raises:
            RunError: If the disk refuses.
        """
        if self.folder is not None:
            return write_report(open_run(self.folder), Path(path))
        assert self._written is not None  # a result is either stored or can be
        with tempfile.TemporaryDirectory(prefix="quantdl-") as runs:
            return write_report(open_run(self._written(Path(runs), None)), Path(path))

    def __repr__(self) -> str:
        """Return the verdict and the figures as text."""
        return f"{self.name}: {self.verdict}\n{self.figures.to_string()}"

    def _repr_html_(self) -> str:
        """Show the verdict, the figures, the two curves and the checklist."""
        said = self.verdict
        rows = [(name, *values) for name, values in self.figures.itertuples(index=True, name=None) and self._rows()]
        stored = "" if self.folder is None else f"Stored in {self.folder}."
        return block(
            title(f"{self.name}: {said.status}"),
            note(said.sentences),
            *(note(f"– {reason}") for reason in said.reasons),
            table(["", "strategy", "equal weight"], rows),
            curves_drawn({"strategy": self.equity, "equal weight": self.baseline}),
            note(stored),
        )
