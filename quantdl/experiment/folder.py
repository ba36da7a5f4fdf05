"""An outcome as a run folder: every file named here, written at once or not at all."""

import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from quantdl.config import ExperimentConfig, standalone_yaml
from quantdl.experiment.outcome import Outcome
from quantdl.experiment.provenance import environment, lock, trial_of
from quantdl.market.card import DataCard
from quantdl.market.exchanges.settlement import Settlements, settlements
from quantdl.market.series.exogenous import ExogenousSeries
from quantdl.market.sources.settings import AlignedPrices
from quantdl.records import to_plain
from quantdl.report import write_report
from quantdl.risk.metrics import PerformanceMetrics
from quantdl.runs.ledger import Ledger, PeriodSharpe
from quantdl.runs.selection import Selection, selection_report
from quantdl.runs.store import RunWriter, remove_abandoned
from quantdl.training.checkpoints import save_checkpoint
from quantdl.training.fit import FitReport, Progress

_LOADING = ("on_fault", "silence", "sectors", "intraday")
"""What a declaration tells the loader: the panel has followed it."""

LEDGER = "ledger.jsonl"
"""Name of the ledger of trials, beside the run folders."""


def write_run(
    config: ExperimentConfig, output: Path | None, carry_out: Callable[[], Outcome], progress: Progress | None = None
) -> Path:
    """Carry a config out inside a run folder that appears only when it is complete.

    The folder is claimed before the work begins, so a name that is taken is refused at once.

    Args:
        config: Of the run.
        output: The folder, or None for a new one under the config's root.
        carry_out: Does the work.
        progress: Told that the report is being written.

    Raises:
        RunError: If the folder exists or the disk refuses.
    """
    root = config.runs_root if output is None else output.parent
    if root.is_dir():
        remove_abandoned(root)
    ledger_of(config).read()  # a damaged ledger is better found before the work than after it
    with RunWriter(root, config.name, None if output is None else output.name) as run:
        started = time.monotonic()
        outcome = carry_out()
        if progress:
            progress("writing the report", 0, 1)
        _write_inputs(run, config, outcome)
        _write_model(run, outcome)
        _write_tables(run, outcome)
        run.write_json("settlement.json", to_plain(_settlements(config, outcome)))
        run.write_json("metrics.json", to_plain(outcome.metrics))
        run.write_json("checklist.json", to_plain(outcome.checklist))
        run.write_json("selection.json", to_plain(record_trial(config, outcome, run.id)))
        run.write_text("log.txt", _log(outcome, time.monotonic() - started))
        write_report(run.so_far(), run.path("report.html"))
        if progress:
            progress("writing the report", 1, 1)
    return run.target


def _write_inputs(run: RunWriter, config: ExperimentConfig, outcome: Outcome) -> None:
    surroundings = environment()
    run.write_text("config.yaml", standalone_yaml(config, run.target, "strategy.py"))
    for number, (path, text) in enumerate(config.source.texts.items(), start=1):
        run.write_text(f"written/{number}_{re.sub(r'[^A-Za-z0-9_.-]', '_', path.name)}", text)
    run.write_json("config.json", config.model_dump(mode="json"))
    run.write_bytes("strategy.py", config.locate(config.strategy.file).read_bytes())
    run.write_json("card.json", _card(outcome.data.panel.card))
    run.write_json("census.json", {**outcome.data.census.to_json(), "traded_by_year": _traded_by_year(outcome)})
    if outcome.data.series:
        run.write_json("series.json", {name: _series_card(series) for name, series in outcome.data.series.items()})
    run.write_json("environment.json", surroundings)
    run.write_text("lock.txt", lock(surroundings["packages"]))


def _card(card: DataCard) -> dict[str, object]:
    said = asdict(card.declaration)
    left = {name: value for name, value in said.items() if name not in _LOADING}
    return {**left, "as_of": str(said["as_of"]), "fields": card.fields, "fingerprint": card.fingerprint}


