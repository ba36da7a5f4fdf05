"""A curve against a benchmark: active risk, alpha and beta with their errors, capture of rises and falls.

The active return of a bar is the curve's less the benchmark's. None of these figures is one of the curve alone: those
are computed without a benchmark and are the same whether there is one or not.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from quantdl.calendars.labels import bar_text
from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.metrics import at_least, depths_below_peak, deviation, mean_over_deviation, tail_risk
from quantdl.risk.curves.regression import Regression, regression
from quantdl.risk.curves.sharpe import SharpeEstimate, sharpe_of
from quantdl.risk.measures.losses import expected_shortfall, value_at_risk
from quantdl.risk.undefined import ROUNDING, Reasons, Undefined, ratio

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ActiveRisk:
    """Figures of one curve against another. A figure that does not exist is None, and ``undefined`` says why.

    Attributes:
        benchmark: Name of the other.
        n_returns: Bars compared.
        active_return: Annual mean active return: the mean of a bar times the bars a year.
        growth_difference: Compound annual growth of the curve less that of the benchmark.
        tracking_error: Annualised standard deviation of the active returns (ddof 1).
        information: The information ratio, ``active_return`` over ``tracking_error``, with its interval.
        correlation: Of the returns of both.
        regression: Alpha and beta over the return on cash.
        m2: Annual return above the benchmark's, of the curve and cash mixed to the benchmark's volatility (Modigliani).
        up_capture: Growth per bar over the bars in which the benchmark gained, over the benchmark's.
        down_capture: The same over the bars in which it lost; below one where the curve falls less.
        hit_rate: Bars with an active return above zero over those with one that is not zero.
        worst_active_return: Lowest active return of a bar.
        worst_session: Its session.
        value_at_risk_95: Of the active losses, per bar.
        expected_shortfall_95: The same beyond it.
        relative_drawdown: Deepest fall of the curve's value over the benchmark's, zero or negative.
        undefined: Reason for each figure that is None.
    """

    benchmark: str
    n_returns: int
    active_return: float | None
    growth_difference: float | None
    tracking_error: float | None
    information: SharpeEstimate
    correlation: float | None
    regression: Regression
    m2: float | None
    up_capture: float | None
    down_capture: float | None
    hit_rate: float | None
    worst_active_return: float | None
    worst_session: date | None
    value_at_risk_95: float | None
    expected_shortfall_95: float | None
    relative_drawdown: float | None
    undefined: Mapping[str, str]


def active_risk(curve: MeasuredCurve, benchmark: MeasuredCurve, name: str) -> ActiveRisk:
    """Measure a curve against a benchmark over the same sessions.

    Args:
        curve: What is measured.
        benchmark: What it is measured against, with the same sessions, bars a year and rate on cash.
        name: Of the benchmark.

    Raises:
        ValueError: If the benchmark has other sessions, naming the first that differs, or other bars a year.

    Example:
        >>> import pandas as pd
        >>> days = pd.bdate_range("2024-01-01", periods=4)
        >>> one, other = (MeasuredCurve.of(pd.Series(values, days), 252)
        ...               for values in ([100.0, 102.0, 101.0, 103.0], [50.0, 51.0, 50.0, 51.0]))
        >>> found = active_risk(one, other, "index")
        >>> round(found.down_capture, 4), found.information.undefined["annual"]
        (0.5, '3 sessions; a year of 252 is needed to annualise')
    """
    check_same_sessions(curve, benchmark, name)
    active, year = curve.returns - benchmark.returns, curve.bars_per_year
    up, down = benchmark.returns > 0.0, benchmark.returns < 0.0
    reasons = Reasons(curve.not_annual)
    return ActiveRisk(
        benchmark=name,
        n_returns=len(active),
        active_return=reasons.annual("active_return", lambda: float(active.mean()) * year),
        growth_difference=reasons.annual("growth_difference", lambda: _growth(curve) - _growth(benchmark)),
        tracking_error=reasons.annual("tracking_error", lambda: deviation(active) * math.sqrt(year)),
        information=sharpe_of(active, year, curve.not_annual),
        correlation=reasons.number("correlation", lambda: _correlation(curve.returns, benchmark.returns)),
        regression=regression(curve.excess, benchmark.excess, year, curve.not_annual),
        m2=reasons.annual("m2", lambda: _modigliani(curve.excess, benchmark.excess) * year),
        up_capture=reasons.number("up_capture", lambda: _capture(curve, benchmark, up, "gained")),
        down_capture=reasons.number("down_capture", lambda: _capture(curve, benchmark, down, "lost")),
        hit_rate=reasons.number("hit_rate", lambda: _hit_rate(active)),
        worst_active_return=reasons.number("worst_active_return", lambda: float(at_least(1, active).min())),
        worst_session=reasons.day(
            "worst_session", curve.session(1 + int(active.argmin())) if len(active) else None, "there is no return"
        ),
        value_at_risk_95=reasons.number("value_at_risk_95", lambda: tail_risk(value_at_risk, active, 0.95)),
        expected_shortfall_95=reasons.number(
            "expected_shortfall_95", lambda: tail_risk(expected_shortfall, active, 0.95)
        ),
        relative_drawdown=reasons.number("relative_drawdown", lambda: _relative_drawdown(curve, benchmark)),
        undefined=MappingProxyType(reasons.found),
    )


def check_same_sessions(curve: MeasuredCurve, benchmark: MeasuredCurve, name: str) -> None:
    """Refuse a benchmark whose sessions are not those of the curve.

    Raises:
        ValueError: Naming the first session that one of the two lacks, or the bars a year that differ.
    """
    own, other = curve.sessions, benchmark.sessions
    if not own.equals(other):
        first = min(own.symmetric_difference(other))
        lacking, having = (f"benchmark {name}", "the curve") if first in own else ("the curve", f"benchmark {name}")
        raise ValueError(
            f"benchmark {name} must have the sessions of the curve: {lacking} has no value at {bar_text(first)}, where "
            f"{having} has one ({len(own)} and {len(other)} sessions). Measure both over the sessions that they share."
        )
    if curve.bars_per_year != benchmark.bars_per_year:
        raise ValueError(
            f"benchmark {name} must have the bars a year of the curve, {curve.bars_per_year:g}, "
            f"got {benchmark.bars_per_year:g}."
        )


def _growth(curve: MeasuredCurve) -> float:
    return curve.growth(curve.calendar_years())


def _correlation(one: FloatArray, other: FloatArray) -> float:
    first, second = at_least(2, one) - one.mean(), other - other.mean()
    lengths = math.sqrt(float(first @ first)), math.sqrt(float(second @ second))
    if min(lengths) <= ROUNDING * math.sqrt(len(one)):
        raise Undefined("zero variance: every return of one of the two is the same")
    return float(first @ second) / (lengths[0] * lengths[1])


def _modigliani(excess: FloatArray, of_benchmark: FloatArray) -> float:
    return mean_over_deviation(excess) * deviation(of_benchmark) - float(of_benchmark.mean())


def _capture(curve: MeasuredCurve, benchmark: MeasuredCurve, chosen: NDArray[np.bool_], did: str) -> float:
    """Growth per bar of the chosen bars, over the benchmark's."""
    if not chosen.any():
        raise Undefined(f"the benchmark {did} in no bar")
    own, other = (1.0 + returns[chosen] for returns in (curve.returns, benchmark.returns))
    if own.min() <= 0.0 or other.min() <= 0.0:
        raise Undefined("one of the two lost everything in one of these bars")
    grown, of_benchmark = (math.expm1(float(np.log(values).mean())) for values in (own, other))
    return grown / of_benchmark


def _hit_rate(active: FloatArray) -> float:
    better, worse = int((active > 0.0).sum()), int((active < 0.0).sum())
    return ratio(float(better), float(better + worse), "every active return is zero")


def _relative_drawdown(curve: MeasuredCurve, benchmark: MeasuredCurve) -> float:
    if not benchmark.values[-1] > 0.0:
        raise Undefined("the benchmark ends at zero or below")
    return float(depths_below_peak(curve.values / benchmark.values).min())
