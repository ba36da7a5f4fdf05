"""What an equity curve did: return, risk, drawdown. Every figure is a number, or absent with a stated reason.

Nothing is annualised over less than a year: a fortnight that earned 3 % has not earned 110 % a year. Total return,
drawdown and all figures per bar stand for a curve of any length.

An equity curve starts with the initial capital: its first value is what the first return is measured against, so a
loss on the first day is a drawdown. Returns are simple. Losses, value-at-risk and expected shortfall are positive when
money is lost; a drawdown is a return from the peak, so it is negative.
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

from quantdl.calendars.bars import less_than_a_year
from quantdl.risk.measures import expected_shortfall, value_at_risk

FloatArray = NDArray[np.float64]

_DAYS_PER_YEAR = 365.25  # ACT/365.25
# Equity values carry a relative rounding error of 1.1e-16, so returns that are equal on paper differ by a few times it.
_ROUNDING = 1e-14


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
        equity: Value of the book at each close, the initial capital first; positive, except that the last value may be
            zero or less (ruin). Its index is an increasing DatetimeIndex.
        bars_per_year: Bars of the calendar in a year (252 or so for daily bars of XNYS).
        risk_free_annual: Annual rate, compounded to a rate per bar. As a series with the index of ``equity``, the rate
            known at each session: a bar earns the one that was known at its beginning.
        elapsed: Years up to each bar for which cash has earned, covering the index of ``equity``, where that is not one
            of ``bars_per_year`` a bar: within a session cash earns nothing, and over night what a session earns.

    Raises:
        ValueError: If the curve is empty, unsorted, not finite, or not positive before its end, naming the session; if
            ``bars_per_year`` is not positive or ``risk_free_annual`` is not above -1, not finite where it is needed,
            or has another index.

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
    values = _checked_values(equity, bars_per_year)
    rates = _checked_rates(risk_free_annual, equity)
    returns = values[1:] / values[:-1] - 1.0
    excess = excess_returns(equity, bars_per_year, risk_free_annual, elapsed).to_numpy()
    root_year = math.sqrt(bars_per_year)
    drawdown = worst_drawdown(equity)
    fell = drawdown.depth < 0.0
    figures = _Figures(less_than_a_year(len(returns), bars_per_year, _session(equity, 0), _session(equity, -1)))
    cagr = figures.annual("cagr", lambda: _growth(values, _calendar_years(equity)))
    return PerformanceMetrics(
        start=_session(equity, 0),
        end=_session(equity, -1),
        n_returns=len(returns),
        bars_per_year=float(bars_per_year),
        risk_free_annual=float(rates.mean()) if rates.size else 0.0,
        total_return=float(values[-1] / values[0] - 1.0),
        cagr=cagr,
        cagr_bars=figures.annual("cagr_bars", lambda: _growth(values, len(returns) / bars_per_year)),
        volatility=figures.annual("volatility", lambda: _deviation(returns) * root_year),
        sharpe=figures.annual("sharpe", lambda: _sharpe(excess) * root_year),
        sharpe_per_bar=figures.number("sharpe_per_bar", lambda: _sharpe(excess)),
        sortino=figures.annual("sortino", lambda: _sortino(excess) * root_year),
        downside_risk=figures.annual("downside_risk", lambda: _downside(excess) * root_year),
        max_drawdown=drawdown.depth,
        drawdown_peak=figures.day("drawdown_peak", drawdown.peak if fell else None, "the curve never fell"),
        drawdown_trough=figures.day("drawdown_trough", drawdown.trough if fell else None, "the curve never fell"),
        drawdown_recovery=figures.day(
            "drawdown_recovery",
            drawdown.recovery,
            f"not recovered by {_session(equity, -1)}" if fell else "the curve never fell",
        ),
        calmar=figures.annual("calmar", lambda: _calmar(cagr, drawdown.depth)),
        skew=figures.number("skew", lambda: _standardised_moment(returns, 3)),
        excess_kurtosis=figures.number("excess_kurtosis", lambda: _standardised_moment(returns, 4) - 3.0),
        value_at_risk_95=figures.number("value_at_risk_95", lambda: _risk(value_at_risk, returns, 0.95)),
        value_at_risk_99=figures.number("value_at_risk_99", lambda: _risk(value_at_risk, returns, 0.99)),
        expected_shortfall_95=figures.number("expected_shortfall_95", lambda: _risk(expected_shortfall, returns, 0.95)),
        expected_shortfall_99=figures.number("expected_shortfall_99", lambda: _risk(expected_shortfall, returns, 0.99)),
        worst_return=figures.number("worst_return", lambda: float(_at_least(1, returns).min())),
        worst_session=figures.day(
            "worst_session", _session(equity, 1 + int(returns.argmin())) if len(returns) else None, "there is no return"
        ),
        undefined=MappingProxyType(figures.reasons),
    )


def excess_returns(
    equity: pd.Series,
    bars_per_year: float,
    risk_free_annual: float | pd.Series = 0.0,
    elapsed: pd.Series | None = None,
) -> pd.Series:
    """Simple returns less the risk-free rate of each bar: those that Sharpe and Sortino are of.

    Args:
        equity: See `performance`.
        bars_per_year: See `performance`.
        risk_free_annual: See `performance`.
        elapsed: See `performance`.

    Returns:
        (T - 1,) by the session in which each return was earned.

    Raises:
        ValueError: As `performance`.
    """
    values = _checked_values(equity, bars_per_year)
    rates = _checked_rates(risk_free_annual, equity)
    years = 1.0 / bars_per_year if elapsed is None else np.diff(elapsed.reindex(equity.index).to_numpy(np.float64))
    excess = values[1:] / values[:-1] - 1.0 - ((1.0 + rates) ** years - 1.0)
    return pd.Series(excess, equity.index[1:])


def drawdown_curve(equity: pd.Series) -> pd.Series:
    """Return from the highest value so far: zero at a high, negative under water; same index as ``equity``.

    Example:
        >>> drawdown_curve(pd.Series([100.0, 90.0, 120.0])).tolist()
        [0.0, -0.1, 0.0]
    """
    return (equity - equity.cummax()) / equity.cummax()


def worst_drawdown(equity: pd.Series) -> Drawdown:
    """Find the deepest fall of an equity curve; the earliest one when several are equally deep."""
    values = equity.to_numpy(np.float64)
    depths = drawdown_curve(equity).to_numpy(np.float64)
    trough = int(depths.argmin())
    high = values[: trough + 1].max()
    peak = int(np.flatnonzero(values[: trough + 1] == high)[-1])
    regained = np.flatnonzero(values[trough + 1 :] >= high)
    fell = depths[trough] < 0.0
    recovery = _session(equity, trough + 1 + int(regained[0])) if fell and len(regained) else None
    return Drawdown(float(depths[trough]), _session(equity, peak), _session(equity, trough), recovery)


class _Undefined(ValueError):
    """Why a figure does not exist."""


class _Figures:
    """Collects the reason of every figure that does not exist.

    Args:
        not_annual: Why nothing is annualised; empty where it is.
    """

    def __init__(self, not_annual: str) -> None:
        self.reasons: dict[str, str] = {}
        self.not_annual = not_annual

    def annual(self, name: str, compute: Callable[[], float]) -> float | None:
        if not self.not_annual:
            return self.number(name, compute)
        self.reasons[name] = self.not_annual
        return None

    def number(self, name: str, compute: Callable[[], float]) -> float | None:
        try:
            return compute()
        except _Undefined as reason:
            self.reasons[name] = str(reason)
            return None

    def day(self, name: str, value: date | None, reason: str) -> date | None:
        if value is None:
            self.reasons[name] = reason
        return value


def _checked_rates(risk_free_annual: float | pd.Series, equity: pd.Series) -> FloatArray:
    """Annual rate of each bar, or the one rate of all."""
    if not isinstance(risk_free_annual, pd.Series):
        rates = np.asarray(risk_free_annual, dtype=np.float64)
    elif risk_free_annual.index.equals(equity.index):
        rates = risk_free_annual.to_numpy(np.float64)[:-1]
    else:
        raise ValueError("risk_free_annual must have the sessions of equity as its index.")
    bad = ~((rates > -1) & (rates < math.inf))
    if bad.any():
        raise ValueError(f"risk_free_annual must be finite and above -1, got {rates[bad].flat[0]}.")
    return rates


def _checked_values(equity: pd.Series, bars_per_year: float) -> FloatArray:
    if not bars_per_year > 0:
        raise ValueError(f"bars_per_year must be positive, got {bars_per_year}.")
    if not isinstance(equity.index, pd.DatetimeIndex) or not equity.index.is_monotonic_increasing:
        raise ValueError("equity must be indexed by increasing sessions (a sorted DatetimeIndex).")
    if equity.empty or not equity.index.is_unique:
        raise ValueError("equity must hold at least the initial capital, and each session once.")
    values = equity.to_numpy(np.float64)
    bad = ~np.isfinite(values)
    bad[:-1] |= ~(values[:-1] > 0.0)
    if bad.any() or (len(values) == 1 and not values[0] > 0.0):
        first = int(bad.argmax())
        raise ValueError(
            f"equity must be finite and positive up to its last value, got {values[first]} at "
            f"{_session(equity, first)} ({int(bad.sum())} such values); end a ruined curve at its ruin."
        )
    return values


def _session(equity: pd.Series, position: int) -> date:
    return pd.DatetimeIndex(equity.index)[position].date()


def _calendar_years(equity: pd.Series) -> float:
    index = pd.DatetimeIndex(equity.index)
    return float((index[-1] - index[0]).total_seconds()) / 86400.0 / _DAYS_PER_YEAR


def _at_least(count: int, returns: FloatArray) -> FloatArray:
    if len(returns) < count:
        raise _Undefined(f"needs at least {count} return{'s' * (count > 1)}, got {len(returns)}")
    return returns


def _growth(values: FloatArray, years: float) -> float:
    if not years > 0:
        raise _Undefined("the curve spans no time")
    if values[-1] < 0:
        raise _Undefined("the curve ends below zero")
    if values[-1] == 0:
        return -1.0
    log_growth = math.log(values[-1] / values[0]) / years
    if log_growth > 700:  # exp(710) is not a float64
        raise _Undefined(f"annualising {years:.3g} years overflows")
    return math.expm1(log_growth)


def _deviation(returns: FloatArray) -> float:
    return float(_at_least(2, returns).std(ddof=1))


def _sharpe(excess: FloatArray) -> float:
    deviation = _deviation(excess)
    if deviation <= _ROUNDING:
        raise _Undefined("zero variance: every return is the same")
    return float(excess.mean()) / deviation


def _downside(excess: FloatArray) -> float:
    return math.sqrt(float((np.minimum(_at_least(1, excess), 0.0) ** 2).mean()))


def _sortino(excess: FloatArray) -> float:
    downside = _downside(excess)
    if downside <= _ROUNDING:
        raise _Undefined("no return is below the risk-free rate")
    return float(excess.mean()) / downside


def _calmar(cagr: float | None, depth: float) -> float:
    if cagr is None:
        raise _Undefined("cagr is undefined")
    if depth == 0.0:
        raise _Undefined("the curve never fell")
    return cagr / -depth


def _standardised_moment(returns: FloatArray, order: int) -> float:
    centered = _at_least(2, returns) - returns.mean()
    variance = float((centered**2).mean())
    if math.sqrt(variance) <= _ROUNDING:
        raise _Undefined("zero variance: every return is the same")
    return float((centered**order).mean()) / math.pow(variance, order / 2)


def _risk(measure: Callable[[torch.Tensor, float], torch.Tensor], returns: FloatArray, level: float) -> float:
    try:
        return float(measure(torch.from_numpy(-returns), level))
    except ValueError as error:  # returns are finite, so only the empty tail is left
        raise _Undefined(str(error)) from error
