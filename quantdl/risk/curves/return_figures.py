"""What single returns say of a curve, whatever their order: how often it gains, how much, and how far its tails reach.

All figures are per bar and of simple returns, but for `omega`, which is of the returns above cash. A bar of a return of
zero is neither a gain nor a loss. Losses are positive.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.metrics import at_least, mean_over_deviation
from quantdl.risk.undefined import ROUNDING, Reasons, Undefined, ratio

FloatArray = NDArray[np.float64]

_NO_LOSS, _NO_GAIN = "no return is below zero", "no return is above zero"


@dataclass(frozen=True)
class ReturnFigures:
    """Figures of the returns of one curve. A figure that does not exist is None, and ``undefined`` says why.

    Attributes:
        mean: Arithmetic mean return.
        geometric_mean: Growth per bar.
        best_return: Highest return of a bar.
        best_session: Its session.
        hit_rate: Gains over gains and losses, in numbers of bars.
        average_gain: Mean of the returns above zero.
        average_loss: Mean loss of the returns below zero, positive.
        payoff: ``average_gain`` over ``average_loss``.
        profit_factor: Sum of the gains over the sum of the losses.
        gain_to_pain: Sum of all returns over the sum of the losses: ``profit_factor`` less one (Schwager).
        omega: Sum of what returns are above cash over the sum of what they are below it (Keating and Shadwick).
        kelly: Mean return above cash over its variance: the leverage that grows fastest where bars are short (Thorp).
        kelly_of_bets: The same for a bet that wins ``payoff`` with probability ``hit_rate`` and else loses one (Kelly):
            the share of the capital to stake.
        tail_ratio: 95 % quantile of the returns over the size of the 5 % quantile, interpolated.
        common_sense_ratio: ``profit_factor`` times ``tail_ratio`` (Bernut).
        stability: Share of the variance of the logarithm of the value that a straight line in time explains.
        longest_gain: Most bars in a row with a gain.
        longest_loss: Most bars in a row with a loss.
        autocorrelation: Correlation of a return with the one before.
        undefined: Reason for each figure that is None.
    """

    mean: float | None
    geometric_mean: float | None
    best_return: float | None
    best_session: date | None
    hit_rate: float | None
    average_gain: float | None
    average_loss: float | None
    payoff: float | None
    profit_factor: float | None
    gain_to_pain: float | None
    omega: float | None
    kelly: float | None
    kelly_of_bets: float | None
    tail_ratio: float | None
    common_sense_ratio: float | None
    stability: float | None
    longest_gain: int
    longest_loss: int
    autocorrelation: float | None
    undefined: Mapping[str, str]


def return_figures(curve: MeasuredCurve) -> ReturnFigures:
    """Measure the returns of a curve.

    Example:
        >>> import pandas as pd
        >>> equity = pd.Series([100.0, 110.0, 99.0, 108.9], pd.bdate_range("2024-01-01", periods=4))
        >>> found = return_figures(MeasuredCurve.of(equity, bars_per_year=252))
        >>> round(found.profit_factor, 6), round(found.hit_rate, 6), found.longest_gain
        (2.0, 0.666667, 1)
    """
    returns, reasons = curve.returns, Reasons()
    gains, losses = returns[returns > 0.0], -returns[returns < 0.0]
    gained, lost = float(gains.sum()), float(losses.sum())
    hits = reasons.number("hit_rate", lambda: _hit_rate(gains, losses))
    gain = reasons.number("average_gain", lambda: _mean(gains, _NO_GAIN))
    loss = reasons.number("average_loss", lambda: _mean(losses, _NO_LOSS))
    payoff = reasons.number("payoff", lambda: reasons.given("average_gain", gain) / reasons.given("average_loss", loss))
    factor = reasons.number("profit_factor", lambda: _over_losses(gained, lost))
    tails = reasons.number("tail_ratio", lambda: _tail_ratio(returns))
    return ReturnFigures(
        mean=reasons.number("mean", lambda: float(at_least(1, returns).mean())),
        geometric_mean=reasons.number("geometric_mean", lambda: curve.growth(float(len(at_least(1, returns))))),
        best_return=reasons.number("best_return", lambda: float(at_least(1, returns).max())),
        best_session=reasons.day(
            "best_session", curve.session(1 + int(returns.argmax())) if len(returns) else None, "there is no return"
        ),
        hit_rate=hits,
        average_gain=gain,
        average_loss=loss,
        payoff=payoff,
        profit_factor=factor,
        gain_to_pain=reasons.number("gain_to_pain", lambda: _over_losses(gained - lost, lost)),
        omega=reasons.number("omega", lambda: omega_ratio(curve.excess)),
        kelly=reasons.number("kelly", lambda: _kelly(curve.excess)),
        kelly_of_bets=reasons.number(
            "kelly_of_bets", lambda: _kelly_of_bets(reasons.given("hit_rate", hits), reasons.given("payoff", payoff))
        ),
        tail_ratio=tails,
        common_sense_ratio=reasons.number(
            "common_sense_ratio", lambda: reasons.given("profit_factor", factor) * reasons.given("tail_ratio", tails)
        ),
        stability=reasons.number("stability", lambda: _stability(curve.values)),
        longest_gain=longest_run(returns > 0.0),
        longest_loss=longest_run(returns < 0.0),
        autocorrelation=reasons.number("autocorrelation", lambda: _autocorrelation(returns)),
        undefined=MappingProxyType(reasons.found),
    )


def omega_ratio(above: FloatArray) -> float:
    r"""Gains over losses about a threshold: :math:`\sum (x_t - r)^+ / \sum (r - x_t)^+`.

    Args:
        above: (T,) returns less the threshold of the bar.

    Raises:
        Undefined: If there is no return, or none below the threshold.

    References:
        | A Universal Performance Measure (Keating and Shadwick, 2002)
    """
    lost = -float(np.minimum(at_least(1, above), 0.0).sum())
    return ratio(float(np.maximum(above, 0.0).sum()), lost, "no return is below the threshold")


def longest_run(marked: NDArray[np.bool_]) -> int:
    """Return the most bars in a row that are marked.

    Example:
        >>> longest_run(np.array([True, False, True, True]))
        2
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _mean(sizes: FloatArray, reason: str) -> float:
    if not len(sizes):
        raise Undefined(reason)
    return float(sizes.mean())


