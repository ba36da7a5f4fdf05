"""Four backtests beside vectorbt, both sides in one run, one thread, each job in a process of its own.

A1: one stock, 8,000 bars, a crossover of averages of 20 and 50. A2: twenty stocks, inverse volatility at each month's
end, 33 years. A3: a thousand simulated stocks, 2,520 days, fifty long and fifty short every day by the return of 20
days. A4: a thousand pairs of averages on the stock of A1. Books: a hundred look-backs on the stocks of A3, and Asked: a
strategy in plain Python that is asked at each of 2,520 closes of A3 and answers nothing, for quantdl alone. All fill at
the close that was decided on, at 10 bp; the results are known from outside, and another one ends the script with an
error. Indicators, decisions, the plan's checks and the final figures are timed; imports, data and the first call, which
compiles and lays out the data, are not.

    python benchmarks/bench_backtest.py [--peer PYTHON_WITH_VECTORBT]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = {
    "A1": 4_875_548.6546,
    "A2": 120_495_984.97,
    "A3": 235_558.9443,
    "A4": 7_439_599.79,
    "Books": 235_558.9443,
    "Asked": 1e6,
}
_PRICES = {"A4": "A1", "Books": "A3", "Asked": "A3"}
_ALONE = ("Books", "Asked")  # jobs that vectorbt does not do
FAST, SLOW = range(5, 45), range(50, 200, 6)


def panel_of(closes: np.ndarray, sessions: pd.DatetimeIndex):
    """A panel of closes; business days stand for the sessions of simulated prices."""
    from quantdl.market.card import DataCard, Declaration
    from quantdl.market.panel import Panel
    from quantdl.market.status import CellStatus

    about = Declaration(
        source="benchmark",
        timezone="UTC",
        frequency="1D",
        adjustment="split",
        calendar="24/7",
        as_of=date(2030, 1, 1),
        licence="none needed",
        universe="point_in_time",
    )
    assets = tuple(f"S{number:04d}" for number in range(closes.shape[1]))
    card = DataCard(about, ("close",), f"sha256:{'0' * 64}")
    status = np.full(closes.shape, CellStatus.TRADED, dtype=np.int8)
    known_at = sessions.tz_localize("UTC") + pd.Timedelta(hours=21)
    return Panel(sessions, known_at, assets, {"close": closes}, status, {}, card)


def plan_of(panel, max_weight: float, group_cap: float, long_only: bool):
    """The plan of configs/inverse_volatility.yaml with caps, stops and conditions that leave these jobs alone."""
    from quantdl.backtest.plan.friction import Borrow, VolumeWaiver
    from quantdl.backtest.plan.horizon import EveryBars, Horizon
    from quantdl.backtest.plan.invalidation import StaleDataLimit
    from quantdl.backtest.plan.related_positions import NamedGroups, RelatedPositions
    from quantdl.backtest.plan.sizing import Sizing
    from quantdl.config import load_config

    plan = load_config(ROOT / "configs" / "inverse_volatility.yaml").plan
    said, first, last = panel.card.declaration, panel.sessions[0].date(), panel.sessions[-1].date()
    half = max(1, len(panel.assets) // 2)
    groups = (
        {"left": panel.assets[:half], "right": panel.assets[half:]} if len(panel.assets) > 1 else {"all": panel.assets}
    )
    trusted = replace(
        plan.trusted_data, source=said.source, timezone=said.timezone, frequency="1D", adjustment=said.adjustment,
        calendar=said.calendar, fingerprint=panel.card.fingerprint, fields=("close",),
    )  # fmt: skip
    most = 0.9 * (max_weight if long_only else 1.0)
    sizing = Sizing("as the job says", long_only, max_weight, 1.0, None if long_only else 0.5, 0.95 * most, most)
    return replace(
        plan,
        horizon=Horizon(len(panel.sessions) - 1, "1D", EveryBars("every_bars", 1)),
        trusted_data=trusted,
        sizing=sizing,
        related_positions=RelatedPositions(NamedGroups("named", groups), group_cap, None if long_only else 0.9),
        friction=replace(
            plan.friction, commission_bps=5.0, half_spread_bps=5.0, fill_at="decision_close",
            borrow=None if long_only else Borrow(0.0, 0.05),
            liquidity=VolumeWaiver("waiver", "The benchmark", "the prices of the benchmark have no volume"),
        ),
        invalidation=(StaleDataLimit("stale_data", 20),),
        sample=replace(plan.sample, first=first, last=last, minimum_sessions=len(panel.sessions)),
        abnormal_volatility=replace(plan.abnormal_volatility, in_stress="trade", stress_windows=()),
    )  # fmt: skip


def moving_average(closes: np.ndarray, window: int) -> np.ndarray:
    total = np.cumsum(np.insert(closes, 0, 0.0))
    return np.concatenate([np.full(window - 1, np.nan), (total[window:] - total[:-window]) / window])


def crossings(fast: np.ndarray, slow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions at which the fast average has crossed the slow one, and the weight to hold from there on."""
    above, below = fast > slow, fast < slow
    up = np.flatnonzero(above[1:] & (fast[:-1] <= slow[:-1])) + 1
    down = np.flatnonzero(below[1:] & (fast[:-1] >= slow[:-1])) + 1
    rows = np.concatenate([up, down])
    order = np.argsort(rows, kind="stable")
    return rows[order], np.repeat([1.0, 0.0], [len(up), len(down)])[order][:, None]


