"""Graph-based diversification: less to what stands in the middle of the graph, more to its edges."""

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path

from quantdl.portfolio.heuristics import STALE_DEVIATION

_SAME = 1e-9  # distance of copies: a zero would be no edge to scipy


def peripheral_weights(draws: np.ndarray) -> np.ndarray:
    r"""Weigh assets by how far they stand from all others in the spanning tree, and by the inverse of their volatility.

    .. math:: w_i \propto \frac{1}{\sigma_i} \sum_j d_T(i, j), \qquad d(i, j) = \sqrt{2 (1 - \rho_{ij})}

    where :math:`d_T` is the distance along the minimum spanning tree of the predicted correlations. An asset in the
    middle of the tree moves with many others and adds little that they do not bring; those at its ends do. All weights
    are positive, so books are spread out even where a covariance would be trusted too much.

    Args:
        draws: (S, A) log returns over one period. A column with a value that is not finite, or one that hardly moves
            (deviation of the simple returns at most 1e-8), gets weight zero.

    Shape:
        - output: (A,), sums to one; all zero where no asset counts

    References:
        | Hierarchical structure in financial markets (Mantegna, 1999), https://doi.org/10.1007/s100510050929
        | Spread of risk across financial markets: better to invest in the peripheries (Pozzi, Di Matteo and Aste,
        | 2013), https://doi.org/10.1038/srep01665

    Example:
        Two assets are at the same distance from each other: only their volatility counts.

        >>> moves = np.log1p(np.array([[0.01, 0.02], [-0.01, 0.02], [0.01, -0.02], [-0.01, -0.02]]))
        >>> peripheral_weights(moves).round(6).tolist()
        [0.666667, 0.333333]
    """
    chosen, deviations, correlation = _moments(draws)
    if not chosen.any():
        return np.zeros(len(chosen))
    far = tree_distances(correlation).sum(axis=1)
    return _spread(chosen, (far if len(far) > 1 else np.ones(1)) / deviations)


def tree_distances(correlation: np.ndarray) -> np.ndarray:
    """Return (A, A) distances along the minimum spanning tree of a correlation matrix, see `peripheral_weights`."""
    apart = np.sqrt(np.maximum(2.0 * (1.0 - correlation), _SAME**2))
    np.fill_diagonal(apart, 0.0)
    return np.asarray(shortest_path(minimum_spanning_tree(apart), directed=False))


def inverse_centrality_weights(draws: np.ndarray, adjacency: np.ndarray | None = None) -> np.ndarray:
    r"""Weigh assets by the inverse of their centrality in a graph, and of their volatility.

    .. math:: w_i \propto \frac{1}{\sigma_i \, (1 + c_i / \bar c)}, \qquad G c = \lambda_{\max} c

    Eigenvector centrality: an asset is central whose neighbours are. In the market's minimum-variance book weights fall
    with the centrality of the correlation matrix (Peralta and Zareei, 2016); here any graph will do, and without an
    inverse. One is added, so that an asset without neighbours gets twice the weight of an average one and not all.

    Args:
        draws: (S, A) log returns over one period, as in `peripheral_weights`.
        adjacency: (A, A) symmetric, not negative: the graph of a model as of a session
            (`quantdl.relations.graphs.NeighbourGraph.adjacency`). The positive correlations of the draws where None.

    Shape:
        - output: (A,), sums to one; all zero where no asset counts

    Raises:
        ValueError: If the adjacency is not symmetric, not of these assets, or negative.

    References:
        | A network approach to portfolio selection (Peralta and Zareei, 2016)
        | https://doi.org/10.1016/j.jempfin.2016.06.003

    Example:
        >>> moves = np.log1p(0.01 * np.sign(np.random.default_rng(0).normal(size=(4000, 3))))
        >>> star = np.array([[0.0, 1, 1], [1, 0, 0], [1, 0, 0]])
        >>> inverse_centrality_weights(moves, star).round(2).tolist()
        [0.3, 0.35, 0.35]
    """
    chosen, deviations, correlation = _moments(draws)
    if not chosen.any():
        return np.zeros(len(chosen))
    if adjacency is None:
        graph = np.maximum(correlation, 0.0)
        np.fill_diagonal(graph, 0.0)
    else:
        graph = _checked(adjacency, len(chosen))[np.ix_(chosen, chosen)]
    return _spread(chosen, 1.0 / (deviations * (1.0 + centrality(graph))))


def centrality(adjacency: np.ndarray) -> np.ndarray:
    """Return (A,) eigenvector centrality over its mean; zero throughout for a graph without edges.

    Of several parts of a graph only the one with the greatest eigenvalue has any, so the parts are weighed alike: a
    thousandth of the mean strength joins all assets.

    Args:
        adjacency: (A, A) symmetric, not negative.
    """
    if not adjacency.any():
        return np.zeros(len(adjacency))
    joined = adjacency + 1e-3 * adjacency.sum() / adjacency.size
    vector = np.abs(np.linalg.eigh(joined)[1][:, -1])
    return np.asarray(vector / vector.mean())


def _checked(adjacency: np.ndarray, count: int) -> np.ndarray:
    graph = np.asarray(adjacency, dtype=np.float64)
    if graph.shape != (count, count):
        raise ValueError(f"adjacency must be ({count}, {count}), got {graph.shape}.")
    if not ((graph >= 0).all() and np.array_equal(graph, graph.T)):
        raise ValueError("adjacency must be symmetric and not negative.")
    return graph


def _moments(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which assets count (A,), and of these the deviations and correlations of their simple returns."""
    finite = np.isfinite(draws).all(axis=0)
    returns = np.expm1(np.where(finite, draws, 0.0))
    deviations = returns.std(axis=0, ddof=1) if len(draws) > 1 else np.zeros(len(finite))
    chosen = finite & (deviations > STALE_DEVIATION)
    if not chosen.any():
        return chosen, np.zeros(0), np.zeros((0, 0))
    correlation = np.atleast_2d(np.corrcoef(returns[:, chosen], rowvar=False))
    return chosen, deviations[chosen], correlation


def _spread(chosen: np.ndarray, parts: np.ndarray) -> np.ndarray:
    weights = np.zeros(len(chosen))
    weights[chosen] = parts / parts.sum()
    return weights
