"""Everything that a run folder holds, read into records; a damaged file is refused with its path and a fix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from quantdl.backtest.judging.checklist import Checklist
from quantdl.errors import DataError, RunError
from quantdl.market.card import DataCard
from quantdl.records import as_object, from_plain
from quantdl.results.breakdowns import Breakdowns
from quantdl.results.census import CensusRecord, SeriesRecord
from quantdl.results.metrics import RunMetrics
from quantdl.results.plain_verdict import PlainVerdict, plain_verdict
from quantdl.results.setup import Setup, read_setup
from quantdl.results.tables import FIX, read_by_session, read_parquet
from quantdl.risk.book.predictions import BANDS
from quantdl.risk.stress.record import StressReport
from quantdl.runs.environment import Environment
from quantdl.runs.manifest import RunFolder
from quantdl.runs.selection import Selection
from quantdl.training.checkpoints import ModelDescription
from quantdl.training.execution import Execution
from quantdl.training.fit import EpochRecord

Content = TypeVar("Content")

STRATEGY, BASELINE = "strategy", "baseline"
"""Columns of the curves; ``<name>_drawdown`` stands beside each."""


@dataclass(frozen=True)
class PassRecord:
    """Mean loss per observed asset of one pass, in nats; None on the validation span where that is learned from too."""

    epoch: int
    train_loss: float
    validation_loss: float | None


@dataclass(frozen=True)
class FurtherFit:
    """A training after the first of a run.

    Attributes:
        member: Number of the ensemble's member, from 1; 1 of a model that is no ensemble.
        fit: Number of the fit of this member, from 1, in the order in which they were made.
        best_epoch: Which pass was kept.
        epochs: Its passes.
    """

    member: int
    fit: int
    best_epoch: int
    epochs: tuple[PassRecord, ...]


@dataclass(frozen=True)
class TrainingCourse:
    """What ``training.json`` holds: how every training of the run went, and how they were carried out.

    Attributes:
        best_epoch: Which pass of the first fit was kept.
        epochs: The passes of the first fit.
        execution: Of all fits; None where the run does not tell.
        further: The other fits: of the other members, on both spans, in the test span.
    """

    best_epoch: int
    epochs: tuple[EpochRecord, ...]
    execution: Execution | None = None
    further: tuple[FurtherFit, ...] = ()


@dataclass(frozen=True, eq=False)
class RunTables:
    """The tables of a run that its report draws.

    Attributes:
        curves: Value of both books over their initial money, and the return from their highest value so far: columns
            ``strategy, strategy_drawdown, baseline, baseline_drawdown``, indexed by session, the first of them the one
            before the run. A ruined book is NaN after its ruin.
        costs: Costs so far as fractions of the initial money, a column per kind, indexed by session.
        exposure: Gross and net exposure after each close's fills, columns ``gross, net``, indexed by session.
        groups: Gross exposure per group, indexed by session.
        trades: One row per trade.
        events: What the engine did without a decision of the strategy.
        conditions: Value of every invalidation condition, indexed by session.
        regimes: Column ``regime``, indexed by session.
        risk: Predicted value at risk against losses, long over levels.
        monitoring: Exceptions, transforms and money of e-processes, indexed by session; None where nothing was
            predicted.
        book_law: Quantiles of the book's predicted return, a column for each of `quantdl.risk.book.BANDS`, and what
            came as ``return``, indexed by session; None where nothing was predicted, and in runs made before it.
    """

    curves: pd.DataFrame
    costs: pd.DataFrame
    exposure: pd.DataFrame
    groups: pd.DataFrame
    trades: pd.DataFrame
    events: pd.DataFrame
    conditions: pd.DataFrame
    regimes: pd.DataFrame
    risk: pd.DataFrame
    monitoring: pd.DataFrame | None = None
    book_law: pd.DataFrame | None = None


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A finished run.

    Attributes:
        name: The run's name, from its config.
        run_id: The run's id, which differs between runs of one config.
        written: The config files as the user wrote them, by name: the one that was run, and those it extends.
        setup: What the run was asked to do.
        card: The data card, after the policies.
        census: The census of the data.
        series: The series beside the prices, by name; empty without any.
        environment: Versions and hardware of the run.
        model: The fitted model; None without one.
        training: The passes of its training; None where there were none.
        metrics: Every figure of the run.
        breakdowns: What its tables add up to.
        checklist: The verdict and its items.
        selection: Trials on this data and what is left of the Sharpe ratio.
        tables: What the report draws.
        stress: The book held at the end, put through scenarios; None where none was asked for, or in a run from before
            there was any.
    """

    name: str
    run_id: str
    written: Mapping[str, str]
    setup: Setup
    card: DataCard
    census: CensusRecord
    series: Mapping[str, SeriesRecord]
    environment: Environment
    model: ModelDescription | None
    training: TrainingCourse | None
    metrics: RunMetrics
    breakdowns: Breakdowns
    checklist: Checklist
    selection: Selection
    tables: RunTables
    stress: StressReport | None = None

    @property
    def plain_verdict(self) -> PlainVerdict:
        """The verdict in plain words."""
        return plain_verdict(self.checklist, self.metrics, self.card.declaration.frequency)