def long_short(closes: np.ndarray, days: int = 20) -> np.ndarray:
    """Weights from row ``days`` on: 1 % long of the fifty best by the return of those days, 1 % short of the worst."""
    n = closes.shape[1]
    order = np.argpartition(closes[days:] / closes[:-days] - 1, (50, n - 50), axis=1)
    weights = np.zeros((len(order), n))
    np.put_along_axis(weights, order[:, :50], -0.01, 1)
    np.put_along_axis(weights, order[:, n - 50 :], 0.01, 1)
    return weights


def month_ends(sessions: pd.DatetimeIndex) -> np.ndarray:
    months = sessions.year * 12 + sessions.month
    last = np.append(months[1:] != months[:-1], True)
    return np.flatnonzero(last & (np.arange(len(sessions)) >= 60))


def inverse_volatility(closes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    returns = closes[1:] / closes[:-1] - 1
    deviations = np.stack([returns[t - 60 : t].std(axis=0, ddof=1) for t in rows])
    inverse = np.where(deviations > 1e-8, 1.0 / np.maximum(deviations, 1e-8), 0.0)
    return inverse / inverse.sum(axis=1, keepdims=True)


def job_of(name: str, data: Path) -> tuple[Callable[[], float], int]:
    """Return what is timed, which gives the final value, and how often."""
    from quantdl.backtest import TargetTable, check_plan, play_targets, prepare, run_backtest, sweep_targets

    closes = np.load(data / f"{_PRICES.get(name, name)}.npy")
    sessions = pd.DatetimeIndex(np.load(data / "sessions.npy")[-len(closes) :])
    panel = panel_of(closes, sessions)
    span = panel.sessions[0], panel.sessions[-1]
    if name == "A1":
        plan = plan_of(panel, 1.0, 1.0, long_only=True)

        def crossover() -> float:
            rows, weights = crossings(moving_average(closes[:, 0], 20), moving_average(closes[:, 0], 50))
            result = run_backtest(panel, plan, TargetTable(rows, weights, "rebalance"), *span, None, 1e5)
            return result.final_equity

        return crossover, 30
    if name == "A2":
        plan = plan_of(panel, 0.6, 0.98, long_only=True)

        def monthly() -> float:
            rows = month_ends(sessions)
            table = TargetTable(rows, inverse_volatility(closes, rows), "rebalance")
            check_plan(plan, panel, *span, None, forecasts_risk=False)
            job = prepare(panel, plan, *span, 1e6)
            # The job has no stop and no plan goes without: in 33 years some loss exceeds the equity at its entry.
            return play_targets(replace(job, terms=replace(job.terms, stop_loss=float("inf"))), table).final_equity

        return monthly, 15
    if name == "A3":
        plan = plan_of(panel, 0.0101, 0.99, long_only=False)

        def daily() -> float:
            rows = np.arange(20, len(closes))
            table = TargetTable(rows, long_short(closes), "rebalance", before_costs=True)
            result = run_backtest(panel, plan, table, *span, None, 1e6)
            assert abs(result.fills["cost"].sum() / 648_077.72 - 1) < 1e-8
            return result.final_equity

        return daily, 7
    if name == "Asked":
        plan = plan_of(panel, 0.0101, 0.99, long_only=False)

        def asked() -> float:
            return run_backtest(panel, plan, _Silent(), *span, None, 1e6).final_equity

        return asked, 5
    if name == "Books":
        plan = plan_of(panel, 0.0101, 0.99, long_only=False)

        def books() -> float:
            tables = (
                TargetTable(np.arange(days, len(closes)), long_short(closes, days), "rebalance", before_costs=True)
                for days in range(5, 105)
            )
            check_plan(plan, panel, *span, None, forecasts_risk=False)
            return float(sweep_targets(prepare(panel, plan, *span, 1e6), tables)["equity"].iloc[15])

        return books, 1
    plan = plan_of(panel, 1.0, 1.0, long_only=True)

    def pairs() -> float:
        averages = {n: moving_average(closes[:, 0], n) for n in {*FAST, *SLOW}}
        tables = (
            TargetTable(*crossings(averages[fast], averages[slow]), "rebalance") for fast in FAST for slow in SLOW
        )
        check_plan(plan, panel, *span, None, forecasts_risk=False)
        equity = sweep_targets(prepare(panel, plan, *span, 1e5), tables)["equity"].to_numpy()
        best = divmod(int(equity.argmax()), len(SLOW))
        assert (FAST[best[0]], SLOW[best[1]]) == (5, 104) and abs(equity.max() / 49_874_846.98 - 1) < 1e-9
        return float(equity.mean())

    return pairs, 5


class _Silent:
    """A strategy in plain Python that is asked at each close and answers nothing."""

    def decide(self, view: object) -> None:
        """Answer nothing."""


def vectorbt_job(name: str, data: Path) -> tuple[Callable[[], float], int]:
    """The same by vectorbt; its fees are on targets before costs."""
    import vectorbt

    closes = np.load(data / f"{'A1' if name == 'A4' else name}.npy")
    frame = pd.DataFrame(closes, pd.DatetimeIndex(np.load(data / "sessions.npy")[-len(closes) :]))
    book = {"group_by": True, "cash_sharing": True, "call_seq": "auto", "size_type": "targetpercent"}

    def crossover(fast: list[int], slow: list[int]) -> float:
        a, b = vectorbt.MA.run(frame[0], fast, short_name="f"), vectorbt.MA.run(frame[0], slow, short_name="s")
        made = vectorbt.Portfolio.from_signals(
            frame[0], a.ma_crossed_above(b), a.ma_crossed_below(b), init_cash=1e5, fees=0.001, freq="1D"
        )
        return float(np.mean(made.final_value()))

    def rebalanced(rows: np.ndarray, weights: np.ndarray) -> float:
        wanted = np.full(closes.shape, np.nan)
        wanted[rows] = weights
        made = vectorbt.Portfolio.from_orders(frame, size=wanted, fees=0.001, init_cash=1e6, freq="1D", **book)
        return float(made.final_value())

    rows = month_ends(frame.index)
    return {
        "A1": (lambda: crossover([20], [50]), 15),
        "A2": (lambda: rebalanced(rows, inverse_volatility(closes, rows)), 10),
        "A3": (lambda: rebalanced(np.arange(20, len(closes)), long_short(closes)), 5),
        "A4": (lambda: crossover([f for f in FAST for _ in SLOW], [s for _ in FAST for s in SLOW]), 3),
    }[name]


def timed(name: str, side: str, data: Path) -> None:
    """Run a job once to compile it, then several times, and print the figures."""
    job, turns = (job_of if side == "quantdl" else vectorbt_job)(name, data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    value = job()
    first, times = time.process_time() - started, []
    for _ in range(turns):
        started = time.process_time()
        value = job()
        times.append(time.process_time() - started)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    figures = {"job": name, "side": side, "value": round(value, 4), "cpu_ms": round(1e3 * float(np.median(times)), 3)}
    print(json.dumps(figures | {"first_call_cpu_s": round(first, 2), "memory_mb": round(memory, 1)}))


def prepare_data(folder: Path) -> None:
    from quantdl.market.sources import load_sp500

    panel, generator = load_sp500(), np.random.default_rng(20240101)
    shocks = generator.standard_normal((2520, 1000))
    drift, volatility = generator.uniform(-2e-4, 6e-4, 1000), generator.uniform(0.01, 0.03, 1000)
    np.save(folder / "sessions.npy", panel.sessions.to_numpy())
    np.save(folder / "A1.npy", panel.closes[-8000:, [panel.assets.index("AAPL")]])
    np.save(folder / "A2.npy", panel.closes)
    np.save(folder / "A3.npy", 100 * np.exp(np.cumsum(drift - 0.5 * volatility**2 + volatility * shocks, axis=0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="a Python that has vectorbt")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--side", default="quantdl", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        timed(given.job, given.side, given.data)
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare_data(Path(folder))
        for name, expected in EXPECTED.items():
            found = {}
            for side, python in (("quantdl", sys.executable), ("vectorbt", given.peer)):
                if python is not None and not (side == "vectorbt" and name in _ALONE):
                    command = [python, __file__, "--job", name, "--side", side, "--data", folder]
                    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                    found[side] = json.loads(told.splitlines()[-1])
                    print(json.dumps(found[side]), flush=True)
            off = abs(found["quantdl"]["value"] / expected - 1)
            if off > 1e-9:
                raise SystemExit(f"{name}: {found['quantdl']['value']} is not {expected}")
            line = {"job": name, "what": "against the value from outside", "off": f"{off:.1e}"}
            if "vectorbt" in found:
                for figure in ("cpu_ms", "memory_mb"):
                    line[f"{figure}_ratio"] = round(found["quantdl"][figure] / max(found["vectorbt"][figure], 1e-9), 3)
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
