r"""Alpha and beta: excess returns of a curve on those of a benchmark, with errors that hold in markets.

Least squares of :math:`x_t = \alpha + \beta b_t + u_t`. The covariance of both estimates is

.. math:: \hat V = Q^{-1} \hat\Omega Q^{-1} / T, \quad Q = \frac{1}{T} \sum_t (1, b_t)^\top (1, b_t)

with the long-run covariance :math:`\hat\Omega` of :math:`u_t (1, b_t)`, so the errors allow for autocorrelation, for
volatility that changes and for residuals that are larger where the benchmark moves more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from quantdl.risk.curves.long_run import bandwidth, critical_value, long_run_covariance
from quantdl.risk.curves.metrics import at_least
from quantdl.risk.curves.sharpe import FEWEST_RETURNS
from quantdl.risk.undefined import ROUNDING, Reasons, Undefined, ratio

FloatArray = NDArray[np.float64]

_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Excess returns of a curve on those of its benchmark. A figure that does not exist is None, with its reason.

    Attributes:
        alpha: Annual mean of what the benchmark does not explain: the intercept of a bar times the bars a year.
        alpha_error: Its standard error.
        alpha_lower: Lower end of its interval of 95 %.
        alpha_upper: Upper end.
        beta: Slope.
        beta_error: Its standard error.
        beta_lower: Lower end of its interval of 95 %.
        beta_upper: Upper end.
        r_squared: Share of the variance that the benchmark explains.
        residual_volatility: Annualised standard deviation of what it does not (divided by n - 2).
        appraisal_ratio: ``alpha`` over ``residual_volatility`` (Treynor and Black).
        treynor: Annual mean excess return over ``beta``.
        undefined: Reason for each figure that is None.
    """

    alpha: float | None = None
    alpha_error: float | None = None
    alpha_lower: float | None = None
    alpha_upper: float | None = None
    beta: float | None = None
    beta_error: float | None = None
    beta_lower: float | None = None
    beta_upper: float | None = None
    r_squared: float | None = None
    residual_volatility: float | None = None
    appraisal_ratio: float | None = None
    treynor: float | None = None
    undefined: Mapping[str, str]


def regression(excess: FloatArray, of_benchmark: FloatArray, bars_per_year: float, not_annual: str = "") -> Regression:
    """Regress returns on those of a benchmark.

    Args:
        excess: (T,) returns above cash.
        of_benchmark: (T,) those of the benchmark in the same bars.
        bars_per_year: What is annualised with.
        not_annual: Why nothing is annualised; empty where it is.

    References:
        | A Simple, Positive Semi-Definite, Heteroskedasticity and Autocorrelation Consistent Covariance Matrix (Newey
          and West, 1987)
        | HAR Inference: Recommendations for Practice (Lazarus, Lewis, Stock and Watson, 2018)

    Example:
        >>> index = np.random.default_rng(0).normal(0.0, 0.01, 1000)
        >>> own = 0.0002 + 0.5 * index + np.random.default_rng(1).normal(0.0, 0.002, 1000)
        >>> found = regression(own, index, bars_per_year=252)
        >>> f"{found.beta:.2f} from {found.beta_lower:.2f} to {found.beta_upper:.2f}"
        '0.50 from 0.48 to 0.51'
    """
    reasons, reach = Reasons(not_annual), 0.0
    try:
        fit = _fit(excess, of_benchmark)
        reach = critical_value(len(excess), bandwidth(len(excess)), _CONFIDENCE)
    except Undefined as reason:
        return Regression(undefined=MappingProxyType(dict.fromkeys(_FIGURES, str(reason))))
    (alpha, beta), (alpha_error, beta_error) = fit.estimates * (bars_per_year, 1.0), fit.errors * (bars_per_year, 1.0)
    residual = reasons.annual("residual_volatility", lambda: fit.residual_deviation * math.sqrt(bars_per_year))
    annual_mean = float(excess.mean()) * bars_per_year
    return Regression(
        alpha=reasons.annual("alpha", lambda: float(alpha)),
        alpha_error=reasons.annual("alpha_error", lambda: float(alpha_error)),
        alpha_lower=reasons.annual("alpha_lower", lambda: float(alpha - reach * alpha_error)),
        alpha_upper=reasons.annual("alpha_upper", lambda: float(alpha + reach * alpha_error)),
        beta=float(beta),
        beta_error=float(beta_error),
        beta_lower=float(beta - reach * beta_error),
        beta_upper=float(beta + reach * beta_error),
        r_squared=reasons.number("r_squared", lambda: fit.r_squared()),
        residual_volatility=residual,
        appraisal_ratio=reasons.annual(
            "appraisal_ratio",
            lambda: ratio(
                float(alpha), reasons.given("residual_volatility", residual), "the benchmark explains every return"
            ),
        ),
        treynor=reasons.annual("treynor", lambda: ratio(annual_mean, float(beta), "beta is not above zero")),
        undefined=MappingProxyType(reasons.found),
    )


_FIGURES = tuple(name for name in Regression.__dataclass_fields__ if name != "undefined")


@dataclass(frozen=True, eq=False)
class _Fit:
    """Estimates of (alpha of a bar, beta), their errors, and the sums of squares that are left and that there were."""

    estimates: FloatArray
    errors: FloatArray
    n: int
    left: float
    total: float

    @property
    def residual_deviation(self) -> float:
        return math.sqrt(self.left / (self.n - 2))

    def r_squared(self) -> float:
        if math.sqrt(self.total / self.n) <= ROUNDING:
            raise Undefined("zero variance: every return is the same")
        return 1.0 - self.left / self.total


def _fit(excess: FloatArray, of_benchmark: FloatArray) -> _Fit:
    n = len(at_least(FEWEST_RETURNS, excess))
    x, b = excess - excess.mean(), of_benchmark - of_benchmark.mean()
    spread = float(b @ b) / n
    if math.sqrt(spread) <= ROUNDING:
        raise Undefined("zero variance: every return of the benchmark is the same")
    beta = float(b @ x) / n / spread
    residuals = x - beta * b
    scores = residuals[:, None] * np.column_stack([np.ones(n), b])
    moment = np.diag([1.0, 1.0 / spread])  # inverse of Q in deviations from the mean: both are uncorrelated there
    covariance = moment @ long_run_covariance(scores, bandwidth(n)) @ moment / n
    mean = float(of_benchmark.mean())
    alpha_variance = covariance[0, 0] - 2.0 * mean * covariance[0, 1] + mean**2 * covariance[1, 1]
    return _Fit(
        estimates=np.array([float(excess.mean()) - beta * mean, beta]),
        errors=np.sqrt(np.maximum([alpha_variance, covariance[1, 1]], 0.0)),
        n=n,
        left=float(residuals @ residuals),
        total=float(x @ x),
    )
