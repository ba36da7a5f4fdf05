"""System, cores, memory, threads and accelerators."""

import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path

from quantdl.cli.checkup.finding import Finding, State

_POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LITTLE_MEMORY = 2e9
_FEW_CORES = 4  # up to so many, threads are rather shared with other work than idle


def machine() -> Iterator[Finding]:
    """Yield what is found of the hardware and of how it is shared."""
    cores = usable_cores()
    yield Finding("system", "ok", f"{platform.platform()}, {platform.machine()}")
    yield _cores(cores, _load())
    yield from _memory(Path("/proc/meminfo"))
    yield threads(os.environ, cores)
    yield from _devices()


def usable_cores() -> int:
    """Return the cores that this process may use, which a container or a job may have fewer of than the machine."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def threads(environment: Mapping[str, str], cores: int) -> Finding:
    """Return whether several pools of threads may get into each other's way.

    Args:
        environment: Variables by name.
        cores: That may be used.
    """
    given = {name: environment[name] for name in _POOLS if environment.get(name)}
    too_many = [f"{name}={value}" for name, value in given.items() if value.isdigit() and int(value) > cores]
    if too_many:
        detail = f"{' and '.join(too_many)} on {cores} cores: threads wait for each other"
        return Finding("threads", "slow", detail, f"export OMP_NUM_THREADS={cores}")
    if "OMP_NUM_THREADS" in given:
        return Finding("threads", "ok", ", ".join(f"{name}={value}" for name, value in given.items()))
    detail = (
        "OMP_NUM_THREADS is not set, so torch and the linear algebra of numpy each keep a thread for every core. "
        "On two cores that are shared with other work, two busy pools have made small runs ten times as slow."
    )
    state: State = "slow" if cores <= _FEW_CORES else "note"
    return Finding("threads", state, detail, f"export OMP_NUM_THREADS={1 if cores <= _FEW_CORES else cores // 2}")


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def _cores(cores: int, load: float | None) -> Finding:
    whole = os.cpu_count() or cores
    detail = f"{cores} to use" + (f" of {whole}" if whole != cores else "")
    if load is None:
        return Finding("cores", "ok", detail)
    detail += f", {load:.1f} processes running or waiting"
    if load > 1.5 * cores:
        return Finding("cores", "slow", f"{detail}: the machine is busy, and everything takes longer")
    return Finding("cores", "ok", detail)


def _memory(facts: Path) -> Iterator[Finding]:
    if not facts.is_file():
        return
    lines = dict(line.split(":", 1) for line in facts.read_text().splitlines() if ":" in line)
    total, free = (1024.0 * float(lines.get(name, "0 kB").split()[0]) for name in ("MemTotal", "MemAvailable"))
    detail = f"{free / 1e9:.1f} GB free of {total / 1e9:.1f}"
    if free < _LITTLE_MEMORY:
        yield Finding("memory", "slow", f"{detail}: a run of a thousand assets may not fit", "end other work")
    else:
        yield Finding("memory", "ok", detail)


def _devices() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding("torch", "broken", f"cannot be loaded: {error}", "pip install --force-reinstall torch")
        return
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            found = torch.cuda.get_device_properties(number)
            yield Finding(f"cuda:{number}", "ok", f"{found.name}, {found.total_memory / 1e9:.0f} GB")
    elif torch.backends.mps.is_available():
        yield Finding("mps", "ok", "Apple GPU; config: training.device")
    else:
        built = "torch is built for CUDA but sees no GPU" if torch.version.cuda else "torch is built for CPUs"
        yield Finding("device", "ok", f"the CPU alone, threads of torch: {torch.get_num_threads()}; {built}")
