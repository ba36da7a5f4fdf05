"""Windows that a transformer learns from in a CPU second, beside PatchTST of NeuralForecast and of GluonTS.

    python benchmarks/bench_training.py [--steps N] [--block N] [--rows N] [--without-peers]

All at width 64, 2 layers, 4 heads, 64 bars of context, dropout 0.1 and a Student-t law, on the twenty bundled stocks
through 2018; one thread, CPU seconds of the median training step with its loading. A window is one asset's next return,
learnt from 64 bars or more before it. The peers take one window a row; ours scores every bar of a block in one pass,
which is what makes the difference, and learns the joint law as well. Peers are installed in environments of their own
under .venv-peers when they are first needed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import torch
from sections.peers import peer_python

from quantdl.market.sources import load_sp500
from quantdl.models.settings import TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, Batch, build_histories
from quantdl.training.batches import SessionBatches
from quantdl.training.loss import log_loss
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans

CONTEXT, WIDTH, LAYERS, HEADS = 64, 64, 2, 4
TRAIN, VALIDATION = ("1995-01-03", "2016-12-30"), "2018-12-31"
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
WARM_UP = 3


def endless(batches: SessionBatches) -> Iterator[Batch]:
    for epoch in count():
        yield from batches.training(epoch)


def ours(steps: int, block: int, rows: int) -> dict[str, float]:
    """Windows a CPU second of our transformer, with gathering, optimiser step and clipping as in a fit."""
    panel = load_sp500()
    histories = build_histories(panel, [NEXT_SESSION])
    first, last = (histories.bar_of(day) for day in TRAIN)
    spans = FitSpans(range(first, last + 1), range(last + 1, histories.bar_of(VALIDATION)))
    settings = TrainingSettings(block=block, rows=rows)
    torch.manual_seed(0)
    network = TransformerSettings(1, width=WIDTH, heads=HEADS, layers=LAYERS, context=CONTEXT, dropout=0.1)
    model = TransformerForecaster(histories.n_features, 1, network)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    batches = endless(SessionBatches(histories, spans, CONTEXT, settings, seed=0))
    rates = []
    for _ in range(steps + WARM_UP):
        started = time.process_time()
        loss, observed = log_loss(model, next(batches), settings.loss_shares)
        optimizer.zero_grad()
        (loss / observed).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_norm)
        optimizer.step()
        rates.append(int(observed) / (time.process_time() - started))
    weights = sum(parameter.numel() for parameter in model.parameters())
    return {"windows_per_cpu_s": float(np.median(rates[WARM_UP:])), "parameters": weights}


def theirs(name: str, steps: int) -> dict[str, float] | str:
    """The peer's figures, or why there are none."""
    python = peer_python(name)
    if isinstance(python, str):
        return python
    panel = load_sp500()
    returns = panel.log_returns()[: panel.sessions.searchsorted(np.datetime64(VALIDATION))]
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "returns.npy", returns)
        script = Path(__file__).parent / "sections" / f"{name}_training.py"
        sizes = map(str, (CONTEXT, WIDTH, LAYERS, HEADS, steps))
        command = [python, script, Path(folder) / "returns.npy", *sizes]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | ONE_THREAD
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    if done.returncode:
        return f"skipped: {(done.stderr.strip().splitlines() or ['it ended without a word'])[-1]}"
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description="Windows a CPU second in training.")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--block", type=int, default=TrainingSettings().block)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--without-peers", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    before = ours(asked.steps, asked.block, asked.rows)
    peers = {}
    for name in () if asked.without_peers else ("neuralforecast", "gluonts"):
        peers[name] = theirs(name, asked.steps)
        print(json.dumps({"what": f"{name} PatchTST", "figures": peers[name]}), flush=True)
    after = ours(asked.steps, asked.block, asked.rows)
    rate = max(before["windows_per_cpu_s"], after["windows_per_cpu_s"])
    ratios = {
        f"over_{name}": round(rate / got["windows_per_cpu_s"], 1)
        for name, got in peers.items()
        if isinstance(got, dict)
    }
    print(
        json.dumps(
            {
                "what": "quantdl transformer",
                "block": asked.block,
                "rows": asked.rows,
                "figures": before | {"windows_per_cpu_s": rate},
            }
            | ratios
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
