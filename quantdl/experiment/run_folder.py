"""An outcome as a run folder: every file named here, written at once or not at all."""

import math
import re
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from quantdl.backtest.judging.summaries import cumulative_costs
from quantdl.config import ExperimentConfig, standalone_yaml
from quantdl.config.forecast_schema import ScenarioFile
from quantdl.config.schema import PRICES_COPY, SCENARIOS_COPY
from quantdl.experiment.models import FittedBlock
from quantdl.experiment.outcome import FailedRunError, Outcome
from quantdl.experiment.trials import checked_ledger, record_failure, record_trial
from quantdl.experiment.unfinished import keeping_unfinished
from quantdl.market.exchanges.settlement import Settlements, settlements
from quantdl.market.panel import Panel
from quantdl.market.sources.settings import AlignedPrices
from quantdl.market.storage.store import save_panel
from quantdl.report import write_report
from quantdl.results.breakdowns import break_down
from quantdl.results.census import census_record, series_record
from quantdl.results.run_record import FurtherFit, PassRecord, TrainingCourse
from quantdl.results.tables import write_parquet
from quantdl.runs.environment import environment, lock
from quantdl.runs.manifest import FAILURE
from quantdl.runs.store import RunWriter, remove_abandoned
from quantdl.training.checkpoints import save_checkpoint
from quantdl.training.fit import FitReport, Progress

REPORT = "report.html"
"""Name of the report in a run folder."""


def write_run(
    config: ExperimentConfig,
    output: Path | None,
    carry_out: Callable[[], Outcome],
    progress: Progress | None = None,
    panel: Panel | None = None,
) -> Path:
    """Carry a config out inside a run folder that appears only when it is complete.

    The folder is claimed before the work begins, so a name that is taken is refused at once. Of a run whose strategy
    failed, what was asked for and why it failed are kept.

    Args:
        config: Of the run.
        output: The folder, or None for a new one under the config's root.
        carry_out: Does the work.
        progress: Told that the report is being written.
        panel: Prices that the config names as stored beside it; None where they stand elsewhere.

    Raises:
        FailedRunError: If the strategy failed, once that is kept.
        RunError: If the folder exists or the disk refuses.
    """
    root = config.runs_root if output is None else output.parent
    if root.is_dir():
        remove_abandoned(root)
    checked_ledger(config)
    writer = RunWriter(root, config.name, None if output is None else output.name)
    failed: FailedRunError | None = None
    with keeping_unfinished(config), writer as run:
        started = time.monotonic()
        if panel is not None:
            save_panel(panel, run.path(PRICES_COPY))
        try:
            outcome = carry_out()
        except FailedRunError as error:
            failed = error
            _write_failure(run, config, error, time.monotonic() - started)
        else:
            _write_all(run, config, outcome, started, progress)
    if failed is not None:
        raise FailedRunError(f"{failed} The failed run is kept in {run.target}.", failed.failure, failed.card)
    return run.target


def _write_all(
    run: RunWriter, config: ExperimentConfig, outcome: Outcome, started: float, progress: Progress | None
) -> None:
    if progress:
        progress("writing the report", 0, 1)
    _write_request(run, config)
    _write_surroundings(run)
    write_outcome(run, config, outcome)
    run.write_json("selection.json", record_trial(config, outcome, run.id))
    run.write_text("log.txt", _log(outcome, time.monotonic() - started))
    write_report(run.so_far(), run.path(REPORT))
    if progress:
        progress("writing the report", 1, 1)


def _write_failure(run: RunWriter, config: ExperimentConfig, failed: FailedRunError, seconds: float) -> None:
    """Write what was asked for and why it failed; it counts as a trial."""
    _write_request(run, config)
    _write_surroundings(run)
    run.write_json(FAILURE, failed.failure)
    run.write_text("log.txt", f"{seconds:.1f} s in all\nfailed: {failed}\n")
    record_failure(config, failed, run.id)


def write_outcome(run: RunWriter, config: ExperimentConfig, outcome: Outcome) -> None:
    """Write what follows from the config, the data, the seed and the code alone: the same bytes each time."""
    _write_data(run, outcome)
    _write_model(run, outcome)
    _write_tables(run, outcome)
    run.write_json("metrics.json", outcome.metrics)
    run.write_json("breakdowns.json", break_down(outcome.result, outcome.forecasts, outcome.by_strategy))
    if outcome.stress is not None:
        run.write_json("stress.json", outcome.stress)
    run.write_json("settlement.json", _settlements(config, outcome))
    run.write_json("checklist.json", outcome.checklist)


def _write_request(run: RunWriter, config: ExperimentConfig) -> None:
    run.write_text("config.yaml", standalone_yaml(config, run.target))
    for number, (path, text) in enumerate(config.source.texts.items(), start=1):
        run.write_text(f"written/{number}_{re.sub(r'[^A-Za-z0-9_.-]', '_', path.name)}", text)
    run.write_json("config.json", config.model_dump(mode="json"))
    for copy, source in config.strategy_texts.items():
        run.write_bytes(copy, source)
    if isinstance(config.stress, ScenarioFile):
        run.write_bytes(SCENARIOS_COPY, config.locate(config.stress.file).read_bytes())


