"""What enforcing a plan costs: the same books under the smallest plan and under one with every item at work.

The jobs are A2 and A3 of `bench_backtest`: twenty stocks each month, and a thousand each day. The smallest plan has one
condition and waives liquidity. The full one also watches drawdown, volatility and a combination of conditions, obeys a
stop on every trade, caps fills and exits by stated volume, charges borrowing, reduces only in a stressed market, and
checks the maintenance margin. Its limits are so wide that none binds, so both must end with the same money, and what
differs is the enforcing alone. One thread; medians of CPU time, with decisions, the plan's checks and the final figure.

    python benchmarks/bench_plan.py [--turns 15]
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from benchmarks.bench_backtest import inverse_volatility, long_short, month_ends, panel_of, plan_of, prepare_data
from quantdl.backtest import TargetTable, check_plan, play_targets, prepare
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.invalidation import (
    Combination,
    DrawdownLimit,
    StaleDataLimit,
    StressedMarket,
    VolatilityLimit,
)
from quantdl.backtest.plan.items import Plan
from quantdl.market.panel import Panel

NEVER = float("inf")
WIDE = 1e6  # a stop and limits that are looked at and never reached: these jobs lose more than any plan allows


def full(plan: Plan, panel: Panel) -> Plan:
    """Return a plan of which every item is at work and none binds."""
    falls = Combination(
        "all", "a fall in turmoil", (DrawdownLimit("drawdown", 0.5), StressedMarket("stressed_market")), 5
    )
    volume = StatedVolume(
        "stated", dict.fromkeys(panel.assets, 1e15), "stated so that nothing is capped by it", 0.1, 0.0
    )
    return replace(
        plan,
        invalidation=(
            StaleDataLimit("stale_data", 20),
            DrawdownLimit("drawdown", 0.569),
            VolatilityLimit("volatility", 0.999, 63),
            falls,
        ),
        friction=replace(plan.friction, liquidity=volume),
        fast_exit=FastExit(5),
        abnormal_volatility=AbnormalVolatility(63, 0.1, 1.0, "reduce_only", ()),
    )


def job(name: str, folder: Path, enforced: str) -> Callable[[], float]:
    """Return what is timed, which gives the final value."""
    closes = np.load(folder / f"{name}.npy")
    sessions = pd.DatetimeIndex(np.load(folder / "sessions.npy")[-len(closes) :])
    panel = panel_of(closes, sessions)
    span = panel.sessions[0], panel.sessions[-1]
    caps = (0.6, 0.98) if name == "A2" else (0.0101, 0.99)
    plan = plan_of(panel, *caps, long_only=name == "A2")
    plan = full(plan, panel) if enforced == "full" else plan
    stop = WIDE if enforced == "full" else NEVER

    def decided() -> TargetTable:
        if name == "A2":
            rows = month_ends(sessions)
            return TargetTable(rows, inverse_volatility(closes, rows), "rebalance")
        return TargetTable(np.arange(20, len(closes)), long_short(closes), "rebalance", before_costs=True)

    def run() -> float:
        table = decided()
        check_plan(plan, panel, *span, None, forecasts_risk=False)
        made = prepare(panel, plan, *span, 1e6)
        conditions = tuple(
            item if item.kind in ("all", "any") else replace(item, limit=WIDE) for item in made.terms.conditions
        )
        terms = replace(made.terms, stop_loss=stop, conditions=conditions)
        return play_targets(replace(made, terms=terms), table).final_equity

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as folder:
        prepare_data(Path(folder))
        for name in ("A2", "A3"):
            found = {}
            for enforced in ("smallest", "full"):
                run, times = job(name, Path(folder), enforced), []
                value = run()  # compiles, and lays out the data
                for _ in range(turns):
                    started = time.process_time()
                    value = run()
                    times.append(time.process_time() - started)
                found[enforced] = value, 1e3 * float(np.median(times))
            (small, small_ms), (whole, whole_ms) = found["smallest"], found["full"]
            told = {"smallest_cpu_ms": round(small_ms, 2), "full_cpu_ms": round(whole_ms, 2)}
            told |= {"ratio": round(whole_ms / small_ms, 2), "same_value": bool(np.isclose(small, whole, rtol=1e-12))}
            print(json.dumps({"job": name} | told), flush=True)


if __name__ == "__main__":
    main()
