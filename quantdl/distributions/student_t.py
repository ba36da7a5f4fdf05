"""Cumulative and quantile functions of Student's t, which torch does not have.

Everything is computed and returned in float64 whatever comes in, because a tail probability of 1e-12 is an ordinary
number in risk, and float32 holds nothing between 1 - 6e-8 and 1. Values and gradients, in both the argument and the
degrees of freedom, are exact to 1e-12 from 0.1 degrees of freedom to infinitely many, which is the normal law.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from quantdl.distributions.density import INFINITE, MANY, student_t_log_density
from quantdl.distributions.tails import log_both_tails_of_many, tail_slope, tail_slope_over_tail

_ITERATIONS = 300  # the continued fraction needs about sqrt(max(a, b)) terms, and b is 100 at most
_TINY = 1e-300
_FARTHEST = 1e150  # its square is still a float64
_BELOW_ONE = 1.0 - 2.0**-53  # largest float64 below 1
_SMALLEST = 5e-324  # smallest float64 above 0


def student_t_cdf(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Probability that a standard Student-t variable is at most ``value``; the arguments broadcast.

    Relative accuracy is about 1e-12 in the lower tail, also where the probability is below 1e-100. Near 1 a float64 has
    only sixteen digits after the point: the upper tail is `student_t_cdf` of ``-value``, and both tails beyond 1e-300
    are in `student_t_log_cdf`. No finite value has probability 0 or 1: what would be rounded to one of them is the
    float64 next to it.

    Shape:
        - value, degrees_of_freedom: broadcastable
        - output: the broadcast shape, float64

    Example:
        >>> student_t_cdf(torch.tensor(-2.7764451), torch.tensor(4.0))
        tensor(0.0250, dtype=torch.float64)
    """
    value, degrees_of_freedom = torch.broadcast_tensors(value, degrees_of_freedom)
    result: Tensor = _StudentTCdf.apply(value.double(), degrees_of_freedom.double())  # type: ignore[no-untyped-call]
    return result


