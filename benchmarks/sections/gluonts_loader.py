"""GluonTS' training loader on bars written by windows.py; runs in an environment of its own.

    .venv-peers/gluonts/bin/python benchmarks/sections/gluonts_loader.py FOLDER LENGTH BATCH

One series an asset: the return as target and the features as dynamic features. Windows are cut by an InstanceSplitter
and stacked to torch tensors as GluonTS' PyTorch estimators do it.
"""

import json
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from gluonts.dataset.field_names import FieldName
from gluonts.dataset.loader import as_stacked_batches
from gluonts.itertools import Cyclic
from gluonts.transform import AddObservedValuesIndicator, ExpectedNumInstanceSampler, InstanceSplitter

N_BATCHES = 100


def series(folder: Path) -> list[dict[str, object]]:
    features, target = np.load(folder / "features.npy"), np.load(folder / "target.npy")
    first = np.load(folder / "first.npy")
    return [
        {
            FieldName.ITEM_ID: str(asset),
            FieldName.START: pd.Period("2000-01-03", freq="B"),
            FieldName.TARGET: target[start:stop],
            FieldName.FEAT_TIME: features[start:stop].T.copy(),
        }
        for asset, (start, stop) in enumerate(zip(first[:-1], first[1:], strict=True))
        if stop - start > 1
    ]


def main() -> None:
    torch.set_num_threads(1)
    folder, length, batch_size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    np.random.seed(0)  # the sampler draws from numpy's global state
    observed = AddObservedValuesIndicator(target_field=FieldName.TARGET, output_field=FieldName.OBSERVED_VALUES)
    splitter = InstanceSplitter(
        target_field=FieldName.TARGET,
        is_pad_field=FieldName.IS_PAD,
        start_field=FieldName.START,
        forecast_start_field=FieldName.FORECAST_START,
        instance_sampler=ExpectedNumInstanceSampler(num_instances=1, min_future=1),
        past_length=length,
        future_length=1,
        time_series_fields=[FieldName.FEAT_TIME, FieldName.OBSERVED_VALUES],
    )
    data = Cyclic(list(observed.apply(series(folder), is_train=True))).stream()
    stacked = as_stacked_batches(
        splitter.apply(data, is_train=True),
        batch_size=batch_size,
        output_type=torch.tensor,
        field_names=["past_time_feat", "past_target", "past_observed_values", "future_target", "past_is_pad"],
    )
    batches = iter(stacked)
    next(batches)
    started = time.process_time()
    n_windows = sum(len(batch["past_target"]) for batch in islice(batches, N_BATCHES))
    print(json.dumps({"windows_per_cpu_s": n_windows / (time.process_time() - started)}))


if __name__ == "__main__":
    main()
