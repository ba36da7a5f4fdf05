"""Marginals whose tails and skewness are each asset's own, with both directions in closed form."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from quantdl.distributions.base_law import BaseLaw
from quantdl.distributions.marginals import Marginals
from quantdl.distributions.state_moments import state_moments

# Standard variables are integrated over z = 0.3 sinh(t): evenly spaced in t, they are dense where the laws are narrow.
_UNIT, _FARTHEST = 0.3, 6.5  # up to z = 100
_STEP = 0.1  # of the trapezoidal rule, whose error falls exponentially with it
_PANELS = torch.linspace(-_FARTHEST, _FARTHEST, 27, dtype=torch.float64)
# Gauss-Legendre nodes and weights of order 4 on (0, 1), NIST DLMF 3.5(v).
_NODES = tuple(
    (0.5 * (1.0 + side * x), 0.5 * weight)
    for x, weight in ((0.3399810435848563, 0.6521451548625461), (0.8611363115940526, 0.3478548451374538))
    for side in (-1, 1)
)


@dataclass(frozen=True, eq=False)
class SinhArcsinhMarginals(Marginals):
    r"""Returns whose tails may be heavier than the base's, each asset by its own measure.

    .. math:: z = \sinh(\delta \, \mathrm{asinh}((y - \mathrm{location}) / \mathrm{scale}) + \epsilon)

    With tail 1 and skew 0 the map is affine. A tail below 1 makes returns heavier-tailed than the base: far out they
    grow like the base to the power of one over it. A positive skew moves mass to the left.

    Attributes:
        location: (B, A), in log return.
        scale: Positive, (B, A), in log return; not the standard deviation.
        tail: The power delta, positive, (B, A).
        skew: The shift epsilon, (B, A).

    References:
        | Sinh-arcsinh distributions (Jones and Pewsey, 2009, https://doi.org/10.1093/biomet/asp053)
    """

    location: Tensor
    scale: Tensor
    tail: Tensor
    skew: Tensor

    def to_standard(self, value: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        unit = (value - self.location) / self.scale
        angle = self.tail * torch.asinh(unit) + self.skew
        # log cosh without overflow, and half of log(1 + unit**2)
        log_cosh = angle.abs() + torch.log1p(torch.exp(-2.0 * angle.abs())) - math.log(2.0)
        log_root = torch.log(torch.hypot(unit, torch.ones_like(unit)))
        return torch.sinh(angle), self.tail.log() + log_cosh - log_root - self.scale.log()

    def from_standard(self, standard: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return self.location + self.scale * torch.sinh((torch.asinh(standard) - self.skew) / self.tail)

    def mean(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`; by quadrature, to 1e-7 of the scale."""
        first, _ = self._moments(base)
        return (self.location + self.scale * first).to(self.location.dtype)

    def variance(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`; as `mean`."""
        first, second = self._moments(base)
        return (self.scale.square() * (second - first.square())).to(self.location.dtype)

    def crps(self, value: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`; to 1e-6 of the score.

        The squared distance of the distribution function from the step at the return, integrated along the standard
        variable over panels that are cut at the return.
        """
        exact = self._exact
        at = torch.asinh(exact.to_standard(value.double(), base)[0] / _UNIT)
        edges = _PANELS.to(at.device).reshape(-1, *(1,) * at.ndim).expand(-1, *at.shape)
        edges = torch.cat([edges, at[None]]).sort(dim=0).values
        total = torch.zeros_like(at)
        for left, right in zip(edges[:-1], edges[1:], strict=True):
            for node, weight in _NODES:
                place = left + node * (right - left)
                standard = _UNIT * torch.sinh(place)
                distance = base.cdf(standard) - (left >= at).to(at)
                speed = exact._slope(standard) * _UNIT * torch.cosh(place)
                total = total + weight * (right - left) * distance.square() * speed
        return total

    def moments_in_states(self, mean: Tensor, deviation: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor, Tensor]:
        """See :class:`Marginals`; in one pass over the nodes."""
        first, slope, second = state_moments(mean, deviation, self.tail, self.skew)
        scale = self.scale[..., None]
        return self.location[..., None] + scale * first, scale * slope, scale.square() * second

    def rows(self, index: Tensor | slice) -> "SinhArcsinhMarginals":
        """See :class:`Marginals`."""
        return SinhArcsinhMarginals(self.location[index], self.scale[index], self.tail[index], self.skew[index])

    def assets(self, index: Tensor) -> "SinhArcsinhMarginals":
        """See :class:`Marginals`."""
        parts = (self.location, self.scale, self.tail, self.skew)
        return SinhArcsinhMarginals(*(part[:, index] for part in parts))

    def to(self, device: torch.device | str) -> "SinhArcsinhMarginals":
        """See :class:`Marginals`."""
        parts = (self.location, self.scale, self.tail, self.skew)
        return SinhArcsinhMarginals(*(part.to(device) for part in parts))

    @property
    def _exact(self) -> "SinhArcsinhMarginals":
        """The same maps in float64, for probabilities and quantiles."""
        parts = (self.location, self.scale, self.tail, self.skew)
        return SinhArcsinhMarginals(*(part.double() for part in parts))

    def _slope(self, standard: Tensor) -> Tensor:
        """Derivative of the return along the standard variable."""
        angle = (torch.asinh(standard) - self.skew) / self.tail
        return self.scale * torch.cosh(angle) / (self.tail * torch.hypot(standard, torch.ones_like(standard)))

    def _moments(self, base: BaseLaw) -> tuple[Tensor, Tensor]:
        """Mean and mean square of the scaled return, (B, A) float64."""
        exact = self._exact
        first, second = torch.zeros_like(exact.location), torch.zeros_like(exact.location)
        places = torch.arange(-_FARTHEST, _FARTHEST + 0.5 * _STEP, _STEP, dtype=torch.float64).tolist()
        for place in places:
            standard = torch.full_like(exact.location, _UNIT * math.sinh(place))
            mass = torch.exp(base.log_prob(standard)) * _UNIT * math.cosh(place) * _STEP
            unit = torch.sinh((torch.asinh(standard) - exact.skew) / exact.tail)
            first, second = first + mass * unit, second + mass * unit.square()
        return first, second
