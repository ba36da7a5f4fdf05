"""How the variance of an asset's next return follows from its past returns."""

from dataclasses import dataclass

import numpy as np

from quantdl.errors import ConfigError


@dataclass(frozen=True)
class ConstantVolatility:
    """The same volatility in every session.

    Attributes:
        volatility: Standard deviation of a session's log return.

    Raises:
        ConfigError: If the volatility is not positive.
    """

    volatility: float = 0.01

    def __post_init__(self) -> None:
        """Refuse a volatility that is not positive."""
        if not (np.isfinite(self.volatility) and self.volatility > 0):
            raise ConfigError(f"ConstantVolatility: volatility must be a positive number, got {self.volatility}.")

    @property
    def initial_variance(self) -> float:
        """Variance of an asset's first return."""
        return self.volatility**2

    def next_variance(self, variance: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Return the variance of the return after one that deviated from its mean by ``deviation``."""
        return variance

    def persistence(self, multiple: np.ndarray) -> np.ndarray:
        """Return how much of a large variance is left in the next session: nothing depends on the past."""
        return np.zeros_like(multiple)


@dataclass(frozen=True)
class Garch:
    r"""GARCH(1,1), with an additional reaction to losses if ``gamma`` is not zero (GJR).

    .. math:: h_{t+1} = \omega + (\alpha + \gamma 1\{e_t < 0\}) e_t^2 + \beta h_t

    where ``e`` is the return minus the market's constant ``mean``. The deviation includes what regimes and jumps
    contributed, so ``h`` is a function of observed returns only.

    Attributes:
        omega: Positive, in squared log return.
        alpha: Reaction to a deviation, not negative.
        beta: Memory, not negative.
        gamma: Additional reaction to a negative deviation; ``alpha + gamma`` is not negative.
        initial: Variance of an asset's first return, on which every law is conditioned; None for the long-run variance.

    Raises:
        ConfigError: If a variance could become negative or the process has no finite variance; all faults are named.

    References:
        | Generalized autoregressive conditional heteroskedasticity (Bollerslev, 1986)
        | On the relation between the expected value and the volatility of the nominal excess return on stocks
          (Glosten, Jagannathan and Runkle, 1993)

    Example:
        >>> round(Garch(omega=2e-6, alpha=0.05, beta=0.93).long_run_variance, 10)
        0.0001
    """

    omega: float
    alpha: float
    beta: float
    gamma: float = 0.0
    initial: float | None = None

    def __post_init__(self) -> None:
        """Refuse parameters under which a variance is negative or grows without bound."""
        values = (self.omega, self.alpha, self.beta, self.gamma, 1.0 if self.initial is None else self.initial)
        wrong = []
        if not np.isfinite(values).all():
            wrong.append(f"every parameter must be a finite number, got {values}.")
        if self.omega <= 0:
            wrong.append(f"omega must be positive, got {self.omega}.")
        if min(self.alpha, self.beta, self.alpha + self.gamma) < 0:
            wrong.append(f"alpha, beta and alpha + gamma must not be negative, got {values[1:4]}.")
        if self.alpha + 0.5 * self.gamma + self.beta >= 1:
            wrong.append(f"alpha + gamma / 2 + beta must be below 1, got {self.alpha + 0.5 * self.gamma + self.beta}.")
        if self.initial is not None and self.initial <= 0:
            wrong.append(f"initial must be a positive variance, got {self.initial}.")
        if wrong:
            raise ConfigError("Garch: " + " ".join(wrong))

    @property
    def long_run_variance(self) -> float:
        """Mean of the variance over time where neither regimes nor jumps add to the shocks."""
        return self.omega / (1.0 - self.alpha - 0.5 * self.gamma - self.beta)

    @property
    def initial_variance(self) -> float:
        """Variance of an asset's first return."""
        return self.long_run_variance if self.initial is None else self.initial

    def next_variance(self, variance: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Return the variance of the return after one that deviated from its mean by ``deviation``."""
        reaction = self.alpha + self.gamma * (deviation < 0)
        return np.asarray(self.omega + reaction * np.square(deviation) + self.beta * variance)

    def persistence(self, multiple: np.ndarray) -> np.ndarray:
        """Return how much of a large variance is left, on average, after a session at these volatility multiples."""
        return np.asarray((self.alpha + 0.5 * self.gamma) * np.square(multiple) + self.beta)


Volatility = ConstantVolatility | Garch
