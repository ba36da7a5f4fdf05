r"""Integrals of the Student-t density by quadrature: the tail of many degrees of freedom, and how tails depend on them.

With :math:`x = \sqrt\nu \sinh y` the density turns into a power of a hyperbolic cosine, which falls exponentially
whatever the degrees of freedom:

.. math:: f_\nu(x) \, dx = f_\nu(0) \sqrt\nu \, \cosh(y)^{-\nu} \, dy

Every integral is taken over a stretch on which the integrand keeps its sign, so nothing cancels.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from quantdl.distributions.density import INFINITE, kernel_slope, normaliser_slope, student_t_log_density

_CENTRAL = 1.0  # distance below which a tail is one half less the integral from zero


def _gauss_legendre(count: int) -> tuple[tuple[float, float], ...]:
    places, weights = np.polynomial.legendre.leggauss(count)
    return tuple(zip((0.5 * (places + 1.0)).tolist(), (0.5 * weights).tolist(), strict=True))


def _double_exponential(first: float, last: float, steps: int) -> tuple[tuple[float, float], ...]:
    """Nodes and weights for integrands that fall like exp(-s) on (0, inf), by ``s = exp(u - exp(-u))``.

    References:
        | Double exponential formulas for numerical integration (Takahasi and Mori, 1974)
    """
    width = (last - first) / steps
    grid = [first + width * step for step in range(steps + 1)]
    places = [math.exp(u - math.exp(-u)) for u in grid]
    return tuple((s, s * (1.0 + math.exp(-u)) * width) for u, s in zip(grid, places, strict=True))


_FINITE = _gauss_legendre(32)
_HALF_LINE = _double_exponential(-3.7, 4.0, 64)


def log_both_tails_of_many(distance: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Log of P(T < -distance or T > distance) for distances of zero or more, in float64.

    Exact for 200 degrees of freedom or more, also where the probability itself is too small for a float.
    """
    freedom = degrees_of_freedom.clamp(max=INFINITE)
    central = distance < _CENTRAL
    near, far = _place(torch.where(central, distance, 0.0), freedom), _place(distance.clamp(min=_CENTRAL), freedom)
    inner = _log_scale(torch.zeros_like(near), freedom).exp() * _near_side(near, freedom, torch.ones_like)
    outer = _log_scale(far, freedom) + _far_side(far, freedom, torch.ones_like).log()
    return torch.where(central, torch.log1p(-2.0 * inner), outer + math.log(2.0))


def tail_slope(distance: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Derivative of P(T < -distance) with respect to the degrees of freedom, for distances of zero or more, in float64.

    More degrees of freedom raise the density up to some distance and lower it beyond, and over all distances the
    changes add to zero: the integral is taken over the near or over the far side, whichever has one sign.
    """
    freedom = degrees_of_freedom.clamp(max=INFINITE)
    change, raised, near, far = _sides_of_change(distance, freedom)
    inner = _log_scale(torch.zeros_like(near), freedom).exp() * _near_side(near, freedom, change)
    outer = _log_scale(far, freedom).exp() * _far_side(far, freedom, change)
    return torch.where(raised, -inner, outer)


def tail_slope_over_tail(distance: Tensor, degrees_of_freedom: Tensor, log_tail: Tensor) -> Tensor:
    """Derivative of log P(T < -distance) with respect to the degrees of freedom; otherwise as `tail_slope`.

    On the far side it is the mean change of the log density beyond the distance, so nothing underflows.

    Args:
        distance: Zero or more.
        degrees_of_freedom: Positive.
        log_tail: Log P(T < -distance), by which the near side is divided.
    """
    freedom = degrees_of_freedom.clamp(max=INFINITE)
    change, raised, near, far = _sides_of_change(distance, freedom)
    inner = torch.exp(_log_scale(torch.zeros_like(near), freedom) - log_tail) * _near_side(near, freedom, change)
    outer = _far_side(far, freedom, change) / _far_side(far, freedom, torch.ones_like)
    return torch.where(raised, -inner, outer)


def _sides_of_change(distance: Tensor, freedom: Tensor) -> tuple[Callable[[Tensor], Tensor], Tensor, Tensor, Tensor]:
    """How the log density at a place changes with the degrees of freedom, and which side of a distance is taken.

    Returns:
        The change; whether it is taken over the near side; where the near side ends, and where the far side begins.
    """
    half = torch.full_like(freedom, 0.5)
    constant = normaliser_slope(freedom, half)

    def change(place: Tensor) -> Tensor:
        """Derivative of the log density; beyond the largest place no density is left."""
        return constant + kernel_slope(freedom * _sinh(place.clamp(max=350.0)).square(), freedom, half)

    raised = (distance < _CENTRAL) | (constant + kernel_slope(distance.square(), freedom, half) > 0.0)
    near = _place(torch.where(raised, distance, 0.0), freedom)
    far = _place(torch.where(raised, _CENTRAL, distance), freedom)
    return change, raised, near, far


def _place(distance: Tensor, freedom: Tensor) -> Tensor:
    """Where a distance lies on the axis of y."""
    return torch.asinh(distance / freedom.sqrt())


def _log_scale(place: Tensor, freedom: Tensor) -> Tensor:
    """Log of the integrand at a place, without its weight."""
    return student_t_log_density(torch.zeros_like(freedom), freedom) + 0.5 * freedom.log() - freedom * _log_cosh(place)


def _near_side(place: Tensor, freedom: Tensor, weight: Callable[[Tensor], Tensor]) -> Tensor:
    """Weighted integral from the center to a place, in units of the integrand at the center."""
    return _integral(_FINITE, torch.zeros_like(place), place, freedom, weight)


def _far_side(place: Tensor, freedom: Tensor, weight: Callable[[Tensor], Tensor]) -> Tensor:
    """Weighted integral from a place on, in units of the integrand there, which falls at this rate or faster."""
    return _integral(_HALF_LINE, place, 1.0 / (freedom * place.tanh()), freedom, weight)


def _integral(
    nodes: tuple[tuple[float, float], ...],
    start: Tensor,
    length: Tensor,
    freedom: Tensor,
    weight: Callable[[Tensor], Tensor],
) -> Tensor:
    total, at_start = torch.zeros_like(start), _log_cosh(start)
    for node, share in nodes:
        place = start + length * node
        total = total + share * torch.exp(freedom * (at_start - _log_cosh(place))) * weight(place)
    return total * length


def _log_cosh(value: Tensor) -> Tensor:
    """For values of zero or more, exact where they are small as well."""
    near = 0.5 * torch.log1p(_sinh(value.clamp(max=1.0)).square())
    return torch.where(value < 1.0, near, value + torch.log1p(torch.exp(-2.0 * value)) - math.log(2.0))


def _sinh(value: Tensor) -> Tensor:
    """As `torch.sinh`, whose last bit depends on how many elements it is given (torch 2.13)."""
    grown = torch.expm1(value)
    return 0.5 * (grown + grown / (grown + 1.0))
