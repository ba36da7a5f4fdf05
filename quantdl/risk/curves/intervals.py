"""How far the figures of a curve may be from those of another history of the same kind, by resampling its returns.

Histories of the same length are put together from blocks of the returns; the interval of a figure holds the middle ones
of theirs. The Sharpe ratio has an interval of its own, see `quantdl.risk.curves.sharpe`.

They are too narrow where histories are short: of 300 simulated histories of independent returns, normal or Student-t
with four degrees of freedom, the intervals of volatility and expected shortfall held the truth in .86 to .91 for a year
of returns, and in .90 to .95 for four years, where .95 is meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.sharpe import FEWEST_RETURNS
from quantdl.risk.measures.drawdowns import maximum_drawdown, value_path
from quantdl.risk.measures.estimates import block_length, resampled
from quantdl.risk.measures.losses import expected_shortfall

FloatArray = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 500
_MOST_CELLS = 1 << 24  # of longer curves fewer histories are put together, at least a hundred
_SEED = 7
_TAIL = 0.95
_FEWEST_IN_TAIL = 10  # of fewer, histories put together vary far less than histories do


@dataclass(frozen=True)
class Interval:
    """The middle ones of the resampled figures, in the unit and with the sign of the figure."""

    lower: float
    upper: float


@dataclass(frozen=True)
class CurveIntervals:
    """Intervals of the figures of one curve. What does not exist is None, and ``undefined`` says why.

    Attributes:
        confidence: Share of the resampled histories whose figure lies in the interval.
        n_resamples: Histories put together.
        block: Mean number of bars of a block.
        cagr: Of the growth a year.
        volatility: Of the annualised volatility.
        expected_shortfall_95: Of one bar, positive when money is lost.
        max_drawdown: Zero or negative.
        undefined: Reason for each interval that is None.
    """

    confidence: float
    n_resamples: int
    block: float | None
    cagr: Interval | None
    volatility: Interval | None
    expected_shortfall_95: Interval | None
    max_drawdown: Interval | None
    undefined: Mapping[str, str]


def curve_intervals(curve: MeasuredCurve) -> CurveIntervals:
    """Resample the returns of a curve; the same curve gives the same intervals.

    Example:
        >>> import pandas as pd
        >>> growth = 1.0 + np.random.default_rng(0).normal(0.0, 0.01, 600)
        >>> equity = pd.Series(growth.cumprod(), pd.bdate_range("2020-01-01", periods=600))
        >>> found = curve_intervals(MeasuredCurve.of(equity, bars_per_year=252))
        >>> found.volatility.lower < 0.01 * 252**0.5 < found.volatility.upper
        True
    """
    names = ("cagr", "volatility", "expected_shortfall_95", "max_drawdown")
    if why := _too_few(curve):
        return CurveIntervals(CONFIDENCE, 0, None, None, None, None, None, dict.fromkeys(names, why))
    returns = torch.from_numpy(curve.returns)
    block, resamples = block_length(returns), max(100, min(RESAMPLES, _MOST_CELLS // len(returns)))
    histories = torch.cat(resampled(returns, block, resamples, _SEED), dim=1)
    undefined = dict.fromkeys(names[:2], curve.not_annual) if curve.not_annual else {}
    if thin := _thin_tail(len(curve.returns)):
        undefined["expected_shortfall_95"] = thin
    growth = (1.0 + histories).prod(dim=0).numpy()
    volatility = histories.std(dim=0, correction=1).numpy() * np.sqrt(curve.bars_per_year)
    return CurveIntervals(
        confidence=CONFIDENCE,
        n_resamples=resamples,
        block=block,
        cagr=None if curve.not_annual else _middle(growth ** (1.0 / curve.calendar_years()) - 1.0),
        volatility=None if curve.not_annual else _middle(volatility),
        expected_shortfall_95=None if thin else _middle(expected_shortfall(-histories, _TAIL).numpy()),
        max_drawdown=_middle(-maximum_drawdown(value_path(histories)).numpy()),
        undefined=MappingProxyType(undefined),
    )


def _too_few(curve: MeasuredCurve) -> str:
    n = len(curve.returns)
    if n < FEWEST_RETURNS:
        return f"{n} returns; {FEWEST_RETURNS} are needed to resample them"
    if not curve.values.min() > 0.0:
        return "the book was ruined: no other history of it can be put together"
    return ""


def _thin_tail(n: int) -> str:
    fewest = round(_FEWEST_IN_TAIL / (1.0 - _TAIL))
    return f"{n} returns; {fewest} are needed for {_FEWEST_IN_TAIL} losses in the tail" if n < fewest else ""


def _middle(figures: FloatArray) -> Interval:
    outside = 0.5 - 0.5 * CONFIDENCE
    lower, upper = np.quantile(figures, [outside, 1.0 - outside]).tolist()
    return Interval(lower, upper)
