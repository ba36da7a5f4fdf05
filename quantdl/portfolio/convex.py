"""Minima of smooth convex functions, to the last digits: Newton's method, and a logarithmic barrier for inequalities.

Sizing rules whose objective is curved (growth, equal risk) have few unknowns and many draws, so their Hessian is cheap
and a general solver would spend its time elsewhere: some fifty steps are all that is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

_MOST_STEPS = 200  # from a poor start; a good one takes five to ten
_ON_THE_PATH = 0.01  # squared length of the last step in the local norm: of the objective, this over the sharpness
_AT_ITS_END = 1e-10
_QUADRATIC = 0.05  # below this squared length a full step converges quadratically (Nesterov and Nemirovskii)


@dataclass(frozen=True, eq=False)
class Local:
    """A function around a point.

    Attributes:
        value: Its value.
        gradient: (N,) first derivatives.
        curvature: (N, N) second derivatives, positive definite.
    """

    value: float
    gradient: np.ndarray
    curvature: np.ndarray


Smooth = Callable[[np.ndarray], Local | None]
"""Tells a convex function around a point, or None outside of its domain."""


def newton_minimum(function: Smooth, start: np.ndarray, decrement: float = 1e-18) -> np.ndarray:
    """Return the (N,) point at which a strictly convex function is least.

    Steps are halved until they stay in the domain and gain enough. Where the function has no minimum the point reached
    after the last step is returned: whoever calls it checks what it found.

    Args:
        function: The function.
        start: (N,) point of its domain.
        decrement: Squared length of the last step in the norm of the second derivatives: about twice what is left.

    Raises:
        ValueError: If ``start`` is outside of the domain.
    """
    point, here = start, function(start)
    if here is None:
        raise ValueError("start lies outside of the domain of the function.")
    for _ in range(_MOST_STEPS):
        step = _newton_step(here)
        left = -float(here.gradient @ step)
        if not left > decrement:
            break
        size, there = 1.0, function(point + step)
        while there is None or not (left < _QUADRATIC or _gains(here, there, size * left)):
            size /= 2.0
            if size < 1e-12:  # rounding hides what is left to gain
                return point
            there = function(point + size * step)
        point, here = point + size * step, there
    return point


def _gains(here: Local, there: Local, promised: float) -> bool:
    rounding = 1e-15 * max(abs(here.value), abs(there.value))
    return there.value <= here.value - 0.1 * promised + rounding


def _newton_step(here: Local) -> np.ndarray:
    """Solve for the step, each unknown in units of its own curvature, which a barrier spreads over many orders."""
    scale = np.sqrt(np.diag(here.curvature))
    scaled = here.curvature / scale / scale[:, None]
    for ridge in (0.0, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6):
        try:
            factor = cho_factor(scaled + ridge * np.eye(len(scale)), check_finite=False)
        except LinAlgError:
            continue
        return np.asarray(-cho_solve(factor, here.gradient / scale, check_finite=False) / scale)
    return np.asarray(-here.gradient / scale**2)


def along_central_path(
    function_at: Callable[[float], Smooth], start: np.ndarray, first: float, last: float
) -> np.ndarray:
    """Return the minimum of the last of many functions, each found from the minimum of the one before.

    Args:
        function_at: Makes the function for a sharpness: the objective times it, plus a barrier that goes to infinity at
            the edge of what is allowed. With n barriers the minimum misses the best by n over the sharpness at most.
        start: (N,) point of the domain.
        first: Sharpness to begin with.
        last: Sharpness to end with.

    References:
        | Convex Optimization, section 11.3 (Boyd and Vandenberghe, 2004)
    """
    point, sharpness = start, first
    while True:
        ends = sharpness >= last
        point = newton_minimum(function_at(sharpness), point, _AT_ITS_END if ends else _ON_THE_PATH)
        if ends:
            return point
        sharpness = min(20.0 * sharpness, last)
