"""How likely the returns of a whole session are in each state that the assets share."""

from collections.abc import Iterator

import numpy as np
from scipy import linalg, special

from quantdl.simulation.shocks import Shocks


def joint_state_density(
    shocks: Shocks,
    own_weights: np.ndarray,
    locations: np.ndarray,
    scales: np.ndarray,
    correlations: np.ndarray | None,
    log_returns: np.ndarray,
) -> np.ndarray:
    """Log density of the observed returns of each session given each shared state.

    Args:
        shocks: Shape of the surprises.
        own_weights: (T, A, M) or broadcastable, probabilities of each asset's own states.
        locations: (J, M) means.
        scales: (T, A, J, M) standard deviations.
        correlations: (J, A, A) correlation of the shocks in each shared state, which needs ``M = 1``; None when the
            assets are independent given the shared state.
        log_returns: (T, A), NaN where there is none.

    Shape:
        - output: (T, J)
    """
    observed = np.isfinite(log_returns)
    filled = np.where(observed, log_returns, 0.0)
    standard = (filled[:, :, None, None] - locations) / scales
    if correlations is not None:
        return _correlated(shocks, standard[..., 0], np.log(scales[..., 0]), correlations, observed)
    component = shocks.log_density(standard) - np.log(scales)
    weights = np.broadcast_to(own_weights[:, :, None, :], component.shape)
    own = special.logsumexp(component, axis=-1, b=weights)
    return np.asarray(np.where(observed[:, :, None], own, 0.0).sum(axis=1))


def _correlated(
    shocks: Shocks, standard: np.ndarray, log_scales: np.ndarray, correlations: np.ndarray, observed: np.ndarray
) -> np.ndarray:
    """Log density (T, J) of correlated shocks (T, A, J), each session by the correlation of its observed assets.

    Session by session, so that no value depends on which other sessions are computed with it.
    """
    distinct, matrix_of_state = np.unique(correlations, axis=0, return_inverse=True)
    density = np.empty((len(standard), len(correlations)))
    for session, roots in enumerate(_roots(distinct, observed)):
        present = observed[session]
        for number, (root, log_determinant) in enumerate(roots):
            states = np.flatnonzero(matrix_of_state == number)
            white = linalg.solve_triangular(root, standard[session, present][:, states], lower=True, check_finite=False)
            joint = shocks.joint_log_density(np.square(white).sum(axis=0), len(root))
            density[session, states] = joint - log_determinant
        density[session] -= log_scales[session, present].sum(axis=0)
    return density


def _roots(matrices: np.ndarray, observed: np.ndarray) -> Iterator[list[tuple[np.ndarray, float]]]:
    """For each session the Cholesky root, and its log determinant, of each correlation of the observed assets."""
    known: dict[bytes, list[tuple[np.ndarray, float]]] = {}
    for present in observed:
        pattern = present.tobytes()
        if pattern not in known:
            roots = [linalg.cholesky(matrix[np.ix_(present, present)], lower=True) for matrix in matrices]
            known[pattern] = [(root, float(np.log(np.diag(root)).sum())) for root in roots]
        yield known[pattern]
