"""A fitted model on disk: weights as safetensors, everything else as JSON, and a refusal to load what was altered."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from quantdl.calendars.labels import bar_date
from quantdl.disk import disk_errors
from quantdl.errors import IntegrityError, QuantdlError
from quantdl.models.ensemble import EnsembleForecaster
from quantdl.models.forecaster import Forecaster
from quantdl.records import OMIT_DEFAULT, digest, from_plain, json_text, to_plain
from quantdl.sequences import ReturnWindow
from quantdl.training.forecasting import FittedModel

SCHEMA_VERSION = 1
WEIGHTS, DESCRIPTION = "weights.safetensors", "model.json"


@dataclass(frozen=True)
class Architecture:
    """What must be known to build the module that the weights fit into.

    Attributes:
        settings: The model block of the config, resolved.
        features: Feature columns by name and half-life, in order.
        assets: Symbols the model was fitted on, in order.
    """

    settings: Mapping[str, object]
    features: tuple[tuple[str, float], ...]
    assets: tuple[str, ...]


@dataclass(frozen=True)
class MemberDescription:
    """A member of an ensemble; see `ModelDescription`."""

    context: int | None
    fitted_through: tuple[str, ...]


@dataclass(frozen=True)
class ModelDescription:
    """What ``model.json`` holds.

    Attributes:
        schema_version: Of this form.
        settings: The model block of the config, resolved.
        features: Feature columns by name and half-life in bars, in order.
        assets: Symbols the model was fitted on, in order.
        windows: Return windows it answers for, in the order of its outputs.
        context: Observed bars a forecast reads; None for the whole history.
        fitted_through: Last session that each parameter set saw, increasing.
        weights_sha256: Of the file of weights.
        members: Of an ensemble, in the order of its weights.
        description_sha256: Of all the above, as JSON.
    """

    schema_version: int
    settings: Mapping[str, object]
    features: tuple[tuple[str, float], ...]
    assets: tuple[str, ...]
    windows: tuple[ReturnWindow, ...]
    context: int | None
    fitted_through: tuple[str, ...]
    weights_sha256: str
    members: tuple[MemberDescription, ...] = field(default=(), metadata=OMIT_DEFAULT)
    description_sha256: str = field(default="", metadata=OMIT_DEFAULT)


BuildModel = Callable[[Architecture, tuple[ReturnWindow, ...], tuple[int, ...]], Forecaster]
"""Builds an unfitted module from the architecture, the return windows and the number of parameter sets: of each member
of an ensemble, of another model itself."""


def save_checkpoint(folder: Path, fitted: FittedModel, architecture: Architecture) -> None:
    """Write ``weights.safetensors`` and ``model.json`` into an existing folder.

    Raises:
        RunError: If the disk refuses.
    """
    weights = save({name: value.detach().cpu().contiguous() for name, value in fitted.model.state_dict().items()})
    described = ModelDescription(
        schema_version=SCHEMA_VERSION,
        settings=architecture.settings,
        features=architecture.features,
        assets=architecture.assets,
        windows=fitted.windows,
        context=fitted.context,
        fitted_through=_labels(fitted),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        members=tuple(MemberDescription(member.context, _labels(member)) for member in fitted.members),
    )
    sealed = replace(described, description_sha256=digest(to_plain(described)))
    with disk_errors(folder):
        (folder / WEIGHTS).write_bytes(weights)
        (folder / DESCRIPTION).write_text(json_text(to_plain(sealed), DESCRIPTION), encoding="utf-8")


def load_checkpoint(folder: Path, build: BuildModel) -> tuple[FittedModel, Architecture]:
    """Read a checkpoint back; nothing in it is executed.

    Args:
        folder: That holds ``weights.safetensors`` and ``model.json``.
        build: Builds the module; the caller knows the models, this file does not.

    Raises:
        IntegrityError: If a file is missing, altered, cut short or of another schema.
    """
    description = _read_description(folder / DESCRIPTION)
    weights = _read(folder / WEIGHTS)
    if hashlib.sha256(weights).hexdigest() != description.get("weights_sha256"):
        raise IntegrityError(f"{folder / WEIGHTS}: the weights are not those that {DESCRIPTION} describes. Fit again.")
    try:
        fitted, architecture = _rebuilt(description, build)
        fitted.model.load_state_dict(load(weights))
    except (SafetensorError, QuantdlError, *_MISFITS) as error:
        raise IntegrityError(f"{folder}: the checkpoint does not fit together ({error!r}). Fit again.") from error
    fitted.model.eval()
    return fitted, architecture


# What building a module from a description of the wrong form can raise; torch raises RuntimeError on wrong shapes.
_MISFITS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)


def _rebuilt(description: dict[str, Any], build: BuildModel) -> tuple[FittedModel, Architecture]:
    """Build the module, whose initial weights are drawn apart from the caller's random state."""
    described = _checked(from_plain(ModelDescription, description))
    architecture = Architecture(described.settings, described.features, described.assets)
    described_fits = described.members or (MemberDescription(described.context, described.fitted_through),)
    n_sets = tuple(len(one.fitted_through) for one in described_fits)
    with torch.random.fork_rng(devices=[]):
        model = build(architecture, described.windows, n_sets)
    if not described.members:
        return _as_described(model, described.windows, described_fits[0]), architecture
    if not isinstance(model, EnsembleForecaster):
        raise ValueError(f"members are described of a {architecture.settings['kind']}, which has none")
    modules = [module for module in model.members if isinstance(module, Forecaster)]
    fits = [
        _as_described(*pair)
        for pair in zip(modules, repeat(described.windows, len(modules)), described.members, strict=True)
    ]
    return FittedModel.ensemble(model, fits), architecture


def _as_described(model: Forecaster, windows: tuple[ReturnWindow, ...], described: MemberDescription) -> FittedModel:
    return FittedModel(model, windows, described.context, tuple(map(pd.Timestamp, described.fitted_through)))


def _labels(fitted: FittedModel) -> tuple[str, ...]:
    return tuple(bar_date(session).isoformat() for session in fitted.fitted_through)


def _checked(described: ModelDescription) -> ModelDescription:
    """Refuse values that are of the right form and invalid."""
    fits = (MemberDescription(described.context, described.fitted_through), *described.members)
    for sessions in (fit.fitted_through for fit in fits):
        if not sessions or any(a >= b for a, b in zip(sessions[:-1], sessions[1:], strict=True)):
            raise ValueError(f"fitted_through must hold increasing sessions, got {sessions}")
    contexts = [fit.context or 0 for fit in fits]
    counts = [count for window in described.windows for count in (window.starts_after, window.bars)]
    if not counts or min(*counts, *contexts) < 0:
        raise ValueError(f"windows and context must be counts of bars, got {described.windows} and {contexts}")
    return described


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(_read(path))
    except (ValueError, RecursionError) as error:  # also on text that is not UTF-8, endless numbers and deep nesting
        raise IntegrityError(f"{path}: not JSON ({error}). Fit again.") from error
    if not isinstance(description, dict) or description.get("schema_version") != SCHEMA_VERSION:
        raise IntegrityError(f"{path}: expected schema_version {SCHEMA_VERSION}. Fit again with this version.")
    seal = description.pop("description_sha256", None)
    try:
        intact = seal == digest(description)
    except ValueError:  # a number that is not finite, which no checkpoint holds
        intact = False
    if not intact:
        raise IntegrityError(f"{path}: the description is not as it was written. Fit again.")
    return description


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be read ({error.strerror}). Fit again.") from error
