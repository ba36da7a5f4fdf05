"""An equity curve as it is measured: checked once, with its simple returns and what they are above the rate on cash.

A curve starts with the initial capital: its first value is what the first return is measured against, so a loss on the
first day is a drawdown. A price is such a curve as it is; returns become one by `equity_of_returns`, which puts the
capital of 1 before them.
"""

import math
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantdl.calendars.bars import less_than_a_year
from quantdl.risk.undefined import Undefined

FloatArray = NDArray[np.float64]

_DAYS_PER_YEAR = 365.25  # ACT/365.25


@dataclass(frozen=True, eq=False)
class MeasuredCurve:
    """A checked equity curve and its returns; all figures of `quantdl.risk.curves.metrics` and beside it read one.

    Attributes:
        sessions: (T + 1,) increasing, the one of the initial capital first.
        values: (T + 1,) value at each.
        returns: (T,) simple returns.
        excess: (T,) returns less the rate on cash of the bar.
        bars_per_year: Bars of the calendar in a year: what figures are annualised with.
        risk_free_annual: Annual rate on cash, the mean where it changes.
        not_annual: Why nothing is annualised; empty where there is a year of bars.
    """

    sessions: pd.DatetimeIndex
    values: FloatArray
    returns: FloatArray
    excess: FloatArray
    bars_per_year: float
    risk_free_annual: float
    not_annual: str

    @classmethod
    def of(
        cls,
        equity: pd.Series,
        bars_per_year: float,
        risk_free_annual: float | pd.Series = 0.0,
        elapsed: pd.Series | None = None,
    ) -> "MeasuredCurve":
        """Check an equity curve and compute its returns.

        Args:
            equity: Value of the book at each close, the initial capital first; positive, except that the last value may
                be zero or less (ruin). Its index is an increasing DatetimeIndex.
            bars_per_year: Bars of the calendar in a year (252 or so for daily bars of XNYS).
            risk_free_annual: Annual rate, compounded to a rate per bar. As a series with the index of ``equity``, the
                rate known at each session: a bar earns the one that was known at its beginning.
            elapsed: Years up to each bar for which cash has earned, covering the index of ``equity``, where that is not
                one of ``bars_per_year`` a bar: within a session cash earns nothing, and over night what a session
                earns.

        Raises:
            ValueError: If the curve is empty, unsorted, not finite, or not positive before its end, naming the session;
                if ``bars_per_year`` is not positive or ``risk_free_annual`` is not above -1, not finite where it is
                needed, or has another index.
        """
        values = _checked_values(equity, bars_per_year)
        rates = _checked_rates(risk_free_annual, equity)
        sessions = pd.DatetimeIndex(equity.index)
        returns = values[1:] / values[:-1] - 1.0
        years = 1.0 / bars_per_year if elapsed is None else np.diff(elapsed.reindex(sessions).to_numpy(np.float64))
        return cls(
            sessions=sessions,
            values=values,
            returns=returns,
            excess=returns - ((1.0 + rates) ** years - 1.0),
            bars_per_year=float(bars_per_year),
            risk_free_annual=float(rates.mean()) if rates.size else 0.0,
            not_annual=less_than_a_year(len(returns), bars_per_year, sessions[0].date(), sessions[-1].date()),
        )

    def first(self, count: int) -> "MeasuredCurve":
        """Return the curve of the first so many values."""
        if count == len(self.values):
            return self
        sessions, n = self.sessions[:count], count - 1
        short = less_than_a_year(n, self.bars_per_year, sessions[0].date(), sessions[-1].date())
        return replace(
            self,
            sessions=sessions,
            values=self.values[:count],
            returns=self.returns[:n],
            excess=self.excess[:n],
            not_annual=short,
        )

    @property
    def start(self) -> date:
        """Session of the initial capital."""
        return self.session(0)

    @property
    def end(self) -> date:
        """Last session."""
        return self.session(-1)

    def session(self, position: int) -> date:
        """Return the day of a value, counted from the initial capital: that of return i is ``session(i + 1)``."""
        return self.sessions[position].date()

    def calendar_years(self) -> float:
        """Return how long the curve is, ACT/365.25."""
        return float((self.sessions[-1] - self.sessions[0]).total_seconds()) / 86400.0 / _DAYS_PER_YEAR

    def growth(self, years: float) -> float:
        """Compound growth a year.

        Raises:
            Undefined: If the curve spans no time, ends below zero, or grew beyond what a float64 can hold.
        """
        return compound_growth(self.values[0], self.values[-1], years)


def compound_growth(first: float, last: float, years: float) -> float:
    """Growth a year from a first, positive value to a last one.

    Raises:
        Undefined: If there is no time between them, the last is below zero, or the rate beyond what a float64 can hold.
    """
    if not years > 0:
        raise Undefined("the curve spans no time")
    if last < 0:
        raise Undefined("the curve ends below zero")
    if last == 0:
        return -1.0
    log_growth = math.log(last / first) / years
    if log_growth > 700:  # exp(710) is not a float64
        raise Undefined(f"annualising {years:.3g} years overflows")
    return math.expm1(log_growth)


def equity_of_returns(returns: pd.Series, before: date | str) -> pd.Series:
    """Return the curve that earns simple returns, with its capital of 1 before them.

    Args:
        returns: Simple returns by session.
        before: The session before the first of them, against which the first is measured.

    Raises:
        ValueError: If there is no return, one is not finite (naming its session: a missing return is no return of
            zero), or ``before`` is not before the first session.

    Example:
        >>> equity_of_returns(pd.Series([0.10, -0.10], pd.to_datetime(["2024-01-03", "2024-01-04"])), "2024-01-02")
        2024-01-02    1.00
        2024-01-03    1.10
        2024-01-04    0.99
        dtype: float64
    """
    earned = returns.to_numpy(np.float64)
    if earned.ndim != 1 or not earned.size:
        raise ValueError("returns must be one series with at least one return.")
    missing = ~np.isfinite(earned)
    if missing.any():
        first = int(missing.argmax())
        raise ValueError(
            f"returns must be finite, got {earned[first]} at {returns.index[first]} ({int(missing.sum())} of "
            f"{len(earned)}). A missing return is none: leave the session out, or measure prices over the gap."
        )
    start = pd.Timestamp(before)
    if not start < returns.index[0]:
        raise ValueError(f"before must be earlier than the first return, got {start} and {returns.index[0]}.")
    sessions = pd.DatetimeIndex(returns.index).insert(0, start)
    return pd.Series(np.cumprod(np.concatenate([[1.0], 1.0 + earned])), sessions)


def excess_returns(
    equity: pd.Series,
    bars_per_year: float,
    risk_free_annual: float | pd.Series = 0.0,
    elapsed: pd.Series | None = None,
) -> pd.Series:
    """Simple returns less the risk-free rate of each bar: those that Sharpe and Sortino are of.

    Args:
        equity: See `MeasuredCurve.of`.
        bars_per_year: See `MeasuredCurve.of`.
        risk_free_annual: See `MeasuredCurve.of`.
        elapsed: See `MeasuredCurve.of`.

    Returns:
        (T,) by the session in which each return was earned.

    Raises:
        ValueError: As `MeasuredCurve.of`.
    """
    curve = MeasuredCurve.of(equity, bars_per_year, risk_free_annual, elapsed)
    return pd.Series(curve.excess, equity.index[1:])


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
            f"{equity.index[first].date()} ({int(bad.sum())} such values); end a ruined curve at its ruin."
        )
    return values
