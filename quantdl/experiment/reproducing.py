"""A finished run carried out once more: are all files that follow from its config the same, byte for byte?

Carried out is the config in the run folder, with the strategy beside it, into a temporary folder. Taken over are the
files that say what was asked for, and those that hold what may differ between two runs of one config: the ledger, the
clock and the machine. The report is drawn anew around those, so every byte of it counts. Nothing is recorded in the
ledger, because the same config, data, seed and code are the same trial.
"""

import json
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from quantdl.config import load_config
from quantdl.config.schema import PRICES_COPY, SCENARIOS_COPY
from quantdl.errors import ConfigError, IntegrityError
from quantdl.experiment.pipeline import carry_out
from quantdl.experiment.run_folder import REPORT, write_outcome
from quantdl.experiment.unfinished import keeping_unfinished
from quantdl.records import from_plain, plain_fields
from quantdl.report import write_report
from quantdl.runs.environment import Environment, environment
from quantdl.runs.manifest import FAILURE, RunFolder
from quantdl.runs.store import RunWriter, open_run
from quantdl.runs.verification import verify_run
from quantdl.training.fit import Progress

_ASKED_FOR = ("config.yaml", "config.json", SCENARIOS_COPY)
_OF_THE_MOMENT = ("selection.json", "environment.json", "lock.txt", "log.txt")
_NAMED = 5


@dataclass(frozen=True)
class Difference:
    """A file that is not the same, and where."""

    file: str
    detail: str


@dataclass(frozen=True)
class Reproduction:
    """How a run compares with its repetition.

    Attributes:
        run: The run folder.
        same: Files that came out the same, byte for byte.
        differing: Those that did not, are missing, or are new.
        surroundings: What is not as it was when the run was made, each as a sentence: what may explain differences.
    """

    run: str
    same: tuple[str, ...]
    differing: tuple[Difference, ...]
    surroundings: tuple[str, ...]


def reproduce(run: RunFolder, progress: Progress | None = None) -> Reproduction:
    """Carry out the config of a run again and compare every file that follows from it.

    Args:
        run: As `quantdl run` wrote it.
        progress: Told what is going on.

    Raises:
        IntegrityError: If the run is not what was written, so that there is nothing to compare with.
        ConfigError: If the folder is no run of a strategy.
        QuantdlError: Whatever a run raises; the data, for instance, may be gone.
    """
    if FAILURE in run.files:
        raise ConfigError(
            f"{run.path}: this run failed, so there is nothing to compare with; `quantdl runs show` says why."
        )
    if "metrics.json" not in run.files:
        raise ConfigError(
            f"{run.path}: holds no run of a strategy. Runs of `quantdl run` can be reproduced; an evaluation is "
            f"repeated by `quantdl evaluate {run.path / 'config.yaml'} --output FOLDER`."
        )
    problems = verify_run(run.path)
    if problems:
        raise IntegrityError(f"{run.path}: {'; '.join(problems)}. What was changed cannot be reproduced.")
    config = load_config(run.path / "config.yaml")
    with tempfile.TemporaryDirectory(prefix="quantdl-") as folder, keeping_unfinished(config):
        outcome, taken_over = carry_out(config, progress), _taken_over(run, config.strategy_files)
        with RunWriter(Path(folder), run.name, "again") as writer:
            write_outcome(writer, config, outcome)
            for name in taken_over:
                writer.write_bytes(name, run.read_bytes(name))
            write_report(replace(writer.so_far(), id=run.id), writer.path(REPORT))
        return _compared(run, open_run(writer.target), taken_over)


def _taken_over(run: RunFolder, strategies: Collection[str]) -> tuple[str, ...]:
    names = {*_ASKED_FOR, *_OF_THE_MOMENT, *strategies}
    return tuple(name for name in run.files if name in names or name.startswith(("written/", f"{PRICES_COPY}/")))


def _compared(run: RunFolder, again: RunFolder, taken_over: Collection[str]) -> Reproduction:
    names = sorted({*run.files, *again.files} - {*taken_over})
    same = tuple(name for name in names if run.files.get(name) == again.files.get(name))
    differing = tuple(Difference(name, _detail(run, again, name)) for name in names if name not in same)
    kept = from_plain(Environment, run.read_json("environment.json"))
    return Reproduction(str(run.path), same, differing, tuple(_changes(kept, environment())))


def _detail(run: RunFolder, again: RunFolder, name: str) -> str:
    if name not in again.files:
        return "was not written again"
    if name not in run.files:
        return "was not there before"
    where = _where(run.file(name), again.file(name))
    sizes = f"{run.files[name].size:,} bytes then, {again.files[name].size:,} now"
    return f"{sizes}; differs in {where}" if where else sizes


def _where(before: Path, after: Path) -> str:
    """Keys of JSON, or columns of a table, that are not the same."""
    if before.suffix == ".json":
        one, other = (dict(_leaves(json.loads(path.read_bytes()))) for path in (before, after))
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    elif before.suffix == ".parquet":
        tables = pd.read_parquet(before), pd.read_parquet(after)
        keys = [str(name) for name in {**tables[0], **tables[1]} if not _same_column(*tables, str(name))]
    else:
        return ""
    return ", ".join(keys[:_NAMED]) + (f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else "")


def _same_column(one: pd.DataFrame, other: pd.DataFrame, name: str) -> bool:
    return name in one and name in other and one[name].equals(other[name])


def _leaves(plain: object, before: str = "") -> Iterator[tuple[str, object]]:
    items: Mapping[str, object] = {}
    if isinstance(plain, dict):
        items = plain
    elif isinstance(plain, list):
        items = {str(position): item for position, item in enumerate(plain)}
    if not items:
        yield before, plain
    for key, item in items.items():
        yield from _leaves(item, f"{before}.{key}" if before else key)


def _changes(then: Environment, now: Environment) -> Iterator[str]:
    """What of the machine and the installation is another one; the packages by name."""
    one, other = plain_fields(then), plain_fields(now)
    for name in one:
        if name != "packages" and one[name] != other[name]:
            yield f"{name.replace('_', ' ')}: {one[name]} then, {other[name]} now"
    for name in sorted({*then.packages, *now.packages}):
        before, after = then.packages.get(name, "not installed"), now.packages.get(name, "not installed")
        if before != after:
            yield f"{name}: {before} then, {after} now"
