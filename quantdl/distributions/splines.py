r"""Monotone splines of rational-linear pieces, and the laws that they bend out of Student's t.

Every bin holds two hyperbolas that meet at its split with one slope (Dolatabadi, Erfani and Leckie, 2020,
https://arxiv.org/abs/2001.05168). Measured from the nearer end of the bin, with ``t`` the share of its width gone, ``l``
the share at which the split lies, ``p**2`` and ``q**2`` the slopes at the near and the far end and ``delta`` that of the
chord, both halves are the same formula:

.. math:: f(t) = \frac{l p^2 t / \delta}{d(t)}, \qquad d(t) = l - t + p \, (l p + (1 - l) q) \, t / \delta, \qquad
    \text{slope} = (l p / d(t))^2

so a value and its log slope take one selection of the half and no case distinction after it, and so does the inverse.
Knots, slopes and splits lie in one table from which the bin of a value is gathered once: no index depends on how many
values fall where, and nothing waits for the device.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.nn import functional

from quantdl.distributions.crps import crps_student_t
from quantdl.distributions.density import INFINITE, student_t_log_density
from quantdl.distributions.marginals import (
    AffineMarginals,
    Marginals,
    cdf_by_transport,
    icdf_by_transport,
    log_cdf_by_transport,
    log_survival_by_transport,
)
from quantdl.distributions.student_t import student_t_cdf

# As in Pyro: the least share of a bin, of the place of its split in it, and the least slope at a knot.
_SMALLEST_SHARE, _SMALLEST_SPLIT, _SMALLEST_SLOPE = 1e-3, 0.025, 1e-3
_NODES = tuple(
    (0.5 * (1.0 + place), 0.5 * weight) for place, weight in zip(*np.polynomial.legendre.leggauss(16), strict=True)
)


@dataclass(frozen=True, eq=False)
class RationalSpline:
    """Monotone splines from ``[-bound, bound]`` onto itself, the identity outside, with slope 1 at both ends.

    Attributes:
        table: (..., 4, bins + 1): places of the knots, their images, the slopes there, and where in the bin after a
            knot its split lies, as a share of the width (the last of these is not used).
        bound: Distance from the center up to which the spline bends.
    """

    table: Tensor
    bound: float

    @classmethod
    def of(cls, parameters: Tensor, bound: float) -> "RationalSpline":
        """Build splines from any numbers: (..., 4 bins - 1) of them, in the order of `start`."""
        bins = (parameters.shape[-1] + 1) // 4
        shares, slopes, splits = parameters.split([2 * bins, bins - 1, bins], dim=-1)
        return cls.from_shares(
            shares.unflatten(-1, (2, bins)).softmax(-1), functional.softplus(slopes), splits.sigmoid(), bound
        )

    @classmethod
    def from_shares(cls, shares: Tensor, slopes: Tensor, splits: Tensor, bound: float) -> "RationalSpline":
        """Build splines from shares that sum to one.

        Every bin is first given a thousandth of the interval on either axis, every slope a thousandth, and a split
        stays a fortieth of the width away from the ends of its bin.

        Args:
            shares: (..., 2, bins) of the places and of the images.
            slopes: (..., bins - 1) at the inner knots, not negative.
            splits: (..., bins) between 0 and 1.
            bound: Distance from the center up to which the spline bends.
        """
        bins = splits.shape[-1]
        inner = _SMALLEST_SHARE * torch.arange(1, bins, device=shares.device, dtype=shares.dtype)
        inner = inner + (1.0 - _SMALLEST_SHARE * bins) * shares[..., :-1].cumsum(-1)
        knots = functional.pad(2.0 * bound * inner - bound, (1, 0), value=-bound)
        knots = functional.pad(knots, (0, 1), value=bound)
        rows = torch.stack(
            [
                functional.pad(slopes + _SMALLEST_SLOPE, (1, 1), value=1.0),
                functional.pad(_SMALLEST_SPLIT + (1.0 - 2.0 * _SMALLEST_SPLIT) * splits, (0, 1), value=0.5),
            ],
            dim=-2,
        )
        return cls(torch.cat([knots, rows], dim=-2), bound)

    @staticmethod
    def start(bins: int) -> Tensor:
        """The parameters of the identity, (4 bins - 1): widths, heights, slopes at the inner knots, splits."""
        start = torch.zeros(4 * bins - 1)
        start[2 * bins : 3 * bins - 1] = math.log(math.expm1(1.0 - _SMALLEST_SLOPE))
        return start

    def forward(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Images of places and the log slopes there; the shape of ``place`` broadcasts with that of the splines."""
        inside, bounded, (left, width, bottom, height, near, far, split) = self._select(place, row=0)
        share = (bounded - left) / width
        upper = share > split
        share, split = torch.where(upper, 1.0 - share, share), torch.where(upper, 1.0 - split, split)
        near, far = torch.where(upper, far, near), torch.where(upper, near, far)
        root = near.sqrt()
        steepness = width / height
        divisor = split - share + share * steepness * root * _mixed(split, root, far)
        rise = height * split * near * steepness * share / divisor
        image = torch.where(upper, bottom + height - rise, bottom + rise)
        log_slope = 2.0 * torch.log(split * root / divisor)
        return torch.where(inside, image, place), torch.where(inside, log_slope, 0.0)

    def inverse(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Places that have these images, and the log slopes of the inverse there."""
        inside, bounded, (left, width, bottom, height, near, far, split) = self._select(image, row=1)
        share = (bounded - bottom) / height
        upper = share > split * near.sqrt() / _mixed(split, near.sqrt(), far)
        share, split = torch.where(upper, 1.0 - share, share), torch.where(upper, 1.0 - split, split)
        near, far = torch.where(upper, far, near), torch.where(upper, near, far)
        root = near.sqrt()
        steepness = width / height
        growth = steepness * root * _mixed(split, root, far) - 1.0
        gone = share * split / (split * near * steepness - share * growth)
        place = torch.where(upper, left + width * (1.0 - gone), left + width * gone)
        log_slope = 2.0 * torch.log((split + growth * gone) / (split * root))
        return torch.where(inside, place, image), torch.where(inside, log_slope, 0.0)

    def joints(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where one hyperbola follows another, from -bound to bound: places, images and slopes, (..., 2 bins + 1)."""
        places, images, slopes, splits = self.table.unbind(-2)
        left, right, split = slopes[..., :-1].sqrt(), slopes[..., 1:].sqrt(), splits[..., :-1]
        mixed = split * left + (1.0 - split) * right
        widths, heights = places.diff(dim=-1), images.diff(dim=-1)
        middle = torch.stack(
            [
                places[..., :-1] + split * widths,
                images[..., :-1] + heights * split * left / mixed,
                (heights / widths / mixed).square(),
            ]
        )
        knots = torch.stack([places, images, slopes])
        between = torch.stack([knots[..., :-1], middle], dim=-1).flatten(-2)
        joined = torch.cat([between, knots[..., -1:]], dim=-1)
        return joined[0], joined[1], joined[2]

    def pick(self, index: Any) -> "RationalSpline":  # noqa: ANN401 - whatever indexes a tensor
        """Some of the splines."""
        return RationalSpline(self.table[index], self.bound)

    def to(self, device: torch.device | str) -> "RationalSpline":
        """The same splines on another device."""
        return RationalSpline(self.table.to(device), self.bound)

    def double(self) -> "RationalSpline":
        """The same splines in float64."""
        return RationalSpline(self.table.double(), self.bound)

    def _select(self, value: Tensor, row: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Which values lie inside, the values kept inside, and for each the bin it falls in along a row of the table.

        A value outside is kept away from the formula, whose unused branch would send NaN into the gradient.
        """
        bounded = value.clamp(-self.bound, self.bound)
        number = (bounded[..., None] >= self.table[..., row, 1:-1]).sum(-1)
        table = self.table.expand(*number.shape, *self.table.shape[-2:])
        ends = torch.stack([number, number + 1], dim=-1)[..., None, :].expand(*number.shape, 4, 2)
        (left, right), (bottom, top), (near, far), (split, _) = (
            part.unbind(-1) for part in table.gather(-1, ends).unbind(-2)
        )
        return value.abs() < self.bound, bounded, (left, right - left, bottom, top - bottom, near, far, split)


def _mixed(split: Tensor, near_root: Tensor, far: Tensor) -> Tensor:
    return split * near_root + (1.0 - split) * far.sqrt()


@dataclass(frozen=True, eq=False)
class SplineMarginals(Marginals):
    """An affine map, then a monotone spline, down to the standard Student-t variable.

    Outside the bound the spline is the identity, so the tails are those of the Student-t base.

    Attributes:
        affine: Location and scale, shapes (B, A).
        spline: From the scaled return to the standard variable, one per row and asset.
    """

    affine: AffineMarginals
    spline: RationalSpline

    def to_standard(self, value: Tensor, degrees_of_freedom: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        scaled, log_slope = self.affine.to_standard(value, degrees_of_freedom)
        standard, spline_slope = self.spline.forward(scaled)
        return standard, log_slope + spline_slope

    def from_standard(self, standard: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        scaled, _ = self.spline.inverse(standard)
        return self.affine.from_standard(scaled, degrees_of_freedom)

    def cdf(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return cdf_by_transport(self._exact, value, degrees_of_freedom)

    def log_cdf(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return log_cdf_by_transport(self._exact, value, degrees_of_freedom)

    def log_survival(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return log_survival_by_transport(self._exact, value, degrees_of_freedom)

    def icdf(self, probability: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return icdf_by_transport(self._exact, probability, degrees_of_freedom)

    def mean(self, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`.

        Outside the bound both sides of the symmetric base cancel. Inside, integration by parts leaves the bound less
        the integral of the distribution function.
        """
        exact, freedom = self._exact, degrees_of_freedom.double()
        area = _integral(*exact.spline.joints(), freedom[:, None, None], None)
        mean = exact.affine.from_standard(exact.spline.bound - area, freedom)
        return torch.where(freedom[:, None] > 1.0, mean, torch.nan).to(self.affine.location.dtype)

    def crps(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        r"""See :class:`Marginals`.

        With T the distribution function of the base, z the standard variable of the return, b the bound, and G(b) the
        integral of T squared up to -b, the score in units of the scale is twice G(b), which has a closed form, plus
        what the return's own side of the bound adds, which is a difference of two Student-t scores, plus the integral
        inside the bound, which Gauss-Legendre nodes take from one joint of hyperbolas to the next.
        """
        exact, freedom = self._exact, degrees_of_freedom.double()[:, None]
        scaled, _ = exact.affine.to_standard(value.double(), freedom)
        bound = exact.spline.bound
        edge, one = torch.full_like(scaled, bound), torch.ones_like(scaled)
        outside = crps_student_t(scaled.abs().clamp(min=bound), 0.0 * one, one, freedom) - crps_student_t(
            edge, 0.0 * one, one, freedom
        )
        inside = scaled.clamp(-bound, bound)
        standard, log_slope = exact.spline.forward(inside)
        own = (inside, standard, log_slope.exp())
        joints = [
            torch.cat([joint, point[..., None]], dim=-1)
            for joint, point in zip(exact.spline.joints(), own, strict=True)
        ]
        order = joints[0].argsort(dim=-1, stable=True)
        joints = [joint.gather(-1, order) for joint in joints]
        within = _integral(*joints, freedom[..., None], inside)
        score = 2.0 * _square_below(edge, freedom) + outside + within
        return torch.where(freedom > 1.0, exact.affine.scale * score, torch.nan)

    def rows(self, index: Tensor | slice) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.rows(index), self.spline.pick(index))

    def assets(self, index: Tensor) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.assets(index), self.spline.pick((slice(None), index)))

    def to(self, device: torch.device | str) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.to(device), self.spline.to(device))

    @property
    def _exact(self) -> "SplineMarginals":
        """The same maps in float64, for probabilities and quantiles."""
        affine = AffineMarginals(self.affine.location.double(), self.affine.scale.double())
        return SplineMarginals(affine, self.spline.double())


