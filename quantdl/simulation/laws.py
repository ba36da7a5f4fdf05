"""The true conditional law of every session's returns: finite mixtures of known shapes, joined across assets."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from quantdl.simulation.joint import joint_state_density
from quantdl.simulation.shocks import Shocks

_STEPS = 60  # halving alone would leave 1e-18 of the bracket of a quantile
_PRECISION = 1e-13  # relative step below which a quantile has arrived


@dataclass(frozen=True, eq=False)
class TrueLaw:
    """The law of each session's log returns given everything that could be observed before the session.

    A session is in one of ``J`` states that all assets share, and each asset in one of ``M`` of its own; the states are
    regimes and numbers of jumps. Given both, a return is a location plus a scale times a shock. The marginal law of an
    asset is the mixture over all ``J * M`` components. Row ``t`` never depends on returns from session ``t`` on.

    A cell in which the asset makes no return (halted, not yet listed) holds the law of the return it would make if it
    traded: an asset's own process waits for it.

    Attributes:
        shocks: Shape of the surprises.
        common_weights: (T, J) probabilities of the shared states.
        own_weights: (T, A, M) probabilities of an asset's own states.
        locations: (J, M) means in log return.
        scales: (T, A, J, M) standard deviations in log return.
        correlations: (J, A, A) correlation of the shocks of a session in each shared state; None when the assets are
            independent given the shared state. With it, ``M`` is 1.

    Shape:
        - T sessions, A assets.
    """

    shocks: Shocks
    common_weights: np.ndarray
    own_weights: np.ndarray
    locations: np.ndarray
    scales: np.ndarray
    correlations: np.ndarray | None = None

    @property
    def weights(self) -> np.ndarray:
        """(T, A, J * M) probabilities of the components of each asset's own law."""
        weights = self.common_weights[:, None, :, None] * self.own_weights[:, :, None, :]
        return np.asarray(weights.reshape(*weights.shape[:2], -1))

    def log_density(self, log_returns: np.ndarray) -> np.ndarray:
        """Log density of each return (T, A) under its own law; NaN where the return is NaN."""
        component = self.shocks.log_density(self._standard(log_returns)) - np.log(self._flat_scales)
        return _log_mean_exp(component, self.weights)

    def cdf(self, log_returns: np.ndarray) -> np.ndarray:
        """Probability (T, A) of a return at most the given one (T, A): the probability integral transform."""
        return np.asarray((self.weights * self.shocks.cdf(self._standard(log_returns))).sum(axis=-1))

    def quantile(self, probability: float) -> np.ndarray:
        """Return (T, A) log returns that are not exceeded with ``probability``, to the last bits of the cdf.

        Newton steps that are held inside a bracket, and halve it where they would leave it.

        Raises:
            ValueError: If the probability does not lie strictly between 0 and 1.
        """
        if not 0 < probability < 1:
            raise ValueError(f"probability must lie strictly between 0 and 1, got {probability}.")
        components = self.locations.ravel() + self._flat_scales * self.shocks.quantile(np.array(probability))
        low, high = components.min(axis=-1), components.max(axis=-1)
        value = 0.5 * (low + high)
        for _ in range(_STEPS):
            excess = self.cdf(value) - probability
            low, high = np.where(excess < 0, value, low), np.where(excess < 0, high, value)
            stepped = value - excess / np.exp(self.log_density(value))
            stepped = np.where((stepped >= low) & (stepped <= high), stepped, 0.5 * (low + high))
            moved, value = np.abs(stepped - value), stepped
            if (moved <= _PRECISION * np.abs(value)).all():
                break
        return np.asarray(value)

    @property
    def mean(self) -> np.ndarray:
        """(T, A) expected log returns."""
        return np.asarray(self.weights @ self.locations.ravel())

    @property
    def variance(self) -> np.ndarray:
        """(T, A) variances of the log returns."""
        spread = np.square(self._flat_scales) + np.square(self.locations.ravel() - self.mean[..., None])
        return np.asarray((self.weights * spread).sum(axis=-1))

    def joint_log_density(self, log_returns: np.ndarray) -> np.ndarray:
        """Log density (T,) of all returns of a session together; the assets whose return is NaN are left out.

        The sum of `log_density` over the assets is smaller on average wherever the assets depend on each other. A
        session without a return has log density 0.

        Args:
            log_returns: (T, A) log returns.
        """
        state = joint_state_density(
            self.shocks, self.own_weights, self.locations, self.scales, self.correlations, log_returns
        )
        return _log_mean_exp(state, self.common_weights)

    def rows(self, index: slice) -> "TrueLaw":
        """Return the laws of some of the sessions."""
        return TrueLaw(
            self.shocks,
            self.common_weights[index],
            self.own_weights[index],
            self.locations,
            self.scales[index],
            self.correlations,
        )

    @property
    def _flat_scales(self) -> np.ndarray:
        return self.scales.reshape(*self.scales.shape[:2], -1)

    def _standard(self, log_returns: np.ndarray) -> np.ndarray:
        """(T, A, J * M) what the shock was, had each component made the return."""
        return np.asarray((log_returns[..., None] - self.locations.ravel()) / self._flat_scales)


def _log_mean_exp(log_values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Logarithm of a weighted mean over the last axis; the weights may be zero."""
    return np.asarray(special.logsumexp(log_values, axis=-1, b=np.broadcast_to(weights, log_values.shape)))
