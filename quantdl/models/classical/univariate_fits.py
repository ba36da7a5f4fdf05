"""Fits of one asset's volatility: EWMA, GARCH, GJR and EGARCH of order one, with Student-t or skewed innovations."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from arch.univariate import EGARCH, GARCH, ConstantMean, SkewStudent, StudentsT
from arch.univariate.base import ARCHModelResult
from scipy import optimize, stats

from quantdl.errors import DataError
from quantdl.models.classical.recursion import (
    LawKind,
    RecursionKind,
    VarianceRecursion,
    VolatilityFit,
    filtered_variance,
)

# In units of the sample's variance. No fit to four years or more of the bundled stocks comes below 0.0012, except where
# one of them hardly traded.
_SMALLEST_OMEGA = 0.001
_LARGEST_VOLATILITY = 25.0  # in units of the sample's
_LARGEST_LOG_PERSISTENCE = 0.999  # of EGARCH; fits to thirty years of the bundled stocks stay below 0.998
_STALE_BARS, _STALE_SHARE, _FEWEST_LIVE = 250, 0.5, 500
_STEADY = 1e-9  # least standard deviation in units of the largest return, above what rounding makes of a constant


def fit_garch_t(returns: np.ndarray) -> VarianceRecursion:
    """Fit a GARCH(1,1) with constant mean and Student-t innovations, see `volatility_fit`.

    References:
        | Bollerslev (1987), A conditionally heteroskedastic time series model for speculative prices
    """
    return _likeliest(returns, "garch", "student_t")


def volatility_fit(kind: RecursionKind, law: LawKind) -> VolatilityFit:
    """Return a fit by maximum likelihood of a recursion with constant mean and innovations of a law.

    The likelihood has useless optima on real series: with enough unchanged closes it has no maximum at all, because the
    variance may shrink to zero on them. So

    * what comes before the end of the last 250 returns of which more than half are exactly zero is left out, where
      500 returns remain;
    * ``omega`` of GARCH and GJR is at least a thousandth of the sample's variance;
    * the fit starts from arch's own values and two fixed points and keeps the likeliest result that is stationary and
      whose volatility stays below 25 times the sample's;
    * where none is, the recursion stays at the first of the fixed points, and the degrees of freedom alone are fitted.

    The fit runs on returns in units of their standard deviation, so the scale of returns plays no part.

    The returned fit raises DataError if the returns do not vary.
    """

    def fit(returns: np.ndarray) -> VarianceRecursion:
        return _likeliest(returns, kind, law)

    return fit


def _likeliest(returns: np.ndarray, kind: RecursionKind, law: LawKind) -> VarianceRecursion:
    live = live_returns(returns)
    size = float(live.std())
    if not size > _STEADY * float(np.abs(live).max(initial=1e-300)):
        name = {"garch": "GARCH(1,1)", "gjr": "GJR(1,1,1)", "egarch": "EGARCH(1,1,1)"}[kind]
        raise DataError(
            f"no {name}-{'t' if law == 'student_t' else 'skew-t'} fits {len(live)} returns with standard deviation "
            f"{size:.3g}. Expected a series that trades; look at it with `quantdl data check`."
        )
    scaled = live / size
    fits = _fits(scaled, kind, law)
    if not fits:
        return _in_units(_held_at_start(scaled, kind), size)
    values = max(fits, key=lambda fitted: float(fitted.loglikelihood)).params
    found = VarianceRecursion(
        mean=float(values["mu"]),
        omega=float(values["omega"]),
        alpha=float(values["alpha[1]"]),
        beta=float(values["beta[1]"]),
        degrees_of_freedom=float(values["nu" if law == "student_t" else "eta"]),
        gamma=0.0 if kind == "garch" else float(values["gamma[1]"]),
        skewness=0.0 if law == "student_t" else float(values["lambda"]),
        exponential=kind == "egarch",
    )
    return _in_units(found, size)


def live_returns(returns: np.ndarray) -> np.ndarray:
    """The returns after the last stretch of stale prices: after 250 of which more than half are exactly zero.

    All of them where fewer than 500 would remain: what stands still to the end is no old data.
    """
    if len(returns) <= _STALE_BARS:
        return returns
    zeros = np.concatenate([[0], np.cumsum(returns == 0.0)])
    stale = np.flatnonzero(zeros[_STALE_BARS:] - zeros[:-_STALE_BARS] > _STALE_SHARE * _STALE_BARS)
    first = int(stale[-1]) + _STALE_BARS if len(stale) else 0
    return returns[first:] if len(returns) - first >= _FEWEST_LIVE else returns


def _in_units(scaled: VarianceRecursion, size: float) -> VarianceRecursion:
    """The recursion of returns that were divided by ``size``, in their own units."""
    omega = scaled.omega * size**2
    if scaled.exponential:
        omega = scaled.omega + (1.0 - scaled.beta) * 2.0 * math.log(size)
    return replace(scaled, mean=scaled.mean * size, omega=omega)


def _held_at_start(scaled: np.ndarray, kind: RecursionKind) -> VarianceRecursion:
    """The first fixed starting point with its degrees of freedom fitted, for returns of unit variance."""
    mean, omega, alpha, *gamma, beta, freedom = _starts(float(scaled.mean()), kind, "student_t")[0].tolist()
    leverage = gamma[0] if gamma else 0.0
    held = VarianceRecursion(mean, omega, alpha, beta, freedom, leverage, exponential=kind == "egarch")
    surprises = (scaled - mean) / np.sqrt(filtered_variance(scaled, held))
    best = optimize.minimize_scalar(lambda nu: -_unit_variance_t(surprises, nu), bounds=(2.05, 60.0), method="bounded")
    return replace(held, degrees_of_freedom=float(best.x))


class _FlooredGarch(GARCH):
    def bounds(self, resids: np.ndarray | pd.Series) -> list[tuple[float, float]]:
        (_, most), *others = super().bounds(resids)
        return [(_SMALLEST_OMEGA * float(np.mean(resids**2)), most), *others]


class _BoundedEgarch(EGARCH):
    """With a negative weight of their size, calm surprises would raise the volatility without end."""

    def bounds(self, resids: np.ndarray | pd.Series) -> list[tuple[float, float]]:
        omega, (_, most), gamma, _ = super().bounds(resids)
        return [omega, (0.0, most), gamma, (0.0, _LARGEST_LOG_PERSISTENCE)]


def _fits(scaled: np.ndarray, kind: RecursionKind, law: LawKind) -> list[ARCHModelResult]:
    """The acceptable fits to returns of unit variance."""
    asymmetric = int(kind != "garch")
    recursion = _BoundedEgarch(1, 1, 1) if kind == "egarch" else _FlooredGarch(1, asymmetric, 1)
    distribution = StudentsT() if law == "student_t" else SkewStudent()
    model = ConstantMean(scaled, volatility=recursion, distribution=distribution, rescale=False)
    starts = [None, *_starts(float(scaled.mean()), kind, law)]
    return [fitted for start in starts if (fitted := _fit_from(model, start, kind)) is not None]


def _starts(mean: float, kind: RecursionKind, law: LawKind) -> list[np.ndarray]:
    shape = [5.0] if law == "student_t" else [5.0, 0.0]
    points: dict[RecursionKind, list[list[float]]] = {
        "garch": [[0.02, 0.05, 0.91], [0.01, 0.03, 0.94]],
        "gjr": [[0.02, 0.05, 0.03, 0.91], [0.01, 0.03, 0.04, 0.94]],
        "egarch": [[0.0, 0.12, -0.04, 0.98], [0.0, 0.10, -0.03, 0.99]],
    }
    return [np.array([mean, *point, *shape]) for point in points[kind]]


def _fit_from(model: ConstantMean, start: np.ndarray | None, kind: RecursionKind) -> ARCHModelResult | None:
    fitted = _maximised(model, start)
    persistence = _persistence(fitted, kind)
    if kind != "egarch" and persistence > 1.0:  # the optimiser has left its own bounds: once more from just inside
        inside = fitted.params.copy()
        inside[[name for name in inside.index if name.endswith("[1]")]] *= 0.999 / persistence
        fitted = _maximised(model, inside.to_numpy())
    volatility = fitted.conditional_volatility
    stationary = abs(_persistence(fitted, kind)) <= 1.0 + 1e-6
    moderate = np.isfinite(volatility).all() and volatility.max() <= _LARGEST_VOLATILITY
    return fitted if stationary and moderate and math.isfinite(fitted.loglikelihood) else None


def _persistence(fitted: ARCHModelResult, kind: RecursionKind) -> float:
    values = fitted.params
    if kind == "egarch":
        return float(values["beta[1]"])
    return float(values["alpha[1]"] + 0.5 * values.get("gamma[1]", 0.0) + values["beta[1]"])


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
