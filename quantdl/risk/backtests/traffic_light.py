"""The traffic light of the Basel committee, on the profit of the held book and on that of the account."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from quantdl.risk.backtests.coverage import exceptions
from quantdl.risk.backtests.result import tail_of

SESSIONS = 250
"""Sessions over which the Basel committee counts exceptions."""

LEVEL = 0.99
"""Confidence of the value-at-risk that it counts them of."""

MULTIPLIERS = (1.5, 1.5, 1.5, 1.5, 1.5, 1.7, 1.76, 1.83, 1.88, 1.92, 2.0)
"""Multiplier of the capital by the number of exceptions, the last for 10 and more (Basel framework, MAR32 and MAR99:
1.5 and a plus factor of 0.20, 0.26, 0.33, 0.38, 0.42 and 0.50; before, in the text of 1996, 3 and 0.40 to 1)."""


@dataclass(frozen=True)
class BaselZone:
    """Traffic light of the Basel committee.

    Attributes:
        zone: Green below a cumulative probability of 95 %, red from 99.99 % on, yellow between.
        exceptions: Number of exceptions.
        n: Number of observations.
        cumulative_probability: Chance of so many exceptions or fewer if the forecasts are right.
    """

    zone: Literal["green", "yellow", "red"]
    exceptions: int
    n: int
    cumulative_probability: float

    @property
    def multiplier(self) -> float | None:
        """Multiplier of the capital, stated for 250 observations only; None for any other number."""
        return MULTIPLIERS[min(self.exceptions, len(MULTIPLIERS) - 1)] if self.n == SESSIONS else None


@dataclass(frozen=True)
class TrafficLights:
    """The traffic light on both kinds of profit; the framework counts by the one with more exceptions (MAR32).

    Its actual profit leaves out fees and commissions; ours is that of the account, after all costs: the stricter one.

    Attributes:
        hypothetical: On what the book held after the fills of a session lost in the next one.
        actual: On what the account lost, with costs and with what was traded within the session.
    """

    hypothetical: BaselZone
    actual: BaselZone

    @property
    def counted(self) -> BaselZone:
        """The one with more exceptions."""
        return max(self.hypothetical, self.actual, key=lambda light: light.exceptions)


def basel_zone(n_exceptions: int, n: int = SESSIONS, level: float = LEVEL) -> BaselZone:
    """Place a number of exceptions in the Basel traffic light.

    Raises:
        ValueError: If the counts are impossible, or ``level`` is outside (0, 1).

    Example:
        >>> [basel_zone(count).zone for count in (4, 5, 9, 10)]
        ['green', 'yellow', 'yellow', 'red']
        >>> [basel_zone(count).multiplier for count in (4, 5, 9, 10, 30)]
        [1.5, 1.7, 1.92, 2.0, 2.0]

    References:
        | Supervisory Framework for the Use of "Backtesting" (Basel Committee on Banking Supervision, 1996)
        | Basel framework MAR32 and MAR99 (2019), where the plus factors are a table
    """
    if not 0 <= n_exceptions <= n or n < 1:
        raise ValueError(f"exceptions must lie between 0 and the number of observations, got {n_exceptions} of {n}.")
    probability = float(stats.binom.cdf(n_exceptions, n, tail_of(level)))
    zone: Literal["green", "yellow", "red"]
    zone = "green" if probability < 0.95 else "yellow" if probability < 0.9999 else "red"
    return BaselZone(zone, n_exceptions, n, probability)


def traffic_lights(hypothetical: ArrayLike, actual: ArrayLike, value_at_risk: ArrayLike) -> TrafficLights:
    """Count the exceptions of the last 250 sessions on both kinds of losses.

    Args:
        hypothetical: Losses of the book as it was held, as fractions, positive when money is lost, (T,).
        actual: Losses of the account over the same sessions, costs and trades within a session included, (T,).
        value_at_risk: Forecasts at 99 % for one session ahead, (T,).

    Raises:
        ValueError: If the shapes differ, a value is not finite, or there are fewer than 250 sessions.
    """
    marks = [np.asarray(exceptions(losses, value_at_risk)) for losses in (hypothetical, actual)]
    if len(marks[0]) < SESSIONS:
        raise ValueError(f"the Basel traffic light needs at least {SESSIONS} observations, got {len(marks[0])}.")
    return TrafficLights(*(basel_zone(int(mark[-SESSIONS:].sum())) for mark in marks))
