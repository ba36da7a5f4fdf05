r"""A multivariate Student-t law fitted to past returns: what stands in for a model where there is none.

By maximum likelihood in the location, the scatter matrix and one number of degrees of freedom (the ECM algorithm of Liu
and Rubin). Its correlations are shrunk towards zero by the share :math:`A / (A + T)`, so that the law exists for more
assets than sessions.

References:
    | Liu and Rubin (1995), ML estimation of the t distribution using EM and its extensions, Statistica Sinica 5
"""

import numpy as np
import torch
from scipy import optimize, special

from quantdl.distributions import AffineMarginals, CopulaForecast, DenseStudentT

LEAST_ROWS = 100
"""Sessions that a fit needs."""

_STEPS, _TOLERANCE = 60, 1e-5
_DEGREES = (2.1, 100.0)


def fitted_student_t(log_returns: np.ndarray) -> CopulaForecast:
    """Fit a law of one row to log returns.

    Args:
        log_returns: (T, A), complete.

    Raises:
        ValueError: If there are fewer than `LEAST_ROWS` rows, a value is not finite, or an asset never moves.
    """
    n, count = log_returns.shape
    if n < LEAST_ROWS or not np.isfinite(log_returns).all():
        raise ValueError(f"a Student-t law needs at least {LEAST_ROWS} complete sessions, got {n}.")
    if not (log_returns.std(axis=0) > 0).all():
        raise ValueError("an asset never moves, so no correlation is defined.")
    location, degrees = np.median(log_returns, axis=0), 5.0
    scatter = _shrunk(np.cov(log_returns.T).reshape(count, count) * (1.0 - 2.0 / degrees), n)
    for _ in range(_STEPS):
        distance = _distance(log_returns - location, scatter)
        weights = (degrees + count) / (degrees + distance)
        location = weights @ log_returns / weights.sum()
        away = log_returns - location
        scatter = _shrunk((away * weights[:, None]).T @ away / n, n)
        former, degrees = degrees, best_degrees(_distance(away, scatter), count)
        if abs(degrees - former) < _TOLERANCE * former:
            break
    scale = np.sqrt(np.diag(scatter))
    margins = AffineMarginals(torch.from_numpy(location)[None], torch.from_numpy(scale)[None])
    matrix = torch.from_numpy(scatter / np.outer(scale, scale))[None]
    dependence = DenseStudentT(torch.tensor([degrees], dtype=torch.float64), matrix)
    return CopulaForecast(margins, dependence, torch.ones(1, count, dtype=torch.bool))


def _distance(away: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    root = np.linalg.cholesky(scatter)
    return np.asarray(np.square(np.linalg.solve(root, away.T)).sum(axis=0))


def _shrunk(scatter: np.ndarray, n: int) -> np.ndarray:
    share = len(scatter) / (len(scatter) + n)
    return np.asarray((1.0 - share) * scatter + share * np.diag(np.diag(scatter)))


def best_degrees(distance: np.ndarray, count: int) -> float:
    """Likeliest degrees of freedom, between 2.1 and 100, of a Student-t law with a known scatter matrix.

    Args:
        distance: (T,) quadratic forms of the values in the inverse of the scatter matrix.
        count: Number of variables.
    """

    def fall(log_degrees: float) -> float:
        degrees = float(np.exp(log_degrees))
        size = special.gammaln((degrees + count) / 2) - special.gammaln(degrees / 2) - count / 2 * np.log(degrees)
        return float(-(size - (degrees + count) / 2 * np.log1p(distance / degrees).mean()))

    found = optimize.minimize_scalar(fall, bounds=(np.log(_DEGREES[0]), np.log(_DEGREES[1])), method="bounded")
    return float(np.exp(found.x))
