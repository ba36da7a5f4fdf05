"""Which assets are neighbours, as of each session: by trailing correlation, by declared group, or by either.

Groups are declared once; who is nearest within them is known from the past only.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quantdl.relations.correlation import TrailingWindows, correlation_of_pairs


@dataclass(frozen=True, eq=False)
class NeighbourGraph:
    """Directed edges to each asset from its nearest peers, as they were known at each session.

    Attributes:
        refreshed: (T,) row of ``neighbours`` in force at each session.
        neighbours: (G, A, K) int64 asset numbers, -1 where an asset has fewer than ``K`` peers with enough history. Row
            0 has no neighbours and stands for the time before the first window is full.
        weights: (G, A, K) float32 correlations, 0 where none is known.
        in_group: (G, A, K) whether the two share a declared group; false throughout where no groups were given.
    """

    refreshed: np.ndarray
    neighbours: np.ndarray
    weights: np.ndarray
    in_group: np.ndarray

    def edges(self, bars: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Edges of several sessions over nodes numbered ``row * A + asset``.

        Args:
            bars: (B,) bar numbers, one per row.

        Returns:
            ``edge_index`` (2, E), sources above targets, ``edge_weight`` (E,), and ``edge_in_group`` (E,) bool.
        """
        graph = self.refreshed[bars]
        sources = self.neighbours[graph]
        row, target, slot = np.nonzero(sources >= 0)
        n_assets = self.neighbours.shape[1]
        source = row * n_assets + sources[row, target, slot]
        place = graph[row], target, slot
        return np.stack([source, row * n_assets + target]), self.weights[place], self.in_group[place]

    def adjacency(self, bar: int) -> np.ndarray:
        """Return (A, A) float64 the graph at a bar: positive correlations of neighbours, either way, else 0."""
        graph = self.refreshed[bar]
        target, slot = np.nonzero(self.neighbours[graph] >= 0)
        joined = np.zeros((self.neighbours.shape[1],) * 2)
        joined[target, self.neighbours[graph, target, slot]] = np.maximum(self.weights[graph, target, slot], 0.0)
        return np.maximum(joined, joined.T)


def correlation_graph(
    returns: np.ndarray, n_neighbours: int = 5, window_bars: int = 250, refresh_bars: int = 21
) -> NeighbourGraph:
    """Join every asset to the peers it was most correlated with over the trailing window.

    A pair counts when both returned on at least half of the window's bars. The graph at bar ``t`` is that of the last
    refresh at or before ``t`` and reads returns up to the refresh only.

    Args:
        returns: (T, A) log returns, NaN where there is none.
        n_neighbours: At most this many edges into each asset.
        window_bars: Length of the trailing window, in sessions on which anything returned.
        refresh_bars: Such sessions between two refreshes.
    """
    k = min(n_neighbours, returns.shape[1] - 1)
    together = np.zeros((returns.shape[1],) * 2, dtype=np.int64)
    return _graph(returns, together, window_bars, refresh_bars, lambda correlation: _best(correlation, k))


def group_graph(
    returns: np.ndarray,
    groups: np.ndarray,
    n_neighbours: int = 5,
    window_bars: int = 250,
    refresh_bars: int = 21,
    and_correlated: bool = False,
) -> NeighbourGraph:
    """Join every asset to peers of its own declared group, or to those and to its most correlated peers.

    Peers of the deepest common group come first, among them those of highest trailing correlation. An asset whose
    correlations are not known yet, say a new one, gets the peers that are most correlated with the group on average. So
    a group of a thousand costs an asset no more edges than one of ten, in whatever order assets are given.

    Args:
        returns: (T, A) log returns, NaN where there is none.
        groups: (A, D) int64 group of each asset at each depth, see `quantdl.relations.groups.group_paths`.
        n_neighbours: At most this many edges of each kind into each asset.
        window_bars: Length of the trailing window, in sessions on which anything returned.
        refresh_bars: Such sessions between two refreshes.
        and_correlated: Whether the most correlated peers are joined too; a pair is joined once.
    """
    k = min(n_neighbours, returns.shape[1] - 1)
    together = ((groups[:, None] == groups) & (groups >= 0)).cumprod(axis=2).sum(axis=2)

    def nearest(correlation: np.ndarray) -> np.ndarray:
        peers = _best(_nearness_in_group(correlation, together), k)
        if not and_correlated:
            return peers
        others = correlation.copy()
        row, slot = np.nonzero(peers >= 0)
        others[row, peers[row, slot]] = np.nan
        return np.concatenate([peers, _best(others, k)], axis=1)

    return _graph(returns, together, window_bars, refresh_bars, nearest)


def _graph(
    returns: np.ndarray,
    together: np.ndarray,
    window_bars: int,
    refresh_bars: int,
    nearest: Callable[[np.ndarray], np.ndarray],
) -> NeighbourGraph:
    """The graph of the neighbours (A, K) that ``nearest`` finds in the correlations (A, A) of each window."""
    # A panel's first bar has no return, so the first window of returns is full one bar after a window of bars.
    windows = TrailingWindows(returns, window_bars, refresh_bars, first_end=window_bars)
    nothing = nearest(np.full(together.shape, np.nan))
    neighbours, weights = [np.full_like(nothing, -1)], [np.zeros(nothing.shape, dtype=np.float32)]
    for window in windows:
        correlation = correlation_of_pairs(_centred(window), minimum_shared=0.5 * len(window))
        np.fill_diagonal(correlation, np.nan)
        neighbours.append(nearest(correlation))
        weights.append(_of_pairs(np.nan_to_num(correlation), neighbours[-1]).astype(np.float32))
    in_group = [_of_pairs(together, found) > 0 for found in neighbours]
    return NeighbourGraph(windows.in_force, np.stack(neighbours), np.stack(weights), np.stack(in_group))


def _nearness_in_group(correlation: np.ndarray, together: np.ndarray) -> np.ndarray:
    """Score of every pair (A, A) by common groups, then correlation; NaN where nothing is known of the peer.

    A level of common groups counts four. A correlation, between -1 and 1, comes before any that is not known; then the
    peer's mean correlation with the group stands for it, halved and two lower, between -2.5 and -1.5.
    """
    known = np.isfinite(correlation) & (together > 0)
    total, count = np.where(known, correlation, 0.0).sum(axis=0), known.sum(axis=0)
    central = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    score = 4.0 * together + np.where(known, correlation, 0.5 * central - 2.0)
    score[together == 0] = np.nan
    np.fill_diagonal(score, np.nan)
    return score


def _best(score: np.ndarray, k: int) -> np.ndarray:
    """The ``k`` peers of highest score for each asset, (A, k), -1 where fewer have one."""
    ranked = np.where(np.isfinite(score), score, -np.inf)
    order = np.argsort(-ranked, axis=1, kind="stable")[:, :k]
    return np.where(np.isfinite(np.take_along_axis(ranked, order, axis=1)), order, -1)


def _of_pairs(values: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """The value of each asset with each neighbour, (A, K); 0 where there is no neighbour."""
    return np.where(neighbours >= 0, np.take_along_axis(values, np.maximum(neighbours, 0), axis=1), 0)


def _centred(window: np.ndarray) -> np.ndarray:
    """Returns less their mean over the window, (n, A); NaN stays NaN."""
    seen = np.isfinite(window)
    filled = np.where(seen, window, 0.0)
    centred = filled - filled.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, centred, np.nan)
