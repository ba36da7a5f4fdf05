"""Can exceptions be foretold by what was known before? The dynamic quantile test of Engle and Manganelli."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from quantdl.risk.backtests.result import FloatArray, TestResult, marked, refuse_few, refuse_overlap, tail_of
from quantdl.risk.backtests.simulated import bernoulli_hits, simulated_p_value

# Series whose regressions are computed at once; a bound on memory, no more.
_BLOCK = 500


def dynamic_quantile(
    hits: ArrayLike,
    level: float,
    value_at_risk: ArrayLike | None = None,
    *,
    lags: int = 4,
    n_paths: int = 4_999,
    seed: int = 0,
    horizon: int = 1,
    step: int = 1,
) -> TestResult:
    r"""Regress exceptions on what was known before: all coefficients are zero if the forecasts are right.

    With :math:`h_t = 1\{L_t > \mathrm{VaR}_t\} - (1 - \alpha)` and X of a constant, ``lags`` earlier exceptions and,
    where it is given, the value-at-risk,

    .. math:: DQ = \frac{h' X (X'X)^{+} X' h}{\alpha (1 - \alpha)}

    The chi-square law of the paper is far off where exceptions are rare, so the p-value is simulated: independent
    exceptions of the stated probability, held against the same forecasts. It is exact without ``value_at_risk``; with
    it the forecasts are taken as given, though they react to losses.

    Args:
        hits: One bool per session in time order, True for an exception, (T,).
        level: Confidence of the value-at-risk.
        value_at_risk: Forecasts, (T,), a further regressor; None for none.
        lags: Earlier exceptions to regress on.
        n_paths: Simulated series; 0 for the chi-square p-value.
        seed: Of the simulation.
        horizon: Bars that each loss covers.
        step: Bars from the begin of one loss to that of the next.

    Raises:
        ValueError: If no exception is expected in so few observations, ``lags`` is negative, ``value_at_risk`` is
            constant, not finite or of another length, or losses overlap.

    References:
        | CAViaR: Conditional Autoregressive Value at Risk by Regression Quantiles (Engle and Manganelli, 2004)
        | Evaluating Value-at-Risk Models with Desk-Level Data (Berkowitz, Christoffersen and Pelletier, 2011)
    """
    refuse_overlap("dynamic_quantile", horizon, step)
    found, tail = marked(hits), tail_of(level)
    if lags < 0:
        raise ValueError(f"lags must be 0 or more, got {lags}.")
    refuse_few("dynamic_quantile", len(found), level, besides=lags)
    further = None if value_at_risk is None else _regressor(value_at_risk, len(found))
    statistic = float(dynamic_quantile_statistics(found[None], tail, further, lags)[0])
    counted = len(found), int(found.sum()), tail * len(found)
    degrees = 1 + lags + (further is not None)
    if n_paths < 1:
        return TestResult("dynamic_quantile", statistic, float(stats.chi2.sf(statistic, degrees)), *counted)
    drawn = bernoulli_hits(len(found), tail, n_paths, np.random.default_rng(seed))
    null = dynamic_quantile_statistics(drawn, tail, further, lags)
    note = f"p-value from {n_paths} simulated series of independent exceptions"
    return TestResult(
        "dynamic_quantile", statistic, simulated_p_value(statistic, null), *counted, note, how="simulated"
    )


def dynamic_quantile_statistics(hits: np.ndarray, tail: float, further: FloatArray | None, lags: int) -> FloatArray:
    """Return (N,) the statistic of each of (N, T) series of exceptions, ``further`` (T,) one more regressor."""
    return np.concatenate(
        [_statistics(hits[at : at + _BLOCK], tail, further, lags) for at in range(0, len(hits), _BLOCK)]
    )


def _statistics(hits: np.ndarray, tail: float, further: FloatArray | None, lags: int) -> FloatArray:
    n, n_used = hits.shape[1], hits.shape[1] - lags
    columns = [np.ones((len(hits), n_used))]
    columns += [hits[:, lags - lag : n - lag].astype(np.float64) for lag in range(1, lags + 1)]
    if further is not None:
        columns.append(np.broadcast_to(further[lags:] / np.abs(further).max(), (len(hits), n_used)))
    design = np.stack(columns, axis=1)  # (N, K, T - lags)
    centred = hits[:, lags:] - tail
    products = np.matmul(design, design.transpose(0, 2, 1))
    moments = np.matmul(design, centred[:, :, None])
    solved = np.matmul(np.linalg.pinv(products, rcond=1e-10, hermitian=True), moments)
    return np.asarray((moments * solved).sum(axis=(1, 2)) / (tail * (1.0 - tail)))


def _regressor(value_at_risk: ArrayLike, n: int) -> FloatArray:
    values = np.asarray(value_at_risk, np.float64)
    if values.shape != (n,) or not np.isfinite(values).all():
        raise ValueError(f"value_at_risk must be finite and as long as hits, {n}, got shape {values.shape}.")
    if np.ptp(values) == 0.0:
        raise ValueError("value_at_risk is constant, as the constant of the regression is; leave it out.")
    return values
