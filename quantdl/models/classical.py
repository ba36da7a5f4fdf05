"""Fits of one asset's volatility: EWMA and GARCH(1,1), both with Student-t innovations.

Both are the recursion ``v[t+1] = omega + alpha * e[t]**2 + beta * v[t]``, with ``omega = 0`` and ``alpha = 1 - beta``
for EWMA. The forecasts made with the parameters are in :mod:`quantdl.models.filtered_volatility`.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from arch.univariate import GARCH, ConstantMean, StudentsT
from arch.univariate.base import ARCHModelResult
from scipy import optimize, signal, stats

from quantdl.errors import DataError

# In units of the sample's variance. No fit to four years or more of the bundled stocks comes below 0.0012, except where
# one of them hardly traded.
_SMALLEST_OMEGA = 0.001
_LARGEST_VOLATILITY = 25.0  # in units of the sample's


@dataclass(frozen=True)
class VarianceRecursion:
    """One asset's parameters, in units of log return.

    Attributes:
        mean: Expected return of one bar.
        omega: Constant of the variance recursion.
        alpha: Weight of the last squared surprise.
        beta: Weight of the last variance.
        degrees_of_freedom: Of the innovations of one bar.
    """

    mean: float
    omega: float
    alpha: float
    beta: float
    degrees_of_freedom: float


VolatilityFit = Callable[[np.ndarray], VarianceRecursion]
"""Fits one asset's observed log returns, (n,)."""


def fit_garch_t(returns: np.ndarray) -> VarianceRecursion:
    """Fit a GARCH(1,1) with constant mean and Student-t innovations by maximum likelihood.

    The likelihood has useless optima on real series: with enough unchanged closes it has no maximum at all, because the
    variance may shrink to zero on them. So ``omega`` is at least a thousandth of the sample's variance, and the fit
    starts from arch's own values and two fixed points and keeps the likeliest result that is stationary and whose
    volatility stays below 25 times the sample's. The fit runs on returns in units of their standard deviation, so
    the scale of returns plays no part.

    Raises:
        DataError: If the returns do not vary or no starting point leads to such a fit.

    References:
        | Bollerslev (1987), A conditionally heteroskedastic time series model for speculative prices
    """
    size = float(returns.std())
    fits = _garch_fits(returns / size) if size > 0 else []
    if not fits:
        raise DataError(
            f"no stationary GARCH(1,1)-t fits {len(returns)} returns with standard deviation {size:.3g}. "
            "Expected a series that trades; look at it with `quantdl data check`."
        )
    values = max(fits, key=lambda fitted: float(fitted.loglikelihood)).params
    return VarianceRecursion(
        mean=float(values["mu"]) * size,
        omega=float(values["omega"]) * size**2,
        alpha=float(values["alpha[1]"]),
        beta=float(values["beta[1]"]),
        degrees_of_freedom=float(values["nu"]),
    )


class _FlooredGarch(GARCH):
    def bounds(self, resids: np.ndarray | pd.Series) -> list[tuple[float, float]]:
        (_, most), *others = super().bounds(resids)
        return [(_SMALLEST_OMEGA * float(np.mean(resids**2)), most), *others]


def _garch_fits(scaled: np.ndarray) -> list[ARCHModelResult]:
    """The acceptable fits to returns of unit variance."""
    model = ConstantMean(scaled, volatility=_FlooredGarch(1, 0, 1), distribution=StudentsT(), rescale=False)
    mean = float(scaled.mean())
    starts = (None, np.array([mean, 0.02, 0.05, 0.91, 5.0]), np.array([mean, 0.01, 0.03, 0.94, 5.0]))
    return [fitted for start in starts if (fitted := _fit_from(model, start)) is not None]


def _fit_from(model: ConstantMean, start: np.ndarray | None) -> ARCHModelResult | None:
    fitted = _maximised(model, start)
    persistence = fitted.params["alpha[1]"] + fitted.params["beta[1]"]
    if persistence > 1.0:  # the optimiser has left its own bounds: once more from just inside
        inside = fitted.params.to_numpy() * np.array([1.0, 1.0, 0.999 / persistence, 0.999 / persistence, 1.0])
        fitted = _maximised(model, inside)
    volatility = fitted.conditional_volatility
    stationary = fitted.params["alpha[1]"] + fitted.params["beta[1]"] <= 1.0 + 1e-6
    moderate = np.isfinite(volatility).all() and volatility.max() <= _LARGEST_VOLATILITY
    return fitted if stationary and moderate and math.isfinite(fitted.loglikelihood) else None


def _maximised(model: ConstantMean, start: np.ndarray | None) -> ARCHModelResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arch warns of a failed start; the caller compares all of them
        return model.fit(disp="off", show_warning=False, starting_values=start, options={"maxiter": 500})


def ewma_t_fit(decay: float = 0.94) -> VolatilityFit:
    """Return a fit of Student-t degrees of freedom to returns over their EWMA volatility; the mean is zero.

    References:
        | J.P. Morgan/Reuters (1996), RiskMetrics Technical Document: the decay of 0.94 for daily returns
    """

    def fit(returns: np.ndarray) -> VarianceRecursion:
        start = VarianceRecursion(0.0, 0.0, 1.0 - decay, decay, 5.0)
        variance = filtered_variance(returns, start)
        surprises = (returns / np.sqrt(variance))[min(250, len(returns) // 2) :]
        best = optimize.minimize_scalar(
            lambda freedom: -_unit_variance_t(surprises, freedom), bounds=(2.05, 60.0), method="bounded"
        )
        return VarianceRecursion(0.0, 0.0, 1.0 - decay, decay, float(best.x))

    return fit


def _unit_variance_t(values: np.ndarray, freedom: float) -> float:
    return float(stats.t.logpdf(values, freedom, 0.0, math.sqrt((freedom - 2.0) / freedom)).sum())


def filtered_variance(returns: np.ndarray, recursion: VarianceRecursion) -> np.ndarray:
    """Variance of each return given the ones before it, (n,); starts at the mean square of the first twenty."""
    squares = (returns - recursion.mean) ** 2
    first = max(float(np.mean(squares[:20])), 1e-12)
    drive = recursion.omega + recursion.alpha * squares[:-1]
    later, _ = signal.lfilter([1.0], [1.0, -recursion.beta], drive, zi=[recursion.beta * first])
    return np.asarray(np.maximum(np.concatenate([[first], later]), 1e-12))
