r"""Log density of Student's t, of one variable or many, for every number of degrees of freedom up to infinity.

The textbook formula takes the difference of two values of :math:`\log \Gamma(\nu / 2)`, which grow without bound while
their difference does not: at a hundred million degrees of freedom nothing but seven digits is left. From
:data:`MANY` degrees of freedom on the difference is taken term by term in Stirling's series instead. Where the two meet
both are exact to 2e-13. The derivative with respect to the degrees of freedom falls like :math:`\nu^{-2}` while its
terms do not, so it is computed from what remains after they cancel.
"""

import math
from typing import Any

import torch
from torch import Tensor

MANY = 200.0
"""Degrees of freedom from which Stirling's series is used; below it the textbook formula is exact to 2e-13."""
INFINITE = 1e300
"""Degrees of freedom that stand for infinity: the law is normal to the last bit, and nothing overflows."""

# Bernoulli numbers B(2), B(4), ... over 2k (2k - 1) and over 2k: NIST DLMF 5.11.1 and 5.11.2.
_LOG_GAMMA_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
_DIGAMMA_SERIES = (
    (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
    + (-3617 / 8160, 43867 / 14364, -174611 / 6600)
)  # fmt: skip
_DIGAMMA_FROM = 8.0  # ten terms leave 1e-15 of the difference of two values


def student_t_log_density(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Log density of the standard Student-t law, computed in float64; the arguments broadcast.

    Exact to 1e-12, relative or absolute, whichever is easier to meet, for 0.1 degrees of freedom to infinitely many
    (the normal law), and so are the derivatives in both arguments.

    Returns:
        The log density, in the dtype of ``value``.

    Example:
        >>> student_t_log_density(torch.tensor(0.0), torch.tensor(4.0))
        tensor(-0.9808)
    """
    square = value.double().square()
    density = multivariate_t_log_density(square, square.new_zeros(()), degrees_of_freedom.double(), square.new_ones(()))
    return density.to(value.dtype)


def multivariate_t_log_density(
    quadratic: Tensor, log_determinant: Tensor, degrees_of_freedom: Tensor, dimension: Tensor
) -> Tensor:
    r"""Log density of a multivariate Student-t law; the arguments broadcast.

    It is computed in float64 and rounded once to the dtype of the arguments, the wider one where they differ; so are
    the derivatives: in float32 the log gamma function loses six digits at two hundred degrees of freedom.

    .. math:: \log \frac{\Gamma((\nu + A) / 2)}{\Gamma(\nu / 2)} - \frac A2 \log (\pi \nu) - \frac12 \log |R|
        - \frac{\nu + A}2 \log (1 + x^\top R^{-1} x / \nu)

    Args:
        quadratic: The quadratic form of the values, not negative.
        log_determinant: Of the shape matrix.
        degrees_of_freedom: Positive; infinity stands for the normal law.
        dimension: ``A``, the number of variables.
    """
    half_dimension = 0.5 * dimension.to(quadratic.dtype)
    arguments = torch.broadcast_tensors(quadratic, log_determinant, degrees_of_freedom, half_dimension)
    density: Tensor = _LogDensity.apply(*(argument.double() for argument in arguments))  # type: ignore[no-untyped-call]
    return density.to(torch.result_type(degrees_of_freedom, quadratic + log_determinant))


def log_gamma_ratio(start: Tensor, step: Tensor) -> Tensor:
    r""":math:`\log \Gamma(z + h) - \log \Gamma(z) - h \log z` at ``start`` z and ``step`` h; tends to zero as z grows.

    Exact for z of 100 or more.
    """
    share = step / start
    leading = start * (1.0 + share) * _log1p_minus_linear(share) + step * share - 0.5 * torch.log1p(share)
    return leading + _power_series(_LOG_GAMMA_SERIES, start + step) - _power_series(_LOG_GAMMA_SERIES, start)


def _textbook(quadratic: Tensor, log_determinant: Tensor, degrees_of_freedom: Tensor, half_dimension: Tensor) -> Tensor:
    half = 0.5 * degrees_of_freedom
    normaliser = torch.lgamma(half + half_dimension) - torch.lgamma(half)
    normaliser = normaliser - half_dimension * torch.log(torch.pi * degrees_of_freedom) - 0.5 * log_determinant
    return normaliser - (half + half_dimension) * torch.log1p(quadratic / degrees_of_freedom)


class _LogDensity(torch.autograd.Function):
    """The log density in float64, with derivatives whose terms do not cancel."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        quadratic: Tensor,
        log_determinant: Tensor,
        degrees_of_freedom: Tensor,
        half_dimension: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(quadratic, degrees_of_freedom, half_dimension)
        few = degrees_of_freedom < MANY
        textbook = _textbook(quadratic, log_determinant, torch.where(few, degrees_of_freedom, 1.0), half_dimension)
        freedom = degrees_of_freedom.clamp(min=MANY, max=INFINITE)
        half = 0.5 * freedom
        normaliser = log_gamma_ratio(half, half_dimension) - half_dimension * math.log(2.0 * math.pi)
        series = normaliser - 0.5 * log_determinant - (half + half_dimension) * torch.log1p(quadratic / freedom)
        return torch.where(few, textbook, series)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        quadratic, degrees_of_freedom, half_dimension = ctx.saved_tensors
        freedom = degrees_of_freedom.clamp(max=INFINITE)
        in_quadratic = -(0.5 * freedom + half_dimension) / (freedom + quadratic)
        in_freedom = normaliser_slope(freedom, half_dimension) + kernel_slope(quadratic, freedom, half_dimension)
        return grad * in_quadratic, -0.5 * grad, grad * in_freedom, None


def normaliser_slope(degrees_of_freedom: Tensor, half_dimension: Tensor) -> Tensor:
    """Derivative of the log density's constant with respect to finite degrees of freedom, in float64."""
    return 0.5 * _digamma_excess(0.5 * degrees_of_freedom, half_dimension)


def kernel_slope(quadratic: Tensor, degrees_of_freedom: Tensor, half_dimension: Tensor) -> Tensor:
    """Derivative of the rest of the log density, which vanishes at the center, in float64."""
    ratio = quadratic / degrees_of_freedom
    share = quadratic / (degrees_of_freedom + quadratic)
    # log(1 + u) - u / (1 + u), without cancellation
    curvature = torch.where(ratio < 0.5, _log1p_minus_linear(ratio) + ratio * share, torch.log1p(ratio) - share)
    return half_dimension / degrees_of_freedom * share - 0.5 * curvature


def _digamma_excess(start: Tensor, step: Tensor) -> Tensor:
    r""":math:`\psi(z + h) - \psi(z) - h / z`, from z of 8 on by the asymptotic series of the digamma function."""
    share = step / start
    direct = torch.digamma(start + step) - torch.digamma(start) - share
    large = start.clamp(min=_DIGAMMA_FROM)
    share = step / large
    leading = _log1p_minus_linear(share) + 0.5 * share / (large + step)
    difference = _power_series(_DIGAMMA_SERIES, large) / large - _power_series(_DIGAMMA_SERIES, large + step) / (
        large + step
    )
    return torch.where(start < _DIGAMMA_FROM, direct, leading + difference)


def _log1p_minus_linear(value: Tensor) -> Tensor:
    """``log(1 + v) - v`` for v of zero or more, without cancellation where v is small.

    By ``log(1 + v) = 2 artanh(s)`` with ``s = v / (2 + v)``, whose series starts at ``2 s``.
    """
    small = value.clamp(max=0.5)
    s = small / (2.0 + small)
    square = s.square()
    series = torch.zeros_like(s)
    for k in range(12, 0, -1):
        series = series * square + 1.0 / (2 * k + 1)
    return torch.where(value < 0.5, 2.0 * s * square * series - s * small, torch.log1p(value) - value)


def _power_series(coefficients: tuple[float, ...], value: Tensor) -> Tensor:
    """Sum of ``coefficients[k] / value**(2 k + 1)``."""
    inverse = 1.0 / value
    square = inverse.square()
    total = torch.zeros_like(value)
    for coefficient in reversed(coefficients):
        total = total * square + coefficient
    return total * inverse
