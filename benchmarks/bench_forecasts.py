"""One-day-ahead laws of twenty stocks, 2019-01-02..2022-12-28 (20,120 stock-days), beside published libraries.

    python benchmarks/bench_forecasts.py [CONFIG]

Ours are fitted and scored here; the others' figures are copied from a benchmark of the same stock-days and scores, made
on the same kind of machine with the versions named, and stand below for orientation. Lower is better.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

from quantdl.config import load_config
from quantdl.experiment import evaluate

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "arch 8.0.0 EGARCH-t, refitted yearly": -2.66299,
    "arch 8.0.0 GJR-GARCH-t, refitted yearly": -2.65889,
    "arch 8.0.0 GARCH-t, refitted yearly": -2.65524,
    "gluonts 0.17.0 SimpleFeedForward, Student-t": -2.65096,
    "EWMA-t (0.94)": -2.64977,
    "gluonts 0.17.0 PatchTST, Student-t, 2000 steps": -2.64590,
    "neuralforecast 3.3.0 VanillaTransformer, Student-t": -2.64561,
    "gluonts 0.17.0 DeepAR, Student-t": -2.64149,
    "neuralforecast 3.3.0 PatchTST, Student-t": -2.62944,
    "pytorch-forecasting 1.8.0 DeepAR, Normal": -2.58506,
    "darts 0.41.0 TransformerModel, Gaussian": -2.56329,
}


def main() -> None:
    torch.set_num_threads(1)
    config = load_config(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "configs" / "quickstart.yaml")
    started, cpu = time.perf_counter(), time.process_time()
    for row in evaluate(config).rows:
        print(json.dumps(asdict(row)))
    print(json.dumps({"wall_s": round(time.perf_counter() - started, 1), "cpu_s": round(time.process_time() - cpu, 1)}))
    for name, nll in ELSEWHERE.items():
        print(json.dumps({"elsewhere": name, "nll": nll}))


if __name__ == "__main__":
    main()