def student_t_log_cdf(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Log of the probability that a standard Student-t variable is at most ``value``; the arguments broadcast.

    Exact to 1e-12, relative or absolute, whichever is easier to meet, at any distance up to 1e150, and so are the
    derivatives in both arguments. The log of the upper tail is this at ``-value``.

    Shape:
        - value, degrees_of_freedom: broadcastable
        - output: the broadcast shape, float64, zero or negative

    Example:
        >>> student_t_log_cdf(torch.tensor(-1e6, dtype=torch.float64), torch.tensor(60.0))
        tensor(-709.0706, dtype=torch.float64)
    """
    value, degrees_of_freedom = torch.broadcast_tensors(value, degrees_of_freedom)
    result: Tensor = _StudentTLogCdf.apply(value.double(), degrees_of_freedom.double())  # type: ignore[no-untyped-call]
    return result


def student_t_icdf(probability: Tensor | float, degrees_of_freedom: Tensor) -> Tensor:
    """Quantile function of the standard Student-t law; the arguments broadcast.

    Args:
        probability: Between 0 and 1, ends included (minus and plus infinity); the quantile is NaN elsewhere. A Python
            number or a float64 tensor, see `exact_probability`.
        degrees_of_freedom: Positive.

    Returns:
        The quantiles, float64.

    Raises:
        ValueError: If a tensor that is not float64 holds a probability of exactly 1.

    Example:
        >>> student_t_icdf(0.975, torch.tensor(4.0))
        tensor(2.7764, dtype=torch.float64)
    """
    exact = exact_probability(probability, degrees_of_freedom.device)
    arguments = torch.broadcast_tensors(exact, degrees_of_freedom.double())
    result: Tensor = _StudentTIcdf.apply(*arguments)  # type: ignore[no-untyped-call]
    return result


def exact_probability(probability: Tensor | float, device: torch.device) -> Tensor:
    """Return a probability in float64, on a device; every quantile function takes its argument through here.

    A Python number is a float64. A tensor of less precision is widened: its quantiles are those of the number that it
    holds, which near 1 is a rounded one (a float32 there is a multiple of 6e-8). Exactly 1 is refused in it, because
    that is what 1 - 1e-8 rounds to, and its quantile is infinite.

    Raises:
        ValueError: If a tensor that is not float64 holds a probability of exactly 1.

    Example:
        >>> exact_probability(1 - 1e-8, torch.device("cpu")) < 1
        tensor(True)
    """
    if not isinstance(probability, Tensor):
        return torch.tensor(probability, dtype=torch.float64, device=device)
    if probability.dtype != torch.float64 and bool((probability == 1).any()):
        name = str(probability.dtype).removeprefix("torch.")
        raise ValueError(
            f"the probability 1.0 came in {name}, where 1 - 1e-8 rounds to it; its quantile is infinite. "
            "Probabilities near 1 are float64. "
            "Fix: pass the Python number, law.icdf(1 - 1e-8), or a tensor made with dtype=torch.float64."
        )
    return probability.to(device=device, dtype=torch.float64)


def _log_both_tails(distance: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Log of P(|T| > distance) for distance >= 0: by continued fraction for few degrees of freedom, else by quadrature.

    For many the powers of the incomplete beta function lose digits, and its continued fraction needs too many terms.
    """
    few = degrees_of_freedom < MANY
    if bool(few.all()):
        return _log_beta_tails(distance, degrees_of_freedom)
    by_fraction = _log_beta_tails(torch.where(few, distance, 1.0), torch.where(few, degrees_of_freedom, 1.0))
    return torch.where(few, by_fraction, log_both_tails_of_many(distance, degrees_of_freedom.clamp(min=MANY)))


def _log_beta_tails(distance: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """As `_log_both_tails`, by I_x(df / 2, 1 / 2) at x = df / (df + distance**2)."""
    a, b = 0.5 * degrees_of_freedom, torch.full_like(degrees_of_freedom, 0.5)
    total = degrees_of_freedom + distance.square()
    x, y = degrees_of_freedom / total, distance.square() / total  # y = 1 - x without cancellation
    direct = x < (a + 1.0) / (a + b + 2.0)
    x_direct, y_direct = torch.where(direct, x, 0.5), torch.where(direct, y, 0.5)
    x_swapped, y_swapped = torch.where(direct, 1.0, x), torch.where(direct, 0.0, y)
    y_log = torch.where(y_swapped > 0, y_swapped, torch.full_like(y_swapped, _TINY))
    log_direct = a * torch.log(x_direct) + b * torch.log(y_direct) - torch.log(a) - _log_beta(a, b)
    log_swapped = a * torch.log(x_swapped) + b * torch.log(y_log) - torch.log(b) - _log_beta(a, b)
    tails_direct = log_direct + torch.log(_beta_fraction(a, b, x_direct))
    tails_swapped = torch.log1p(-torch.exp(log_swapped) * _beta_fraction(b, a, y_swapped))
    return torch.where(direct, tails_direct, tails_swapped)


def _beta_fraction(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """Continued fraction of the incomplete beta function by the modified Lentz method (NIST DLMF 8.17.22)."""
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
        done = done | ~((step - 1.0).abs() >= 1e-15)  # NaN is done too
        if bool(done.all()):
            break
    return fraction


def _away_from_zero(value: Tensor) -> Tensor:
    return torch.where(value.abs() < _TINY, torch.full_like(value, _TINY), value)


def _log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def _log_tail(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Log of the tail on the side of ``value``, which holds at most one half; minus infinity at infinity."""
    tail = _log_both_tails(value.abs().clamp(max=_FARTHEST), degrees_of_freedom) - math.log(2.0)
    return torch.where(value.isinf(), -torch.inf, tail)


def _cdf(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    tail = 0.5 * torch.exp(_log_both_tails(value.abs().clamp(max=_FARTHEST), degrees_of_freedom))
    lower, upper = tail.clamp(min=_SMALLEST), (1.0 - tail).clamp(max=_BELOW_ONE)
    finite = torch.where(value <= 0, lower, upper)
    return torch.where(value.isinf(), (value > 0).double(), finite)


def _log_cdf(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    tail = _log_tail(value, degrees_of_freedom)
    rest = torch.where(value.isinf(), 0.0, torch.log1p(-torch.exp(tail)).clamp(max=-_SMALLEST))
    return torch.where(value <= 0, tail, rest)


def _cdf_slope_in_df(value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    slope = tail_slope(value.abs().clamp(max=_FARTHEST), degrees_of_freedom)
    return torch.where(value.isinf(), 0.0, torch.where(value <= 0, slope, -slope))


def _log_cdf_slope_in_df(value: Tensor, degrees_of_freedom: Tensor, log_cdf: Tensor) -> Tensor:
    """In the lower tail the slope over the tail itself: both may be too small for a float64."""
    log_tail = _log_tail(value, degrees_of_freedom)
    relative = tail_slope_over_tail(value.abs().clamp(max=_FARTHEST), degrees_of_freedom, log_tail)
    slope = torch.where(value <= 0, relative, -relative * torch.exp(log_tail - log_cdf))
    return torch.where(value.isinf(), 0.0, slope)


def _quantile_of_tail(tail: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Distance t >= 0 with P(T < -t) = tail, for 0 < tail <= 1/2, by Newton steps that converge from any start.

    Near the centre the tail is convex in t > 0, so steps from zero rise to the root; further out log P is concave in
    log t, so after the first step the iterates fall to the root.
    """
    central, log_target = tail > 0.1, torch.log(tail)
    distance = torch.where(central, 0.0, _first_distance(tail, degrees_of_freedom))
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


def _first_distance(tail: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Where the search starts: by the leading power of the tail, or by the normal quantile for many degrees of freedom.

    The power is ``P(T > t) ~ density constant * df**((df + 1) / 2) / df * t**-df``. The normal quantile is stretched so
    that the densities' exponents agree (Wallace, 1959).
    """
    log_constant = student_t_log_density(torch.zeros_like(tail), degrees_of_freedom)
    log_constant = log_constant + 0.5 * (degrees_of_freedom - 1.0) * torch.log(degrees_of_freedom)
    log_start = torch.clamp((log_constant - torch.log(tail)) / degrees_of_freedom, min=-2.0, max=340.0)
    many = degrees_of_freedom.clamp(min=MANY, max=INFINITE)
    normal = torch.sqrt(many * torch.expm1(torch.special.ndtri(tail).square() / many))
    return torch.where(degrees_of_freedom < MANY, torch.exp(log_start), normal)


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


class _StudentTLogCdf(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:  # noqa: ANN401
        result = _log_cdf(value, degrees_of_freedom)
        ctx.save_for_backward(value, degrees_of_freedom, result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401
        value, df, log_cdf = ctx.saved_tensors
        in_value = in_df = None
        if ctx.needs_input_grad[0]:
            slope = torch.exp(student_t_log_density(value, df) - log_cdf)
            in_value = grad * torch.where(value.isinf(), 0.0, slope)
        if ctx.needs_input_grad[1]:
            in_df = grad * _log_cdf_slope_in_df(value, df, log_cdf)
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
