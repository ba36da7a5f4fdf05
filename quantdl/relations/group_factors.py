"""Factors of declared groups: what the members of a sector share beyond the factors of the whole market."""

from dataclasses import dataclass, field

import numpy as np

from quantdl.errors import DataError

_FEWEST_MEMBERS = 3  # two assets have one correlation, which does not tell their two loadings apart
_TO_PAST = 0.25  # how far a loading is drawn to its mean over the past
_ROUNDS = 30


@dataclass(frozen=True, eq=False)
class GroupFactors:
    """One factor for each declared group, from the correlation that other factors leave between its members.

    A group may lie within another, as an industry does in a sector; its factor is what its members share beyond the
    larger one. Estimates are handed in one after the other, oldest first. Each is drawn a quarter of the way to its
    mean over all up to it, the long-run value.

    Attributes:
        members: Numbers of the assets of each group of at least three, larger groups before those within them.
        n_assets: ``A``.
        largest_share: Of an asset's variance that all factors together may explain.
    """

    members: tuple[np.ndarray, ...]
    n_assets: int
    largest_share: float
    _total: np.ndarray = field(init=False)
    _count: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        for name in ("_total", "_count"):
            object.__setattr__(self, name, np.zeros((self.n_assets, len(self.members))))

    @staticmethod
    def of(groups: np.ndarray, largest_share: float) -> "GroupFactors":
        """The factors of all groups of at least three assets.

        Args:
            groups: (A, D) int64 group of each asset at each depth, see `quantdl.relations.groups.group_paths`.
            largest_share: Of an asset's variance that all factors together may explain.

        Raises:
            DataError: If every group is smaller.
        """
        pairs = [(depth, number) for depth in range(groups.shape[1]) for number in range(groups[:, depth].max() + 1)]
        members = [np.flatnonzero(groups[:, depth] == number) for depth, number in pairs]
        large = tuple(item for item in members if len(item) >= _FEWEST_MEMBERS)
        if not large:
            raise DataError(
                f"model.sector_factors needs a sector or group of at least {_FEWEST_MEMBERS} assets, and the largest "
                f"has {max(map(len, members), default=0)}. Declare coarser ones, or leave model.sector_factors out."
            )
        return GroupFactors(large, len(groups), largest_share)

    def beside(self, loadings: np.ndarray, correlation: np.ndarray) -> np.ndarray:
        """Add the factors of the groups to those of one estimate of the correlation.

        The correlation that ``loadings`` stand for stays as it is. A group of which fewer than three members have
        a history has none in this estimate.

        Args:
            loadings: (A, K) in units of the asset's own noise; zero for an asset with too little history.
            correlation: (A, A), 0 where a pair has too little history.

        Returns:
            (A, K + G) in units of the noise that is left, the groups' columns last and not negative.
        """
        n_factors = loadings.shape[1]
        scaled = np.zeros((self.n_assets, n_factors + len(self.members)))
        scaled[:, :n_factors] = loadings / np.sqrt(1.0 + (loadings**2).sum(axis=1))[:, None]
        linked = np.count_nonzero(correlation, axis=1) > 1  # loadings are zero up to rounding without a history
        for number, members in enumerate(self.members):
            known = members[linked[members]]
            if len(known) >= _FEWEST_MEMBERS:
                own, pairs = scaled[known], correlation[np.ix_(known, known)]
                noise = 1.0 - (own**2).sum(axis=1)
                left = (pairs - own @ own.T) / np.sqrt(np.outer(noise, noise))
                found = self._with_the_past(known, number, common_loadings(np.where(pairs == 0.0, np.nan, left)))
                room = np.sqrt(np.maximum(noise - (1.0 - self.largest_share), 0.0))
                scaled[known, n_factors + number] = np.minimum(found * np.sqrt(noise), room)
        return np.asarray(scaled / np.sqrt(1.0 - (scaled**2).sum(axis=1))[:, None])

    def _with_the_past(self, known: np.ndarray, number: int, found: np.ndarray) -> np.ndarray:
        self._total[known, number] += found
        self._count[known, number] += 1.0
        mean = self._total[known, number] / self._count[known, number]
        return np.asarray(found + _TO_PAST * (mean - found))


def common_loadings(correlation: np.ndarray) -> np.ndarray:
    """Loadings ``b`` of one factor, not negative, such that ``b_i * b_j`` comes close to the correlation of a pair.

    Least squares over the known pairs, by steps from the loading that all would have if they had the same: the root of
    the mean correlation, and 0 for all where that is not positive.

    Args:
        correlation: (n, n), NaN for a pair of which nothing is known; the diagonal is not read.

    Returns:
        (n,) between 0 and 1.
    """
    known = np.isfinite(correlation)
    np.fill_diagonal(known, False)
    pairs = np.where(known, correlation, 0.0)
    found = np.full(len(pairs), np.sqrt(np.clip(pairs.sum() / max(known.sum(), 1), 0.0, 1.0)))
    for _ in range(_ROUNDS):
        size = known @ found**2
        best = np.divide(pairs @ found, size, out=np.zeros_like(found), where=size > 0.0)
        found = 0.5 * (found + np.clip(best, 0.0, 1.0))  # half steps: whole ones go back and forth
    return found