def _integral(places: Tensor, images: Tensor, slopes: Tensor, freedom: Tensor, cut: Tensor | None) -> Tensor:
    r"""Integral over places of T(image), or of the squared error of T against a step at ``cut``, one of the places.

    Between two joints place and image lie on a hyperbola, which exponentials run through: with ``c`` half the log of the
    slopes' ratio, the image is ``expm1(c v) / expm1(c)`` and the place ``expm1(-c v) / expm1(-c)``, as shares of their
    ranges, for ``v`` from 0 to 1. In ``v`` nothing has a pole however much the piece bends, so few nodes do.

    Shape:
        - places, images, slopes: (..., J) joints in order
        - cut: (...)
        - output: (...)
    """
    width, height = places.diff(dim=-1), images.diff(dim=-1)
    bend = 0.5 * (slopes[..., 1:] / slopes[..., :-1]).log()
    bend = torch.where(bend.abs() < 1e-9, 1e-9, bend)  # nearly straight: the same to nine digits
    total = torch.zeros_like(width)
    for node, weight in _NODES:
        image = images[..., :-1] + height * torch.expm1(bend * node) / torch.expm1(bend)
        below = _base_cdf(image, freedom)
        if cut is not None:
            below = torch.where(places[..., 1:] <= cut[..., None], below, 1.0 - below).square()
        total = total - weight * below * bend * torch.exp(-bend * node) / torch.expm1(-bend)
    return (total * width).sum(-1)


