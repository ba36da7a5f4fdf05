"""Runs of several configs with several seeds, side by side, and their results in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quantdl.config import load_config
from quantdl.errors import QuantdlError
from quantdl.runs.manifest import RunFolder
from quantdl.runs.store import open_run
from quantdl.runs.workers import Job, JobResult, Workers
from quantdl.training.fit import Progress


@dataclass(frozen=True)
class SweepRow:
    """One run of a sweep.

    Attributes:
        config: The config file.
        seed: Of the run.
        verdict: Of its checklist; empty where the run failed.
        sharpe: Annualised, of the strategy over the test span; None where it is undefined.
        validation_loss: Mean loss per observed asset of the pass that was kept, in nats, of the first fit where there
            are several; None without a network.
        run: The run folder; empty where the run failed.
        code: Exit code of the run.
        problem: What the run said when it failed, else empty.
    """

    config: str
    seed: int
    verdict: str
    sharpe: float | None
    validation_loss: float | None
    run: str
    code: int
    problem: str


@dataclass(frozen=True)
class SweepTable:
    """All runs, by config and seed."""

    rows: tuple[SweepRow, ...]


def sweep(configs: Sequence[Path], n_seeds: int, workers: Workers, progress: Progress | None = None) -> SweepTable:
    """Carry out every config with ``n_seeds`` seeds, from its own one up; each run writes its folder as usual.

    A run that fails is a row with its message, and stops no other. A training that was killed goes on where it stood
    when the sweep is started again; a run that was finished is carried out anew.

    Args:
        configs: Config files.
        n_seeds: Seeds of each.
        workers: Carry the runs out.
        progress: Told of each run that has ended.

    Raises:
        ConfigError: If a config is faulty; nothing was run then.
    """
    seeds = [(path, load_config(path).seed + more) for path in configs for more in range(n_seeds)]
    folder = str(Path.cwd())
    jobs = [Job(("run", str(path), "--seed", str(seed)), folder) for path, seed in seeds]
    rows: dict[int, SweepRow] = {}
    if progress:
        progress("sweep", 0, len(jobs))
    for number, result in workers.results(jobs):
        rows[number] = _row(*seeds[number], result)
        if progress:
            progress("sweep", len(rows), len(jobs))
    return SweepTable(tuple(rows[number] for number in sorted(rows)))


def _row(path: Path, seed: int, result: JobResult) -> SweepRow:
    lines = result.output.splitlines()
    if result.code or not lines:
        return SweepRow(str(path), seed, "", None, None, "", result.code or 1, _problem(result))
    try:
        run = open_run(Path(lines[-1]))
        verdict, sharpe, loss = _found(run)
    except (QuantdlError, ValueError) as error:
        return SweepRow(str(path), seed, "", None, None, lines[-1], 1, str(error))
    return SweepRow(str(path), seed, verdict, sharpe, loss, str(run.path), 0, "")


def _found(run: RunFolder) -> tuple[str, float | None, float | None]:
    """Verdict, Sharpe ratio and validation loss of a run."""
    checklist, metrics = _block(run.read_json("checklist.json")), _block(run.read_json("metrics.json"))
    sharpe = _block(metrics.get("strategy")).get("sharpe")
    loss = None
    if "training.json" in run.files:
        training = _block(run.read_json("training.json"))
        epochs, best = training.get("epochs"), training.get("best_epoch")
        if isinstance(epochs, list) and isinstance(best, int):
            loss = _number(_block(epochs[best]).get("validation_loss"))
    return str(checklist.get("verdict")), _number(sharpe), loss


def _problem(result: JobResult) -> str:
    said = [line for line in result.errors.splitlines() if line.strip()]
    ended = f"ended by signal {-result.code}" if result.code < 0 else f"exit code {result.code}"
    return "; ".join([ended, *said[-2:]])


def _block(plain: object) -> Mapping[str, object]:
    return plain if isinstance(plain, dict) else {}


def _number(plain: object) -> float | None:
    return float(plain) if isinstance(plain, int | float) else None
