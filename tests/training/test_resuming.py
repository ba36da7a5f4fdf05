"""A killed fit goes on bit for bit; what is not a state of this fit is never taken for one."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from quantdl.errors import RunError
from quantdl.training.fit import Circumstances
from quantdl.training.resuming import Course, EpochRecord, UnfinishedFit
from tests.training.small_fits import (
    SETTINGS,
    digest_of,
    sessions_of,
    small_fit,
    small_histories,
    windows_of,
)

COURSE = Course(2, 3, 11, 11, (EpochRecord(0, -2.5, -2.6), EpochRecord(1, -2.6, -2.7)), 1)
TENSORS = {"a": torch.arange(6, dtype=torch.float32).view(2, 3), "random": torch.arange(9, dtype=torch.uint8)}
QUICK = replace(SETTINGS, epochs=2)


class Interrupting:
    """Batches that end the process, as far as the fit can tell, before a given step."""

    def __init__(self, batches, steps: int) -> None:
        self.inside, self.left = batches, steps

    def __getattr__(self, name: str):
        return getattr(self.inside, name)

    def training(self, epoch: int, start: int = 0):
        for batch in self.inside.training(epoch, start):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            yield batch


@pytest.fixture(scope="module")
def histories():
    return small_histories()


def test_a_state_comes_back_as_it_was(tmp_path):
    kept = UnfinishedFit(tmp_path / "new" / "fit.safetensors", "key")
    assert kept.read() is None
    kept.write(COURSE, TENSORS)
    course, tensors = kept.read()
    assert course == COURSE and course.best == COURSE.records[1]
    assert set(tensors) == set(TENSORS)
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_the_state_of_another_fit_is_not_read(tmp_path):
    UnfinishedFit(tmp_path / "fit.safetensors", "one").write(COURSE, TENSORS)
    assert UnfinishedFit(tmp_path / "fit.safetensors", "another").read() is None


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_state_is_named_and_counts_as_none(tmp_path, damage):
    kept = UnfinishedFit(tmp_path / "fit.safetensors", "key")
    kept.write(COURSE, TENSORS)
    whole = kept.path.read_bytes()
    kept.path.write_bytes({"cut": whole[:-4], "changed": whole[:-1] + b"\xff", "empty": b""}[damage])
    with pytest.warns(UserWarning, match=r"fit\.safetensors: no state of a fit .* begins anew"):
        assert kept.read() is None


def test_a_state_is_due_after_its_seconds(tmp_path):
    now = [100.0]
    kept = UnfinishedFit(tmp_path / "fit.safetensors", "key", seconds=30.0, clock=lambda: now[0])
    now[0] = 129.0
    assert not kept.is_due
    now[0] = 131.0
    assert kept.is_due
    kept.write(COURSE, TENSORS)
    assert not kept.is_due


def test_a_disk_that_refuses_ends_the_fit_with_its_path(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file"):
        UnfinishedFit(tmp_path / "file" / "fit.safetensors", "key").write(COURSE, TENSORS)


@pytest.mark.parametrize(("lane", "steps"), [(sessions_of, 1), (sessions_of, 5), (windows_of, 3)])
def test_a_fit_that_was_interrupted_at_a_step_ends_with_the_same_bits(histories, lane, steps, tmp_path):
    """Weights, losses of the passes and their count: dropout, optimiser and averaging go on as if nothing had been."""
    expected = digest_of(*small_fit(lane(histories, QUICK), histories.n_features, QUICK))
    kept = Circumstances(unfinished=UnfinishedFit(tmp_path / "fit.safetensors", "key", seconds=0.0))
    with pytest.raises(KeyboardInterrupt):
        small_fit(Interrupting(lane(histories, QUICK), steps), histories.n_features, QUICK, circumstances=kept)
    course, _ = kept.unfinished.read()
    assert (course.epoch, course.step) != (0, 0)
    seen = []
    found = small_fit(
        lane(histories, QUICK), histories.n_features, QUICK, progress=lambda *a: seen.append(a[1]), circumstances=kept
    )
    assert digest_of(*found) == expected
    assert seen[0] == course.epoch  # it did go on, and did not begin anew


def test_a_fit_that_was_finished_is_not_carried_out_again(histories, tmp_path):
    kept = Circumstances(unfinished=UnfinishedFit(tmp_path / "fit.safetensors", "key"))
    first = small_fit(sessions_of(histories, QUICK), histories.n_features, QUICK, circumstances=kept)
    seen = []
    again = small_fit(
        sessions_of(histories, QUICK),
        histories.n_features,
        QUICK,
        progress=lambda *a: seen.append(a[1]),
        circumstances=kept,
    )
    assert digest_of(*again) == digest_of(*first)
    assert seen == [QUICK.epochs]


def killed(folder, count: int, seed: int) -> dict:
    command = [sys.executable, "-m", "tests.training.small_fits", "kills", str(folder), str(count), str(seed)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.slow
def test_a_fit_that_was_killed_ends_with_the_same_bits(tmp_path):
    result = killed(tmp_path, 2, seed=0)
    assert result["kills"] == 2
    assert set(result["found"]) == {result["expected"]}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_fit_that_was_killed_twenty_times_ends_with_the_same_bits(tmp_path, seed):
    result = killed(tmp_path, 20, seed)
    assert result["kills"] == 20
    assert set(result["found"]) == {result["expected"]}
