r"""How far a Sharpe ratio may be from the true one, where returns are correlated in time and have fat tails.

The ratio of T excess returns is :math:`s = \bar{x} / \sigma`. To first order its error is the mean of

.. math:: \psi_t = z_t - \frac{s}{2} (z_t^2 - 1), \quad z_t = (x_t - \bar{x}) / \sigma

(delta method), so its variance is the long-run variance of :math:`\psi` over T. Without autocorrelation this is
Mertens' :math:`(1 - \gamma_3 s + (\gamma_4 - 1) s^2 / 4) / T`, and for normal returns Lo's :math:`(1 + s^2 / 2) / T`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.long_run import bandwidth, critical_value, long_run_covariance
from quantdl.risk.curves.metrics import at_least, mean_over_deviation, standardised_moment
from quantdl.risk.undefined import ROUNDING, Reasons, Undefined, ratio
from quantdl.runs.ledger import PeriodSharpe
from quantdl.runs.selection import probabilistic_sharpe

FloatArray = NDArray[np.float64]

FEWEST_RETURNS = 24
"""Below two years of months the interval of a Sharpe ratio is wider than any that are worth telling apart."""


@dataclass(frozen=True)
class SharpeEstimate:
    """A Sharpe ratio with its error. A figure that does not exist is None, and ``undefined`` says why.

    Attributes:
        n_returns: Number of excess returns.
        confidence: Of the intervals, two-sided.
        bandwidth: Bars over which autocorrelation counts.
        per_bar: Mean excess return over its standard deviation (ddof 1).
        error_per_bar: Its standard error under autocorrelation and fat tails.
        independent_error_per_bar: Its standard error if returns were independent (Mertens), to compare.
        lower_per_bar: Lower end of its interval.
        upper_per_bar: Upper end of its interval.
        annual: ``per_bar`` times the root of the bars a year.
        error: Its standard error, annualised alike.
        lower: Lower end of the annual interval.
        upper: Upper end of the annual interval.
        long_run: Annual mean excess return over the annual long-run standard deviation: what the ratio of returns over
            long horizons tends to, smaller than ``annual`` where returns follow one another.
        probability_positive: Probability that the true ratio is above zero (Bailey and Lopez de Prado), for
            independent returns.
        undefined: Reason for each figure that is None.
    """

    n_returns: int
    confidence: float
    bandwidth: int
    per_bar: float | None
    error_per_bar: float | None
    independent_error_per_bar: float | None
    lower_per_bar: float | None
    upper_per_bar: float | None
    annual: float | None
    error: float | None
    lower: float | None
    upper: float | None
    long_run: float | None
    probability_positive: float | None
    undefined: Mapping[str, str]


def sharpe_estimate(curve: MeasuredCurve, confidence: float = 0.95) -> SharpeEstimate:
    """Estimate the Sharpe ratio of a curve over the return on cash; see `sharpe_of`.

    Example:
        >>> import pandas as pd
        >>> from quantdl.risk.curves.equity_curves import equity_of_returns
        >>> returns = np.random.default_rng(0).normal(0.0006, 0.01, 1000)
        >>> equity = equity_of_returns(pd.Series(returns, pd.bdate_range("2020-01-02", periods=1000)), "2020-01-01")
        >>> found = sharpe_estimate(MeasuredCurve.of(equity, bars_per_year=252))
        >>> f"{found.annual:.2f} from {found.lower:.2f} to {found.upper:.2f}"
        '0.19 from -0.79 to 1.18'
    """
    return sharpe_of(curve.excess, curve.bars_per_year, curve.not_annual, confidence)


def sharpe_of(
    excess: FloatArray, bars_per_year: float, not_annual: str = "", confidence: float = 0.95
) -> SharpeEstimate:
    """Estimate the ratio of the mean of some returns to their standard deviation.

    Measured coverage of the interval of 95 % stands in docs/risk/metrics.md. It is too short where the volatility of a
    series with a large ratio changes slowly, because the fourth moment then is hardly estimated at all.

    Args:
        excess: (T,) returns above cash, or above a benchmark: then it is an information ratio.
        bars_per_year: What is annualised with.
        not_annual: Why nothing is annualised; empty where it is.
        confidence: 0.80, 0.90, 0.95 or 0.98.

    Raises:
        ValueError: If the confidence is none of these.

    References:
        | The Statistics of Sharpe Ratios (Lo, 2002)
        | Comments on Variance of the IID Estimator in Lo (Mertens, 2002)
        | Robust Performance Hypothesis Testing with the Sharpe Ratio (Ledoit and Wolf, 2008)
        | HAR Inference: Recommendations for Practice (Lazarus, Lewis, Stock and Watson, 2018)
    """
    n, root_year = len(excess), math.sqrt(bars_per_year)
    width = bandwidth(n) if n else 1
    reach = critical_value(max(n, 1), width, confidence)
    reasons = Reasons(not_annual)
    per_bar = reasons.number("per_bar", lambda: mean_over_deviation(excess))
    error = reasons.number("error_per_bar", lambda: _error(excess, width))

    def end(side: float) -> float:
        return reasons.given("per_bar", per_bar) + side * reach * reasons.given("error_per_bar", error)

    return SharpeEstimate(
        n_returns=n,
        confidence=confidence,
        bandwidth=width,
        per_bar=per_bar,
        error_per_bar=error,
        independent_error_per_bar=reasons.number("independent_error_per_bar", lambda: _independent_error(excess)),
        lower_per_bar=reasons.number("lower_per_bar", lambda: end(-1.0)),
        upper_per_bar=reasons.number("upper_per_bar", lambda: end(1.0)),
        annual=reasons.annual("annual", lambda: root_year * reasons.given("per_bar", per_bar)),
        error=reasons.annual("error", lambda: root_year * reasons.given("error_per_bar", error)),
        lower=reasons.annual("lower", lambda: root_year * end(-1.0)),
        upper=reasons.annual("upper", lambda: root_year * end(1.0)),
        long_run=reasons.annual("long_run", lambda: root_year * _long_run(excess, width)),
        probability_positive=reasons.number("probability_positive", lambda: _probability_positive(excess)),
        undefined=MappingProxyType(reasons.found),
    )


def _standardised(excess: FloatArray) -> tuple[float, FloatArray]:
    """The ratio of a bar, and the returns about their mean in standard deviations."""
    found = mean_over_deviation(at_least(FEWEST_RETURNS, excess))
    return found, (excess - excess.mean()) / excess.std(ddof=1)


def _error(excess: FloatArray, width: int) -> float:
    sharpe, standardised = _standardised(excess)
    influence = standardised - 0.5 * sharpe * (standardised * standardised - 1.0)
    variance = float(long_run_covariance(influence, width)[0, 0])
    if not variance > ROUNDING:
        raise Undefined("the returns cancel one another: their long-run variance is zero")
    return math.sqrt(variance / len(excess))


def _independent_error(excess: FloatArray) -> float:
    sharpe, _ = _standardised(excess)
    skewness, kurtosis = standardised_moment(excess, 3), standardised_moment(excess, 4)
    spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return math.sqrt(max(spread, 0.0) / len(excess))


def _long_run(excess: FloatArray, width: int) -> float:
    _, standardised = _standardised(excess)
    deviation = math.sqrt(float(long_run_covariance(standardised, width)[0, 0])) * float(excess.std(ddof=1))
    return ratio(float(excess.mean()), deviation, "the returns cancel one another: their long-run variance is zero")


def _probability_positive(excess: FloatArray) -> float:
    sharpe, _ = _standardised(excess)
    skewness, kurtosis = standardised_moment(excess, 3), standardised_moment(excess, 4)
    return probabilistic_sharpe(PeriodSharpe(sharpe, len(excess), skewness, kurtosis))
