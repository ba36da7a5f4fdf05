"""Common factors of returns as of each session: the low-rank part of the trailing correlation."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import ArpackError, eigsh

from quantdl.features.own_history import OwnHistory
from quantdl.relations.correlation import DecayedCorrelations, correlation_of_pairs
from quantdl.relations.group_factors import GroupFactors

_MINIMUM_SHARED_BARS = 60
_FIRST_END = 250  # sessions before the first estimate
_LARGEST_SHARE = 0.98  # of an asset's variance that factors may explain, so that its own noise never vanishes
_ITERATIONS, _ITERATIONS_FROM_START = 50, 5
_FEW_ASSETS = 200  # up to here all eigenvectors are computed; beyond, only those that are needed
_SETTLED = 1e-10  # largest change of a communality at which the iteration ends, for more than _FEW_ASSETS


@dataclass(frozen=True, eq=False)
class TrailingFactors:
    """Factor loadings from trailing correlations, as they were known at each session.

    Attributes:
        refreshed: (T,) row of ``loadings`` in force at each session.
        loadings: (G, A, K) float32 in units of the asset's own noise, largest factor first, those of declared groups
            last; row 0 is zero and stands for the time before the first estimate. Zero for an asset with too little
            history.
    """

    refreshed: np.ndarray
    loadings: np.ndarray

    def at(self, bars: np.ndarray) -> np.ndarray:
        """(B, A, K) loadings in force at bars (B,)."""
        return np.asarray(self.loadings[self.refreshed[bars]])


def trailing_factors(
    returns: np.ndarray,
    n_factors: int = 6,
    half_lives: tuple[float, ...] = (60.0, 250.0, 1000.0),
    refresh_bars: int | None = None,
    groups: np.ndarray | None = None,
) -> TrailingFactors:
    """Estimate the factors of the decayed correlation at regular bars, each from returns up to that bar only.

    Returns are divided by the volatility known before each, so that a stormy month weighs as much as a calm one, and
    pass through an inverse hyperbolic sine, so that one crash day does not determine a correlation. The correlation is
    the average of those of the half-lives. Each factor points the way in which most assets load on it.

    Args:
        returns: (T, A) log returns, NaN where there is none.
        n_factors: ``K``, without those of groups.
        half_lives: Of the exponential weights, in sessions on which anything returned.
        refresh_bars: Such sessions between two estimates; by default 5, and 21 for more than 200 assets.
        groups: (A, D) int64 group of each asset at each depth, see `quantdl.relations.groups.group_paths`. Each group
            of at least three assets then has a factor more, see `quantdl.relations.group_factors.GroupFactors`.

    Raises:
        DataError: If groups are given and none has three assets.
    """
    if refresh_bars is None:
        refresh_bars = 5 if returns.shape[1] <= _FEW_ASSETS else 21
    history = OwnHistory.of(returns, np.ones_like(returns))
    known = np.isfinite(returns) & history.valid
    scores = np.where(known, np.arcsinh(history.on_grid(history.standardised)), np.nan)
    estimates = DecayedCorrelations(scores, half_lives, refresh_bars, _FIRST_END, _MINIMUM_SHARED_BARS)
    of_groups = None if groups is None else GroupFactors.of(groups, _LARGEST_SHARE)
    width = n_factors + (0 if of_groups is None else len(of_groups.members))
    loadings = np.zeros((1 + len(estimates.ends), returns.shape[1], width), dtype=np.float32)
    found: np.ndarray | None = None
    for row, correlation in enumerate(estimates, start=1):
        found = principal_factors(correlation, n_factors, found)
        signed = found * np.where(found.sum(axis=0) < 0.0, -1.0, 1.0)
        loadings[row] = signed if of_groups is None else of_groups.beside(signed, correlation)
    return TrailingFactors(estimates.in_force, loadings)


def pairwise_correlation(scores: np.ndarray) -> np.ndarray:
    """Correlation about zero over the bars each pair shares, (n, A) to (A, A); 0 where it shares fewer than 60."""
    correlation = correlation_of_pairs(scores, _MINIMUM_SHARED_BARS)
    correlation[~np.isfinite(correlation)] = 0.0
    np.fill_diagonal(correlation, 1.0)
    return correlation


def principal_factors(correlation: np.ndarray, factors: int, start: np.ndarray | None = None) -> np.ndarray:
    """Loadings (A, K) such that ``l_i . l_j / sqrt((1 + |l_i|^2)(1 + |l_j|^2))`` comes close to the correlation.

    Largest factor first. An asset that is correlated with no other has loadings of zero.

    Args:
        correlation: (A, A).
        factors: ``K``.
        start: Loadings of a correlation much like it, (A, K), from which few steps are needed.
    """
    n_assets = len(correlation)
    # The first guess of the communality must come from the data: where an asset is correlated with no other, the
    # iteration does not move away from the guess.
    shared = np.minimum(np.abs(correlation - np.eye(n_assets)).max(axis=1), _LARGEST_SHARE)
    if start is not None:
        size = (start**2).sum(axis=1)
        shared = np.minimum(shared, size / (1.0 + size))
    scaled = np.zeros((n_assets, factors))
    rank = min(factors, n_assets)
    for _ in range(_ITERATIONS if start is None else _ITERATIONS_FROM_START):
        before = shared
        values, vectors = _largest_eigenpairs(correlation - np.diag(1.0 - shared), rank)
        scaled[:, :rank] = vectors * np.sqrt(np.maximum(values, 0.0))
        shared = np.clip((scaled**2).sum(axis=1), 0.0, _LARGEST_SHARE)
        if n_assets > _FEW_ASSETS and np.abs(shared - before).max() < _SETTLED:
            break
    size = np.maximum((scaled**2).sum(axis=1), 1e-12)
    scaled *= np.sqrt(np.minimum(1.0, _LARGEST_SHARE / size))[:, None]
    return np.asarray(scaled / np.sqrt(1.0 - (scaled**2).sum(axis=1))[:, None])


def _largest_eigenpairs(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``rank`` largest eigenvalues, largest first, and their eigenvectors (A, rank).

    For many assets by Lanczos steps from a fixed start, ten times as fast as all eigenvectors of a thousand assets.
    """
    if len(matrix) > max(_FEW_ASSETS, rank):
        start = np.random.default_rng(0).standard_normal(len(matrix))
        try:
            values, vectors = eigsh(matrix, k=rank, which="LA", v0=start)
            return values[::-1], vectors[:, ::-1]
        except ArpackError:  # a matrix on which the steps break down, such as one without any correlation
            pass
    values, vectors = np.linalg.eigh(matrix)
    largest = np.arange(len(matrix))[::-1][:rank]
    return values[largest], vectors[:, largest]
