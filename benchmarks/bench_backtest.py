"""The engine beside a plain numpy loop on the same job, both in this process, one thread.

Inverse-volatility weights at each month's end over 33 years of twenty stocks, filled at the deciding close at 10 bp:
the one job whose result is known from outside (120,495,984.97).
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.backtest import Decision, MarketView, prepare
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.related_positions import NamedGroups, RelatedPositions
from quantdl.backtest.plan.sizing import Sizing
from quantdl.backtest.running.asking import play_strategy
from quantdl.config import load_config
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500

ROOT = Path(__file__).resolve().parents[1]
COST, WINDOW, START = 0.001, 60, 1_000_000.0


class InverseVolatility:
    """Decides at each month's end, the last row of the data counted as one, once sixty returns are there."""

    def __init__(self, sessions: pd.DatetimeIndex) -> None:
        self.due = {sessions[t] for t in rebalances(sessions)}

    def decide(self, view: MarketView) -> Decision | None:
        """Return the job's weights when they are due."""
        return Decision(weights(view.simple_returns(WINDOW)), "rebalance") if view.session in self.due else None


def rebalances(sessions: pd.DatetimeIndex) -> list[int]:
    months = sessions.year * 12 + sessions.month
    last = [t for t in range(len(sessions)) if t == len(sessions) - 1 or months[t] != months[t + 1]]
    return [t for t in last if t >= WINDOW]


def weights(returns: np.ndarray) -> np.ndarray:
    deviation = returns.std(axis=0, ddof=1)
    inverse = np.where(deviation > 1e-8, 1.0 / np.maximum(deviation, 1e-8), 0.0)
    return inverse / inverse.sum()


def free_plan() -> Plan:
    """The plan of configs/inverse_volatility.yaml without caps and stops, at the job's costs."""
    plan = load_config(ROOT / "configs" / "inverse_volatility.yaml").plan
    panel = load_sp500()
    return replace(
        plan,
        horizon=replace(plan.horizon, bars=len(panel.sessions), rebalance=EveryBars("every_bars", 1)),
        sizing=Sizing("inverse volatility", True, 1.0, 1.0, None, float("inf"), float("inf")),
        related_positions=RelatedPositions(NamedGroups("named", {"all": panel.assets}), 1.0, None),
        friction=replace(plan.friction, commission_bps=10.0, half_spread_bps=0.0, fill_at="decision_close"),
        invalidation=(),
    )


def by_engine(panel: Panel, plan: Plan) -> float:
    job = prepare(panel, plan, panel.sessions[0], panel.sessions[-1], START)
    result = play_strategy(job, InverseVolatility(panel.sessions))
    return float(result.equity["equity"].iloc[-1])


def by_numpy(closes: np.ndarray, sessions: pd.DatetimeIndex) -> float:
    """The same job as a loop over rebalances, with nothing to obey and nothing to record."""
    returns = closes[1:] / closes[:-1] - 1.0
    shares, cash = np.zeros(closes.shape[1]), START
    for t in rebalances(sessions):
        target, price = weights(returns[t - WINDOW : t]), closes[t]
        before = cash + shares @ price
        value = before
        for _ in range(100):
            value = before - COST * np.abs(target * value - shares * price).sum()
        shares, cash = target * value / price, 0.0
    return float(cash + shares @ closes[-1])


def fastest(job: Callable[[], float], repeats: int = 3) -> tuple[float, float]:
    times, value = [], 0.0
    for _ in range(repeats):
        started = time.process_time()
        value = job()
        times.append(time.process_time() - started)
    return min(times), value


def main() -> None:
    panel, plan = load_sp500(), free_plan()
    engine, value = fastest(lambda: by_engine(panel, plan))
    loop, expected = fastest(lambda: by_numpy(panel.closes, panel.sessions))
    print(json.dumps({"what": "engine", "cpu_s": round(engine, 3), "final": round(value, 4)}))
    print(json.dumps({"what": "numpy loop", "cpu_s": round(loop, 4), "final": round(expected, 4)}))
    print(json.dumps({"what": "ratio", "engine_over_loop": round(engine / loop, 1), "sessions": len(panel.sessions)}))


if __name__ == "__main__":
    main()
