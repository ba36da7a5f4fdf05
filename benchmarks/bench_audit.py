"""What an audit of the quick start costs beside its training. CPU seconds, and where they go.

python benchmarks/bench_audit.py [CONFIG] [--cuts N]
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from quantdl.audit import audit
from quantdl.audit.audit import CUTS
from quantdl.config import load_config
from quantdl.experiment.auditing import configured_pipeline

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("config", nargs="?", type=Path, default=ROOT / "configs" / "quickstart.yaml")
    parser.add_argument("--cuts", type=int, default=CUTS)
    arguments = parser.parse_args()
    started = time.process_time()
    pipeline = configured_pipeline(load_config(arguments.config))
    prepared = time.process_time()
    marks: list[tuple[str, float]] = []
    report = audit(pipeline, arguments.cuts, lambda stage, done, total: marks.append((stage, time.process_time())))
    ended = time.process_time()
    parts: Counter[str] = Counter()
    for (stage, begun), (_, following) in zip(marks, [*marks[1:], ("", ended)], strict=True):
        parts[stage] += following - begun
    row = {
        "what": arguments.config.name,
        "verdict": report.verdict,
        "verified": f"{report.coverage.verified} of {report.coverage.decisions}",
        "futures": report.coverage.worlds,
        "before_cpu_s": round(prepared - started, 1),
        "audit_cpu_s": round(ended - prepared, 1),
        "parts": {name: round(seconds, 1) for name, seconds in parts.items()},
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
