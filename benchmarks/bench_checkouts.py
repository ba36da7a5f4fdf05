"""Scored positions a CPU second in training, of this checkout and, beside it, of another one.

    python benchmarks/bench_checkouts.py [OTHER_CHECKOUT]

The quick start's transformer, twenty stocks, batches as shipped. Each checkout is measured in a process of its own, in
turns, with one thread; the best turn of each counts, since a busy machine only ever adds time. Batches are also made
without training on them, which shows what planning and gathering cost.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
TURNS = 3
MEASURED = """
import json, time, torch
from dataclasses import replace
from quantdl.config import load_config
from quantdl.experiment.models import build_network
from quantdl.experiment.preparation import load_data, model_inputs
from quantdl.sequences import NEXT_SESSION, build_histories, position_window
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import fit
from quantdl.training.splits import split_bars
torch.set_num_threads(1)
config = load_config("configs/quickstart.yaml")
data = load_data(config, keep_ingest=False)
bars = split_bars(data.panel.sessions, config.splits).among(data.trades)
windows = (NEXT_SESSION, position_window(5))
factors = config.model.trailing_factors
histories = build_histories(data.learnt, windows, table=model_inputs(config, data), n_factors=factors)
settings = replace(config.training, epochs=1, device="cpu")
batches = SessionBatches(histories, bars.fit, 64, settings, 7)
positions = sum(int(batch.present.sum()) for batch in batches.training(0))
started = time.process_time()
for batch in batches.training(1):
    pass
gathering = time.process_time() - started
torch.manual_seed(0)
model = build_network(config.model, histories.n_features, 2)
started = time.process_time()
fit(model, batches, settings, 7)
print(json.dumps({"positions": positions, "gathering": gathering, "fitting": time.process_time() - started}))
"""


def measure(checkout: Path) -> dict[str, float]:
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    environment = {**os.environ, **threads, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", MEASURED]  # which reads the package of the folder that it runs in
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    checkouts = {"this": HERE, **({"other": Path(sys.argv[1]).resolve()} if len(sys.argv) > 1 else {})}
    turns = {name: [] for name in checkouts}
    for _ in range(TURNS):
        for name, checkout in checkouts.items():
            turns[name].append(measure(checkout))
    for name, measured in turns.items():
        fitting = min(turn["fitting"] for turn in measured)
        figures = {
            "checkout": name,
            "positions_a_cpu_second": round(measured[0]["positions"] / fitting),
            "cpu_s_a_pass_with_validation": round(fitting, 2),
            "cpu_s_to_gather_a_pass": round(min(turn["gathering"] for turn in measured), 3),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
