"""Where the trainings of a config keep their state until its run is finished, and what makes a state stale.

A state stands under ``<runs>/.unfinished/<run>/<fit>.safetensors``. The folder is that of the config and the run's
seed, wherever the run folder is put, so runs of one config with several seeds, as a sweep makes them at once, each
remove their own states. The file is that of everything the fit depends on: its data to the last bit, its initial
weights, settings, seed, quantdl's source, torch, threads and device. So a state is never taken up by another fit, and
two processes that carry out the same one may share it: what either writes is right for both.

The folder is there from the start of a run to its end, and longer only if the run was killed. Of several processes that
carry out the same config with the same seed at once, the last one to end removes it. A fit outside of a run, for
instance in a notebook, finds none and keeps no state.
"""

import hashlib
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from quantdl.config import ForecastConfig
from quantdl.disk import disk_errors, is_used, shared
from quantdl.models.forecaster import Forecaster
from quantdl.models.settings import NetworkSettings
from quantdl.records import digest, plain_fields, to_plain
from quantdl.runs.environment import source_hash
from quantdl.runs.kept import UNFINISHED
from quantdl.sequences import Histories
from quantdl.training.execution import Execution
from quantdl.training.resuming import UnfinishedFit
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans

_FORGOTTEN_AFTER = 14 * 86_400.0  # seconds


def unfinished_fit(
    config: ForecastConfig,
    seed: int,
    model: Forecaster,
    histories: Histories,
    spans: FitSpans,
    settings: NetworkSettings,
    execution: Execution,
    passes: int | None = None,
) -> UnfinishedFit | None:
    """Return where the state of one fit of a config is kept; None outside of a run, or where the config keeps none.

    Args:
        config: Of the run.
        seed: Of the fit, which is another one than the run's for further members of an ensemble.
        model: With its initial weights.
        histories: What it is fitted on.
        spans: Bars to learn from and to choose by.
        settings: Of the network. Two that differ in nothing but dropout or heads begin with the same weights.
        execution: How the fit is carried out.
        passes: Passes that it makes where validation does not end it.
    """
    if config.output.state_seconds is None or not _folder(config).is_dir():
        return None
    plain = {
        "training": to_plain(_but_for_device(config.training)),
        "execution": to_plain(asdict(execution)),
        "seed": seed,
        "spans": [spans.train.start, spans.train.stop, spans.validation.start, spans.validation.stop],
        "passes": passes,
        "model": [plain_fields(settings), _hash(model.state_dict())],
        "data": _hash(_contents(histories)),
        "code": [source_hash(), torch.__version__, torch.get_num_threads()],
    }
    key = digest(plain)
    return UnfinishedFit(_folder(config) / f"{key[:32]}.safetensors", key, config.output.state_seconds)


@contextmanager
def keeping_unfinished(config: ForecastConfig) -> Iterator[None]:
    """Keep the states of a config's trainings inside a ``with`` block; after an error, those that there are stay.

    Old ones of other configs are removed.

    Raises:
        RunError: If the disk refuses.
    """
    if config.output.state_seconds is None:
        yield
        return
    folder = _folder(config)
    _forget_old(folder.parent)
    with ExitStack() as stack:
        with disk_errors(folder):
            is_last = stack.enter_context(shared(folder))
        try:
            yield
        except BaseException:
            if is_last():
                _remove_empty(folder)
            raise
        if is_last():
            shutil.rmtree(folder, ignore_errors=True)
            _remove_empty(folder)


def kept_states(config: ForecastConfig) -> tuple[Path, ...]:
    """Return the files in which the trainings of a config keep their state, empty where there are none."""
    if config.output.state_seconds is None:
        return ()
    return tuple(sorted(_folder(config).glob("*.safetensors")))


def _remove_empty(folder: Path) -> None:
    """Remove a config's folder, and the one of all configs, where nothing is in them."""
    for empty in (folder, folder.parent):
        with suppress(OSError):  # gone, or not empty: a training was begun
            empty.rmdir()


def _folder(config: ForecastConfig) -> Path:
    return config.runs_root / UNFINISHED / digest([to_plain(config.identity()), config.seed])[:32]


def _forget_old(folder: Path) -> None:
    """Remove states that were last written long ago: nothing else ever asks for those of an old config or code.

    Those of a run that goes on stay, whatever the clock says.
    """
    for states in folder.glob("*"):
        if not is_used(states):
            for path in states.glob("*"):
                with suppress(OSError):  # gone meanwhile
                    if time.time() - path.stat().st_mtime > _FORGOTTEN_AFTER:
                        path.unlink()


def _but_for_device(settings: TrainingSettings) -> TrainingSettings:
    return replace(settings, device="auto")  # the execution names the device itself


def _contents(histories: Histories) -> dict[str, Tensor]:
    """All numbers that a batch is gathered from."""
    bars, factors, graph = histories.bars, histories.factors, histories.graph
    arrays: dict[str, np.ndarray] = {
        "sessions": histories.sessions.to_numpy().astype(np.int64),
        "first": bars.first,
        "factors": factors.loadings,
        "factors_in_force": factors.refreshed,
    }
    if graph is not None:
        arrays |= {"neighbours": graph.neighbours, "weights": graph.weights, "graph_in_force": graph.refreshed}
        arrays["in_group"] = graph.in_group
    tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in arrays.items()}
    windows = [[window.starts_after, window.bars, window.begins == "open"] for window in histories.windows]
    return tensors | {
        "windows": torch.tensor(windows),
        "features": bars.features,
        "bar": bars.bar,
        "scale": bars.scale,
        "returns": bars.returns,
        "last": histories.last,
        "present": histories.present,
        "targets": histories.targets,
        "observed": histories.observed,
        "groups": histories.groups,
    }


def _hash(tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name, value in _sorted(tensors.items()):
        found.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        found.update(value.detach().cpu().contiguous().view(-1).numpy().data)
    return found.hexdigest()


def _sorted(items: Iterable[tuple[str, Tensor]]) -> list[tuple[str, Tensor]]:
    return sorted(items, key=lambda item: item[0])
