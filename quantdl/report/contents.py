"""Reads one run folder for the report; nothing else of the report touches the disk.

What a run always has must be there, or the report is refused with the fix. What a run may lack (forecasts without a
model, trades that never happened) reads as absent, and the sections say so in words.
"""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from quantdl.errors import RunError
from quantdl.report.record import Record
from quantdl.runs.store import RunFolder

FIX = "Write the run again with `quantdl run CONFIG`, or check the folder with `quantdl runs verify`."


@dataclass(frozen=True, eq=False)
class RunContents:
    """Everything the report shows of a run.

    Attributes:
        name: The run's name, from its config.
        run_id: The run's id, which differs between runs of one config.
        config_text: The files of the config as the user wrote them; empty if they are not kept.
        config: The resolved config.
        card: The data card.
        census: The census of the data.
        series: Cards of the series beside the prices; empty if there were none.
        environment: Versions and hardware of the run.
        model: What describes the fitted model; empty without one.
        training: The passes of its training; empty if there were none.
        metrics: Every figure of the run.
        checklist: The verdict and its items.
        selection: Trials on this data and what is left of the Sharpe ratio.
        equity: One row per session, indexed by session: equity, cash, gross, net, turnover, costs, halted.
        baseline: Equity of the equal-weight baseline per session, or None.
        trades: One row per trade (flat to flat), or None.
        fills: One row per fill, or None.
        exposures: Exposure per group and session, or None.
        weights: Weight per asset and session, or None.
        events: What the plan did to the book, or None.
        conditions: Value of every invalidation condition per session, or None.
        risk: Predicted VaR and ES against losses, long over levels, or None.
        regimes: The regime of each session, or None.
        forecasts: Scores per session and asset, or None without a model.
    """

    name: str
    run_id: str
    config_text: str
    config: Record
    card: Record
    census: Record
    series: Record
    environment: Record
    model: Record
    training: Record
    metrics: Record
    checklist: Record
    selection: Record
    equity: pd.DataFrame
    baseline: pd.Series | None
    trades: pd.DataFrame | None
    fills: pd.DataFrame | None
    exposures: pd.DataFrame | None
    weights: pd.DataFrame | None
    events: pd.DataFrame | None
    conditions: pd.DataFrame | None
    risk: pd.DataFrame | None
    regimes: pd.DataFrame | None
    forecasts: pd.DataFrame | None


def read_contents(run: RunFolder) -> RunContents:
    """Read what the report needs from a run folder.

    Raises:
        RunError: If a file that every run has is missing, unreadable or lacks a column.
        IntegrityError: If a file is not what the run wrote.
    """
    baseline = _table(run, "baseline.parquet", ("session", "equity"))
    return RunContents(
        name=run.name,
        run_id=run.id,
        config_text=_written(run),
        config=_record(run, "config.json", required=True),
        card=_record(run, "card.json"),
        census=_record(run, "census.json"),
        series=_record(run, "series.json"),
        environment=_record(run, "environment.json"),
        model=_record(run, "model/model.json"),
        training=_record(run, "training.json"),
        metrics=_record(run, "metrics.json", required=True),
        checklist=_record(run, "checklist.json", required=True),
        selection=_record(run, "selection.json"),
        equity=_required(run, "equity.parquet", ("session", "equity")).set_index("session"),
        baseline=None if baseline is None else baseline.set_index("session")["equity"],
        trades=_table(run, "trades.parquet", ("asset", "entry", "exit")),
        fills=_table(run, "fills.parquet", ("session",)),
        exposures=_by_session(_table(run, "exposures.parquet", ("session",))),
        weights=_by_session(_table(run, "weights.parquet", ("session",))),
        events=_table(run, "events.parquet", ("session", "item", "condition")),
        conditions=_by_session(_table(run, "conditions.parquet", ("session",))),
        risk=_table(run, "risk.parquet", ("session", "level", "value_at_risk", "loss", "exception")),
        regimes=_table(run, "regimes.parquet", ("session", "regime")),
        forecasts=_table(run, "forecasts.parquet", ("session", "asset", "pit")),
    )


def _written(run: RunFolder) -> str:
    """Return the config and those it extends, each under its name where there are several."""
    names = sorted(name for name in run.files if name.startswith("written/"))
    texts = [run.read_text(name) for name in names]
    return "".join(texts) if len(texts) < 2 else "\n".join(map("# {}\n{}".format, names, texts))


def _record(run: RunFolder, name: str, *, required: bool = False) -> Record:
    if name not in run.files and not required:
        return Record()
    content = run.read_json(name)
    if not isinstance(content, dict):
        raise RunError(f"{run.path / name}: expected a JSON object, got {type(content).__name__}. {FIX}")
    return Record(content)


def _required(run: RunFolder, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    found = _read(run, name, columns)
    if found is None or found.empty:
        state = "missing" if found is None else "empty"
        raise RunError(f"{run.path / name}: the report needs this file and it is {state}. {FIX}")
    return found


def _by_session(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    return None if frame is None else frame.set_index("session")


def _table(run: RunFolder, name: str, columns: tuple[str, ...]) -> pd.DataFrame | None:
    """Read a Parquet file; None if there is no such file or it has no rows."""
    found = _read(run, name, columns)
    return None if found is None or found.empty else found


def _read(run: RunFolder, name: str, columns: tuple[str, ...]) -> pd.DataFrame | None:
    """Read a Parquet file with the session, if it is the index, as a column; None if there is no such file."""
    if name not in run.files:
        return None
    path = run.file(name)
    try:
        frame = pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RunError(f"{path}: not readable as Parquet ({error}). {FIX}") from error
    if "session" in columns and "session" not in frame.columns and isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis(index="session").reset_index()
    lacking = [column for column in columns if column not in frame.columns]
    if lacking:
        raise RunError(f"{path}: lacks the columns {', '.join(lacking)}; it has {', '.join(map(str, frame))}. {FIX}")
    return frame
