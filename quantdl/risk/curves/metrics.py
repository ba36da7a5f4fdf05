"""What an equity curve did: return, risk, drawdown. Every figure is a number, or absent with a stated reason.

Nothing is annualised over less than a year: a fortnight that earned 3 % has not earned 110 % a year. Total return,
drawdown and all figures per bar stand for a curve of any length.

Returns are simple. Losses, value-at-risk and expected shortfall are positive when money is lost; a drawdown is a return
from the peak, so it is negative. docs/risk/metrics.md derives each figure. What else can be said of a curve stands in
`quantdl.risk.curves.further_figures`, and against another one in `quantdl.risk.curves.active_risk`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.measures.losses import expected_shortfall, value_at_risk
from quantdl.risk.undefined import ROUNDING, Reasons, Undefined, ratio

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Drawdown:
    """The worst fall of an equity curve from a peak.

    Attributes:
        depth: Return from peak to trough, zero or negative.
        peak: Session of the last high before the trough.
        trough: First session at the lowest point.
        recovery: First session at or above the peak again; None while under water, and when there was no fall.
    """

    depth: float
    peak: date
    trough: date
    recovery: date | None


@dataclass(frozen=True)
class PerformanceMetrics:
    """Figures of one equity curve. A figure that does not exist is None, and ``undefined`` says why.

    Annualised figures exist from a year on, see `quantdl.calendars.bars.less_than_a_year`.

    Attributes:
        start: First session, of the initial capital.
        end: Last session.
        n_returns: Number of simple returns.
        bars_per_year: What annualised figures were annualised with.
        risk_free_annual: Annual rate that Sharpe and Sortino subtract, turned into a rate per bar by compounding; the
            mean where it changes.
        total_return: Last over first value, less one.
        cagr: Compound annual growth over calendar time, ACT/365.25.
        cagr_bars: Compound annual growth over ``n_returns / bars_per_year`` years.
        volatility: Annualised standard deviation of returns (ddof 1).
        sharpe: Annualised mean excess return over its standard deviation (ddof 1).
        sharpe_per_bar: The same, not annualised: what a deflated Sharpe ratio takes.
        sortino: Annualised mean excess return over the root mean square of the excess returns below zero, all returns
            counted.
        downside_risk: Annualised denominator of ``sortino``.
        max_drawdown: Worst return from a peak, zero or negative.
        drawdown_peak: Session of the peak before it.
        drawdown_trough: Session of its lowest point.
        drawdown_recovery: Session that regained the peak.
        calmar: ``cagr`` over the size of ``max_drawdown``; annualised.
        skew: Third standardised moment of returns (divided by n).
        excess_kurtosis: Fourth standardised moment less 3 (divided by n).
        value_at_risk_95: Order statistic of the losses (inverse of their distribution), per bar.
        value_at_risk_99: The same at 99 %.
        expected_shortfall_95: Mean of the worst 5 % of losses, the last counted in part (Acerbi and Tasche), per bar.
        expected_shortfall_99: The same at 99 %.
        worst_return: Lowest return of a bar.
        worst_session: Its session.
        undefined: Reason for each figure that is None.
    """

    start: date
    end: date
    n_returns: int
    bars_per_year: float
    risk_free_annual: float
    total_return: float
    cagr: float | None
    cagr_bars: float | None
    volatility: float | None
    sharpe: float | None
    sharpe_per_bar: float | None
    sortino: float | None
    downside_risk: float | None
    max_drawdown: float
    drawdown_peak: date | None
    drawdown_trough: date | None
    drawdown_recovery: date | None
    calmar: float | None
    skew: float | None
    excess_kurtosis: float | None
    value_at_risk_95: float | None
    value_at_risk_99: float | None
    expected_shortfall_95: float | None
    expected_shortfall_99: float | None
    worst_return: float | None
    worst_session: date | None
    undefined: Mapping[str, str]


def performance(
    equity: pd.Series,
    bars_per_year: float,
    risk_free_annual: float | pd.Series = 0.0,
    elapsed: pd.Series | None = None,
) -> PerformanceMetrics:
    """Measure an equity curve.

    Args:
        equity: Value of the book at each close, the initial capital first; see `MeasuredCurve.of`.
        bars_per_year: Bars of the calendar in a year (252 or so for daily bars of XNYS).
        risk_free_annual: Annual rate, compounded to a rate per bar; a series where it changes.
        elapsed: Years up to each bar for which cash has earned, where bars are not equally long.

    Raises:
        ValueError: As `MeasuredCurve.of`.

    Example:
        >>> curve = pd.Series([100.0, 110.0, 99.0], pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"]))
        >>> metrics = performance(curve, bars_per_year=252)
        >>> round(metrics.total_return, 6), round(metrics.max_drawdown, 6), metrics.drawdown_recovery
        (-0.01, -0.1, None)
        >>> metrics.undefined["sharpe"]
        '2 sessions; a year of 252 is needed to annualise'
        >>> metrics.undefined["value_at_risk_95"]
        'level 0.95 needs at least 20 losses, got 2: the tail would be empty.'
    """
    return performance_of(MeasuredCurve.of(equity, bars_per_year, risk_free_annual, elapsed))


def performance_of(curve: MeasuredCurve) -> PerformanceMetrics:
    """Measure an equity curve that is already checked; see `performance`."""
    values, returns, excess, start, end = curve.values, curve.returns, curve.excess, curve.start, curve.end
    root_year = math.sqrt(curve.bars_per_year)
    depth, peak, trough, recovery = _deepest(values)
    fell = depth < 0.0
    reasons = Reasons(curve.not_annual)
    cagr = reasons.annual("cagr", lambda: curve.growth(curve.calendar_years()))
    never, under_water = "the curve never fell", f"not recovered by {end}"
    return PerformanceMetrics(
        start=start,
        end=end,
        n_returns=len(returns),
        bars_per_year=curve.bars_per_year,
        risk_free_annual=curve.risk_free_annual,
        total_return=float(values[-1] / values[0] - 1.0),
        cagr=cagr,
        cagr_bars=reasons.annual("cagr_bars", lambda: curve.growth(len(returns) / curve.bars_per_year)),
        volatility=reasons.annual("volatility", lambda: deviation(returns) * root_year),
        sharpe=reasons.annual("sharpe", lambda: mean_over_deviation(excess) * root_year),
        sharpe_per_bar=reasons.number("sharpe_per_bar", lambda: mean_over_deviation(excess)),
        sortino=reasons.annual("sortino", lambda: _sortino(excess) * root_year),
        downside_risk=reasons.annual("downside_risk", lambda: downside_deviation(excess) * root_year),
        max_drawdown=depth,
        drawdown_peak=reasons.day("drawdown_peak", curve.session(peak) if fell else None, never),
        drawdown_trough=reasons.day("drawdown_trough", curve.session(trough) if fell else None, never),
        drawdown_recovery=reasons.day(
            "drawdown_recovery",
            curve.session(recovery) if fell and recovery is not None else None,
            under_water if fell else never,
        ),
        calmar=reasons.annual("calmar", lambda: ratio(reasons.given("cagr", cagr), -depth, never)),
        skew=reasons.number("skew", lambda: standardised_moment(returns, 3)),
        excess_kurtosis=reasons.number("excess_kurtosis", lambda: standardised_moment(returns, 4) - 3.0),
        value_at_risk_95=reasons.number("value_at_risk_95", lambda: tail_risk(value_at_risk, returns, 0.95)),
        value_at_risk_99=reasons.number("value_at_risk_99", lambda: tail_risk(value_at_risk, returns, 0.99)),
        expected_shortfall_95=reasons.number(
            "expected_shortfall_95", lambda: tail_risk(expected_shortfall, returns, 0.95)
        ),
        expected_shortfall_99=reasons.number(
            "expected_shortfall_99", lambda: tail_risk(expected_shortfall, returns, 0.99)
        ),
        worst_return=reasons.number("worst_return", lambda: float(at_least(1, returns).min())),
        worst_session=reasons.day(
            "worst_session", curve.session(1 + int(returns.argmin())) if len(returns) else None, "there is no return"
        ),
        undefined=MappingProxyType(reasons.found),
    )


def drawdown_curve(equity: pd.Series) -> pd.Series:
    """Return from the highest value so far: zero at a high, negative under water; same index as ``equity``.

    Example:
        >>> drawdown_curve(pd.Series([100.0, 90.0, 120.0])).tolist()
        [0.0, -0.1, 0.0]
    """
    return pd.Series(depths_below_peak(equity.to_numpy(np.float64)), equity.index)


def worst_drawdown(equity: pd.Series) -> Drawdown:
    """Find the deepest fall of an equity curve; the earliest one when several are equally deep."""
    sessions = pd.DatetimeIndex(equity.index)
    depth, peak, trough, recovery = _deepest(equity.to_numpy(np.float64))
    regained = None if recovery is None or depth == 0.0 else sessions[recovery].date()
    return Drawdown(depth, sessions[peak].date(), sessions[trough].date(), regained)


def depths_below_peak(values: FloatArray) -> FloatArray:
    """Return from the highest value so far of each value, (T,) to (T,)."""
    peaks = np.fmax.accumulate(values)
    depths: FloatArray = (values - peaks) / peaks
    return depths


def _deepest(values: FloatArray) -> tuple[float, int, int, int | None]:
    """Depth of the deepest fall, and the positions of its peak, its trough and the first value back at its peak."""
    depths = depths_below_peak(values)
    trough = int(depths.argmin())
    high = values[: trough + 1].max()
    peak = trough - int((values[trough::-1] == high).argmax())
    regained = values[trough + 1 :] >= high
    return float(depths[trough]), peak, trough, trough + 1 + int(regained.argmax()) if regained.any() else None


def at_least(count: int, returns: FloatArray) -> FloatArray:
    """Return the returns, if there are so many.

    Raises:
        Undefined: If there are fewer.
    """
    if len(returns) < count:
        raise Undefined(f"needs at least {count} return{'s' * (count > 1)}, got {len(returns)}")
    return returns


def deviation(returns: FloatArray) -> float:
    """Standard deviation, divided by n - 1.

    Raises:
        Undefined: If there are fewer than 2 returns.
    """
    return float(at_least(2, returns).std(ddof=1))


def mean_over_deviation(excess: FloatArray) -> float:
    """Sharpe ratio of a bar.

    Raises:
        Undefined: If there are fewer than 2 returns, or all are the same.
    """
    spread = deviation(excess)
    return ratio(float(excess.mean()), spread, "zero variance: every return is the same")


def downside_deviation(excess: FloatArray) -> float:
    """Root mean square of the excess returns below zero, all returns counted.

    Raises:
        Undefined: If there is no return.
    """
    below = np.minimum(at_least(1, excess), 0.0)
    return math.sqrt(float(below @ below) / len(below))


def _sortino(excess: FloatArray) -> float:
    downside = downside_deviation(excess)
    return ratio(float(excess.mean()), downside, "no return is below the risk-free rate")


def standardised_moment(returns: FloatArray, order: int) -> float:
    """Mean of the returns' powers, about their mean and in standard deviations, all divided by n.

    Raises:
        Undefined: If there are fewer than 2 returns, or all are the same.
    """
    centered = at_least(2, returns) - returns.mean()
    scale = math.sqrt(float(centered @ centered) / len(centered))
    if scale <= ROUNDING:
        raise Undefined("zero variance: every return is the same")
    power = standardised = centered / scale
    for _ in range(order - 1):
        power = power * standardised  # numpy's ** is seventy times as slow from the third power on
    return float(power.mean())


def tail_risk(measure: Callable[[torch.Tensor, float], torch.Tensor], returns: FloatArray, level: float) -> float:
    """Measure of the losses that simple returns are.

    Raises:
        Undefined: If the tail would be empty, with the number of returns needed.
    """
    try:
        return float(measure(torch.from_numpy(-returns), level))
    except ValueError as error:  # returns are finite, so only the empty tail is left
        raise Undefined(str(error)) from error
