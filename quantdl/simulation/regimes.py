"""Hidden regimes that follow a Markov chain; the true law weighs them by what the past returns say about them."""

from dataclasses import dataclass

import numpy as np

from quantdl.errors import ConfigError


@dataclass(frozen=True)
class Regimes:
    """K states of the market, or of each asset on its own.

    Attributes:
        transition: K rows of K probabilities; row ``i`` is the law of the next regime after regime ``i``.
        means: Added to the mean log return in each regime; none where empty.
        volatility_multiples: What the volatility is multiplied by in each regime; ones where empty.
        loading_multiples: What every factor loading is multiplied by in each regime; ones where empty.
        common: Whether one chain rules all assets, so that each tells about the regime of the others. Otherwise every
            asset has a chain of its own, which waits while the asset does not trade.

    Raises:
        ConfigError: If the rows are not probabilities, the chain has no unique long-run law, or the lengths differ; all
            faults are named.

    References:
        | A new approach to the economic analysis of nonstationary time series and the business cycle (Hamilton, 1989)

    Example:
        >>> Regimes(transition=((0.9, 0.1), (0.3, 0.7))).stationary.round(2).tolist()
        [0.75, 0.25]
    """

    transition: tuple[tuple[float, ...], ...]
    means: tuple[float, ...] = ()
    volatility_multiples: tuple[float, ...] = ()
    loading_multiples: tuple[float, ...] = ()
    common: bool = False

    def __post_init__(self) -> None:
        """Refuse rows that are not probabilities, and values that are not one for each regime."""
        wrong = _chain_faults(self.transition)
        for name in ("means", "volatility_multiples", "loading_multiples"):
            values = getattr(self, name)
            if values and (len(values) != len(self.transition) or not np.isfinite(values).all()):
                wrong.append(f"{name} needs a finite number for each of {len(self.transition)} regimes, got {values}.")
        if any(value <= 0 for value in self.volatility_multiples):
            wrong.append(f"volatility_multiples must be positive, got {self.volatility_multiples}.")
        if self.loading_multiples and not self.common:
            wrong.append("loading_multiples concern all assets at once and need common=True.")
        if wrong:
            raise ConfigError("Regimes: " + " ".join(wrong))

    @property
    def matrix(self) -> np.ndarray:
        """(K, K) transition probabilities, from the row's regime to the column's."""
        return np.array(self.transition, dtype=np.float64)

    @property
    def stationary(self) -> np.ndarray:
        """(K,) long-run law of the chain, which is also the law of the regime in the first session."""
        n_regimes = len(self.transition)
        balance = np.vstack([self.matrix.T - np.eye(n_regimes), np.ones(n_regimes)])
        return np.asarray(np.linalg.lstsq(balance, np.append(np.zeros(n_regimes), 1.0))[0])

    def ones_or(self, multiples: tuple[float, ...]) -> np.ndarray:
        """(K,) the multiples, or ones where none are given."""
        return np.array(multiples or (1.0,) * len(self.transition))


def _chain_faults(transition: tuple[tuple[float, ...], ...]) -> list[str]:
    n_regimes = len(transition)
    if not n_regimes or any(len(row) != n_regimes for row in transition):
        return [f"transition must have as many columns as rows, got rows of {[len(row) for row in transition]}."]
    matrix = np.array(transition, dtype=np.float64)
    if not (np.isfinite(matrix).all() and (matrix >= 0).all() and np.allclose(matrix.sum(axis=1), 1, atol=1e-12)):
        return [f"every row of transition must hold probabilities that add to 1, got {transition}."]
    if np.linalg.matrix_rank(matrix.T - np.eye(n_regimes), tol=1e-12) < n_regimes - 1:
        return ["transition must have one long-run law; some regimes can never reach the others."]
    return []


SINGLE_REGIME = Regimes(transition=((1.0,),), common=True)
"""The regimes of a market without any."""
