"""Jumps: sessions in which a return is drawn from a wider law, around another mean."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import special

from quantdl.errors import ConfigError

_NEGLECTED = 1e-12  # probability of more jumps than are counted


@dataclass(frozen=True)
class Jumps:
    r"""A random number of jumps in every session, on top of the ordinary return.

    A session with :math:`n` jumps has its mean moved by ``n * mean`` and its variance raised by ``n * volatility**2``,
    and keeps the shape of the shocks. With normal shocks these are the independent normal jumps of Merton; with
    Student-t shocks the session's whole surprise is Student-t with the raised variance, so that the law stays a mixture
    of finitely many known laws. Factors correlate the whole surprises of a session. The mean is not compensated: jumps
    move the mean return by ``intensity * mean``.

    Attributes:
        intensity: Expected jumps in a session.
        mean: Of the log return of one jump.
        volatility: Standard deviation of the log return of one jump.
        counting: ``"bernoulli"`` for at most one jump in a session, ``"poisson"`` for any number. Poisson counts are
            cut where more would have a probability below 1e-12, in the draws and in the law alike.
        common: Whether all assets jump in the same sessions, by sizes of their own. Otherwise each jumps by itself.

    Raises:
        ConfigError: If a parameter is out of its range; all faults are named.

    References:
        | Option pricing when underlying stock returns are discontinuous (Merton, 1976)
    """

    intensity: float
    mean: float
    volatility: float
    counting: Literal["bernoulli", "poisson"] = "poisson"
    common: bool = False

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        wrong = []
        if self.counting not in get_args(Jumps.__annotations__["counting"]):
            wrong.append(f"counting must be 'bernoulli' or 'poisson', got {self.counting!r}.")
        if not 0 <= self.intensity <= (1 if self.counting == "bernoulli" else 10):
            bound = "1 for Bernoulli counts, to 10 for Poisson ones"
            wrong.append(f"intensity must lie from 0 to {bound}, got {self.intensity}.")
        if not np.isfinite(self.mean):
            wrong.append(f"mean must be a finite number, got {self.mean}.")
        if not (np.isfinite(self.volatility) and self.volatility >= 0):
            wrong.append(f"volatility must be a number and not negative, got {self.volatility}.")
        if wrong:
            raise ConfigError("Jumps: " + " ".join(wrong))

    @property
    def count_probabilities(self) -> np.ndarray:
        """(N,) probability of 0, 1, 2 ... jumps in a session.

        Example:
            >>> Jumps(0.25, 0.0, 0.05, "bernoulli").count_probabilities.tolist()
            [0.75, 0.25]
        """
        if self.counting == "bernoulli":
            return np.array([1.0 - self.intensity, self.intensity])
        counts = np.arange(200)
        probabilities = np.exp(special.xlogy(counts, self.intensity) - self.intensity - special.gammaln(counts + 1.0))
        kept = int(np.argmax(special.pdtrc(counts, self.intensity) < _NEGLECTED)) + 1
        return np.asarray(probabilities[:kept] / probabilities[:kept].sum())


NO_JUMPS = Jumps(intensity=0.0, mean=0.0, volatility=0.0)
"""The jumps of a market without any: one count, zero, with probability one."""
