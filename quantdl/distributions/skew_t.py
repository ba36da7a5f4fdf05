r"""Hansen's skewed Student-t law, written as two half Student-t laws that meet at the mode.

With mode ``m``, scale ``s``, skewness :math:`\lambda` in (-1, 1) and :math:`\eta` degrees of freedom, the return is
``m + s (1 - lambda) w`` on the left of the mode and ``m + s (1 + lambda) w`` on its right, where ``w`` is Student-t:
the left side holds :math:`(1 - \lambda) / 2` of the probability. Every function below is a Student-t function of ``w``.

References:
    | Autoregressive Conditional Density Estimation (Hansen, 1994), in the parameters of mean and variance
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import special, stats
from torch import Tensor

from quantdl.distributions.base_law import BaseLaw, student_t_variance
from quantdl.distributions.crps import half_mean_distance
from quantdl.distributions.density import INFINITE, student_t_log_density
from quantdl.distributions.marginals import Marginals, student_t_distance
from quantdl.distributions.student_t import student_t_cdf, student_t_icdf, student_t_log_cdf

_SMALLEST_TAIL = 1e-300
_SMALLEST = 5e-324  # float64 above 0


@dataclass(frozen=True, eq=False)
class SkewStudentTMarginals(Marginals):
    """Skewed Student-t returns with degrees of freedom and skewness of their own, joined by probability.

    Attributes:
        mode: Where the density is highest, shape (B, A), in log return.
        scale: Positive, shape (B, A), in log return; see `skew_t_mode_and_scale` for the law of a given variance.
        own_degrees_of_freedom: Positive, shape (B, A).
        skewness: Between -1 and 1, shape (B, A); negative where losses have the longer tail, 0 for Student-t.
    """

    mode: Tensor
    scale: Tensor
    own_degrees_of_freedom: Tensor
    skewness: Tensor

    def to_standard(self, value: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        exact = value.double()
        half = self._half(exact)
        outer = self._outer_tail(half, exact < self.mode)
        in_lower = (exact < self.mode) == (outer <= 0.5)  # the side of the median, which is not that of the mode
        tail = torch.where(outer <= 0.5, outer, 1.0 - outer)  # unlike the minimum it has a slope where they meet
        standard = base.at_tail(tail.clamp(min=_SMALLEST_TAIL), in_lower)
        density = student_t_log_density(half, self.own_degrees_of_freedom) - self.scale.double().log()
        log_slope = density - base.log_prob(standard)
        return standard.to(value.dtype), log_slope.to(value.dtype)

    def from_standard(self, standard: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        tail, lower = base.nearer_tail(standard)
        return self._at_tail(tail.clamp(min=_SMALLEST_TAIL), lower).to(standard.dtype)

    def cdf(self, value: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        exact = value.double()
        left = exact < self.mode
        outer = self._outer_tail(self._half(exact), left)
        return torch.where(left, outer, 1.0 - outer).clamp(min=_SMALLEST, max=1.0 - 2.0**-53)

    def log_cdf(self, value: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return self._log_tail(value.double(), lower=True)

    def log_survival(self, value: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return self._log_tail(value.double(), lower=False)

    def icdf(self, probability: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        lower = probability < 0.5
        tail = torch.where(lower, probability, 1.0 - probability)
        return self._at_tail(tail, lower.expand(torch.broadcast_shapes(lower.shape, self.mode.shape)), fast=False)

    def mean(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        freedom = self.own_degrees_of_freedom
        shift = 4.0 * self.skewness * self.scale * half_mean(torch.where(freedom > 1.0, freedom, 2.0)).to(freedom.dtype)
        return torch.where(freedom > 1.0, self.mode + shift, torch.nan)

    def variance(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`; from the mean square around the mode, over both half laws."""
        freedom, skew = self.own_degrees_of_freedom, self.skewness
        square = (1.0 + 3.0 * skew.square()) * student_t_variance(freedom)
        shift = 4.0 * skew * half_mean(torch.where(freedom > 1.0, freedom, 2.0)).to(freedom.dtype)
        return self.scale.square() * (square - shift.square())

    def crps(self, value: Tensor, base: BaseLaw) -> Tensor:
        r"""See :class:`Marginals`; closed form by :math:`E|X - y| - E|X - X'| / 2`, finite from one degree of freedom.

        The partial means of a half law are :math:`-t(w) (\eta + w^2) / (\eta - 1)`, and the mean distance of two draws
        follows from that of the symmetric law.
        """
        freedom, skew = self.own_degrees_of_freedom.double().clamp(max=INFINITE), self.skewness.double()
        exact = (value.double() - self.mode) / self.scale
        left = exact < 0.0
        half = exact / torch.where(left, 1.0 - skew, 1.0 + skew)
        center = half_mean(freedom)
        beyond = torch.exp(student_t_log_density(half, freedom)) * (freedom + half.square()) / (freedom - 1.0)
        at_left = -((1.0 - skew).square()) * beyond
        at_right = -((1.0 - skew).square()) * center + (1.0 + skew).square() * (center - beyond)
        partial_mean = torch.where(left, at_left, at_right)
        outer = self._outer_tail(half, left)
        below_less_above = torch.where(left, 2.0 * outer - 1.0, 1.0 - 2.0 * outer)
        distance = exact * below_less_above - 2.0 * partial_mean + 4.0 * skew * center
        own = (1.0 + 3.0 * skew.square()) * half_mean_distance(freedom) - 4.0 * skew.square() * center
        return self.scale * (distance - own)

    def rows(self, index: Tensor | slice) -> "SkewStudentTMarginals":
        """See :class:`Marginals`."""
        return self._of([value[index] for value in self._parameters])

    def assets(self, index: Tensor) -> "SkewStudentTMarginals":
        """See :class:`Marginals`."""
        return self._of([value[:, index] for value in self._parameters])

    def to(self, device: torch.device | str) -> "SkewStudentTMarginals":
        """See :class:`Marginals`."""
        return self._of([value.to(device) for value in self._parameters])

    @property
    def _parameters(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.mode, self.scale, self.own_degrees_of_freedom, self.skewness

    @staticmethod
    def _of(parameters: list[Tensor]) -> "SkewStudentTMarginals":
        mode, scale, freedom, skewness = parameters
        return SkewStudentTMarginals(mode, scale, freedom, skewness)

    def _half(self, value: Tensor) -> Tensor:
        """``w``: a return from the mode in units of the scale of its own side."""
        side = torch.where(value < self.mode, 1.0 - self.skewness.double(), 1.0 + self.skewness.double())
        return (value - self.mode) / (self.scale * side)

    def _outer_tail(self, half: Tensor, left: Tensor) -> Tensor:
        """Probability farther out on the side of ``w``; above one half where that side holds more than half."""
        share = torch.where(left, 1.0 - self.skewness.double(), 1.0 + self.skewness.double())
        return share * student_t_cdf(torch.where(left, half, -half), self.own_degrees_of_freedom)

    def _log_tail(self, value: Tensor, lower: bool) -> Tensor:
        half, left = self._half(value), value < self.mode
        share = torch.where(left, 1.0 - self.skewness.double(), 1.0 + self.skewness.double())
        log_outer = share.log() + student_t_log_cdf(torch.where(left, half, -half), self.own_degrees_of_freedom)
        log_inner = torch.log1p(-torch.exp(log_outer)).clamp(max=-_SMALLEST)  # no return has probability 1
        return torch.where(left if lower else ~left, log_outer, log_inner)

    def _at_tail(self, tail: Tensor, lower: Tensor, fast: bool = True) -> Tensor:
        """The return that leaves ``tail``, at most one half, below it where ``lower`` and above it elsewhere."""
        skew, freedom = self.skewness.double(), self.own_degrees_of_freedom.double()
        share = torch.where(lower, 1.0 - skew, 1.0 + skew)  # twice what the side of the tail holds
        same_side = tail < 0.5 * share
        outer = torch.where(same_side, tail / share, (1.0 - tail) / (2.0 - share))
        left = lower == same_side
        capped = outer.clamp(max=0.5)
        half = student_t_distance(capped, freedom) if fast else -student_t_icdf(capped, freedom)
        signed = torch.where(left, -(1.0 - skew) * half, (1.0 + skew) * half)
        return self.mode + self.scale * signed


def half_mean(degrees_of_freedom: Tensor) -> Tensor:
    """Mean of the positive part of a standard Student-t variable, float64; degrees of freedom above 1."""
    freedom = degrees_of_freedom.double().clamp(max=INFINITE)
    return torch.exp(student_t_log_density(torch.zeros_like(freedom), freedom)) * freedom / (freedom - 1.0)


def skew_t_mode_and_scale(
    mean: Tensor, deviation: Tensor, degrees_of_freedom: Tensor, skewness: Tensor
) -> tuple[Tensor, Tensor]:
    """Mode and scale of the skewed Student-t law with a mean and a standard deviation; the arguments broadcast.

    Args:
        mean: In log return.
        deviation: Standard deviation, in log return.
        degrees_of_freedom: Above 2.
        skewness: Between -1 and 1.
    """
    freedom, square = degrees_of_freedom.clamp(max=INFINITE), skewness.square()
    center = half_mean(freedom)
    variance = freedom / (freedom - 2.0) * (1.0 + 3.0 * square) - 16.0 * square * center.square()
    scale = deviation / variance.sqrt()
    return mean - 4.0 * skewness * scale * center, scale


def skew_t_unit_log_density(values: np.ndarray, degrees_of_freedom: float, skewness: float) -> np.ndarray:
    """Log density of the skewed Student-t law with mean 0 and variance 1, of the shape of ``values``."""
    freedom = degrees_of_freedom
    constant = special.gammaln(0.5 * freedom + 0.5) - special.gammaln(0.5 * freedom) - 0.5 * math.log(math.pi * freedom)
    center = math.exp(constant) * freedom / (freedom - 1.0)
    variance = freedom / (freedom - 2.0) * (1.0 + 3.0 * skewness**2) - 16.0 * skewness**2 * center**2
    scale = variance**-0.5
    distance = np.asarray(values, dtype=np.float64) + 4.0 * skewness * scale * center
    half = distance / (scale * np.where(distance < 0, 1.0 - skewness, 1.0 + skewness))
    density = constant - math.log(scale) - 0.5 * (freedom + 1.0) * np.log1p(half**2 / freedom)
    return np.asarray(density)


def skew_t_downside_share(degrees_of_freedom: float, skewness: float) -> float:
    r"""Expected square of the negative part of the skewed Student-t law with mean 0 and variance 1.

    It is one half without skewness. In closed form, by
    :math:`(1 + w^2 / \eta) \, t_\eta(w) \, dw = \frac{\eta - 1}{\eta - 2} \, t_{\eta - 2}(v) \, dv`
    with :math:`v = w \sqrt{(\eta - 2) / \eta}`. Degrees of freedom above 2.
    """
    if skewness > 0.0:
        return 1.0 - skew_t_downside_share(degrees_of_freedom, -skewness)
    freedom, left = degrees_of_freedom, 1.0 - skewness
    center = float(half_mean(torch.tensor(freedom)))
    variance = freedom / (freedom - 2.0) * (1.0 + 3.0 * skewness**2) - 16.0 * skewness**2 * center**2
    scale = variance**-0.5
    mode = -4.0 * skewness * scale * center  # zero or more, so all of z < 0 lies left of it
    edge = -mode / (scale * left)
    below = float(stats.t.cdf(edge, freedom))
    first = -float(stats.t.pdf(edge, freedom)) * (freedom + edge**2) / (freedom - 1.0)
    outer = float(stats.t.cdf(edge * math.sqrt((freedom - 2.0) / freedom), freedom - 2.0))
    second = freedom * ((freedom - 1.0) / (freedom - 2.0) * outer - below)
    return float(left * (mode**2 * below + 2.0 * mode * scale * left * first + (scale * left) ** 2 * second))
