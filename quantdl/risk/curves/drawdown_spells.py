"""The falls of an equity curve one by one, from the peak to the session that regains it, and what they add up to.

A spell begins after the session of a peak and ends with the first session back at it: the peak's session is not under
water, the one that regains it is not either. A drawdown is a return from the peak, so it is negative.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.metrics import depths_below_peak
from quantdl.risk.undefined import Reasons, Undefined, ratio

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_KEPT = 5
_NEVER = "the curve never fell"


@dataclass(frozen=True)
class Spell:
    """One fall and what became of it.

    Attributes:
        depth: Return from peak to trough, negative.
        peak: Last session at the high.
        trough: First session at the lowest point.
        recovery: First session at or above the peak again; None where the curve ends under water.
        bars_down: Bars from peak to trough.
        bars_under_water: Sessions below the peak: those between peak and recovery, or up to the end.
    """

    depth: float
    peak: date
    trough: date
    recovery: date | None
    bars_down: int
    bars_under_water: int


@dataclass(frozen=True)
class DrawdownFigures:
    """All falls of a curve. A figure that does not exist is None, and ``undefined`` says why.

    Attributes:
        count: Number of spells.
        deepest: The deepest five at the most, deepest first.
        longest: The one of the most bars under water, the earliest where several are; None where there was none.
        average_depth: Mean depth of the spells, negative.
        average_bars: Mean of their bars under water.
        share_under_water: Share of the sessions after the first below the highest value so far.
        current_depth: Return from the highest value to the last one.
        pain_index: Mean size of the drawdown over all sessions after the first.
        ulcer_index: Root mean square of the drawdown over them (Martin).
        ulcer_performance: Annual growth less the rate on cash, over ``ulcer_index`` (Martin ratio).
        pain_ratio: The same over ``pain_index``.
        recovery_factor: Total return over the size of the deepest fall.
        undefined: Reason for each figure that is None.
    """

    count: int
    deepest: tuple[Spell, ...]
    longest: Spell | None
    average_depth: float | None
    average_bars: float | None
    share_under_water: float | None
    current_depth: float
    pain_index: float | None
    ulcer_index: float | None
    ulcer_performance: float | None
    pain_ratio: float | None
    recovery_factor: float | None
    undefined: Mapping[str, str]


def drawdown_figures(curve: MeasuredCurve) -> DrawdownFigures:
    """Measure the falls of a curve.

    References:
        | The Investor's Guide to Fidelity Funds (Martin and McCann, 1989): ulcer index and its performance index

    Example:
        >>> import pandas as pd
        >>> equity = pd.Series([100.0, 90.0, 100.0, 110.0, 99.0], pd.bdate_range("2024-01-01", periods=5))
        >>> found = drawdown_figures(MeasuredCurve.of(equity, bars_per_year=252))
        >>> found.count, found.share_under_water, [spell.recovery is None for spell in found.deepest]
        (2, 0.5, [False, True])
    """
    depths = depths_below_peak(curve.values)
    below, reasons = depths[1:], Reasons(curve.not_annual)
    starts, ends = _bounds(depths)
    deepest = np.minimum.reduceat(depths, starts) if len(starts) else depths[:0]  # between spells the depth is zero
    under_water = ends - starts
    ulcer = reasons.number("ulcer_index", lambda: math.sqrt(_mean_below(below * below)))
    pain = reasons.number("pain_index", lambda: _mean_below(-below))
    order = np.argsort(deepest, kind="stable")[:_KEPT]
    longest = _spell(curve, depths, starts, ends, int(under_water.argmax())) if len(starts) else None
    if longest is None:
        reasons.found["longest"] = _NEVER
    return DrawdownFigures(
        count=len(starts),
        deepest=tuple(_spell(curve, depths, starts, ends, int(place)) for place in order),
        longest=longest,
        average_depth=reasons.number("average_depth", lambda: _mean_of_spells(deepest)),
        average_bars=reasons.number("average_bars", lambda: _mean_of_spells(under_water.astype(np.float64))),
        share_under_water=reasons.number("share_under_water", lambda: _mean_below((below < 0.0).astype(np.float64))),
        current_depth=float(depths[-1]),
        pain_index=pain,
        ulcer_index=ulcer,
        ulcer_performance=reasons.annual(
            "ulcer_performance", lambda: _above_cash(curve, reasons.given("ulcer_index", ulcer))
        ),
        pain_ratio=reasons.annual("pain_ratio", lambda: _above_cash(curve, reasons.given("pain_index", pain))),
        recovery_factor=reasons.number("recovery_factor", lambda: _recovery_factor(curve, float(depths.min()))),
        undefined=MappingProxyType(reasons.found),
    )


def drawdown_spells(curve: MeasuredCurve) -> tuple[Spell, ...]:
    """Return every fall of a curve, in time order."""
    depths = depths_below_peak(curve.values)
    starts, ends = _bounds(depths)
    return tuple(_spell(curve, depths, starts, ends, place) for place in range(len(starts)))


def _bounds(depths: FloatArray) -> tuple[IntArray, IntArray]:
    """Positions of the first session of each spell, and of the first one after it."""
    edges = np.diff(np.concatenate([depths < 0.0, [False]]).astype(np.int8))  # the first value is a high
    return np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1) + 1


def _spell(
    curve: MeasuredCurve,
    depths: FloatArray,
    starts: IntArray,
    ends: IntArray,
    place: int,
) -> Spell:
    start, end = int(starts[place]), int(ends[place])
    trough = start + int(depths[start:end].argmin())
    return Spell(
        depth=float(depths[trough]),
        peak=curve.session(start - 1),
        trough=curve.session(trough),
        recovery=curve.session(end) if end < len(depths) else None,
        bars_down=trough - start + 1,
        bars_under_water=end - start,
    )


def _mean_below(values: FloatArray) -> float:
    if not len(values):
        raise Undefined("needs at least 1 return, got 0")
    return float(values.mean())


def _mean_of_spells(values: FloatArray) -> float:
    if not len(values):
        raise Undefined(_NEVER)
    return float(values.mean())


def _above_cash(curve: MeasuredCurve, size: float) -> float:
    return ratio(curve.growth(curve.calendar_years()) - curve.risk_free_annual, size, _NEVER)


def _recovery_factor(curve: MeasuredCurve, depth: float) -> float:
    return ratio(float(curve.values[-1] / curve.values[0] - 1.0), -depth, _NEVER)
