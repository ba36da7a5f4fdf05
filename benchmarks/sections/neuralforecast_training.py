r"""NeuralForecast's PatchTST in training on returns written by bench_training.py; runs in an environment of its own.

    .venv-peers/neuralforecast/bin/python benchmarks/sections/neuralforecast_training.py \
        FILE CONTEXT WIDTH LAYERS HEADS STEPS

Student-t loss, patches of 8 bars, 256 windows a step. Prints the windows a CPU second at the median step as one JSON
object, from one end of a batch to the next: loading included.
"""

import json
import logging
import os
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import torch

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
os.environ["NIXTLA_ID_AS_COL"] = "1"

from neuralforecast import NeuralForecast  # noqa: E402 - reads the environment
from neuralforecast.losses.pytorch import DistributionLoss  # noqa: E402
from neuralforecast.models import PatchTST  # noqa: E402

WINDOWS, WARM_UP = 256, 5
ENDS: list[float] = []  # neuralforecast copies its models with their callbacks


class Clock(lightning.Callback):
    """CPU seconds at the end of each step."""

    def on_train_batch_end(self, *_: object, **__: object) -> None:
        """Called by the trainer."""
        ENDS.append(time.process_time())


def main() -> None:
    torch.set_num_threads(1)
    returns = np.load(sys.argv[1])
    context, width, layers, heads, steps = map(int, sys.argv[2:])
    frame = pd.DataFrame(100.0 * returns).reset_index(names="ds")
    long = frame.melt(id_vars="ds", var_name="unique_id", value_name="y").dropna()
    model = PatchTST(
        h=1, input_size=context, hidden_size=width, n_heads=heads, encoder_layers=layers, linear_hidden_size=2 * width,
        patch_len=8, stride=8, dropout=0.1, fc_dropout=0.1, revin=False, scaler_type="standard", random_seed=1,
        loss=DistributionLoss("StudentT", level=[90], return_params=True), learning_rate=1e-3, max_steps=steps,
        windows_batch_size=WINDOWS, batch_size=returns.shape[1], val_check_steps=10**6, enable_progress_bar=False,
        logger=False, enable_checkpointing=False, accelerator="cpu", num_lr_decays=1, callbacks=[Clock()],
    )  # fmt: skip
    NeuralForecast([model], freq=1).fit(long)
    seconds = float(np.median(np.diff(ENDS)[WARM_UP:]))
    weights = sum(parameter.numel() for parameter in model.parameters())
    print(json.dumps({"windows_per_cpu_s": WINDOWS / seconds, "parameters": weights}))


if __name__ == "__main__":
    main()
