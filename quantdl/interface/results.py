"""What a backtest says, in memory or read from a run folder: the verdict first, then the figures and the tables."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl import shown
from quantdl.backtest import Checklist
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.config.arguments import path_of
from quantdl.errors import ConfigError
from quantdl.experiment.outcome import Outcome
from quantdl.interface.drawing import Figure
from quantdl.report import charts, write_report
from quantdl.report.formatting import headline
from quantdl.report.look import BLUE, ORANGE
from quantdl.report.performance import HEADLINES, picture_of
from quantdl.report.quantities import Quantity, reason_of
from quantdl.results.metrics import RunMetrics
from quantdl.results.plain_verdict import PlainVerdict, plain_verdict
from quantdl.results.run_record import BASELINE, STRATEGY, read_run
from quantdl.results.tables import read_by_session, read_parquet
from quantdl.runs.manifest import RunFolder, open_run
from quantdl.runs.selection import Selection

_WIDTH, _HEIGHT, _POINTS = 640, 160, 320
EQUAL_WEIGHT = "equal weight"


@dataclass(frozen=True)
class Said:
    """The verdict of a run in plain words.

    Attributes:
        status: ``"defended"``, ``"relative evidence only"`` or ``"not defended"``.
        plain: What was found, what to do about it, and why; see `quantdl.results.plain_verdict`.
    """

    status: str
    plain: PlainVerdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence for every other check that failed, or could not be decided where none did."""
        return self.plain.reasons

    @property
    def sentences(self) -> str:
        """Two sentences for whoever reads no statistics."""
        return f"{self.plain.headline} {self.plain.advice}"

    def __str__(self) -> str:
        """Return it as text, a line a reason."""
        return "\n".join([f"{self.status}: {self.sentences}", *(f"  - {reason}" for reason in self.reasons)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show it, the reasons below."""
        return shown.block(shown.title(self.status), shown.note(self.sentences), *map(_listed, self.reasons))


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """A backtest under its plan: judged, measured, and ready to be written.

    Attributes:
        name: Of the run.
        frequency: Length of a bar, as the data card states it.
        checklist: Each item of the plan and how it fared.
        metrics: Every figure, as ``metrics.json`` holds it: ``metrics.strategy.sharpe``.
        equity: (T,) money of the book at each close, costs taken off.
        baseline: (T,) the same of equal weight on the same assets and costs.
        trades: A row a trade: ``asset, entry, exit, bars, pnl, return_on_equity, rule_in, rule_out`` and more.
        curves: Both books over their initial money and their drawdowns, which `plot` draws; see
            `quantdl.results.run_record.RunTables`.
        stress_windows: Spans that the plan reports on their own.
        selection: How much of the Sharpe ratio many trials leave; None where no trial was counted.
        folder: Of the run, where it is stored.
        outcome: All that the run left in memory; None of one that was read.
        written: Writes the run among those of a folder, under a name or a new one; None of one that was read.
    """

    name: str
    frequency: str
    checklist: Checklist
    metrics: RunMetrics
    equity: pd.Series
    baseline: pd.Series
    trades: pd.DataFrame
    curves: pd.DataFrame
    stress_windows: tuple[StressWindow, ...] = ()
    selection: Selection | None = None
    folder: Path | None = None
    outcome: Outcome | None = None
    written: Callable[[Path, str | None], Path] | None = None

    @property
    def verdict(self) -> Said:
        """Whether the plan stands, in plain words, with the reasons."""
        plain = plain_verdict(self.checklist, self.metrics, self.frequency)
        return Said(self.checklist.verdict, plain)

    @cached_property
    def figures(self) -> pd.DataFrame:
        """The figures that a reader asks for first, of the strategy and of equal weight, as text with units.

        One that does not exist says why: ``undefined: all returns are equal``.
        """
        books = {STRATEGY: self.metrics.strategy, EQUAL_WEIGHT: self.metrics.baseline}
        rows = {quantity.name: [_figure(quantity, book) for book in books.values()] for quantity in HEADLINES}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(books))

    def save(self, folder: Path | str | None = None, runs: Path | str = "runs") -> Path:
        """Write the run: config, strategy, prices, tables, figures and report. It is counted as a trial.

        Args:
            folder: The run folder, which must not exist; None for a new one among the runs.
            runs: Folder of runs, where no folder is given. The ledger beside the run folder counts the trial.

        Returns:
            The run folder, which the command line shows, verifies and repeats.

        Raises:
            ConfigError: If this run is stored already, or a folder is no path.
            RunError: If the folder exists or the disk refuses.
        """
        if self.written is None:
            raise ConfigError(f"folder: this run is stored already, in {self.folder}. Fix: copy that folder.")
        if folder is None:
            return self.written(path_of(runs, "runs", "the folder of runs"), None)
        place = path_of(folder, "folder", "the path of a new folder, or None")
        return self.written(place.parent, place.name)

    def report(self, path: Path | str) -> Path:
        """Write the report as one HTML file, the same that stands in a run folder; returns the file.

        No trial is counted of a run that is not stored, so its report knows of this one alone.

        Raises:
            ConfigError: If the file is no path.
            RunError: If the disk refuses.
        """
        file = path_of(path, "path", "the path of a new HTML file")
        if self.folder is not None:
            return write_report(open_run(self.folder), file)
        assert self.written is not None  # a result is either stored or can be
        with tempfile.TemporaryDirectory(prefix="quantdl-") as runs:
            return write_report(open_run(self.written(Path(runs), None)), file)

    def plot(self) -> Figure:
        """Draw the report's picture: equity and drawdown of both books, with stress windows and a halt shaded."""
        return charts.figure(picture_of(self.curves, self.metrics, self.stress_windows))

    def __repr__(self) -> str:
        """Return the verdict and the figures as text."""
        return f"{self.name}, {self.verdict}\n{self.figures.to_string(max_colwidth=None)}"

    def _repr_html_(self) -> str:
        """Show the verdict, the figures and both curves."""
        rows = [(str(name), *values) for name, values in zip(self.figures.index, self.figures.to_numpy(), strict=True)]
        said = self.verdict
        return shown.block(
            shown.title(f"{self.name}: {said.status}"),
            shown.note(said.sentences),
            *map(_listed, said.reasons),
            shown.table(["", *map(str, self.figures.columns)], rows),
            curves_drawn({STRATEGY: self.equity, EQUAL_WEIGHT: self.baseline}),
            shown.note("" if self.folder is None else f"Stored in {self.folder}."),
        )


def result_of(
    name: str,
    outcome: Outcome,
    written: Callable[[Path, str | None], Path],
    stress_windows: tuple[StressWindow, ...] = (),
) -> Result:
    """Return what a run left in memory as a result.

    Args:
        name: Of the run.
        outcome: What it left.
        written: See `Result`.
        stress_windows: Of its plan.
    """
    return Result(
        name=name,
        frequency=outcome.data.panel.card.declaration.frequency,
        checklist=outcome.checklist,
        metrics=outcome.metrics,
        equity=outcome.result.equity["equity"].rename(STRATEGY),
        baseline=outcome.baseline.equity["equity"].rename(BASELINE),
        trades=outcome.result.trades,
        curves=outcome.judgement.curves,
        stress_windows=stress_windows,
        outcome=outcome,
        written=written,
    )


def read_result(run: RunFolder) -> Result:
    """Return a stored run as a result.

    Raises:
        RunError: If a file that every run has is missing, or a file is not of the form in which it is written.
        IntegrityError: If a file is not what the run wrote.
    """
    record = read_run(run)
    return Result(
        name=record.name,
        frequency=record.card.declaration.frequency,
        checklist=record.checklist,
        metrics=record.metrics,
        equity=read_by_session(run, "equity", "equity")["equity"].rename(STRATEGY),
        baseline=read_by_session(run, "baseline", "equity")["equity"].rename(BASELINE),
        trades=read_parquet(run, "trades"),
        curves=record.tables.curves,
        stress_windows=record.setup.plan.abnormal_volatility.stress_windows,
        selection=record.selection,
        folder=run.path,
    )


def curves_drawn(curves: Mapping[str, pd.Series]) -> str:
    """Return curves over their first values as a small picture: SVG that loads nothing.

    Args:
        curves: By name, at most two, over the same sessions.
    """
    relative = {name: _thinned(curve / curve.iloc[0]) for name, curve in curves.items() if len(curve) > 1}
    values = [point for curve in relative.values() for point in curve if np.isfinite(point)]
    if not values:
        return ""
    low, high = min(values), max(values)
    room = (high - low) or 1.0
    lines, colors = [], (BLUE, ORANGE)
    for number, (name, curve) in enumerate(relative.items()):
        places = zip(np.linspace(0, _WIDTH, len(curve)), curve, strict=True)
        points = " ".join(f"{x:.1f},{4 + (_HEIGHT - 8) * (high - y) / room:.1f}" for x, y in places if np.isfinite(y))
        dash = ' stroke-dasharray="5 3"' * number
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{colors[number]}" stroke-width="1.5"{dash}>'
            f"<title>{shown.shown(name)}</title></polyline>"
        )
    first = next(iter(curves.values()))
    span = f"{first.index[0]:%Y-%m-%d} to {first.index[-1]:%Y-%m-%d}"
    what = ", ".join(f"{name} {100 * (curve[-1] - 1):+.1f}%" for name, curve in relative.items())
    label = f"Value of both books, {span}: {what} (solid: strategy, dashed: equal weight)"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" style="max-width:{_WIDTH}px;width:100%;height:auto" role="img" '
        f'aria-label="{shown.shown(label)}">{"".join(lines)}</svg>{shown.note(label)}'
    )


def _thinned(curve: pd.Series) -> np.ndarray:
    rows = np.unique(np.linspace(0, len(curve) - 1, _POINTS).astype(int))
    return np.asarray(curve.to_numpy(dtype=np.float64)[rows])


def _figure(quantity: Quantity, book: object) -> str:
    value = quantity.value(book)
    return reason_of(book, quantity.field) if value is None else headline(value, quantity.unit)


def _listed(reason: str) -> str:
    return shown.note(f"– {reason}")
