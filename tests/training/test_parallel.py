"""Two processes train as one does, however unevenly the rows fall; one that ends is named by the other."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch

from quantdl.errors import RunError
from quantdl.sequences import Shard
from quantdl.training.parallel import Processes, training_processes
from tests.training.small_fits import sessions_of, small_histories


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("together")
    command = [sys.executable, "-m", "tests.training.small_fits", "together", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("lane", ["sessions", "windows"])
def test_two_processes_come_to_the_weights_and_losses_of_one(told, lane):
    one, two = told[lane]["one"], told[lane]["two"]
    for rank in (0, 1):
        torch.testing.assert_close(torch.tensor(two[rank]["losses"]), torch.tensor(one["losses"]), rtol=0, atol=2e-5)
        moved = (torch.tensor(two[rank]["weights"]) - torch.tensor(one["weights"])).abs()
        assert (moved < 2e-4).float().mean() > 0.98
        assert moved.max() < 0.01  # Adam takes a whole step also along a gradient that is nothing but rounding


@pytest.mark.slow
@pytest.mark.parametrize("lane", ["sessions", "windows"])
def test_both_processes_hold_the_same_weights_bit_for_bit(told, lane):
    first, second = told[lane]["two"]
    assert first["weights"] == second["weights"]


@pytest.mark.slow
def test_the_processes_had_unequal_shares(told):
    """Two rows of every three, or nothing would show that losses are divided by the targets of all processes."""
    first, second = (told["sessions"]["two"][rank]["observed"] for rank in (0, 1))
    assert first > 1.5 * second > 0


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_the_survivor_ends_with_an_error_that_names_the_process_that_was_killed(told, victim):
    message = told[f"survivor_of_{victim}"]
    assert re.search(rf"training stopped in process {1 - victim}: process {victim} of 2 has ended", message)


def test_a_process_without_a_row_takes_part_in_every_step():
    histories = small_histories()
    whole = list(sessions_of(histories).training(0))
    shares = [list(sessions_of(histories, shard=Shard(rank, 5)).training(0)) for rank in range(5)]
    assert {len(share) for share in shares} == {len(whole)}
    for step, batch in enumerate(whole):
        observed = [int(share[step].target_observed.sum()) for share in shares]
        assert sum(observed) == int(batch.target_observed.sum())
    assert min(observed) == 0  # four rows among five processes


def test_without_a_launcher_a_process_is_alone():
    with training_processes({}) as processes:
        assert processes == Processes() and processes.is_first
    value = torch.tensor([1.0, 2.0])
    assert processes.total(value) is value
    assert Processes.current() == Processes()


def test_processes_that_cannot_meet_are_told_how_to_start():
    alone = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "no such host", "MASTER_PORT": "1"}
    with pytest.raises(RunError, match=r"process 1 of 2 cannot reach the others at .*torchrun"):
        with training_processes(alone):
            pass


@pytest.mark.slow
def test_torchrun_writes_one_run_that_is_the_run_of_one_process(tmp_path, write_small):
    still = {"  context: 32\n": "  context: 32\n  dropout: 0.0\n"}
    runs = {}
    for name, launcher in (("one", []), ("two", ["-m", "torch.distributed.run", "--nproc-per-node", "2"])):
        folder = tmp_path / name
        folder.mkdir()
        command = [sys.executable, *launcher, "-m", "quantdl", "run", str(write_small(folder, still))]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=environment)
        assert ended.returncode == 0, ended.stderr
        (runs[name],) = (path.parent for path in folder.glob("runs/*/manifest.json"))
    one, two = (json.loads((runs[name] / "training.json").read_text())["epochs"] for name in ("one", "two"))
    for first, second in zip(one, two, strict=True):
        assert second["validation_loss"] == pytest.approx(first["validation_loss"], abs=1e-4)
    ledgers = [len((tmp_path / name / "runs" / "ledger.jsonl").read_text().splitlines()) for name in ("one", "two")]
    assert ledgers == [1, 1]
