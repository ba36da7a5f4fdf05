"""What derivatives through a backtest cost beside the backtest: time and memory, each size in a process of its own.

Random prices of 2,520 days, long-only weights at random, one thread, CPU seconds; memory is the growth of the
process's peak over that of the engine's own run.

    python benchmarks/bench_sensitivities.py
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZES = ((20, 21), (20, 1), (1000, 21), (1000, 1))  # assets, days from one decision to the next
SCENARIOS = 100


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The quickest of some turns."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return round(min(taken), 3)


def measured(assets: int, every: int) -> dict[str, float]:
    import numpy as np
    import pandas as pd
    import torch
    from bench_backtest import panel_of, plan_of
    from torch.func import grad, vmap

    from quantdl.backtest import TargetTable, Twin, play_targets, prepare, sensitivities, without_overlays

    torch.set_num_threads(1)
    generator = np.random.default_rng(1)
    closes = 100 * np.exp(np.cumsum(0.01 * generator.standard_normal((2520, assets)), axis=0))
    panel = panel_of(closes, pd.bdate_range("2010-01-01", periods=2520))
    plan = plan_of(panel, max_weight=0.9, group_cap=0.98, long_only=True)
    job = without_overlays(prepare(panel, plan, panel.sessions[0], panel.sessions[-1]))
    rows = np.arange(0, 2520, every)
    table = TargetTable(rows, 0.9 * generator.dirichlet(np.ones(assets), len(rows)), plan.rules[0].name)
    play_targets(job, table)
    found = {"assets": assets, "every": every, "engine": seconds(lambda: play_targets(job, table))}
    twin, weights = Twin.of(job, table), torch.tensor(table.weights)
    twin.check(table)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def sharpe(weights, bps):
        return twin.figures.sharpe(twin.equity(weights, twin.frictions._replace(commission_bps=bps)))

    def there_and_back():
        leaf = weights.clone().requires_grad_()
        twin.figures.sharpe(twin.equity(leaf)).backward()

    def grown() -> float:
        return round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)

    with torch.no_grad():
        found["forward"] = seconds(lambda: twin.equity(weights))
    found["forward and backward"] = seconds(there_and_back)
    found["their MB"] = grown()
    found["sensitivities"] = seconds(lambda: sensitivities(job, table), 2)
    found["their MB too"] = grown()
    if assets == SIZES[0][0]:
        one, all_of_them = torch.tensor(5.0).double(), torch.linspace(0.0, 30.0, SCENARIOS).double()
        found["slope by cost"] = seconds(lambda: grad(sharpe, 1)(weights, one))
        found["at 100 costs"] = seconds(lambda: vmap(grad(sharpe, 1), (None, 0))(weights, all_of_them), 1)
        found["of all three MB"] = grown()
    return found


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measured(int(sys.argv[1]), int(sys.argv[2]))))
        return
    for assets, every in SIZES:
        subprocess.run([sys.executable, __file__, str(assets), str(every)], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
