"""GluonTS' PatchTST in training on returns written by bench_training.py; runs in an environment of its own.

    .venv-peers/gluonts/bin/python benchmarks/sections/gluonts_training.py FILE CONTEXT WIDTH LAYERS HEADS STEPS

Student-t output, patches of 8 bars, 256 windows a step. Prints the windows a CPU second at the median step as one JSON
object, from one end of a batch to the next: loading included.
"""

import json
import logging
import sys
import tempfile
import time
import warnings

import lightning.pytorch as lightning
import numpy as np
import pandas as pd
import torch

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

from gluonts.dataset.common import ListDataset  # noqa: E402 - warns when it is imported
from gluonts.torch import PatchTSTEstimator  # noqa: E402
from gluonts.torch.distributions import StudentTOutput  # noqa: E402

WINDOWS, WARM_UP = 256, 5


class Clock(lightning.Callback):
    """CPU seconds at the end of each step."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: object, **__: object) -> None:
        """Called by the trainer."""
        self.ends.append(time.process_time())


def main() -> None:
    torch.set_num_threads(1)
    np.random.seed(0)  # the sampler draws from numpy's global state
    returns = np.load(sys.argv[1])
    context, width, layers, heads, steps = map(int, sys.argv[2:])
    start = pd.Period("1990-01-03", freq="D")
    series = [
        {"start": start, "target": (100.0 * column[np.isfinite(column)]).astype("float32"), "item_id": str(number)}
        for number, column in enumerate(returns.T)
    ]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        estimator = PatchTSTEstimator(
            prediction_length=1, context_length=context, patch_len=8, stride=8, d_model=width, nhead=heads,
            dim_feedforward=2 * width, num_encoder_layers=layers, scaling="std", batch_size=WINDOWS,
            num_batches_per_epoch=steps, lr=1e-3, distr_output=StudentTOutput(),
            trainer_kwargs={
                "max_epochs": 1, "callbacks": [clock], "enable_progress_bar": False, "logger": False,
                "enable_checkpointing": True, "accelerator": "cpu", "default_root_dir": folder,
                "enable_model_summary": False,
            },
        )  # fmt: skip
        predictor = estimator.train(ListDataset(series, freq="D"))
    seconds = float(np.median(np.diff(clock.ends)[WARM_UP:]))
    weights = sum(parameter.numel() for parameter in predictor.prediction_net.parameters())
    print(json.dumps({"windows_per_cpu_s": WINDOWS / seconds, "parameters": weights}))


if __name__ == "__main__":
    main()