def _hit_rate(gains: FloatArray, losses: FloatArray) -> float:
    return ratio(float(len(gains)), float(len(gains) + len(losses)), "every return is zero")


def _over_losses(value: float, lost: float) -> float:
    if lost == 0.0:
        raise Undefined(_NO_LOSS)
    return value / lost


def _kelly(excess: FloatArray) -> float:
    """Mean over variance, as the ratio to the standard deviation twice."""
    return mean_over_deviation(excess) / float(excess.std(ddof=1))


def _kelly_of_bets(hit_rate: float, payoff: float) -> float:
    return hit_rate - (1.0 - hit_rate) / payoff


def _tail_ratio(returns: FloatArray) -> float:
    low, high = np.quantile(at_least(20, returns), (0.05, 0.95))
    if not low < 0.0:
        raise Undefined("the 5% quantile of the returns is not below zero")
    return float(high) / -float(low)


def _stability(values: FloatArray) -> float:
    if not values[-1] > 0.0:
        raise Undefined("the curve ends at zero or below")
    logs = np.log(values[1:] / values[0])
    time = np.arange(len(at_least(3, logs)), dtype=np.float64)
    logs, time = logs - logs.mean(), time - time.mean()
    spread = math.sqrt(float(logs @ logs) * float(time @ time))
    return ratio(float(logs @ time), spread, "zero variance: the value never changes") ** 2


def _autocorrelation(returns: FloatArray) -> float:
    centered = at_least(3, returns) - returns.mean()
    total = float(centered @ centered)
    if math.sqrt(total / len(centered)) <= ROUNDING:
        raise Undefined("zero variance: every return is the same")
    return float(centered[:-1] @ centered[1:]) / total
