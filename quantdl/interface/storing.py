"""A fitted model on disk: its weights as every checkpoint keeps them, and beside them what the notebook said of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from quantdl.config.arguments import path_of
from quantdl.disk import disk_errors, publishing
from quantdl.errors import ConfigError, IntegrityError
from quantdl.experiment import models as stored
from quantdl.interface import models
from quantdl.interface.estimator import Estimator, Fit, FitChoices
from quantdl.models.settings import settings_class
from quantdl.records import digest, from_plain, json_text, to_plain
from quantdl.training.checkpoints import DESCRIPTION, save_checkpoint
from quantdl.training.settings import TrainingSettings

SCHEMA_VERSION = 1
ESTIMATOR = "estimator.json"


@dataclass(frozen=True)
class StoredEstimator:
    """What ``estimator.json`` holds.

    Attributes:
        schema_version: Of this form.
        training: How the model was fitted.
        choices: What else was chosen.
        judged_through: Last session in which a cell of the prices may be judged by later ones.
        calendar: Of the prices.
        frequency: Of their bars.
        model_sha256: Of the file that describes the weights, so that both belong together.
        sha256: Of all the above, as JSON.
    """

    schema_version: int
    training: TrainingSettings
    choices: FitChoices
    judged_through: date
    calendar: str
    frequency: str
    model_sha256: str
    sha256: str = ""


def save_model(model: Estimator, folder: Path | str) -> Path:
    """Write a fitted model into a new folder: safetensors and JSON, nothing that could be run.

    Args:
        model: Fitted.
        folder: That does not exist yet.

    Raises:
        ConfigError: If the model is not fitted, or the folder exists or is no path.
        RunError: If the disk refuses.
    """
    if not isinstance(model, Estimator):
        raise ConfigError(f"model: given {type(model).__name__}; expected a fitted model, such as qd.Transformer(...).")
    known, folder = model.known("save_model"), path_of(folder, "folder", "the path of a new folder")
    if folder.exists():
        raise ConfigError(f"folder: {folder} exists already, and no model is overwritten. Name another one.")
    choices = FitChoices(**{item.name: getattr(model, item.name) for item in fields(FitChoices)})
    with publishing(folder) as partial, disk_errors(folder):
        save_checkpoint(partial, known.fitted, known.architecture)
        described = StoredEstimator(
            SCHEMA_VERSION,
            model.training,
            choices,
            known.judged_through.date(),
            known.calendar,
            known.frequency,
            _sha256(partial / DESCRIPTION),
        )
        sealed = replace(described, sha256=digest(to_plain(described)))
        (partial / ESTIMATOR).write_text(json_text(to_plain(sealed), ESTIMATOR), encoding="utf-8")
    return folder


def load_model(folder: Path | str) -> Estimator:
    """Read a fitted model back, which forecasts as before; how its training went is not kept.

    Args:
        folder: Of `save_model`.

    Raises:
        ConfigError: If the folder is no path.
        IntegrityError: If something in it is not what was written.
    """
    folder = path_of(folder, "folder", "the folder of a model, of save_model")
    described = _described(folder / ESTIMATOR)
    fitted, architecture = stored.load_model(folder)
    if _sha256(folder / DESCRIPTION) != described.model_sha256:
        raise IntegrityError(f"{folder / ESTIMATOR}: belongs to another model than the one beside it. Fit again.")
    settings = from_plain(settings_class(architecture.settings["kind"]), dict(architecture.settings))
    kind = _classes()[settings.kind]
    values: dict[str, Any] = {**vars(settings), **vars(described.choices)}
    if issubclass(kind, TrainingSettings):
        values |= vars(described.training)
    model = kind(**{name: value for name, value in values.items() if name != "kind"})
    judged_through = pd.Timestamp(described.judged_through)
    model.take(Fit(fitted, architecture, (), judged_through, described.calendar, described.frequency))
    return model


def _classes() -> Mapping[str, type[Estimator]]:
    """The classes of the models by kind."""
    found = [each for each in vars(models).values() if isinstance(each, type) and issubclass(each, Estimator)]
    return {each.kind: each for each in found if hasattr(each, "kind")}


def _described(path: Path) -> StoredEstimator:
    try:
        plain = json.loads(path.read_bytes())
        found = from_plain(StoredEstimator, plain)
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be read ({error.strerror}). Expected a folder of save_model.") from error
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path}: not what was written ({error}). Fit again.") from error
    if found.sha256 != digest(to_plain(replace(found, sha256=""))):
        raise IntegrityError(f"{path}: not what was written. Fit again.")
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
