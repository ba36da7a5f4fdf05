"""A sweep carries out every config with every seed and puts what it finds, or what went wrong, into one table."""

from collections.abc import Iterator, Sequence

import pytest

from quantdl.config import load_config
from quantdl.errors import ConfigError
from quantdl.experiment.sweeping import sweep
from quantdl.runs.store import open_run
from quantdl.runs.workers import Job, JobResult, ProcessWorkers


class Told:
    """Answers each job from a list, last job first, as workers that finish in any order do."""

    def __init__(self, answers: list[JobResult]) -> None:
        self.answers, self.jobs = answers, []

    def results(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        self.jobs = list(jobs)
        yield from reversed(list(enumerate(self.answers)))


@pytest.fixture
def path(tmp_path, write_small):
    return write_small(tmp_path)


def test_each_seed_of_each_config_is_a_run_of_the_command_line(path, small_run):
    told = Told([JobResult(0, f"verdict: x\n{small_run}\n", "")] * 4)
    table = sweep([path, path], 2, told)
    seed = load_config(path).seed
    assert [job.arguments for job in told.jobs] == [("run", str(path), "--seed", str(seed + n)) for n in (0, 1, 0, 1)]
    assert [row.seed for row in table.rows] == [seed, seed + 1, seed, seed + 1]


def test_a_row_holds_the_figures_of_its_run_folder(path, small_run):
    (found,) = sweep([path], 1, Told([JobResult(0, f"{small_run}\n", "")])).rows
    run = open_run(small_run)
    training = run.read_json("training.json")
    assert found.verdict == run.read_json("checklist.json")["verdict"]
    assert found.sharpe == run.read_json("metrics.json")["strategy"]["sharpe"]
    assert found.validation_loss == training["epochs"][training["best_epoch"]]["validation_loss"]
    assert (found.run, found.code, found.problem) == (str(small_run), 0, "")


def test_a_run_that_fails_is_a_row_with_its_message_and_stops_no_other(path, small_run):
    answers = [JobResult(4, "", "data ...\nplan refused\n"), JobResult(0, f"{small_run}\n", ""), JobResult(-9, "", "")]
    rows = sweep([path], 3, Told(answers)).rows
    assert [row.code for row in rows] == [4, 0, -9]
    assert rows[0].problem == "exit code 4; data ...; plan refused"
    assert rows[2].problem == "ended by signal 9"


def test_a_faulty_config_is_refused_before_anything_runs(path, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(path.read_text().replace("epochs: 2", "epochs: two"))
    told = Told([])
    with pytest.raises(ConfigError, match=r"training\.epochs"):
        sweep([path, wrong], 2, told)
    assert told.jobs == []


@pytest.mark.slow
def test_two_workers_write_a_run_folder_for_each_seed(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    table = sweep([path], 2, ProcessWorkers(2))
    assert [row.code for row in table.rows] == [0, 0], table
    runs = [open_run(path.parent / row.run) for row in table.rows]
    assert [run.read_json("config.json")["seed"] for run in runs] == [row.seed for row in table.rows]
    losses = [row.validation_loss for row in table.rows]
    assert losses[0] != losses[1]
