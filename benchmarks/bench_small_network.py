"""A small network beside EGARCH-t: CPU seconds of all fits and the scores of the test span, in one run.

    python benchmarks/bench_small_network.py [CONFIG]

The network is fitted once, EGARCH-t to each of twenty stocks at the start of each of four years. Both forecast the same
20,120 stock-days, a look at the test span that the ledger counts. Prints JSON lines.
"""

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scored import scores, timed

from quantdl.config import load_config
from quantdl.experiment import load_data
from quantdl.experiment.models import fit_model
from quantdl.experiment.preparation import model_inputs
from quantdl.experiment.trials import record_look
from quantdl.models.settings import EgarchSettings
from quantdl.training.splits import split_bars

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", type=Path, default=ROOT / "configs" / "quickstart_small.yaml")
    config = load_config(parser.parse_args().config)
    data = load_data(config, keep_ingest=False)
    table = model_inputs(config, data)
    bars = split_bars(data.panel.sessions, config.splits).among(data.trades)
    for settings in (EgarchSettings(horizon=config.model.horizon), config.model):
        block = timed(f"fits of {settings.kind}", partial(fit_model, settings, data.learnt, table, bars, config))
        scored = scores(block.forecast(bars.test))
        means = {"nll": -np.nanmean(scored.log_density), "joint_nll": -scored.joint, "crps_bp": np.nanmean(scored.crps)}
        print(json.dumps({"model": settings.kind, **{name: round(float(mean), 4) for name, mean in means.items()}}))
    print(json.dumps({"looks_at_the_span": record_look(config, data.panel.card.fingerprint)}))


if __name__ == "__main__":
    main()