def read_run(run: RunFolder) -> RunRecord:
    """Read a run folder.

    Raises:
        RunError: If a file that every run has is missing, or a file is not of the form in which it is written.
        IntegrityError: If a file is not what the run wrote.
    """
    return RunRecord(
        name=run.name,
        run_id=run.id,
        written={name: run.read_text(name) for name in sorted(run.files) if name.startswith("written/")},
        setup=_read(run, "config.json", lambda plain: read_setup(as_object(plain))),
        card=_record(run, "card.json", DataCard),
        census=_record(run, "census.json", CensusRecord),
        series=_read(run, "series.json", _series) if "series.json" in run.files else {},
        environment=_record(run, "environment.json", Environment),
        model=_record(run, "model/model.json", ModelDescription) if "model/model.json" in run.files else None,
        training=_record(run, "training.json", TrainingCourse) if "training.json" in run.files else None,
        metrics=_record(run, "metrics.json", RunMetrics),
        breakdowns=_record(run, "breakdowns.json", Breakdowns),
        checklist=_record(run, "checklist.json", Checklist),
        selection=_record(run, "selection.json", Selection),
        tables=_tables(run),
        stress=_record(run, "stress.json", StressReport) if "stress.json" in run.files else None,
    )


def _tables(run: RunFolder) -> RunTables:
    drawn = [name for book in (STRATEGY, BASELINE) for name in (book, f"{book}_drawdown")]
    trade = ("asset", "entry", "exit", "bars", "pnl", "return_on_equity", "rule_in", "rule_out")
    return RunTables(
        curves=read_by_session(run, "curves", *drawn),
        costs=read_by_session(run, "cumulative_costs"),
        exposure=read_by_session(run, "equity", "gross", "net")[["gross", "net"]],
        groups=read_by_session(run, "exposures"),
        trades=read_parquet(run, "trades", *trade),
        events=read_parquet(run, "events", "session", "item", "condition", "detail"),
        conditions=read_by_session(run, "conditions"),
        regimes=read_by_session(run, "regimes", "regime"),
        risk=read_parquet(run, "risk", "session", "level", "value_at_risk", "loss", "exception", "source"),
        monitoring=_monitoring(run),
        book_law=_book_law(run),
    )


def _monitoring(run: RunFolder) -> pd.DataFrame | None:
    """Return the strip of the forecasts, where the run has one."""
    money = [f"{name}_money" for name in ("exceptions", "shortfall", "transforms")]
    if "monitoring.parquet" not in run.files:
        return None
    return read_by_session(run, "monitoring", "exception", "pit", *money)


def _book_law(run: RunFolder) -> pd.DataFrame | None:
    """Return the predicted law of the book by session, where the run has one."""
    if "book_law.parquet" not in run.files:
        return None
    columns = [*(f"{probability:g}" for probability in BANDS), "return"]
    return read_by_session(run, "book_law", *columns)[columns]


def _record(run: RunFolder, name: str, record: type[Content]) -> Content:
    return _read(run, name, lambda plain: from_plain(record, plain))


def _read(run: RunFolder, name: str, reader: Callable[[object], Content]) -> Content:
    plain = run.read_json(name)
    try:
        return reader(plain)
    except (ValueError, DataError) as error:
        raise RunError(f"{run.path / name}: not what a run of this version writes ({error}). {FIX}") from error


def _series(plain: object) -> dict[str, SeriesRecord]:
    return {name: from_plain(SeriesRecord, card) for name, card in as_object(plain).items()}
