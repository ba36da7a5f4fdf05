"""Fits of what joins the assets of a volatility model: a constant factor-t copula, and dynamic correlation."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize, signal, stats

from quantdl.distributions import DenseStudentT, Dependence, FactorStudentT
from quantdl.models.classical.correlation import bounded_innovations
from quantdl.relations.factors import pairwise_correlation, principal_factors

_LIKELIHOOD_SESSIONS = 2000  # the last ones, in which the dynamics are fitted
_WARM_UP_SESSIONS = 500  # before them, in which the recursion forgets its start
_SMALLEST_EIGENVALUE = 1e-3  # of the target, which pairs with unequal histories may leave indefinite
_LARGEST_PERSISTENCE = 0.9999


def fit_copula(scores: np.ndarray, factors: int) -> tuple[np.ndarray, float]:
    """Loadings and degrees of freedom of a factor-t copula, from normal scores.

    The correlation comes from the scores by iterated principal factors; the degrees of freedom maximise the copula's
    likelihood given it.

    Args:
        scores: (n, A) normal quantiles of the probability integral transform, NaN where not observed.
        factors: ``K``.

    Returns:
        Loadings (A, K) in units of the asset's own noise, and the degrees of freedom.
    """
    loadings = principal_factors(pairwise_correlation(scores), factors)
    each = torch.from_numpy(loadings).expand(len(scores), -1, -1)
    return loadings, copula_freedom(scores, lambda rows: FactorStudentT(rows, each))


def copula_freedom(scores: np.ndarray, law_of: Callable[[torch.Tensor], Dependence]) -> float:
    """Degrees of freedom that maximise the likelihood of a Student-t copula.

    Args:
        scores: (n, A) normal quantiles of the probability integral transform, NaN where not observed.
        law_of: Gives the dependence of the n rows for their degrees of freedom (n,).
    """
    present = np.isfinite(scores)
    tails = stats.norm.cdf(-np.abs(np.where(present, scores, 0.0)))
    mask = torch.from_numpy(present)

    def loss(freedom: float) -> float:
        values = np.copysign(-stats.t.ppf(np.maximum(tails, 1e-300), freedom), np.where(present, scores, 0.0))
        value = torch.from_numpy(values)
        law = law_of(torch.full((len(values),), freedom, dtype=torch.float64))
        own = torch.where(mask, law.margins.log_prob(value), 0.0).sum()
        return float(own - law.log_density(value, mask).sum())

    best = optimize.minimize_scalar(loss, bounds=(2.1, 60.0), method="bounded", options={"xatol": 0.05})
    return float(best.x)


@dataclass(frozen=True, eq=False)
class FittedDynamics:
    """Parameters of `quantdl.models.classical.correlation.DynamicCorrelation`.

    Attributes:
        target: Correlation (A, A) to which it returns.
        news: Weight of a session's innovations.
        memory: Weight of the matrix before.
        freedom: Degrees of freedom of the copula.
    """

    target: np.ndarray
    news: float
    memory: float
    freedom: float


def fit_dynamics(innovations: np.ndarray, scores: np.ndarray) -> FittedDynamics:
    """Fit dynamic conditional correlation with targeting, and the degrees of freedom of the copula given it.

    ``news`` and ``memory`` maximise the Gaussian quasi-likelihood of the last 2,000 sessions' innovations, as in
    Engle (2002); the target is their correlation over all sessions.

    Args:
        innovations: (n, A) returns over their conditional volatility, NaN where not observed.
        scores: (n, A) normal quantiles of their probability integral transform.
    """
    bounded = bounded_innovations(torch.from_numpy(innovations)).numpy()
    target = _positive_definite(pairwise_correlation(bounded))
    fitted = slice(max(len(bounded) - _LIKELIHOOD_SESSIONS, 0), len(bounded))
    warm = max(fitted.start - _WARM_UP_SESSIONS, 0)
    recent, skipped = bounded[warm:], fitted.start - warm
    present = np.isfinite(recent)
    values, mask = torch.from_numpy(np.where(present, recent, 0.0))[skipped:], torch.from_numpy(present)[skipped:]
    normal = torch.full((len(values),), torch.inf, dtype=torch.float64)

    def loss(parameters: np.ndarray) -> float:
        news, memory = parameters
        if news <= 0.0 or memory < 0.0 or news + memory >= _LARGEST_PERSISTENCE:
            return 1e6
        path = torch.from_numpy(correlation_path(recent, target, news, memory)[skipped:])
        return -float(DenseStudentT(normal, path).log_density(values, mask).mean())

    options = {"maxfev": 60, "xatol": 1e-3, "fatol": 1e-4}
    news, memory = optimize.minimize(loss, [0.01, 0.97], method="Nelder-Mead", options=options).x
    path = torch.from_numpy(correlation_path(recent, target, news, memory)[skipped:])
    freedom = copula_freedom(scores[fitted], lambda rows: DenseStudentT(rows, path))
    return FittedDynamics(target, float(news), float(memory), freedom)


def correlation_path(innovations: np.ndarray, target: np.ndarray, news: float, memory: float) -> np.ndarray:
    """Correlation (n, A, A) before each session's bounded innovations (n, A), NaN where none; the target is first."""
    n_sessions, n_assets = innovations.shape
    upper = np.triu_indices(n_assets)
    products = innovations[:, upper[0]] * innovations[:, upper[1]] - target[upper]
    deviations = np.zeros_like(products)
    deviations[1:] = signal.lfilter([news], [1.0, -memory], np.nan_to_num(products[:-1]), axis=0)
    path = np.empty((n_sessions, n_assets, n_assets))
    path[:, upper[0], upper[1]] = path[:, upper[1], upper[0]] = target[upper] + deviations
    size = np.sqrt(np.diagonal(path, axis1=1, axis2=2))
    return np.asarray(path / (size[:, :, None] * size[:, None, :]))


def _positive_definite(correlation: np.ndarray) -> np.ndarray:
    """The nearest correlation with eigenvalues above a small one, as far as clipping them goes."""
    values, vectors = np.linalg.eigh(correlation)
    if values[0] >= _SMALLEST_EIGENVALUE:
        return correlation
    clipped = (vectors * np.maximum(values, _SMALLEST_EIGENVALUE)) @ vectors.T
    size = np.sqrt(np.diag(clipped))
    return np.asarray(clipped / np.outer(size, size))
