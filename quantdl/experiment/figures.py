"""Every figure of a run, computed once: what metrics.json holds and the checklist and the report read."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from quantdl.backtest import (
    BacktestResult,
    BreakEven,
    CalibrationTest,
    Yardstick,
    capacities,
    exit_report,
    pnl_by_context,
    results_by_regime,
    results_by_stress_window,
)
from quantdl.backtest.book.costs import Costs
from quantdl.backtest.book.tape import Tape
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility
from quantdl.backtest.plan.friction import MeasuredVolume
from quantdl.backtest.plan.items import Plan
from quantdl.experiment.forecasts import coverage, mean_scores, next_session, scores_by_asset
from quantdl.risk.backtests import kolmogorov_smirnov
from quantdl.risk.level_tests import LevelTests
from quantdl.risk.metrics import PerformanceMetrics

COVERAGE_LEVELS = (0.5, 0.8, 0.9, 0.95, 0.98)
_COST_KINDS = ("commission", "spread", "impact")


def calibration_tests(tests: tuple[LevelTests, ...], probabilities: pd.Series) -> tuple[CalibrationTest, ...]:
    """Return what the checklist judges the forecasts by.

    Args:
        tests: Of the value at risk, one per level.
        probabilities: Probability of each session's loss under its prediction, from `risk_table`.
    """
    found = []
    for one in tests:
        name = f"Christoffersen, {one.level:.0%} value at risk of the book"
        figure = f"{one.exceptions} exceptions in {one.n} sessions, {one.expected:.1f} expected"
        found.append(CalibrationTest(name, one.n, one.christoffersen_p, figure))
    if len(probabilities) > 1:
        uniform = kolmogorov_smirnov(probabilities.to_numpy())
        figure = f"largest distance from uniform {uniform.statistic:.3f}"
        name = "Kolmogorov-Smirnov, losses of the book in their predicted law"
        found.append(CalibrationTest(name, uniform.n, uniform.p_value, figure))
    return tuple(found)


def forecast_scores(table: pd.DataFrame, model: str) -> dict[str, object]:
    """Scores of the next session's forecasts over the test span."""
    scored = next_session(table)
    uniform = kolmogorov_smirnov(scored["pit"].to_numpy())
    return {
        "model": model,
        "window": "next_session",
        "n": len(scored),
        **mean_scores(scored),
        "coverage": coverage(scored, COVERAGE_LEVELS),
        "assets": scores_by_asset(scored),
        "pit": {
            "test": "Kolmogorov-Smirnov, all stock-days pooled (they are dependent, so it rejects too often)",
            "statistic": uniform.statistic,
            "p_value": uniform.p_value,
        },
    }


def yardstick(
    name: str, strategy: PerformanceMetrics, baseline: PerformanceMetrics, exposure: float
) -> Yardstick | None:
    """The plan's yardstick for both books; a drawdown is the size of the fall, a shortfall is at 95 %.

    Cash loses nothing, so losses are compared at equal exposure: the baseline's are scaled to what the strategy had
    invested.

    Args:
        name: Of the yardstick.
        strategy: Figures of the strategy.
        baseline: Figures of equal weight.
        exposure: Mean gross weight of the strategy over the baseline's.
    """
    scale = min(exposure, 1.0)
    pairs = {
        "sharpe": (strategy.sharpe, baseline.sharpe),
        "total_return": (strategy.total_return, baseline.total_return),
        "max_drawdown": (-strategy.max_drawdown, -scale * baseline.max_drawdown),
        "expected_shortfall": (strategy.expected_shortfall_95, _scaled(baseline.expected_shortfall_95, scale)),
    }
    own, rival = pairs[name]
    return None if own is None or rival is None else Yardstick(own, rival)


def _scaled(figure: float | None, scale: float) -> float | None:
    return None if figure is None else scale * figure


def cost_figures(
    result: BacktestResult, costs: Costs, break_even: BreakEven | None, bars_per_year: float
) -> dict[str, object]:
    """Money paid by kind, turnover, break-even cost, exit and capacity."""
    equity, fills = result.equity, result.fills
    kinds: dict[str, object] = {kind: float(fills[kind].sum()) for kind in _COST_KINDS}
    total = float(equity["costs"].sum())
    leaving = exit_report(result, costs.commission_bps, costs.half_spread_bps)
    return {
        **kinds,
        "total": total,
        "share_of_initial_equity": total / result.initial_equity,
        "annual_turnover": float(equity["turnover"].sum()) * bars_per_year / len(equity),
        "stated_bps": 1e4 * costs.proportional,
        "break_even": None if break_even is None else asdict(break_even),
        "exit": {} if leaving is None else _finite(asdict(leaving)),
        "capacities": [asdict(capacity) for capacity in capacities(result)],
    }


def spans(result: BacktestResult, baseline: BacktestResult, abnormal: AbnormalVolatility) -> dict[str, object]:
    """Results per regime and stress window of both books."""
    rival, windows = _with_regimes_of(baseline, result), abnormal.stress_windows
    return {
        "regimes": _beside(results_by_regime(result), results_by_regime(rival)),
        "stress_windows": _beside(results_by_stress_window(result, windows), results_by_stress_window(rival, windows)),
    }


def _with_regimes_of(baseline: BacktestResult, result: BacktestResult) -> BacktestResult:
    """The baseline was run under the same definition, so its regimes are the same; nothing to translate."""
    if not baseline.regimes.equals(result.regimes):
        raise ValueError("strategy and baseline were run on different sessions or regime definitions.")
    return baseline


def _beside(own: pd.DataFrame, rival: pd.DataFrame) -> dict[str, object]:
    return {
        str(name): {"strategy": _finite(own.loc[name].to_dict()), "baseline": _finite(rival.loc[name].to_dict())}
        for name in own.index
    }


def contexts(result: BacktestResult, tape: Tape, plan: Plan) -> list[dict[str, object]]:
    """Profit along the plan's rival explanations."""
    measured = isinstance(plan.friction.liquidity, MeasuredVolume)
    table = pnl_by_context(result, tape, plan.abnormal_volatility.window_bars, measured)
    return [_finite(row) for row in table.to_dict("records")]


def _finite(values: Mapping[Any, Any]) -> dict[str, object]:
    """Plain JSON values; what is not a number becomes null."""
    return {str(key): _plain(value) for key, value in values.items()}


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
