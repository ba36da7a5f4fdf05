"""What a test of risk forecasts says, and the checks of what it is given that all of them share."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantdl.scoring import confidence

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

TIES = 1e-9
"""Statistics that are the same in exact arithmetic differ by rounding: relatively so close, they count as the same."""

How = Literal["asymptotic", "exact", "simulated"]


@dataclass(frozen=True)
class TestResult:
    """A test statistic and its p-value.

    Attributes:
        test: Name of the test.
        statistic: Likelihood ratio, or what the test says.
        p_value: Probability of a statistic at least as extreme if the forecasts are right.
        n: Number of observations.
        exceptions: Number of exceptions, None for a test that does not count them.
        expected: Expected number of exceptions, None likewise.
        note: What a reader must know to judge the p-value; often empty.
        how: Where the p-value comes from: the law for ever longer series (``"asymptotic"``), the law of the statistic
            for so many observations (``"exact"``), or series simulated under right forecasts (``"simulated"``).
    """

    __test__ = False  # not a test case, whatever pytest thinks of the name

    test: str
    statistic: float
    p_value: float
    n: int
    exceptions: int | None = None
    expected: float | None = None
    note: str = ""
    how: How = "asymptotic"


def tail_of(level: float) -> float:
    """Return the probability of an exception, ``1 - level``, checked."""
    return round(1.0 - confidence(level), 12)


def marked(hits: ArrayLike) -> BoolArray:
    """Return hits as (T,) bool.

    Raises:
        ValueError: If they are not one series of bool with at least one observation.
    """
    found = np.asarray(hits)
    if found.ndim != 1 or found.size == 0:
        raise ValueError(f"hits must be one series with at least one observation, got shape {found.shape}.")
    if found.dtype != np.bool_:
        raise ValueError(f"hits must be bool (True marks an exception), got {found.dtype}.")
    return found


def probabilities(pit: ArrayLike) -> FloatArray:
    """Return probability integral transforms as (T,) float64.

    Raises:
        ValueError: If they are not one series of probabilities.
    """
    values = np.asarray(pit, np.float64)
    if values.ndim != 1 or values.size == 0 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("pit must be one series of probabilities between 0 and 1.")
    return values


def refuse_few(test: str, n: int, level: float, besides: int = 0) -> None:
    """Refuse a series in which not even one exception is expected.

    Raises:
        ValueError: If ``n`` is below ``1 / (1 - level)`` and what the test needs besides, with the number needed.
    """
    needed = math.ceil(round(1.0 / tail_of(level), 6)) + besides
    if n < needed:
        raise ValueError(f"{test} at level {level:g} needs at least {needed} observations, got {n}.")


def refuse_overlap(test: str, horizon: int, step: int) -> None:
    """Refuse losses that share bars: right forecasts then make exceptions in rows, and the p-value means nothing.

    Args:
        test: Name of the test.
        horizon: Bars that each loss covers.
        step: Bars from the begin of one loss to that of the next.

    Raises:
        ValueError: If either is below 1, or losses overlap.
    """
    if horizon < 1 or step < 1:
        raise ValueError(f"horizon and step are numbers of bars from 1 on, got {horizon} and {step}.")
    if horizon > step:
        raise ValueError(
            f"{test} takes observations as independent, but losses over {horizon} bars taken every {step} overlap. "
            f"Take every {math.ceil(horizon / step)}-th observation (losses[::{math.ceil(horizon / step)}]), and state "
            f"step={math.ceil(horizon / step) * step}."
        )
