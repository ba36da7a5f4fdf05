"""What a user waits for: the help text, the import, the quick start. CPU seconds, wall seconds and peak memory.

python benchmarks/bench_commands.py            help and import
python benchmarks/bench_commands.py --run      the quick start as well (a minute or two)
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def measured(name: str, command: list[str], repeats: int = 5) -> dict[str, object]:
    """Run a command several times; the least time is the one that other work on the machine disturbed least."""
    walls, cpus = [], []
    for _ in range(repeats):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(time.perf_counter() - started)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"what": name, "wall_s": round(min(walls), 3), "cpu_s": round(min(cpus), 3), "repeats": repeats}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", action="store_true", help="measure the quick start too")
    arguments = parser.parse_args()
    python = sys.executable
    rows = [
        measured("quantdl --help", [python, "-m", "quantdl", "--help"]),
        measured("import torch", [python, "-c", "import torch"], 3),
        measured("import torch, quantdl", [python, "-c", "import torch, quantdl"], 3),
    ]
    if arguments.run:
        with tempfile.TemporaryDirectory() as folder:
            command = [python, "-m", "quantdl", "run", "configs/quickstart.yaml", "--output", f"{folder}/run"]
            rows.append(measured("quantdl run configs/quickstart.yaml", command, 1))
            rows[-1]["peak_gb"] = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20, 2)
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
