"""What a run ran on, and what identifies it as a trial."""

import hashlib
import json
import os
import platform
from importlib.metadata import distributions
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import torch

from quantdl import __version__
from quantdl.config import ExperimentConfig
from quantdl.runs.ledger import trial_hash

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def environment() -> dict[str, object]:
    """Versions and hardware: what may differ between two runs of one config that agree in everything else."""
    return {
        "quantdl": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "thread_variables": {name: os.environ.get(name, "") for name in _THREAD_VARIABLES},
        "packages": {item.name: item.version for item in distributions() if item.name},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def lock(packages: object) -> str:
    """The installed packages as a pip constraints file."""
    assert isinstance(packages, dict)
    return "".join(
        f"{name}=={version}\n" for name, version in sorted(packages.items(), key=lambda item: item[0].lower())
    )


def code_hash(config: ExperimentConfig) -> str:
    """Hash of quantdl's own source and of the strategy file: another text is another trial."""
    digest = hashlib.sha256()
    for name, content in sorted(_sources(files("quantdl"), "")):
        digest.update(f"{name}\n".encode() + content)
    digest.update(config.locate(config.strategy.file).read_bytes())
    return digest.hexdigest()


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _sources(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".py"):
            found.append((prefix + item.name, item.read_bytes()))
    return found


def trial_of(config: ExperimentConfig, fingerprint: str) -> str:
    """Identify the run as a trial: the same config, data, seed and code count once. The name is not part of it."""
    return trial_hash(json.dumps(config.identity(), sort_keys=True), fingerprint, config.seed, code_hash(config))
