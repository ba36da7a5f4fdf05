"""Moments of returns in each state of the market, with their derivatives in one pass over the nodes."""

import math
from typing import Any

import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor
from torch.autograd.function import once_differentiable

# Nodes and weights of the normal law (Golub and Welsch, 1969): exact for polynomials of degree 13.
_PLACES, _MASSES = hermegauss(7)
HERMITE = tuple(zip(_PLACES.tolist(), (_MASSES / math.sqrt(2.0 * math.pi)).tolist(), strict=True))


def state_moments(mean: Tensor, deviation: Tensor, tail: Tensor, skew: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Moments of :math:`u = \sinh((\mathrm{asinh}(z) - \epsilon) / \delta)` for a ``z`` that is normal in each state.

    By seven nodes of Gauss and Hermite. Each node is a small tensor that is used up before the next one is made, and
    the derivatives are written out, where the operations of a tensor over all nodes would be kept for them one by one.

    Args:
        mean: Of ``z``, (B, A, C).
        deviation: Standard deviation of ``z``, positive, (B, A, C).
        tail: The power delta, positive, (B, A).
        skew: The shift epsilon, (B, A).

    Returns:
        Mean, slope and variance of ``u``, each (B, A, C); the slope is its covariance with ``z`` over the variance of
        ``z``. They are differentiable once.

    Example:
        >>> normal = torch.full((1, 1, 1), 0.5)
        >>> moments = state_moments(normal, 2.0 * normal, torch.ones(1, 1), torch.zeros(1, 1))
        >>> [round(float(moment), 6) for moment in moments]
        [0.5, 1.0, 1.0]
    """
    dtype = torch.promote_types(mean.dtype, tail.dtype)
    power, shift = (part.to(dtype)[..., None].expand(mean.shape) for part in (1.0 / tail, skew / tail))
    moments: tuple[Tensor, Tensor, Tensor] = _Moments.apply(  # type: ignore[no-untyped-call]
        mean.to(dtype), deviation.to(dtype), power, shift
    )
    return moments


class _Moments(torch.autograd.Function):
    """Of ``sinh(power * asinh(z) - shift)``."""

    @staticmethod
    def forward(ctx: Any, mean: Tensor, deviation: Tensor, power: Tensor, shift: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401 - torch's context
        power, shift = power.contiguous(), shift.contiguous()
        values = [_value(mean, deviation, power, shift, node) for node, _ in HERMITE]
        first, along, second = (torch.zeros_like(mean) for _ in range(3))
        for value, (_, mass) in zip(values, HERMITE, strict=True):
            first.add_(value, alpha=mass)
        for value, (node, mass) in zip(values, HERMITE, strict=True):
            centered = value.sub_(first)
            along.add_(centered, alpha=mass * node)
            second.addcmul_(centered, centered, value=mass)
        slope = along.div_(deviation)
        ctx.save_for_backward(mean, deviation, power, shift, first, slope)
        return first, slope, second

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_first: Tensor, by_slope: Tensor, by_second: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401 - torch's context
        mean, deviation, power, shift, first, slope = ctx.saved_tensors
        by_along = by_slope / deviation
        by_mean, by_deviation, by_power, by_shift = (torch.zeros_like(mean) for _ in range(4))
        for node, mass in HERMITE:
            standard = torch.add(mean, deviation, alpha=node)
            angle = _asinh(standard)
            growing = (power * angle).sub_(shift).exp_()
            falling = growing.reciprocal()
            centered = torch.sub(growing, falling).mul_(0.5).sub_(first)
            along_value = torch.add(by_first, by_along, alpha=node).addcmul_(centered, by_second, value=2.0).mul_(mass)
            along_angle = along_value.mul_(growing.add_(falling)).mul_(0.5)
            by_shift.sub_(along_angle)
            by_power.addcmul_(along_angle, angle)
            root = standard.square_().add_(1.0).rsqrt_()
            along_standard = along_angle.mul_(power).mul_(root)
            by_mean.add_(along_standard)
            by_deviation.add_(along_standard, alpha=node)
        by_deviation.addcmul_(by_along, slope, value=-1.0)
        return by_mean, by_deviation, by_power, by_shift


def _value(mean: Tensor, deviation: Tensor, power: Tensor, shift: Tensor, node: float) -> Tensor:
    growing = _asinh(torch.add(mean, deviation, alpha=node)).mul_(power).sub_(shift).exp_()
    return growing.sub_(growing.reciprocal()).mul_(0.5)


def _asinh(value: Tensor) -> Tensor:
    """As torch's function, whose kernel on a CPU takes one number at a time, to rounding of one; no derivative."""
    size = value.abs()
    return (size * size).add_(1.0).sqrt_().add_(size).log_().copysign_(value)
