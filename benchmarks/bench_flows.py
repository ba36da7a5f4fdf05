"""The coupling flow beside nflows': log density forward and backward, and draws, at the same sizes in one run.

    python benchmarks/bench_flows.py [--batch N] [--turns N] [--without-peers]

Batch 4,096, context 32, 3 layers of 8 bins, hidden 64, float32, standard normal base; one thread, CPU seconds, the
least of some turns, half of ours before and half after the peer's. A ratio above 1 means that ours is the faster.
nflows is installed in an environment of its own, .venv-peers, when it is first needed.
"""

import argparse
import json
import math
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import torch
from sections.peers import peer_python
from torch import Tensor

from quantdl.models.coupling import CouplingFlow

CONTEXT, LAYERS, BINS, HIDDEN, BOUND = 32, 3, 8, 64, 5.0
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def log_density(flow: CouplingFlow, values: Tensor, contexts: Tensor) -> Tensor:
    """Of the law that the flow carries to independent standard normal variables, (batch,)."""
    base, log_determinant = flow(values, contexts)
    return log_determinant - 0.5 * (base.square() + math.log(2.0 * math.pi)).sum(-1)


def least(job: Callable[[], object], turns: int) -> float:
    """CPU seconds of the fastest turn after one that does not count."""
    job()
    seconds = []
    for _ in range(turns):
        started = time.process_time()
        job()
        seconds.append(time.process_time() - started)
    return min(seconds)


def ours(dimension: int, batch: int, turns: int) -> dict[str, float]:
    torch.manual_seed(0)
    flow = CouplingFlow(dimension, CONTEXT, LAYERS, HIDDEN, BINS, BOUND)
    for weights in flow.parameters():  # away from the identity
        weights.data.add_(0.05 * torch.randn_like(weights))
    values, contexts = torch.randn(batch, dimension), torch.randn(batch, CONTEXT)

    def train() -> None:
        flow.zero_grad(set_to_none=True)
        (-log_density(flow, values, contexts).mean()).backward()

    def draw() -> None:
        with torch.no_grad():
            flow.inverse(torch.randn(batch, dimension), contexts)

    figures = {"log_prob_cpu_s": least(train, turns), "sample_cpu_s": least(draw, turns)}
    return figures | {"parameters": sum(weights.numel() for weights in flow.parameters())}


def theirs(dimension: int, batch: int, turns: int) -> dict[str, float] | str:
    python = peer_python("nflows")
    if isinstance(python, str):
        return python
    script = Path(__file__).parent / "sections" / "nflows_coupling.py"
    sizes = (dimension, batch, CONTEXT, LAYERS, BINS, HIDDEN, turns)
    done = subprocess.run(
        [python, script, *map(str, sizes)], capture_output=True, text=True, env=os.environ | ONE_THREAD
    )
    if done.returncode:
        return f"skipped: {done.stderr.strip().splitlines()[-1]}"
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="The coupling flow beside nflows'.")
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--without-peers", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for dimension in (5, 20):
        before = ours(dimension, asked.batch, asked.turns)
        peer = "skipped: --without-peers" if asked.without_peers else theirs(dimension, asked.batch, asked.turns)
        after = ours(dimension, asked.batch, asked.turns)
        both = {key: min(before[key], after[key]) for key in before}
        figures: dict[str, object] = {"dimension": dimension, "batch": asked.batch, "quantdl": both, "nflows": peer}
        if not isinstance(peer, str):
            figures["nflows_over_quantdl"] = {
                key: round(peer[key] / both[key], 2) for key in ("log_prob_cpu_s", "sample_cpu_s")
            }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
