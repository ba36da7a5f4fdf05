"""Figures of a window that moves along a curve: each is that of the window's returns alone, computed from them anew."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantdl.risk.curves.active_risk import check_same_sessions
from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.undefined import ROUNDING

FloatArray = NDArray[np.float64]

_CELLS_AT_ONCE = 4_000_000


def rolling_figures(curve: MeasuredCurve, *, window: int) -> pd.DataFrame:
    """Measure every window of a curve.

    Args:
        curve: What is measured.
        window: Returns in a window, at least 2.

    Returns:
        By the last session of each window, the first after ``window`` returns: ``total_return``, the annualised
        ``volatility``, ``sharpe`` and ``sortino`` (also for windows of less than a year: they are for comparison along
        the curve), and ``max_drawdown``. A ratio is NaN where it is undefined: in a window whose returns are all the
        same, or in which none is below cash.

    Raises:
        ValueError: If the window is shorter than 2 or longer than the curve.

    Example:
        >>> equity = pd.Series([100.0, 110.0, 99.0, 108.9], pd.bdate_range("2024-01-01", periods=4))
        >>> rolling_figures(MeasuredCurve.of(equity, 252), window=2)[["total_return", "max_drawdown"]].round(4)
                    total_return  max_drawdown
        2024-01-03         -0.01          -0.1
        2024-01-04         -0.01          -0.1
    """
    _check_window(curve, window)
    root_year, blocks = math.sqrt(curve.bars_per_year), []
    for rows in _blocks(len(curve.returns) - window + 1, window):
        returns, excess = (_windows(series, window)[rows] for series in (curve.returns, curve.excess))
        values = np.lib.stride_tricks.sliding_window_view(curve.values, window + 1)[rows]
        mean = excess.mean(1)
        downside = np.sqrt((np.minimum(excess, 0.0) ** 2).mean(1))
        blocks.append(
            np.column_stack(
                [
                    values[:, -1] / values[:, 0] - 1.0,
                    returns.std(1, ddof=1) * root_year,
                    _divided(mean, excess.std(1, ddof=1)) * root_year,
                    _divided(mean, downside) * root_year,
                    (values / np.maximum.accumulate(values, axis=1) - 1.0).min(1),
                ]
            )
        )
    columns = ["total_return", "volatility", "sharpe", "sortino", "max_drawdown"]
    return pd.DataFrame(np.concatenate(blocks), curve.sessions[window:], columns)


def rolling_regression(curve: MeasuredCurve, benchmark: MeasuredCurve, *, window: int, name: str) -> pd.DataFrame:
    """Regress every window of a curve on its benchmark.

    Args:
        curve: What is measured.
        benchmark: What it is measured against, over the same sessions.
        window: Returns in a window, at least 2.
        name: Of the benchmark, for errors.

    Returns:
        By the last session of each window: ``beta``, ``alpha`` (annual), ``correlation`` of the excess returns and
        ``tracking_error`` (annual). NaN where the benchmark does not move in the window.

    Raises:
        ValueError: If the window is shorter than 2 or longer than the curve, or the benchmark has other sessions.
    """
    check_same_sessions(curve, benchmark, name)
    _check_window(curve, window)
    year, blocks = curve.bars_per_year, []
    for rows in _blocks(len(curve.returns) - window + 1, window):
        own, other = (_windows(series, window)[rows] for series in (curve.excess, benchmark.excess))
        x, b = (values - values.mean(1, keepdims=True) for values in (own, other))
        spread, of_benchmark = np.sqrt((x * x).mean(1)), np.sqrt((b * b).mean(1))
        together = (x * b).mean(1)
        beta = _divided(_divided(together, of_benchmark), of_benchmark)
        alpha = (own.mean(1) - beta * other.mean(1)) * year
        correlation = _divided(_divided(together, of_benchmark), spread)
        error = (own - other).std(1, ddof=1) * math.sqrt(year)
        blocks.append(np.column_stack([beta, alpha, correlation, error]))
    columns = ["beta", "alpha", "correlation", "tracking_error"]
    return pd.DataFrame(np.concatenate(blocks), curve.sessions[window:], columns)


def _check_window(curve: MeasuredCurve, window: int) -> None:
    if not 2 <= window <= len(curve.returns):
        raise ValueError(f"window must lie between 2 and the {len(curve.returns)} returns of the curve, got {window}.")


def _windows(series: FloatArray, window: int) -> FloatArray:
    return np.lib.stride_tricks.sliding_window_view(series, window)


def _blocks(rows: int, window: int) -> list[slice]:
    """Cut the windows into blocks that fit into memory."""
    at_once = max(1, _CELLS_AT_ONCE // window)
    return [slice(start, min(start + at_once, rows)) for start in range(0, rows, at_once)]


def _divided(values: FloatArray, by: FloatArray) -> FloatArray:
    """Divide where the divisor is positive, NaN elsewhere."""
    found: FloatArray = np.divide(values, by, out=np.full_like(values, np.nan), where=by > ROUNDING)
    return found
