"""How the shocks of a market depend on each other: through common factors."""

from dataclasses import dataclass

import numpy as np

from quantdl.errors import ConfigError


@dataclass(frozen=True)
class Factors:
    r"""Correlation of the shocks through common factors.

    The shocks of a session are :math:`L f + D^{1/2} u` with independent standard factors ``f`` and own shocks ``u``, so
    they have variance one and correlation :math:`L L' + D`. Each asset's volatility follows its own returns: a
    constant-conditional-correlation market. Regimes may stretch the loadings.

    Attributes:
        loadings: For each asset its loading on each factor; the squares of an asset add to less than 1.

    Raises:
        ConfigError: If the rows differ in length or leave an asset no variance of its own; all faults are named.

    References:
        | Modelling the coherence in short-run nominal exchange rates: a multivariate generalized ARCH model
          (Bollerslev, 1990)

    Example:
        >>> Factors(loadings=((0.6,), (0.5,))).correlation(1.0).round(2).tolist()
        [[1.0, 0.3], [0.3, 1.0]]
    """

    loadings: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Refuse rows of unequal length and loadings that leave an asset no variance of its own."""
        lengths = {len(row) for row in self.loadings}
        if len(lengths) != 1 or 0 in lengths:
            raise ConfigError(f"Factors: every asset needs a loading on every factor, got rows of {sorted(lengths)}.")
        if not np.isfinite(self.matrix).all() or self.communality >= 1:
            raise ConfigError(
                "Factors: loadings must be finite numbers whose squares add to less than 1 for each asset, got "
                f"{self.communality} for one of them."
            )

    @property
    def matrix(self) -> np.ndarray:
        """(A, F) loadings."""
        return np.array(self.loadings, dtype=np.float64)

    @property
    def communality(self) -> float:
        """Largest share of an asset's variance that the factors explain."""
        return float(np.square(self.matrix).sum(axis=1).max())

    def correlation(self, multiple: float) -> np.ndarray:
        """(A, A) correlation of the shocks when every loading is multiplied by ``multiple``."""
        loadings = multiple * self.matrix
        correlation = loadings @ loadings.T
        np.fill_diagonal(correlation, 1.0)
        return correlation

    def join(self, factors: np.ndarray, own: np.ndarray, multiples: np.ndarray) -> np.ndarray:
        """Return correlated standard normal draws.

        Args:
            factors: (T, F) independent standard normal draws.
            own: (T, A) independent standard normal draws.
            multiples: (T, 1) what the loadings are multiplied by in each session.

        Shape:
            - output: (T, A)
        """
        loadings = multiples[:, :, None] * self.matrix
        own_share = np.sqrt(1.0 - np.square(loadings).sum(axis=2))
        return np.asarray((loadings * factors[:, None, :]).sum(axis=2) + own_share * own)
