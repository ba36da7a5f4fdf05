"""Cumulative and quantile functions of Student's t, which torch does not have.

Everything is computed in float64 whatever comes in, because a tail probability of 1e-12 is an ordinary number in risk;
the result keeps the dtype of the input. Gradients are exact in both the argument and the degrees of freedom.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_ITERATIONS = 300  # the continued fraction needs about sqrt(max(a, b)) terms: enough for degrees of freedom up to 1e4
_GRADIENT_TERMS = 20  # 1e-10 relative in the gradient at 2 degrees of freedom, where the first term is zero
_TINY = 1e-300


def student_t_log_density(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Log density of the standard Student-t law; the arguments broadcast.

    Example:
        >>> student_t_log_density(torch.tensor(0.0), torch.tensor(4.0))
        tensor(-0.9808)
    """
    half = 0.5 * degrees_of_freedom
    normaliser = torch.lgamma(half + 0.5) - torch.lgamma(half) - 0.5 * torch.log(math.pi * degrees_of_freedom)
    return normaliser - (half + 0.5) * torch.log1p(value.square() / degrees_of_freedom)


def student_t_cdf(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Probability that a standard Student-t variable is at most ``value``; the arguments broadcast.

    Relative accuracy is about 1e-12 in the lower tail (use ``-value`` for the upper one), also where the probability
    is below 1e-100.

    Shape:
        - value, degrees_of_freedom: broadcastable
        - output: the broadcast shape

    Example:
        >>> student_t_cdf(torch.tensor(-2.7764451), torch.tensor(4.0))
        tensor(0.0250)
    """
    value, degrees_of_freedom = torch.broadcast_tensors(value, degrees_of_freedom)
    result: Tensor = _StudentTCdf.apply(value.double(), degrees_of_freedom.double())  # type: ignore[no-untyped-call]
    return result.to(value.dtype)


def student_t_icdf(probability: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Quantile function of the standard Student-t law; the arguments broadcast.

    Args:
        probability: Between 0 and 1, ends included (minus and plus infinity); the quantile is NaN elsewhere.
        degrees_of_freedom: Positive.

    Example:
        >>> student_t_icdf(torch.tensor(0.975), torch.tensor(4.0))
        tensor(2.7764)
    """
    probability, degrees_of_freedom = torch.broadcast_tensors(probability, degrees_of_freedom)
    arguments = probability.double(), degrees_of_freedom.double()
    result: Tensor = _StudentTIcdf.apply(*arguments)  # type: ignore[no-untyped-call]
    return result.to(probability.dtype)


def _beta_fraction(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """Continued fraction of the incomplete beta function by the modified Lentz method (NIST DLMF 8.17.22).

    Differentiable term by term: the derivative of the truncated fraction converges to that of its limit. For some ``b``
    a term is zero and ends the fraction early, but its derivative is not zero, so gradients take a least number of
    terms.
    """
    least_terms = _GRADIENT_TERMS if a.requires_grad or b.requires_grad else 1
    numerator = torch.ones_like(x)
    denominator = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    fraction = denominator
    done = torch.zeros_like(x, dtype=torch.bool)  # by element, so that no value depends on its neighbours in the tensor
    for m in range(1, _ITERATIONS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1.0 / _away_from_zero(1.0 + even * denominator)
        numerator = _away_from_zero(1.0 + even / numerator)
        fraction = torch.where(done, fraction, fraction * denominator * numerator)
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        denominator = 1.0 / _away_from_zero(1.0 + odd * denominator)
        numerator = _away_from_zero(1.0 + odd / numerator)
        step = denominator * numerator
        fraction = torch.where(done, fraction, fraction * step)
        if m >= least_terms:
            done = done | ~((step.detach() - 1.0).abs() >= 1e-15)  # NaN is done too
            if bool(done.all()):
                break
    return fraction


def _away_from_zero(value: Tensor) -> Tensor:
    return torch.where(value.abs() < _TINY, torch.full_like(value, _TINY), value)


def _log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def _lower_tail(distance: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """P(T < -distance) for distance >= 0."""
    return 0.5 * torch.exp(_log_both_tails(distance, degrees_of_freedom))


def _log_both_tails(distance: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Log of P(|T| > distance) for distance >= 0, which is I_x(df / 2, 1 / 2) at x = df / (df + distance**2)."""
    a, b = 0.5 * degrees_of_freedom, torch.full_like(degrees_of_freedom, 0.5)
    total = degrees_of_freedom + distance.square()
    x, y = degrees_of_freedom / total, distance.square() / total  # y = 1 - x without cancellation
    direct = x < (a + 1.0) / (a + b + 2.0)
    # where() keeps the gradient of the branch not taken, so each branch gets harmless arguments outside its own cells.
    x_direct, y_direct = torch.where(direct, x, 0.5), torch.where(direct, y, 0.5)
    x_swapped, y_swapped = torch.where(direct, 1.0, x), torch.where(direct, 0.0, y)
    y_log = torch.where(y_swapped > 0, y_swapped, torch.full_like(y_swapped, _TINY))
    log_direct = a * torch.log(x_direct) + b * torch.log(y_direct) - torch.log(a) - _log_beta(a, b)
    log_swapped = a * torch.log(x_swapped) + b * torch.log(y_log) - torch.log(b) - _log_beta(a, b)
    tails_direct = log_direct + torch.log(_beta_fraction(a, b, x_direct))
    tails_swapped = torch.log1p(-torch.exp(log_swapped) * _beta_fraction(b, a, y_swapped))
    return torch.where(direct, tails_direct, tails_swapped)


def _cdf(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    tail = _lower_tail(value.abs().clamp(max=1e150), degrees_of_freedom)
    tail = torch.where(value.isinf(), 0.0, tail)
    return torch.where(value <= 0, tail, 1.0 - tail)


def _cdf_slope_in_df(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    with torch.enable_grad():
        df = degrees_of_freedom.detach().requires_grad_()
        (slope,) = torch.autograd.grad(_cdf(value.detach(), df).sum(), df)
    return slope


def _quantile_of_tail(tail: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Distance t >= 0 with P(T < -t) = tail, for 0 < tail <= 1/2, by Newton steps that converge from any start.

    Near the centre the tail is convex in t > 0, so steps from zero rise to the root; further out log P is concave in
    log t, so after the first step the iterates fall to the root.
    """
    central, log_target = tail > 0.1, torch.log(tail)
    # Leading term of the tail: P(T > t) ~ density constant * df**((df + 1) / 2) / df * t**-df.
    log_constant = student_t_log_density(torch.zeros_like(tail), degrees_of_freedom)
    log_constant = log_constant + 0.5 * (degrees_of_freedom - 1.0) * torch.log(degrees_of_freedom)
    log_start = torch.clamp((log_constant - log_target) / degrees_of_freedom, min=-2.0, max=340.0)
    distance = torch.where(central, 0.0, torch.exp(log_start))
    done = torch.zeros_like(central)
    for _ in range(40):
        log_density = student_t_log_density(distance, degrees_of_freedom)
        log_tail = _log_both_tails(distance, degrees_of_freedom) - math.log(2.0)  # the tail itself may underflow
        step_center = (torch.exp(log_tail) - tail) / torch.exp(log_density)
        step_in_log = (log_tail - log_target) / torch.exp(log_density + torch.log(distance) - log_tail)
        moved = torch.where(central, distance + step_center, distance * torch.exp(step_in_log))
        distance = torch.where(done, distance, moved)
        done = done | ~(torch.where(central, step_center, step_in_log).abs() >= 1e-8)  # the error is this squared
        if bool(done.all()):
            break
    return distance


class _StudentTCdf(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(value, degrees_of_freedom)
        return _cdf(value, degrees_of_freedom)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401
        value, df = ctx.saved_tensors
        in_value = grad * torch.exp(student_t_log_density(value, df)) if ctx.needs_input_grad[0] else None
        in_df = grad * _cdf_slope_in_df(value, df) if ctx.needs_input_grad[1] else None
        return in_value, in_df


class _StudentTIcdf(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, probability: Tensor, degrees_of_freedom: Tensor) -> Tensor:  # noqa: ANN401
        tail = torch.minimum(probability, 1.0 - probability)
        inside = tail > 0
        distance = _quantile_of_tail(torch.where(inside, tail, 0.5), degrees_of_freedom)
        distance = torch.where(inside, distance, torch.where(tail == 0, torch.inf, torch.nan))
        quantile = torch.where(probability < 0.5, -distance, distance)
        ctx.save_for_backward(quantile, degrees_of_freedom)
        return quantile

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401
        quantile, df = ctx.saved_tensors
        slope = torch.exp(student_t_log_density(quantile, df))
        scaled = torch.where(grad == 0, 0.0, grad / slope)  # a masked cell may hold an infinite quantile
        in_df = -scaled * _cdf_slope_in_df(quantile, df) if ctx.needs_input_grad[1] else None
        return scaled if ctx.needs_input_grad[0] else None, in_df
