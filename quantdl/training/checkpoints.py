"""A fitted model on disk: weights as safetensors, everything else as JSON, and a refusal to load what was altered."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from quantdl.errors import IntegrityError, QuantdlError
from quantdl.models.forecaster import Forecaster
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


BuildModel = Callable[[Architecture, tuple[ReturnWindow, ...], int], Forecaster]
"""Builds an unfitted module from the architecture, the return windows and the number of parameter sets."""


def save_checkpoint(folder: Path, fitted: FittedModel, architecture: Architecture) -> None:
    """Write ``weights.safetensors`` and ``model.json`` into an existing folder."""
    weights = save({name: value.detach().cpu().contiguous() for name, value in fitted.model.state_dict().items()})
    description = {
        "schema_version": SCHEMA_VERSION,
        "settings": dict(architecture.settings),
        "features": [list(feature) for feature in architecture.features],
        "assets": list(architecture.assets),
        "windows": [asdict(window) for window in fitted.windows],
        "context": fitted.context,
        "fitted_through": [session.strftime("%Y-%m-%d") for session in fitted.fitted_through],
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    description["description_sha256"] = _digest(description)
    (folder / WEIGHTS).write_bytes(weights)
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=2, sort_keys=True, allow_nan=False) + "\n")


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
    """The model as it is built, before its weights are loaded; the caller's random state is left alone."""
    architecture, windows = _architecture(description), _windows(description)
    sessions = tuple(pd.Timestamp(date.fromisoformat(day)) for day in description["fitted_through"])
    if not sessions or any(a >= b for a, b in zip(sessions[:-1], sessions[1:], strict=True)):
        raise ValueError(f"fitted_through must hold increasing sessions, got {description['fitted_through']}")
    with torch.random.fork_rng(devices=[]):
        model = build(architecture, windows, len(sessions))
    return FittedModel(model, windows, description["context"], sessions), architecture


def _architecture(description: dict[str, Any]) -> Architecture:
    assets = description["assets"]
    if not isinstance(assets, list) or not all(isinstance(name, str) for name in assets):
        raise ValueError(f"assets must be symbols, got {assets}")
    features = tuple((str(name), float(half_life)) for name, half_life in description["features"])
    return Architecture(dict(description["settings"]), features, tuple(assets))


def _windows(description: dict[str, Any]) -> tuple[ReturnWindow, ...]:
    windows = tuple(ReturnWindow(**window) for window in description["windows"])
    counts = [count for window in windows for count in (window.starts_after, window.bars)]
    counts += [] if description["context"] is None else [description["context"]]
    if not windows or not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(f"windows and context must be counts of bars, got {windows} and {description['context']}")
    return windows


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(_read(path))
    except (ValueError, RecursionError) as error:  # also on text that is not UTF-8, endless numbers and deep nesting
        raise IntegrityError(f"{path}: not JSON ({error}). Fit again.") from error
    if not isinstance(description, dict) or description.get("schema_version") != SCHEMA_VERSION:
        raise IntegrityError(f"{path}: expected schema_version {SCHEMA_VERSION}. Fit again with this version.")
    if description.pop("description_sha256", None) != _digest(description):
        raise IntegrityError(f"{path}: the description is not as it was written. Fit again.")
    return description


def _digest(description: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be read ({error.strerror}). Fit again.") from error
