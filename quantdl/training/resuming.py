"""The state of a fit that is not finished, on disk: a fit that was killed goes on where it stood, bit for bit.

A state is one file, replaced in one step: tensors as safetensors, the course of the fit as JSON in its header. A
process killed at any moment leaves the state before or the one after.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from quantdl.disk import disk_errors, replace_file
from quantdl.records import from_plain, to_plain

_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class EpochRecord:
    """Mean loss per observed asset of one pass, in nats."""

    epoch: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True)
class Course:
    """Where a fit stands.

    Attributes:
        epoch: Number of the pass.
        step: Next batch of it.
        updates: Steps of the optimiser so far.
        averaged: Weights that the running mean has taken in.
        records: The passes that are over.
        best_epoch: Which of them validated best; None before one has a score.
    """

    epoch: int = 0
    step: int = 0
    updates: int = 0
    averaged: int = 0
    records: tuple[EpochRecord, ...] = ()
    best_epoch: int | None = None

    @property
    def best(self) -> EpochRecord | None:
        """The pass that validated best."""
        return None if self.best_epoch is None else self.records[self.best_epoch]


@dataclass(eq=False)
class UnfinishedFit:
    """The file of one fit's state.

    Args:
        path: The file; its folder is made when missing.
        key: Of all that determines the fit: data, settings, seed, code, device. A state of another key is not read.
        seconds: Least time between two states; 0 keeps one after every step.
        clock: Seconds.
    """

    path: Path
    key: str
    seconds: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next state."""
        return self.clock() - self._last >= self.seconds

    def write(self, course: Course, tensors: Mapping[str, Tensor]) -> None:
        """Put a state in the place of the one before.

        Raises:
            RunError: If the disk refuses.
        """
        here = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        header = {
            "schema_version": str(_SCHEMA_VERSION),
            "key": self.key,
            "course": json.dumps(to_plain(course)),
            "tensors": _digest(here),
        }
        with disk_errors(self.path, "The state before stays."):
            replace_file(self.path, save(here, metadata=header))
        self._last = self.clock()

    def read(self) -> tuple[Course, dict[str, Tensor]] | None:
        """Return the last state, or None where there is none of this fit.

        A damaged one is named in a warning and counts as none: the fit then begins anew.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                header = file.metadata() or {}
                if (header.get("schema_version"), header.get("key")) != (str(_SCHEMA_VERSION), self.key):
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            course = from_plain(Course, json.loads(header["course"]))
            if header["tensors"] != _digest(tensors):
                raise ValueError("its tensors are not those that were written")
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            warnings.warn(f"{self.path}: no state of a fit ({error}); the training begins anew", stacklevel=2)
            return None
        return course, tensors


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    return digest.hexdigest()
