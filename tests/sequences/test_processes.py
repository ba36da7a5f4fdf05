"""Two processes that share the windows and meet at every step."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import datetime, json, sys
import numpy as np, torch, torch.distributed as dist
from quantdl.sequences import NEXT_SESSION, ObservedBars, Shard, WindowLoader
from quantdl.simulation import panel_of_closes

rank, world_size, meeting_point = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
closes = 100.0 * np.exp(0.01 * np.random.default_rng(0).standard_normal((75, 7)).cumsum(axis=0))
bars = ObservedBars.of(panel_of_closes(closes), [NEXT_SESSION])
loader = WindowLoader(bars, 16, 24, seed=0, shard=Shard(rank, world_size))
if world_size > 1:
    dist.init_process_group(
        "gloo", "file://" + meeting_point, datetime.timedelta(seconds=60), world_size=world_size, rank=rank
    )
weights = torch.zeros(bars.features.shape[1], dtype=torch.float64)
for batch in loader.batches(loader.start(epoch=0)):
    last = batch.features[torch.arange(len(batch.lengths)), batch.lengths - 1].double()
    error = 100.0 * batch.target[:, 0].double() - last @ weights
    gradient = (batch.weight[:, 0].double() * error) @ last / max(batch.step_weight, 1.0)
    if world_size > 1:
        dist.all_reduce(gradient)  # hangs, and so fails, if the processes took unequal steps
    weights += 0.01 * gradient
print(json.dumps({"windows": loader.n_windows, "steps": loader.n_steps, "weights": weights.tolist()}))
"""


def train(world_size, folder):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(rank), str(world_size), str(folder / f"meeting-{world_size}")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(world_size)
    ]
    return [json.loads(process.communicate(timeout=240)[0]) for process in processes]


@pytest.mark.slow
def test_two_processes_take_equal_steps_and_learn_what_one_learns(tmp_path):
    (alone,) = train(1, tmp_path)
    first, second = train(2, tmp_path)
    assert alone["windows"] % 2  # cannot be halved
    assert first == second
    assert first["steps"] == alone["steps"]
    assert first["weights"] == pytest.approx(alone["weights"], rel=1e-9)
    assert any(alone["weights"])
