"""The continuous ranked probability score of one-dimensional laws: in closed form, and by quantiles for any law."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from quantdl.distributions.density import INFINITE, MANY, log_gamma_ratio, student_t_log_density
from quantdl.distributions.student_t import student_t_cdf

# Quantiles at these probabilities (and at one minus them) cut the line into panels.
_PANEL_EDGES = (1e-6, 1e-4, 0.002, 0.02, 0.1, 0.3, 0.5)
# Gauss-Legendre nodes and weights of order 4 on (0, 1), NIST DLMF 3.5(v).
_NODES = tuple(
    (0.5 * (1.0 + side * x), 0.5 * weight)
    for x, weight in ((0.3399810435848563, 0.6521451548625461), (0.8611363115940526, 0.3478548451374538))
    for side in (-1, 1)
)


def crps_by_quantiles(cdf: Callable[[Tensor], Tensor], icdf: Callable[[Tensor], Tensor], value: Tensor) -> Tensor:
    r"""Continuous ranked probability score of any law, from its distribution function and its quantiles.

    .. math:: \mathrm{CRPS}(F, y) = \int_{-\infty}^y F(x)^2 \, dx + \int_y^\infty (1 - F(x))^2 \, dx

    The line is cut at 13 quantiles and at the return itself, and each panel is integrated by 4 Gauss-Legendre nodes:
    the quantiles put the panels where the distribution rises, whatever its shape. Beyond the quantiles at 1e-6 and
    1 - 1e-6 nothing is added.

    Largest relative errors over returns from the center to far beyond the tails: 1e-7 for the normal law, 1e-5 for
    Student-t with 3 degrees of freedom or more, 5e-5 with 2, 5e-6 for a bimodal mixture, 2e-3 for a strongly bent
    spline, whose density has kinks, and 1 % for modes that lie 50 standard deviations apart.

    Args:
        cdf: Probabilities of returns at most the given ones, float64 of the shape of ``value``.
        icdf: Quantiles, of the shape of ``value``, at one float64 probability.
        value: Log returns.

    Returns:
        The scores, of the shape of ``value``, in log return and float64.

    References:
        | Strictly Proper Scoring Rules, Prediction, and Estimation (Gneiting and Raftery, 2007)
    """
    exact = value.double()
    lower = [icdf(exact.new_tensor(p)).double() for p in _PANEL_EDGES]
    upper = [icdf(exact.new_tensor(1.0 - p)).double() for p in _PANEL_EDGES[:-1]]
    edges = torch.stack([*lower, *upper, exact]).sort(dim=0).values
    total = torch.zeros_like(exact)
    for left, right in zip(edges[:-1], edges[1:], strict=True):
        for node, weight in _NODES:
            below = cdf(left + node * (right - left)).double()
            wrong = torch.where(right <= exact, below, 1.0 - below)  # the return is never inside a panel
            total += weight * (right - left) * wrong.square()
    return total


def crps_student_t(value: Tensor, location: Tensor, scale: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Continuous ranked probability score of Student-t laws in closed form; the arguments broadcast.

    Args:
        value: Log returns.
        location: Center of the law.
        scale: Scale, not standard deviation.
        degrees_of_freedom: Above 1, for there is no score without a mean; infinity stands for the normal law.

    Returns:
        The scores in the unit of ``value``, float64.

    References:
        | Evaluating Probabilistic Forecasts with scoringRules (Jordan, Krueger and Lerch, 2019)

    Example:
        >>> crps_student_t(torch.tensor(1.0), torch.tensor(0.0), torch.tensor(1.0), torch.tensor(torch.inf))
        tensor(0.6024, dtype=torch.float64)
    """
    df = degrees_of_freedom.double().clamp(max=INFINITE)
    z = (value.double() - location) / scale
    peak = 2.0 * torch.exp(student_t_log_density(z, df)) * (df + z.square()) / (df - 1.0)
    return scale * (z * (2.0 * student_t_cdf(z, df) - 1.0) + peak - half_mean_distance(df))


def half_mean_distance(df: Tensor) -> Tensor:
    """Half the expected distance between two standard Student-t variables.

    It is ``2 sqrt(df) B(1/2, df - 1/2) / ...`` of the paper.

    For many degrees of freedom the beta functions are taken apart, see :mod:`quantdl.distributions.density`.
    """
    few = torch.where(df < MANY, df, 2.0)
    log_beta = torch.lgamma(few - 0.5) + math.lgamma(0.5) - torch.lgamma(few)  # log B(1/2, df - 1/2)
    log_half = torch.lgamma(0.5 * few) + math.lgamma(0.5) - torch.lgamma(0.5 * few + 0.5)  # log B(1/2, df / 2)
    direct = 2.0 * few.sqrt() / (few - 1.0) * torch.exp(log_beta - 2.0 * log_half)
    many, half = df.clamp(min=MANY), torch.full_like(df, 0.5)
    remainder = 2.0 * log_gamma_ratio(0.5 * many, half) - log_gamma_ratio(many - 0.5, half)
    series = torch.exp(remainder) * many / ((many - 1.0) * torch.sqrt(math.pi * (1.0 - 0.5 / many)))
    return torch.where(df < MANY, direct, series)
