"""The shape of the surprises: normal, or Student-t with its heavy tails, both with variance one."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import special

from quantdl.distributions.density import multivariate_t_log_density
from quantdl.errors import ConfigError


@dataclass(frozen=True)
class NormalShocks:
    """Standard normal surprises."""

    def mixing(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return what standard normal draws are multiplied by to become shocks, of the given shape: ones."""
        return np.ones(shape)

    def log_density(self, standard: np.ndarray) -> np.ndarray:
        """Log density of a shock; any shape."""
        return np.asarray(-0.5 * (np.log(2.0 * np.pi) + np.square(standard)))

    def joint_log_density(self, squares: np.ndarray, n_assets: int) -> np.ndarray:
        """Log density of uncorrelated shocks of ``n_assets`` in one session, given the sum of their squares."""
        return np.asarray(-0.5 * (n_assets * np.log(2.0 * np.pi) + squares))

    def cdf(self, standard: np.ndarray) -> np.ndarray:
        """Probability of a shock at most ``standard``."""
        return np.asarray(special.ndtr(standard))

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        """The shock that is not exceeded with the given probability."""
        return np.asarray(special.ndtri(probability))


@dataclass(frozen=True)
class StudentTShocks:
    """Student-t surprises, scaled to variance one.

    In a market with factors the shocks of a session are jointly Student-t: one chi-square draw a session scales them
    all, so the assets share their extreme sessions. Without factors every asset draws its own.

    Attributes:
        degrees_of_freedom: Above 2, or there is no variance to scale.

    Raises:
        ConfigError: If the degrees of freedom are not above 2.
    """

    degrees_of_freedom: float

    def __post_init__(self) -> None:
        """Refuse laws without a variance."""
        if not (np.isfinite(self.degrees_of_freedom) and self.degrees_of_freedom > 2):
            raise ConfigError(
                f"StudentTShocks: degrees_of_freedom must be a number above 2, got {self.degrees_of_freedom}. "
                "At or below 2 the variance is infinite; for no heavy tails use NormalShocks."
            )

    def mixing(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return what standard normal draws are multiplied by to become shocks, of the given shape."""
        return np.asarray(
            np.sqrt((self.degrees_of_freedom - 2.0) / generator.chisquare(self.degrees_of_freedom, shape))
        )

    def log_density(self, standard: np.ndarray) -> np.ndarray:
        """Log density of a shock; any shape."""
        return self.joint_log_density(np.square(standard), 1)

    def joint_log_density(self, squares: np.ndarray, n_assets: int) -> np.ndarray:
        """Log density of uncorrelated, jointly Student-t shocks of ``n_assets``, given the sum of their squares."""
        freedom = torch.tensor(self.degrees_of_freedom, dtype=torch.float64)
        standard = torch.as_tensor(squares / self._deviation**2, dtype=torch.float64)
        density = multivariate_t_log_density(standard, torch.zeros(()), freedom, torch.tensor(float(n_assets)))
        return np.asarray(density.numpy() - n_assets * np.log(self._deviation))

    def cdf(self, standard: np.ndarray) -> np.ndarray:
        """Probability of a shock at most ``standard``."""
        return np.asarray(special.stdtr(self.degrees_of_freedom, standard / self._deviation))

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        """The shock that is not exceeded with the given probability."""
        return np.asarray(special.stdtrit(self.degrees_of_freedom, probability) * self._deviation)

    @property
    def _deviation(self) -> float:
        """What divides a standard Student-t variable by its standard deviation."""
        return float(np.sqrt((self.degrees_of_freedom - 2.0) / self.degrees_of_freedom))


Shocks = NormalShocks | StudentTShocks
