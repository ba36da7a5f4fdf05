"""Parts of a sweep on processes give the table of one process, and a process that dies takes one set along."""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from quantdl.config import load_config
from quantdl.errors import RunError
from quantdl.experiment import sweep_world
from quantdl.experiment.parameter_sweep import sweep_grid
from quantdl.experiment.sweep_parts import COMMAND, OnWorkers, play_part
from quantdl.experiment.trials import ledger_of
from quantdl.runs.workers import Job, JobResult, ProcessWorkers, RayWorkers
from tests.small_experiment import ROOT, small_config, with_model
from tests.small_sweep import sweep_config

RAY = importlib.util.find_spec("ray") is not None
MOMENTUM = (ROOT / "strategies" / "momentum.py").read_text()


class Here:
    """Plays each part in this process, last part first; what a part comes to is told by the test."""

    def __init__(
        self,
        ends: Callable[[int, Path], JobResult | None] = lambda number, request: None,
        never_begin: frozenset[int] = frozenset(),
    ) -> None:
        self.ends, self.never_begin, self.jobs = ends, never_begin, []

    def results(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        for at, job in reversed(list(enumerate(jobs))):
            self.jobs.append(job)
            request = Path(job.arguments[1])
            assert job.arguments[0] == COMMAND
            if len(self.jobs) - 1 in self.never_begin:
                yield at, JobResult(-9, "", "")
                continue
            play_part(request)
            yield at, self.ends(len(self.jobs) - 1, request) or JobResult(0, "", "")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    config = load_config(sweep_config(tmp_path_factory.mktemp("alone")))
    return config, sweep_grid(config)


@pytest.mark.parametrize("count", [1, 3])
def test_the_table_and_the_ledger_are_those_of_one_process(alone, tmp_path, count):
    config = load_config(sweep_config(tmp_path))
    workers = Here()
    assert sweep_grid(config, outcomes=OnWorkers(workers, count)) == alone[1]
    assert len(workers.jobs) == count
    kept = [[(one.trial, one.figures, one.returns) for one in ledger_of(c).read().records] for c in (alone[0], config)]
    assert kept[0] == kept[1]
    assert not (config.runs_root / ".sweeps").exists()


def test_a_process_that_dies_takes_along_the_set_it_was_at_and_no_other(alone, tmp_path):
    def killed(number: int, request: Path) -> JobResult | None:
        if number != 0:
            return None
        answer = request.with_suffix(".jsonl")
        lines = answer.read_bytes().split(b"\n")
        answer.write_bytes(b"\n".join([*lines[:2], lines[2][:40]]))  # one set told, the next one begun
        return JobResult(-9, "", "")

    config = load_config(sweep_config(tmp_path))
    table = sweep_grid(config, outcomes=OnWorkers(Here(killed), 1))
    lost = [row for row in table.rows if row.state == "failed"]
    assert [row.problem for row in lost] == ["its process ended by signal 9"]
    assert [row for row in table.rows if row not in lost] == [
        row for row in alone[1].rows if row.number != lost[0].number
    ]
    assert lost[0].number == 1 and lost[0].trial == ""
    assert len(ledger_of(config).read().records) == 7


def test_a_part_that_never_begins_is_tried_again_and_then_told(alone, tmp_path):
    once = load_config(sweep_config(tmp_path))
    assert sweep_grid(once, outcomes=OnWorkers(Here(never_begin=frozenset({0})), 2)) == alone[1]
    twice = Here(never_begin=frozenset({0, 2}))
    (tmp_path / "twice").mkdir()
    table = sweep_grid(load_config(sweep_config(tmp_path / "twice")), outcomes=OnWorkers(twice, 2))
    lost = [row for row in table.rows if row.state == "failed"]
    assert len(lost) == 4
    assert {row.problem for row in lost} == {"its process ended by signal 9 before it had played anything"}


def test_a_config_that_changed_meanwhile_is_not_mixed_in(tmp_path):
    path = sweep_config(tmp_path)
    config = load_config(path)
    path.write_text(path.read_text().replace("fraction: 0.3", "fraction: 0.5"))
    with pytest.raises(RunError, match="changed after the sweep began"):
        sweep_grid(config, outcomes=OnWorkers(Here(), 1))


def test_what_a_killed_sweep_left_is_removed(tmp_path):
    config = load_config(sweep_config(tmp_path))
    left = config.runs_root / ".sweeps" / "left"
    left.mkdir(parents=True)
    (left / "part.json").write_text("{}")
    sweep_grid(config, outcomes=OnWorkers(Here(), 1))
    assert not left.exists()


EWMA = "  kind: ewma_t\n  horizon: 5\n"
MIXED = (
    "  kind: ensemble\n  horizon: 5\n  seeds: 2\n  members:\n    - {kind: ewma_t, horizon: 5}\n"
    "    - {kind: transformer, horizon: 5, width: 8, heads: 2, layers: 1, context: 32}\n"
)


@pytest.mark.slow
@pytest.mark.parametrize("model", [EWMA, MIXED], ids=["classical", "ensemble"])
def test_processes_read_the_model_that_was_fitted_once_and_give_the_same_table(model, tmp_path, monkeypatch):
    def config_in(folder: Path):
        folder.mkdir()
        path = small_config(folder)
        with_model(path, model + "training: {epochs: 1, rows: 4}\n")
        path.write_text(f"{path.read_text()}\nsweep: {{parameters: {{turnover_penalty: [0.0, 0.5]}}}}\n")
        return load_config(path)

    fits = []
    fit = sweep_world.fit_model
    monkeypatch.setattr(sweep_world, "fit_model", lambda *given: fits.append(1) or fit(*given))
    alone = sweep_grid(config_in(tmp_path / "alone"))
    assert sweep_grid(config_in(tmp_path / "parts"), outcomes=OnWorkers(Here(), 2)) == alone
    assert [row.state for row in alone.rows] == ["played", "played"]
    assert alone.rows[0].total_return != alone.rows[1].total_return
    assert len(fits) == 2  # one for each sweep


@pytest.fixture
def deadly(tmp_path):
    """A sweep whose strategy kills its process with one set, and raises with another."""
    head = "        closes, rows, table"
    deadly = (
        "        if (self.lookback, self.skip) == (120, 21):\n"
        "            __import__('os').kill(__import__('os').getpid(), 9)\n"
        "        if (self.lookback, self.skip) == (250, 0):\n"
        "            raise KeyError('x')\n"
    )
    (tmp_path / "own.py").write_text(MOMENTUM.replace(head, deadly + head))
    os.environ["PYTHONPATH"] = str(ROOT)
    return load_config(sweep_config(tmp_path, {f"file: {ROOT}/strategies/momentum.py": "file: own.py"}))


def check(table) -> None:
    states = {(row.values["lookback"], row.values["skip"]): row for row in table.rows}
    assert states[120, 21].state == "failed" and "signal 9" in states[120, 21].problem
    assert "KeyError: 'x'" in states[250, 0].problem
    assert sum(row.state == "played" for row in table.rows) == 6


@pytest.mark.slow
def test_a_killed_process_is_reported_and_the_other_sets_are_played(deadly):
    check(sweep_grid(deadly, outcomes=OnWorkers(ProcessWorkers(2), 2)))


@pytest.mark.slow
@pytest.mark.skipif(not RAY, reason="ray is not installed: pip install 'quantdl[ray]'")
@pytest.mark.filterwarnings("ignore")  # of ray's own parts
def test_a_local_ray_cluster_plays_the_same_sets(alone, tmp_path):
    table = sweep_grid(load_config(sweep_config(tmp_path)), outcomes=OnWorkers(RayWorkers(2), 2))
    assert table == alone[1]
