"""Threads that get into each other's way are told with the fix; a busy machine is told too."""

from pathlib import Path

import pytest

from quantdl.cli.checkup import machine as module
from quantdl.cli.checkup.machine import machine, threads


@pytest.mark.parametrize(
    ("variables", "cores", "state", "fix"),
    [
        ({}, 2, "slow", "export OMP_NUM_THREADS=1"),
        ({"OMP_NUM_THREADS": ""}, 2, "slow", "export OMP_NUM_THREADS=1"),
        ({}, 16, "note", "export OMP_NUM_THREADS=8"),
        ({"OMP_NUM_THREADS": "1"}, 2, "ok", ""),
        ({"OMP_NUM_THREADS": "8"}, 2, "slow", "export OMP_NUM_THREADS=2"),
        ({"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "9"}, 4, "slow", "export OMP_NUM_THREADS=4"),
        ({"MKL_NUM_THREADS": "1"}, 2, "slow", "export OMP_NUM_THREADS=1"),
    ],
)
def test_threads_are_judged_by_the_cores(variables: dict[str, str], cores: int, state: str, fix: str) -> None:
    found = threads(variables, cores)
    assert (found.state, found.fix) == (state, fix)


def test_a_busy_machine_is_slow() -> None:
    assert module._cores(2, 0.5).state == "ok" and module._cores(2, None).state == "ok"
    assert module._cores(2, 8.0).state == "slow"


def test_little_memory_is_slow_and_an_unknown_one_is_not_told(tmp_path: Path) -> None:
    facts = tmp_path / "meminfo"
    for free, state in ((900_000, "slow"), (9_000_000, "ok")):
        facts.write_text(f"MemTotal: 16000000 kB\nMemAvailable: {free} kB\n")
        (found,) = module._memory(facts)
        assert found.state == state and "of 16.4" in found.detail
    assert list(module._memory(tmp_path / "none")) == []


def test_every_machine_has_a_system_and_something_to_compute_with() -> None:
    found = list(machine())
    assert found[0].what == "system" and {one.state for one in found} <= {"ok", "note", "slow"}