def _write_surroundings(run: RunWriter) -> None:
    surroundings = environment()
    run.write_json("environment.json", surroundings)
    run.write_text("lock.txt", lock(surroundings.packages))


def _write_data(run: RunWriter, outcome: Outcome) -> None:
    data = outcome.data
    run.write_json("card.json", data.panel.card)
    run.write_json("census.json", census_record(data.census, data.panel))
    series = {**data.series, **{rate.series.name: rate.series for rate in data.exchange_rates}}
    if series:
        run.write_json("series.json", {name: series_record(one) for name, one in series.items()})


def _write_model(run: RunWriter, outcome: Outcome) -> None:
    if outcome.fitted is None:
        return
    folder = run.path("model/model.json").parent
    save_checkpoint(folder, outcome.fitted.fitted, outcome.fitted.architecture)
    course = training_course(outcome.fitted)
    if course is not None:
        run.write_json("training.json", course)


def training_course(block: FittedBlock) -> TrainingCourse | None:
    """How every training of a model went, member by member and fit by fit; None without any."""
    numbered = [
        (member, fit, report)
        for member, own in enumerate(block.members or (block,), start=1)
        for fit, report in enumerate(own.reports, start=1)
    ]
    if not numbered:
        return None
    _, _, first = numbered[0]
    further = (FurtherFit(member, fit, report.best_epoch, _passes(report)) for member, fit, report in numbered[1:])
    return TrainingCourse(first.best_epoch, first.epochs, first.execution, tuple(further))


def _passes(report: FitReport) -> tuple[PassRecord, ...]:
    losses = [(one, one.validation_loss) for one in report.epochs]
    return tuple(PassRecord(one.epoch, one.train_loss, loss if math.isfinite(loss) else None) for one, loss in losses)


def _write_tables(run: RunWriter, outcome: Outcome) -> None:
    result = outcome.result
    tables = {
        "equity": result.equity,
        "baseline": outcome.baseline.equity[["equity", "gross"]],
        "curves": outcome.judgement.curves,
        "cumulative_costs": cumulative_costs(result),
        "weights": result.weights_after_fill,
        "orders": result.orders,
        "fills": result.fills,
        "trades": result.trades,
        "exposures": result.exposures,
        "events": result.events,
        "conditions": result.conditions,
        "regimes": result.regimes,
        "risk": outcome.judgement.risk,
    }
    if outcome.data.universe is not None:
        tables["universe"] = outcome.data.universe.changes()
    if outcome.judgement.monitoring is not None:
        tables["monitoring"] = outcome.judgement.monitoring
    if outcome.judgement.bands is not None and len(outcome.judgement.bands):
        tables["book_law"] = outcome.judgement.bands
    if outcome.forecasts is not None:
        tables["forecasts"] = outcome.forecasts
    if outcome.by_strategy is not None:
        shared = outcome.by_strategy
        tables |= {"strategy_pnl": shared.pnl, "strategy_fills": shared.fills, "strategy_trades": shared.trades}
    for name, table in tables.items():
        write_parquet(table, run.path(f"{name}.parquet"))


def _settlements(config: ExperimentConfig, outcome: Outcome) -> Settlements:
    """When the fills of each session are settled, for the record: the book counts money at the fill."""
    calendar = outcome.data.panel.card.declaration.calendar
    if isinstance(config.data, AlignedPrices):
        return Settlements(calendar, {}, "The fills were made on several exchanges, each with a cycle of its own.")
    exchange = outcome.data.panel.card.declaration.trading_calendar()
    filled = outcome.result.equity.index.get_indexer(pd.DatetimeIndex(outcome.result.fills["session"]))
    return settlements(outcome.result.session_of_each[filled], exchange)


def _log(outcome: Outcome, seconds: float) -> str:
    lines = [f"{seconds:.1f} s in all"]
    fitted = outcome.fitted
    for number, block in enumerate(() if fitted is None else fitted.members or (fitted,), start=1):
        named = f"member {number}, {block.architecture.settings['kind']}: " if block is not fitted else ""
        lines += [] if block.report is None else [named + line for line in _course(block.report)]
    lines.append(f"verdict: {outcome.checklist.verdict}")
    return "\n".join(lines) + "\n"


def _course(report: FitReport) -> list[str]:
    lines = [
        f"epoch {record.epoch}: training {record.train_loss:.5f}, validation {record.validation_loss:.5f} (nats)"
        for record in report.epochs
    ]
    lines.append(f"kept epoch {report.best_epoch}")
    return lines if report.execution is None else [*lines, f"trained on {report.execution.described}"]
