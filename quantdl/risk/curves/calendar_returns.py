"""Returns of calendar months, quarters and years, and of the months up to the end.

The return of a period is the value at its last session over the value at the last session before it, less one, so the
returns of all months compound to the total return. The first and the last period may be parts of theirs: the first
begins with the initial capital.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantdl.risk.curves.equity_curves import MeasuredCurve, compound_growth
from quantdl.risk.undefined import Reasons, Undefined, ratio

FloatArray = NDArray[np.float64]

TRAILING_MONTHS = (1, 3, 6, 12, 36, 60, 120)


@dataclass(frozen=True)
class MonthReturn:
    """Return of a calendar month."""

    year: int
    month: int
    value: float


@dataclass(frozen=True)
class YearReturn:
    """Return of a calendar year."""

    year: int
    value: float


@dataclass(frozen=True)
class TrailingReturn:
    """Return of the months up to the end.

    Attributes:
        months: How many.
        value: Last value over that of the last session at or before the same day so many months ago, less one; None
            where the curve is shorter.
        annual: The same a year, from twelve months on.
    """

    months: int
    value: float | None
    annual: float | None


@dataclass(frozen=True)
class CalendarReturns:
    """Returns by the calendar. A figure that does not exist is None, and ``undefined`` says why.

    Attributes:
        months: Every month in which there is a return, in time order.
        years: Every year, in time order.
        trailing: Of the last months, for each of ``TRAILING_MONTHS``.
        best_month: Highest return of a month.
        worst_month: Lowest one.
        best_year: Highest return of a year.
        worst_year: Lowest one.
        month_hit_rate: Months with a gain over months with a gain or a loss.
        quarter_hit_rate: The same of quarters.
        year_hit_rate: The same of years.
        average_up_month: Mean return of the months above zero.
        average_down_month: Mean return of the months below zero, negative.
        month_growth: Growth a month: geometric mean of the months.
        month_gain_to_pain: Sum of the months' returns over the sum of their losses (Schwager).
        undefined: Reason for each figure that is None.
    """

    months: tuple[MonthReturn, ...]
    years: tuple[YearReturn, ...]
    trailing: tuple[TrailingReturn, ...]
    best_month: float | None
    worst_month: float | None
    best_year: float | None
    worst_year: float | None
    month_hit_rate: float | None
    quarter_hit_rate: float | None
    year_hit_rate: float | None
    average_up_month: float | None
    average_down_month: float | None
    month_growth: float | None
    month_gain_to_pain: float | None
    undefined: Mapping[str, str]


def calendar_returns(curve: MeasuredCurve) -> CalendarReturns:
    """Measure a curve by the calendar.

    References:
        | Hedge Fund Market Wizards (Schwager, 2012), appendix A: the gain-to-pain ratio of months

    Example:
        >>> days = pd.to_datetime(["2023-12-29", "2024-01-31", "2024-02-29", "2024-03-01"])
        >>> found = calendar_returns(MeasuredCurve.of(pd.Series([100.0, 110.0, 99.0, 99.0], days), 252))
        >>> [(one.year, one.month, round(one.value, 6)) for one in found.months]
        [(2024, 1, 0.1), (2024, 2, -0.1), (2024, 3, 0.0)]
        >>> found.month_hit_rate, found.undefined["best_year"]
        (0.5, 'needs a whole year, from 2023-12-29 to 2024-03-01 there is none')
    """
    number = _month_numbers(curve)
    months, quarters, years = (_by_period(curve, number // length) for length in (1, 3, 12))
    of_month, of_year, reasons = months[1], years[1], Reasons(curve.not_annual)
    short = f"needs a whole year, from {curve.start} to {curve.end} there is none"
    if reasons.not_annual:
        reasons.not_annual = short
    up, down = of_month[of_month > 0.0], of_month[of_month < 0.0]
    return CalendarReturns(
        months=tuple(
            MonthReturn(int(key // 12), int(key % 12) + 1, float(value)) for key, value in zip(*months, strict=True)
        ),
        years=tuple(YearReturn(int(key), float(value)) for key, value in zip(*years, strict=True)),
        trailing=tuple(_trailing(curve, months) for months in TRAILING_MONTHS),
        best_month=reasons.number("best_month", lambda: float(_any(of_month, "there is no return").max())),
        worst_month=reasons.number("worst_month", lambda: float(_any(of_month, "there is no return").min())),
        best_year=reasons.annual("best_year", lambda: float(of_year.max())),
        worst_year=reasons.annual("worst_year", lambda: float(of_year.min())),
        month_hit_rate=reasons.number("month_hit_rate", lambda: _hit_rate(of_month)),
        quarter_hit_rate=reasons.number("quarter_hit_rate", lambda: _hit_rate(quarters[1])),
        year_hit_rate=reasons.annual("year_hit_rate", lambda: _hit_rate(of_year)),
        average_up_month=reasons.number("average_up_month", lambda: float(_any(up, "no month gained").mean())),
        average_down_month=reasons.number("average_down_month", lambda: float(_any(down, "no month lost").mean())),
        month_growth=reasons.number(
            "month_growth", lambda: curve.growth(float(len(_any(of_month, "there is no return"))))
        ),
        month_gain_to_pain=reasons.number(
            "month_gain_to_pain", lambda: ratio(float(of_month.sum()), -float(down.sum()), "no month lost")
        ),
        undefined=MappingProxyType(reasons.found),
    )


def month_table(returns: CalendarReturns) -> pd.DataFrame:
    """Lay months out by year, with the year beside them.

    Returns:
        One row a year; columns 1 to 12 and ``year``. NaN where a month has no session.
    """
    table = pd.DataFrame(
        np.nan, index=[one.year for one in returns.years], columns=pd.Index([*range(1, 13), "year"], dtype=object)
    )
    for month in returns.months:
        table.loc[month.year, month.month] = month.value
    table["year"] = [one.value for one in returns.years]
    return table


def _month_numbers(curve: MeasuredCurve) -> NDArray[np.int64]:
    """Months since the year 0 of each return's session."""
    sessions = curve.sessions[1:]
    number: NDArray[np.int64] = (sessions.year.to_numpy() * 12 + sessions.month.to_numpy() - 1).astype(np.int64)
    return number


def _by_period(curve: MeasuredCurve, period: NDArray[np.int64]) -> tuple[NDArray[np.int64], FloatArray]:
    """The periods in which there is a return, and the return of each."""
    if not len(period):
        return period, curve.returns
    last = np.append(np.flatnonzero(np.diff(period)), len(period) - 1)
    values = np.concatenate([curve.values[:1], curve.values[1 + last]])
    return period[last], values[1:] / values[:-1] - 1.0


def _trailing(curve: MeasuredCurve, months: int) -> TrailingReturn:
    before = curve.sessions[-1] - pd.DateOffset(months=months)
    position = int(curve.sessions.searchsorted(before, side="right")) - 1
    if position < 0:
        return TrailingReturn(months, None, None)
    first, last = float(curve.values[position]), float(curve.values[-1])
    try:
        annual = compound_growth(first, last, months / 12) if months >= 12 else None
    except Undefined:
        annual = None
    return TrailingReturn(months, last / first - 1.0, annual)


def _any(values: FloatArray, reason: str) -> FloatArray:
    if not len(values):
        raise Undefined(reason)
    return values


def _hit_rate(values: FloatArray) -> float:
    gains, losses = int((values > 0.0).sum()), int((values < 0.0).sum())
    return ratio(float(gains), float(gains + losses), "every return is zero")