def _series_card(series: ExogenousSeries) -> dict[str, object]:
    said = asdict(series.card.declaration)
    span = {"first": series.observed_on[0], "last": series.observed_on[-1]}
    days = {name: f"{day:%Y-%m-%d}" for name, day in span.items()}
    return {**said, "as_of": str(said["as_of"]), "fingerprint": series.card.fingerprint, **days}


def _traded_by_year(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Share of each year's sessions on which each asset traded, after the policies."""
    panel = outcome.data.panel
    traded = pd.DataFrame(panel.traded, panel.sessions, list(panel.assets), dtype=float)
    shares = traded.groupby(panel.sessions.year).mean()
    return {asset: {str(year): float(share) for year, share in shares[asset].items()} for asset in panel.assets}


def _write_model(run: RunWriter, outcome: Outcome) -> None:
    if outcome.fitted is None:
        return
    folder = run.path("model/model.json").parent
    save_checkpoint(folder, outcome.fitted.fitted, outcome.fitted.architecture)
    if outcome.fitted.report is not None:
        run.write_json("training.json", _training(outcome.fitted.report))


def _training(report: FitReport) -> dict[str, object]:
    return {"best_epoch": report.best_epoch, "epochs": [asdict(record) for record in report.epochs]}


def _settlements(config: ExperimentConfig, outcome: Outcome) -> Settlements:
    """When the fills of each session are settled, for the record: the book counts money at the fill."""
    calendar = outcome.data.panel.card.declaration.calendar
    if isinstance(config.data, AlignedPrices):
        return Settlements(calendar, {}, "The fills were made on several exchanges, each with a cycle of its own.")
    return settlements(pd.DatetimeIndex(outcome.result.fills["session"]), calendar)


def _write_tables(run: RunWriter, outcome: Outcome) -> None:
    result = outcome.result
    tables = {
        "equity": result.equity,
        "baseline": outcome.baseline.equity[["equity", "gross"]],
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
    if outcome.forecasts is not None:
        tables["forecasts"] = outcome.forecasts
    for name, table in tables.items():
        write_parquet(table, run.path(f"{name}.parquet"))


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table so that equal tables give equal bytes: no writer's version, no clock."""
    by_session = table.reset_index(names="session") if isinstance(table.index, pd.DatetimeIndex) else table
    arrow = pa.Table.from_pandas(by_session, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(arrow, path, compression="zstd", store_schema=False)


def ledger_of(config: ExperimentConfig) -> Ledger:
    """The ledger of the config's root: one for all runs, wherever a single run folder is put."""
    return Ledger(config.runs_root / LEDGER)


def record_trial(config: ExperimentConfig, outcome: Outcome, run_id: str) -> Selection:
    """Record the trial, then judge it among all on the same data."""
    fingerprint = outcome.data.panel.card.fingerprint
    trial = trial_of(config, fingerprint)
    figures, reason = period_sharpe(outcome.metrics.strategy)
    ledger = ledger_of(config)
    config.runs_root.mkdir(parents=True, exist_ok=True)
    ledger.append(trial, fingerprint, run_id, figures, reason)
    return selection_report(ledger.read().records, trial)


def period_sharpe(metrics: PerformanceMetrics) -> tuple[PeriodSharpe | None, str]:
    """The Sharpe ratio per bar with its moments, or the reason why there is none."""
    parts = metrics.sharpe_per_bar, metrics.skew, metrics.excess_kurtosis
    if parts[0] is None or parts[1] is None or parts[2] is None:
        return None, "; ".join(dict.fromkeys(metrics.undefined.values())) or "undefined"
    return PeriodSharpe(parts[0], metrics.n_returns, parts[1], parts[2] + 3.0), ""


def _log(outcome: Outcome, seconds: float) -> str:
    lines = [f"{seconds:.1f} s in all"]
    report = None if outcome.fitted is None else outcome.fitted.report
    if report is not None:
        lines += [
            f"epoch {record.epoch}: training {record.train_loss:.5f}, validation {record.validation_loss:.5f} (nats)"
            for record in report.epochs
        ]
        lines.append(f"kept epoch {report.best_epoch}")
    lines.append(f"verdict: {outcome.checklist.verdict}")
    return "\n".join(lines) + "\n"
