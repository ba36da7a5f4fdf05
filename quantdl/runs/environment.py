"""What a run ran on: versions and hardware, in which two runs of one config may differ and agree in all else."""

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from quantdl import __version__

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Environment:
    """Versions and hardware.

    Attributes:
        quantdl: Version of this package.
        python: Version of Python.
        system: Name and version of the operating system.
        processor: Name of the processor.
        cores: Cores of the machine; None where the system does not say.
        threads: Threads that torch computes with.
        thread_variables: Variables of the environment that limit threads; empty text for one that is not set.
        packages: Version of every installed package.
        source: Hash of quantdl's own source; empty in runs that are older than this field.
    """

    quantdl: str
    python: str
    system: str
    processor: str
    cores: int | None
    threads: int
    thread_variables: Mapping[str, str]
    packages: Mapping[str, str]
    source: str = ""


def environment() -> Environment:
    """Look at this machine and this installation."""
    import torch  # takes a second, and listing runs needs none of it

    return Environment(
        quantdl=__version__,
        python=platform.python_version(),
        system=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        thread_variables={name: os.environ.get(name, "") for name in _THREAD_VARIABLES},
        packages={item.name: item.version for item in distributions() if item.name},
        source=source_hash(),
    )


def source_hash() -> str:
    """Hash of quantdl's own source: another text may give other results."""
    digest = hashlib.sha256()
    for name, content in sorted(_sources(files("quantdl"), "")):
        digest.update(f"{name}\n".encode() + content)
    return digest.hexdigest()


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _sources(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".py"):
            found.append((prefix + item.name, item.read_bytes()))
    return found


def lock(packages: Mapping[str, str]) -> str:
    """Write the installed packages as a pip constraints file.

    Example:
        >>> print(lock({"torch": "2.0", "Jinja2": "3.1"}), end="")
        Jinja2==3.1
        torch==2.0
    """
    ordered = sorted(packages.items(), key=lambda item: item[0].lower())
    return "".join(f"{name}=={version}\n" for name, version in ordered)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
