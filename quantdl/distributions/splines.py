r"""Monotone splines of rational-linear pieces, and the laws that they bend out of a base law.

Every bin holds two hyperbolas that meet at its split with one slope (Dolatabadi, Erfani and Leckie, 2020,
https://arxiv.org/abs/2001.05168). Measured from the nearer end of the bin, with ``t`` the share of its width gone,
``l`` the share at which the split lies, ``p**2`` and ``q**2`` the slopes at the near and the far end and ``delta`` that
of the chord, both halves are the same formula:

.. math:: f(t) = \frac{l p^2 t / \delta}{d(t)}, \qquad d(t) = l - t + p \, (l p + (1 - l) q) \, t / \delta, \qquad
    \text{slope} = (l p / d(t))^2

so a value and its log slope take one selection of the half and no case distinction after it, and so does the inverse.
Knots, slopes and splits lie in one table from which the bin of a value is gathered once: no shape depends on how many
values fall where, so nothing waits for the device.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.nn import functional

from quantdl.distributions.base_law import BaseLaw, StudentTLaw
from quantdl.distributions.marginals import HERMITE, AffineMarginals, Marginals

# As in Pyro: the least share of a bin, of the place of its split in it, and the least slope at a knot.
_SMALLEST_SHARE, _SMALLEST_SPLIT, _SMALLEST_SLOPE = 1e-3, 0.025, 1e-3
_TABLE_PIECES = 40
_UNIT_SLOPE = math.log(math.expm1(1.0 - _SMALLEST_SLOPE))  # what a slope of one is computed from
_NODES = tuple(
    (0.5 * (1.0 + place), 0.5 * weight) for place, weight in zip(*np.polynomial.legendre.leggauss(16), strict=True)
)


@dataclass(frozen=True, eq=False)
class RationalSpline:
    """Monotone splines from ``[-bound, bound]`` onto itself, the identity outside, with slope 1 at both ends.

    Numbers of a spline stand along the first axis, so that every step runs along the splines, of which there are many.

    Attributes:
        table: (4 (bins + 1), *): of each knot its place, then of each its image, then what its slope and then what the
            split of the bin after it is computed from once that bin is known: their softplus and sigmoid, see `of`.
        bound: Distance from the center up to which the spline bends.
    """

    table: Tensor
    bound: float

    @classmethod
    def of(cls, parameters: Tensor, bound: float) -> "RationalSpline":
        """Build splines from any numbers: (4 bins - 1, *) of them give splines of shape (*).

        The softmax of the first ``bins`` gives the shares of the bins along the places, that of the next ``bins`` those
        along the images, the softplus of ``bins - 1`` the slopes at the inner knots, the sigmoid of the last ``bins``
        the places of the splits in their bins. Every bin has a thousandth of the interval on either axis beforehand,
        every slope a thousandth, and a split stays a fortieth of the width away from the ends of its bin.
        """
        bins = (len(parameters) + 1) // 4
        shares, slopes, splits = parameters.split([2 * bins, bins - 1, bins])
        sums = torch.ones(bins - 1, bins, dtype=parameters.dtype, device=parameters.device).tril()
        sums = sums * (2.0 * bound * (1.0 - _SMALLEST_SHARE * bins))
        least = (2.0 * bound * _SMALLEST_SHARE) * torch.arange(1, bins, dtype=sums.dtype, device=sums.device) - bound
        knots = least[:, None] + sums @ shares.reshape(2, bins, -1).softmax(1)
        places, images = knots.unflatten(-1, parameters.shape[1:])
        edge = parameters.new_tensor([-bound, bound, _UNIT_SLOPE]).reshape(3, *([1] * parameters.ndim))
        low, high, one = edge.expand(3, 1, *parameters.shape[1:])
        return cls(torch.cat([low, places, high, low, images, high, one, slopes, one, splits, one]), bound)

    @staticmethod
    def start(bins: int) -> Tensor:
        """The parameters of the identity, (4 bins - 1)."""
        start = torch.zeros(4 * bins - 1)
        start[2 * bins : 3 * bins - 1] = _UNIT_SLOPE
        return start

    def forward(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Images of places, whose shape broadcasts with that of the splines, and the log slopes there."""
        bounded, (left, width, bottom, height, near, far, split) = self._select(place, axis=0)
        share = (bounded - left) / width
        upper = share > split
        share, split = torch.where(upper, 1.0 - share, share), torch.where(upper, 1.0 - split, split)
        near, far = torch.where(upper, far, near), torch.where(upper, near, far)
        steepness = near * width / height
        divisor = split - share + share * steepness * (split * near + (1.0 - split) * far)
        rise = height * split * near * steepness * share / divisor
        image = torch.where(upper, bottom + height - rise, bottom + rise)
        inside = place.abs() < self.bound
        log_slope = 2.0 * torch.log(split * near / divisor)
        return torch.where(inside, image, place), torch.where(inside, log_slope, 0.0)

    def inverse(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Places that have these images, and the log slopes of the inverse there."""
        bounded, (left, width, bottom, height, near, far, split) = self._select(image, axis=1)
        share = (bounded - bottom) / height
        upper = share > split * near / (split * near + (1.0 - split) * far)
        share, split = torch.where(upper, 1.0 - share, share), torch.where(upper, 1.0 - split, split)
        near, far = torch.where(upper, far, near), torch.where(upper, near, far)
        steepness = near * width / height
        growth = steepness * (split * near + (1.0 - split) * far) - 1.0
        gone = share * split / (split * near * steepness - share * growth)
        place = torch.where(upper, left + width * (1.0 - gone), left + width * gone)
        inside = image.abs() < self.bound
        log_slope = 2.0 * torch.log((split + growth * gone) / (split * near))
        return torch.where(inside, place, image), torch.where(inside, log_slope, 0.0)

    def joints(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where one hyperbola follows another, from -bound to bound: places, images and slopes, (2 bins + 1, *)."""
        places, images, slopes, splits = self.table.unflatten(0, (4, -1))
        roots, split = _root_of_slope(slopes), _split(splits[:-1])
        left, right = roots[:-1], roots[1:]
        mixed = split * left + (1.0 - split) * right
        widths, heights = places.diff(dim=0), images.diff(dim=0)
        middle = (
            places[:-1] + split * widths,
            images[:-1] + heights * split * left / mixed,
            (heights / widths / mixed).square(),
        )
        knots = (places, images, roots.square())
        joined = [
            torch.cat([torch.stack([at_knots[:-1], between], dim=1).flatten(0, 1), at_knots[-1:]])
            for at_knots, between in zip(knots, middle, strict=True)
        ]
        return joined[0], joined[1], joined[2]

    def pick(self, index: Any) -> "RationalSpline":  # noqa: ANN401 - whatever indexes a tensor
        """Some of the splines: those of the first axis of their shape, or of several by a tuple."""
        return RationalSpline(self.table[(slice(None), *(index if isinstance(index, tuple) else (index,)))], self.bound)

    def to(self, device: torch.device | str) -> "RationalSpline":
        """The same splines on another device."""
        return RationalSpline(self.table.to(device), self.bound)

    def double(self) -> "RationalSpline":
        """The same splines in float64."""
        return RationalSpline(self.table.double(), self.bound)

    def _select(self, value: Tensor, axis: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Values kept inside the bound, and for each the bin that it falls in along the places or the images.

        Of a bin: left end, width, lower end, height, the roots of the slopes at both ends, and the split. Values beyond
        the bound are kept away from the formulas, whose unused branch would send NaN into the gradient.
        """
        bounded = value.clamp(-self.bound, self.bound)
        knots = len(self.table) // 4
        splines = self.table.reshape(
            len(self.table), *([1] * (value.ndim + 1 - self.table.ndim)), *self.table.shape[1:]
        )
        inner = splines[axis * knots + 1 : axis * knots + knots - 1]
        number = (bounded >= inner).sum(0)
        offsets = torch.arange(7, device=value.device).reshape(-1, *([1] * number.ndim))
        offsets = offsets // 2 * knots + offsets % 2
        chosen = splines.expand(-1, *number.shape).gather(0, number + offsets)
        left, right, bottom, top, near, far, split = chosen
        return bounded, (
            left,
            right - left,
            bottom,
            top - bottom,
            _root_of_slope(near),
            _root_of_slope(far),
            _split(split),
        )


def _root_of_slope(parameter: Tensor) -> Tensor:
    return (functional.softplus(parameter) + _SMALLEST_SLOPE).sqrt()


def _split(parameter: Tensor) -> Tensor:
    return _SMALLEST_SPLIT + (1.0 - 2.0 * _SMALLEST_SPLIT) * parameter.sigmoid()


@dataclass(frozen=True, eq=False)
class SplineMarginals(Marginals):
    """An affine map, then a monotone spline, down to the standard variable.

    Outside the bound the spline is the identity, so the tails are those of the base.

    Attributes:
        affine: Location and scale, shapes (B, A).
        spline: From the scaled return to the standard variable, one per row and asset.
    """

    affine: AffineMarginals
    spline: RationalSpline

    def to_standard(self, value: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        scaled, log_slope = self.affine.standardised(value)
        standard, spline_slope = self.spline.forward(scaled)
        return standard, log_slope + spline_slope

    def from_standard(self, standard: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        scaled, _ = self.spline.inverse(standard)
        return self.affine.from_standard(scaled, base)

    def mean(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`.

        That of the base and, by parts, the integral inside the bound of the distribution function of the standard
        variable less that of the scaled return.
        """
        exact = self._exact
        first, _ = exact._moments(base, square=False)
        return exact.affine.from_standard(first, base).to(self.affine.location.dtype)

    def variance(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`.

        The mean square is that of the base and, by parts, twice the integral inside the bound of z G(z) dz less
        x F(x) dx; x is the scaled return, F its distribution function, z the standard variable and G its own.
        """
        exact = self._exact
        first, second = exact._moments(base, square=True)
        variance = exact.affine.scale.square() * (second - first.square())
        return torch.where(torch.isfinite(base.variance), variance, base.variance).to(self.affine.location.dtype)

    def crps(self, value: Tensor, base: BaseLaw) -> Tensor:
        r"""See :class:`Marginals`.

        Outside the bound the scaled return has the distribution function G of the base. So the score is that of the
        base at the return, where it lies outside, or at the nearest end of the bound, less what the base's own squared
        error adds inside the bound, plus what the spline's adds there. Gauss-Legendre nodes take the integrals inside
        from one joint of hyperbolas to the next.
        """
        exact = self._exact
        scaled, _ = exact.affine.standardised(value.double())
        bound = exact.spline.bound
        inside = scaled.clamp(-bound, bound)
        standard, log_slope = exact.spline.forward(inside)
        own = (inside, standard, log_slope.exp())
        joints = [torch.cat([joint, point[None]]) for joint, point in zip(exact.spline.joints(), own, strict=True)]
        order = joints[0].argsort(dim=0, stable=True)
        places, images, slopes = (joint.gather(0, order) for joint in joints)
        straight = torch.ones_like(slopes)
        within = _integral(places, images, slopes, base, inside) - _integral(places, places, straight, base, inside)
        return exact.affine.scale * (base.crps(scaled) + within)

    def moments_in_states(self, mean: Tensor, deviation: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor, Tensor]:
        """See :class:`Marginals`; the spline's inverse is read off a table, linearly between its places."""
        bound = self.spline.bound
        evenly = torch.linspace(-bound, bound, _TABLE_PIECES + 1, dtype=mean.dtype, device=mean.device)
        inverse, _ = self.spline.inverse(evenly[:, None, None].expand(-1, *mean.shape[:2]))
        table = inverse.movedim(0, -1)  # (B, A, places)
        nodes, shares = (mean.new_tensor(part)[:, None] for part in zip(*HERMITE, strict=True))
        standard = (mean[..., None, :] + deviation[..., None, :] * nodes).flatten(2)  # (B, A, Q * C)
        distance = (standard + bound) * (0.5 * _TABLE_PIECES / bound)
        number = distance.detach().floor().clamp(0, _TABLE_PIECES - 1).long()
        low, high = table.gather(-1, number), table.gather(-1, number + 1)
        inside = low + (high - low) * (distance - number)
        scaled = torch.where(standard.abs() < bound, inside, standard).unflatten(2, (-1, mean.shape[-1]))
        center = (shares * scaled).sum(-2)
        around = scaled - center[..., None, :]
        slope = (shares * nodes * around).sum(-2) / deviation
        scale = self.affine.scale[..., None]
        location = self.affine.location[..., None] + scale * center
        return location, scale * slope, scale.square() * (shares * around.square()).sum(-2)

    def rows(self, index: Tensor | slice) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.rows(index), self.spline.pick(index))

    def assets(self, index: Tensor) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.assets(index), self.spline.pick((slice(None), index)))

    def to(self, device: torch.device | str) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.to(device), self.spline.to(device))

    def _moments(self, base: BaseLaw, square: bool) -> tuple[Tensor, Tensor]:
        """Mean, and mean square where asked for, of the scaled return."""
        places, images, slopes = self.spline.joints()
        straight = torch.ones_like(slopes)
        moved = _integral(places, places, straight, base, None) - _integral(places, images, slopes, base, None)
        first = base.mean.double() + moved
        if not square:
            return first, first
        grown = _integral(places, places, straight, base, None, by_place=True)
        grown = grown - _integral(places, images, slopes, base, None, by_place=True)
        return first, base.variance.double() + base.mean.double().square() + 2.0 * grown

    @property
    def _exact(self) -> "SplineMarginals":
        """The same maps in float64, for probabilities and quantiles."""
        affine = AffineMarginals(self.affine.location.double(), self.affine.scale.double())
        return SplineMarginals(affine, self.spline.double())


def _integral(
    places: Tensor, images: Tensor, slopes: Tensor, base: BaseLaw, cut: Tensor | None, by_place: bool = False
) -> Tensor:
    """Integral over places of G(image), or of the squared error of G against a step at ``cut``, one of the places.

    G is the distribution function of the base. With ``by_place`` of the place times G(image).

    Between two joints place and image lie on a hyperbola, which exponentials run through: with ``c`` half the log of
    the slopes' ratio, the image is ``expm1(c v) / expm1(c)`` and the place ``expm1(-c v) / expm1(-c)``, as shares of
    their ranges, for ``v`` from 0 to 1. In ``v`` nothing has a pole however much the piece bends, so few nodes do.

    Shape:
        - places, images, slopes: (J, *) joints in order
        - cut, output: (*)
    """
    width, height = places.diff(dim=0), images.diff(dim=0)
    bend = 0.5 * (slopes[1:] / slopes[:-1]).log()
    bend = torch.where(bend.abs() < 1e-9, 1e-9, bend)  # nearly straight: the same to nine digits
    total = torch.zeros_like(width)
    for node, weight in _NODES:
        image = images[:-1] + height * torch.expm1(bend * node) / torch.expm1(bend)
        below = base_cdf(image, base)
        if cut is not None:
            below = torch.where(places[1:] <= cut, below, 1.0 - below).square()
        if by_place:
            below = below * (places[:-1] + width * torch.expm1(-bend * node) / torch.expm1(-bend))
        total = total - weight * below * bend * torch.exp(-bend * node) / torch.expm1(-bend)
    return (total * width).sum(0)


def base_cdf(standard: Tensor, base: BaseLaw) -> Tensor:
    """Distribution function of the base; Student's by scipy, fourteen times as fast, where no gradient is needed."""
    if not isinstance(base, StudentTLaw):
        return base.cdf(standard)
    freedom = base.degrees_of_freedom
    wanted = torch.is_grad_enabled() and (standard.requires_grad or freedom.requires_grad)
    if standard.device.type == "cpu" and not wanted:
        return torch.from_numpy(special.stdtr(freedom.detach().double().numpy(), standard.detach().double().numpy()))
    return base.cdf(standard)