def _base_cdf(standard: Tensor, freedom: Tensor) -> Tensor:
    """Student-t probabilities in the center; by scipy, fourteen times as fast, where no gradient is needed."""
    if standard.device.type == "cpu" and not (torch.is_grad_enabled() and standard.requires_grad):
        return torch.from_numpy(special.stdtr(freedom.detach().numpy(), standard.detach().numpy()))
    return student_t_cdf(standard, freedom)


def _square_below(bound: Tensor, freedom: Tensor) -> Tensor:
    r"""Integral of the squared distribution function of Student's t up to ``-bound``, for more than one freedom.

    By parts twice, with :math:`m(z) = (\nu + z^2) t_\nu(z) / (\nu - 1)`, whose derivative is :math:`-z t_\nu(z)`; the
    square of the density is another Student-t density, of :math:`2 \nu - 1` degrees of freedom, up to its scale.
    """
    freedom = freedom.clamp(max=INFINITE)
    tail = student_t_cdf(-bound, freedom)
    mean = (freedom + bound.square()) / (freedom - 1.0) * student_t_log_density(bound, freedom).exp()
    doubled = 2.0 * freedom - 1.0
    ratio = doubled / freedom
    center = torch.zeros_like(bound)
    log_constant = 2.0 * student_t_log_density(center, freedom) - student_t_log_density(center, doubled)
    squared = log_constant.exp() * freedom / (freedom - 1.0) / ratio.sqrt() * student_t_cdf(-bound * ratio.sqrt(), doubled)
    return -bound * tail.square() + 2.0 * mean * tail - 2.0 * squared
