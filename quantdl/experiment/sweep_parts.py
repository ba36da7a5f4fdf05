"""The sets of a sweep on processes of their own, here or on Ray: each plays a part, and writes down what it has played.

A process is given a request: the config, the numbers of its sets, and what the sweep is of, so that a config or data
that changed meanwhile are not mixed. It answers in a file beside the request, a line for each set when it is done. One
that dies has so told which set it was at: that set is reported, and a new process plays what is left of the part.
"""

import base64
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.config import ExperimentConfig, ParameterSet, load_config, swept_strategies
from quantdl.disk import disk_errors, is_used, make_folder, replace_file, shared
from quantdl.errors import RunError
from quantdl.experiment.grid_table import SetRow
from quantdl.experiment.parameter_sweep import PlayedSet, played_sets
from quantdl.experiment.sweep_world import SweepWorld, open_world
from quantdl.experiment.trials import SeenTrial
from quantdl.records import digest, from_plain, to_plain
from quantdl.runs.identifiers import new_run_id
from quantdl.runs.ledger import PeriodSharpe
from quantdl.runs.workers import Job, JobResult, Workers
from quantdl.training.checkpoints import save_checkpoint
from quantdl.training.fit import Progress

COMMAND = "sweep-part"
"""Of the command line that plays a part."""

_FOLDER = ".sweeps"
_READY = b'{"ready": true}\n'
_TRIES = 2  # of a part whose process ends before it has played anything
_MOST = 1_000  # sets of a part


@dataclass(frozen=True)
class _Request:
    """What a process is asked for.

    Attributes:
        config: File.
        sweep: Digest of what the sweep is of, see `_digest`.
        numbers: Of the sets to play, in order.
        model: Folder of the fitted model; None where the config has none.
    """

    config: str
    sweep: str
    numbers: tuple[int, ...]
    model: str | None = None


@dataclass(frozen=True)
class _Line:
    """What a process tells of one set.

    Attributes:
        row: Figures.
        figures: See `SeenTrial`.
        reason: See `SeenTrial`.
        returns: The bytes of its returns, in base64; None where there are none.
    """

    row: SetRow
    figures: PeriodSharpe | None
    reason: str
    returns: str | None


@dataclass(frozen=True)
class OnWorkers:
    """Plays the sets of a sweep in processes of one thread each: see `quantdl.experiment.parameter_sweep.Outcomes`.

    Attributes:
        workers: Carry the processes out.
        n_workers: Parts to begin with.
    """

    workers: Workers
    n_workers: int = 1

    def __call__(
        self, config: ExperimentConfig, world: SweepWorld, sets: tuple[ParameterSet, ...], progress: Progress | None
    ) -> Iterator[PlayedSet]:
        """Give every set that a process has played, as processes end.

        A model is fitted once, in this process; the others read it from the disk and forecast with it.
        """
        refused = [number for number, one in enumerate(sets) if one.strategy is None]
        yield from (PlayedSet(SetRow(n, sets[n].values, "refused", problem=sets[n].problem)) for n in refused)
        waiting = [(part, 1) for part in _parts(sorted({*range(len(sets))} - {*refused}), self.n_workers)]
        with _exchange(config) as folder:
            stored = _stored_model(world, folder)
            while waiting:
                parts, waiting = waiting, []
                requests = [_written(folder, config, world, part, stored) for part, _ in parts]
                jobs = [Job((COMMAND, str(request)), str(Path.cwd())) for request in requests]
                for at, result in self.workers.results(jobs):
                    part, tries = parts[at]
                    done, begun = _answered(requests[at], world)
                    yield from done
                    left = part[len(done) :]
                    if not left:
                        continue
                    what = _how_it_ended(result)
                    if not begun and tries < _TRIES:
                        waiting.append((left, tries + 1))
                        continue
                    # A process that had begun died at the first set that it has not told of.
                    lost, left = (left[:1], left[1:]) if begun else (left, ())
                    problem = f"its process {what}" if begun else f"its process {what} before it had played anything"
                    yield from (PlayedSet(SetRow(n, sets[n].values, "failed", problem=problem)) for n in lost)
                    waiting += [(left, 1)] if left else []


