"""Which assets are neighbours, as of each session: edges from trailing correlations, built from the past only."""

from dataclasses import dataclass

import numpy as np

from quantdl.relations.correlation import TrailingWindows, correlation_of_pairs


@dataclass(frozen=True, eq=False)
class NeighbourGraph:
    """Directed edges to each asset from its most correlated peers, as they were known at each session.

    Attributes:
        refreshed: (T,) row of ``neighbours`` in force at each session.
        neighbours: (G, A, K) int64 asset numbers, -1 where an asset has fewer than ``K`` peers with enough history. Row
            0 has no neighbours and stands for the time before the first window is full.
        weights: (G, A, K) float32 correlations, 0 where there is no neighbour.
    """

    refreshed: np.ndarray
    neighbours: np.ndarray
    weights: np.ndarray

    def edges(self, bars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Edges of several sessions over nodes numbered ``row * A + asset``.

        Args:
            bars: (B,) bar numbers, one per row.

        Returns:
            ``edge_index`` (2, E), sources above targets, and ``edge_weight`` (E,).
        """
        graph = self.refreshed[bars]
        sources = self.neighbours[graph]
        row, target, slot = np.nonzero(sources >= 0)
        n_assets = self.neighbours.shape[1]
        source = row * n_assets + sources[row, target, slot]
        return np.stack([source, row * n_assets + target]), self.weights[graph[row], target, slot]


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
    # A panel's first bar has no return, so the first window of returns is full one bar after a window of bars.
    windows = TrailingWindows(returns, window_bars, refresh_bars, first_end=window_bars)
    neighbours = np.full((1 + len(windows.ends), returns.shape[1], k), -1)
    weights = np.zeros(neighbours.shape, dtype=np.float32)
    for row, window in enumerate(windows, start=1):
        neighbours[row], weights[row] = _nearest(window, k)
    return NeighbourGraph(windows.in_force, neighbours, weights)


def _nearest(window: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    correlation = correlation_of_pairs(_centred(window), minimum_shared=0.5 * len(window))
    correlation[~np.isfinite(correlation)] = -np.inf
    np.fill_diagonal(correlation, -np.inf)
    order = np.argsort(-correlation, axis=1, kind="stable")[:, :k]
    weights = np.take_along_axis(correlation, order, axis=1)
    known = np.isfinite(weights)
    return np.where(known, order, -1), np.where(known, weights, 0.0)


def _centred(window: np.ndarray) -> np.ndarray:
    """Returns less their mean over the window, (n, A); NaN stays NaN."""
    seen = np.isfinite(window)
    filled = np.where(seen, window, 0.0)
    centred = filled - filled.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, centred, np.nan)