def play_part(request: Path) -> None:
    """Play the sets of a request in this process, and answer beside it.

    Raises:
        RunError: If the config, its data or its code are no longer what the sweep began with.
        QuantdlError: Whatever loading raises.
    """
    with disk_errors(request):
        asked = from_plain(_Request, json.loads(request.read_text()))
    config = load_config(Path(asked.config))
    sets = swept_strategies(config)
    world = open_world(config, keep_ingest=False, stored_model=None if asked.model is None else Path(asked.model))
    if _digest(config, world) != asked.sweep:
        raise RunError(
            f"{asked.config}: the config, its data or quantdl changed after the sweep began. Start it again."
        )
    with disk_errors(request), _answer(request).open("wb") as answer:
        answer.write(_READY)
        answer.flush()
        for played in played_sets(world, [(number, sets[number]) for number in asked.numbers]):
            answer.write(json.dumps(to_plain(_line(played))).encode() + b"\n")
            answer.flush()


def _line(played: PlayedSet) -> _Line:
    seen = played.seen
    returns = None if seen is None or seen.returns is None else seen.returns.to_numpy(np.float64)
    coded = None if returns is None else base64.b64encode(returns.astype("<f8").tobytes()).decode()
    return _Line(played.row, None if seen is None else seen.figures, "" if seen is None else seen.reason, coded)


def _answered(request: Path, world: SweepWorld) -> tuple[list[PlayedSet], bool]:
    """Return the sets that a process has told of in full, and whether it had begun to play."""
    path = _answer(request)
    with disk_errors(path):
        content = path.read_bytes() if path.exists() else b""
    lines = content.split(b"\n")[:-1]  # one that was cut short was not told
    return [_played(from_plain(_Line, json.loads(line)), world) for line in lines[1:]], bool(lines)


def _played(line: _Line, world: SweepWorld) -> PlayedSet:
    row = replace(line.row, values=dict(line.row.values))
    if not row.trial:
        return PlayedSet(row)
    returns = None
    if line.returns is not None:
        values = np.frombuffer(base64.b64decode(line.returns), "<f8")
        returns = pd.Series(values, world.measured[: len(values)])
    return PlayedSet(row, SeenTrial(row.trial, line.figures, line.reason, returns))


def _stored_model(world: SweepWorld, folder: Path) -> Path | None:
    """Write the fitted model where every process finds it; None where there is none."""
    if world.model is None:
        return None
    place = folder / "model"
    make_folder(place)
    save_checkpoint(place, world.model.fitted, world.model.architecture)
    return place


def _written(
    folder: Path, config: ExperimentConfig, world: SweepWorld, part: Sequence[int], stored: Path | None
) -> Path:
    path = folder / f"{new_run_id()}.json"
    model = None if stored is None else str(stored)
    asked = _Request(str(config.source.path), _digest(config, world), tuple(part), model)
    with disk_errors(path):
        replace_file(path, json.dumps(to_plain(asked)).encode(), force=False)
    return path


def _answer(request: Path) -> Path:
    return request.with_suffix(".jsonl")


def _digest(config: ExperimentConfig, world: SweepWorld) -> str:
    """Identify a sweep: its trials and their order."""
    assert config.sweep is not None
    return digest([to_plain(config.sweep), world.trial({}), world.data.panel.card.fingerprint])


def _parts(numbers: Sequence[int], count: int) -> list[tuple[int, ...]]:
    size = min(max(-(-len(numbers) // count), 1), _MOST)
    return [tuple(numbers[start : start + size]) for start in range(0, len(numbers), size)]


def _how_it_ended(result: JobResult) -> str:
    said = [line for line in result.errors.splitlines() if line.strip()]
    ended = f"ended by signal {-result.code}" if result.code < 0 else f"ended with exit code {result.code}"
    return "; ".join([ended, *said[-1:]])


@contextmanager
def _exchange(config: ExperimentConfig) -> Iterator[Path]:
    """Give a folder for requests and answers inside a ``with`` block; those of sweeps that were killed are removed."""
    above = config.runs_root.resolve() / _FOLDER
    for left in above.glob("*"):
        if not is_used(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = above / new_run_id()
    with disk_errors(folder), shared(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if not any(above.iterdir()):
                above.rmdir()
