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
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.nn import functional

from quantdl.distributions.base_law import BaseLaw, StudentTLaw
from quantdl.distributions.marginals import Marginals, at_nodes, moments_at_nodes

# As in Pyro: the least share of a bin, of the place of its split in it, and the least slope at a knot.
_SMALLEST_SHARE, _SMALLEST_SPLIT, _SMALLEST_SLOPE = 1e-3, 0.025, 1e-3
_TABLE_PIECES = 40
_UNIT_SLOPE = math.log(math.expm1(1.0 - _SMALLEST_SLOPE))  # what a slope of one is computed from
_NODES = tuple(
    (0.5 * (1.0 + place), 0.5 * weight) for place, weight in zip(*np.polynomial.legendre.leggauss(16), strict=True)
)


def _images(table: Tensor, bound: float, place: Tensor) -> tuple[Tensor, Tensor]:
    """Images of places and the log slopes there, of the splines of a table."""
    bounded, (left, width, bottom, height, near, far, split) = _bins(table, bound, place, axis=0)
    share = (bounded - left) / width
    upper = share > split
    share, split = torch.where(upper, 1.0 - share, share), torch.where(upper, 1.0 - split, split)
    near, far = torch.where(upper, far, near), torch.where(upper, near, far)
    steepness = near * width / height
    divisor = split - share + share * steepness * (split * near + (1.0 - split) * far)
    rise = height * split * near * steepness * share / divisor
    image = torch.where(upper, bottom + height - rise, bottom + rise)
    inside = place.abs() < bound
    log_slope = 2.0 * torch.log(split * near / divisor)
    return torch.where(inside, image, place), torch.where(inside, log_slope, 0.0)


def _places(table: Tensor, bound: float, image: Tensor) -> tuple[Tensor, Tensor]:
    """Places that have these images and the log slopes of the inverse there, of the splines of a table."""
    bounded, (left, width, bottom, height, near, far, split) = _bins(table, bound, image, axis=1)
    share = (bounded - bottom) / height
    upper = share > split * near / (split * near + (1.0 - split) * far)
    share, split = torch.where(upper, 1.0 - share, share), torch.where(upper, 1.0 - split, split)
    near, far = torch.where(upper, far, near), torch.where(upper, near, far)
    steepness = near * width / height
    growth = steepness * (split * near + (1.0 - split) * far) - 1.0
    gone = share * split / (split * near * steepness - share * growth)
    place = torch.where(upper, left + width * (1.0 - gone), left + width * gone)
    inside = image.abs() < bound
    log_slope = 2.0 * torch.log((split + growth * gone) / (split * near))
    return torch.where(inside, place, image), torch.where(inside, log_slope, 0.0)


def _bins(table: Tensor, bound: float, value: Tensor, axis: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Values kept inside the bound, and for each the bin that it falls in along the places or the images.

    Of a bin: left end, width, lower end, height, the roots of the slopes at both ends, and the split. Values beyond
    the bound are kept away from the formulas, whose unused branch would send NaN into the gradient.
    """
    bounded = value.clamp(-bound, bound)
    knots = len(table) // 4
    splines = table.reshape(len(table), *([1] * (value.ndim + 1 - table.ndim)), *table.shape[1:])
    inner = splines[axis * knots + 1 : axis * knots + knots - 1]
    number = (bounded >= inner).sum(0)
    offsets = torch.arange(7, device=value.device).reshape(-1, *([1] * number.ndim))
    offsets = offsets // 2 * knots + offsets % 2
    chosen = splines.expand(-1, *number.shape).gather(0, number + offsets)
    left, right, bottom, top, near, far, split = chosen
    return bounded, (left, right - left, bottom, top - bottom, _root_of_slope(near), _root_of_slope(far), _split(split))


def _root_of_slope(parameter: Tensor) -> Tensor:
    return (functional.softplus(parameter) + _SMALLEST_SLOPE).sqrt()


def _split(parameter: Tensor) -> Tensor:
    return _SMALLEST_SPLIT + (1.0 - 2.0 * _SMALLEST_SPLIT) * parameter.sigmoid()


Kernel = Callable[[Tensor, float, Tensor], tuple[Tensor, Tensor]]
"""From the table of splines, their bound and values to what the splines make of the values, and the log slopes."""


@dataclass(frozen=True)
class SplineKernels:
    """The two chains of operations of a spline.

    Attributes:
        forward: From places to images.
        inverse: From images to places.
    """

    forward: Kernel = _images
    inverse: Kernel = _places

    @staticmethod
    def compiled() -> "SplineKernels":
        """The same, each compiled into few kernels when it is first called, for tables and values of any shape."""
        return SplineKernels(torch.compile(_images, dynamic=True), torch.compile(_places, dynamic=True))


@dataclass(frozen=True, eq=False)
class RationalSpline:
    """Monotone splines from ``[-bound, bound]`` onto itself, the identity outside, with slope 1 at both ends.

    Numbers of a spline stand along the first axis, so that every step runs along the splines, of which there are many.

    Attributes:
        table: (4 (bins + 1), *): of each knot its place, then of each its image, then what its slope and then what the
            split of the bin after it is computed from once that bin is known: their softplus and sigmoid, see `of`.
        bound: Distance from the center up to which the spline bends.
        kernels: What computes it.
    """

    table: Tensor
    bound: float
    kernels: SplineKernels = SplineKernels()

    @classmethod
    def of(cls, parameters: Tensor, bound: float, kernels: SplineKernels = SplineKernels()) -> "RationalSpline":
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
        table = torch.cat([low, places, high, low, images, high, one, slopes, one, splits, one])
        return cls(table, bound, kernels)

    @staticmethod
    def start(bins: int) -> Tensor:
        """The parameters of the identity, (4 bins - 1)."""
        start = torch.zeros(4 * bins - 1)
        start[2 * bins : 3 * bins - 1] = _UNIT_SLOPE
        return start

    def forward(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Images of places, whose shape broadcasts with that of the splines, and the log slopes there."""
        return self.kernels.forward(self.table, self.bound, place)

    def inverse(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Places that have these images, and the log slopes of the inverse there."""
        return self.kernels.inverse(self.table, self.bound, image)

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
        return replace(self, table=self.table[(slice(None), *(index if isinstance(index, tuple) else (index,)))])

    def to(self, device: torch.device | str) -> "RationalSpline":
        """The same splines on another device."""
        return replace(self, table=self.table.to(device))

    def double(self) -> "RationalSpline":
        """The same splines in float64, not compiled."""
        return RationalSpline(self.table.double(), self.bound)


@dataclass(frozen=True, eq=False)
class SplineMarginals(Marginals):
    """Any map, then a monotone spline, down to the standard variable.

    Outside the bound the spline is the identity, so the tails are those of the inner map under the base. Mean and
    variance exist where the inner map has them under that base. For what the spline changes inside the bound, the
    distribution function of the inner map's image is integrated along that image, by Gauss-Legendre nodes from one
    joint of hyperbolas to the next.

    Attributes:
        inner: From the return to what the spline bends: affine, or with tails of its own; (B, A).
        spline: From there to the standard variable, one per row and asset.
    """

    inner: Marginals
    spline: RationalSpline

    def to_standard(self, value: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        place, log_slope = self.inner.to_standard(value, base)
        standard, spline_slope = self.spline.forward(place)
        return standard, log_slope + spline_slope

    def from_standard(self, standard: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        place, _ = self.spline.inverse(standard)
        return self.inner.from_standard(place, base)

    def mean(self, base: BaseLaw) -> Tensor:
        r"""See :class:`Marginals`.

        That of the inner map :math:`y = g(x)` alone and, by parts, :math:`\int g'(x) (G(x) - G(s(x))) \, dx` inside the
        bound, with the spline s and the distribution function G of the base.
        """
        exact = self._exact
        mean = exact.inner.mean(base) + exact._gained(base, lambda place: exact._rise(place, base))
        return mean.to(self.spline.table.dtype)

    def variance(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`; by parts as the mean, of the squared distance from the mean without a spline."""
        exact = self._exact
        plain = exact.inner.mean(base)

        def rise_of_square(place: Tensor) -> Tensor:
            return 2.0 * (exact.inner.from_standard(place, base) - plain) * exact._rise(place, base)

        moved = exact._gained(base, lambda place: exact._rise(place, base))
        variance = exact.inner.variance(base) + exact._gained(base, rise_of_square) - moved.square()
        return variance.to(self.spline.table.dtype)

    def crps(self, value: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`.

        The score of the inner map alone, less what its squared error adds inside the bound, plus what the spline's adds
        there. A return beyond the bound counts as one at the nearest end inside.
        """
        exact = self._exact
        place, _ = exact.inner.to_standard(value.double(), base)
        inside = place.clamp(-exact.spline.bound, exact.spline.bound)
        standard, log_slope = exact.spline.forward(inside)
        own = (inside, standard, log_slope.exp())
        joints = [torch.cat([joint, point[None]]) for joint, point in zip(exact.spline.joints(), own, strict=True)]
        order = joints[0].argsort(dim=0, stable=True)
        places, images, slopes = (joint.gather(0, order) for joint in joints)

        def wrong(below: Tensor, right: Tensor) -> Tensor:
            return torch.where(right <= inside, below, 1.0 - below).square()

        plain, bent = (
            _integral(
                places, at, slope, lambda x: exact._rise(x, base), lambda z, right: wrong(base_cdf(z, base), right)
            )
            for at, slope in ((places, torch.ones_like(slopes)), (images, slopes))
        )
        return exact.inner.crps(value, base) + bent - plain

    def moments_in_states(self, mean: Tensor, deviation: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor, Tensor]:
        """See :class:`Marginals`; the spline's inverse is read off a table, linearly between its places."""
        standard = at_nodes(mean, deviation)
        place = self._read_off_table(standard.flatten(2)).unflatten(2, standard.shape[2:])
        returns = self.inner.from_standard(place.movedim((2, 3), (0, 1)), base).movedim((0, 1), (2, 3))
        return moments_at_nodes(returns, deviation)

    def rows(self, index: Tensor | slice) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.inner.rows(index), self.spline.pick(index))

    def assets(self, index: Tensor) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.inner.assets(index), self.spline.pick((slice(None), index)))

    def to(self, device: torch.device | str) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.inner.to(device), self.spline.to(device))

    def _read_off_table(self, standard: Tensor) -> Tensor:
        """The inner map's images at standard variables of shape (B, A, *)."""
        bound, step = self.spline.bound, 2.0 * self.spline.bound / _TABLE_PIECES
        evenly = torch.linspace(-bound, bound, _TABLE_PIECES + 1, dtype=standard.dtype, device=standard.device)
        inverse, _ = self.spline.inverse(evenly[:, None, None].expand(-1, *standard.shape[:2]))
        inside = inverse.diff(dim=0) / step
        lines = (inverse[:-1] - inside * evenly[:-1, None, None], inside)  # values at zero and slopes
        offset, slope = (
            functional.pad(part.movedim(0, -1), (1, 1), value=beyond)  # the identity on either side
            for part, beyond in zip(lines, (0.0, 1.0), strict=True)
        )
        piece = ((standard.detach() + bound) / step).floor_().add_(1.0).clamp_(0.0, _TABLE_PIECES + 1.0)
        number = piece.nan_to_num_(0.0).long()  # of a fit that diverged: NaN is no place in a table
        return offset.gather(-1, number) + slope.gather(-1, number) * standard

    def _rise(self, place: Tensor, base: BaseLaw) -> Tensor:
        """Slope of the return along the inner map's image."""
        _, log_slope = self.inner.to_standard(self.inner.from_standard(place, base), base)
        return torch.exp(-log_slope)

    def _gained(self, base: BaseLaw, rise: Callable[[Tensor], Tensor]) -> Tensor:
        """How much the spline adds to the expectation of a function of the image that rises by ``rise``."""
        places, images, slopes = self.spline.joints()
        plain, bent = (
            _integral(places, at, slope, rise, lambda z, _: base_cdf(z, base))
            for at, slope in ((places, torch.ones_like(slopes)), (images, slopes))
        )
        return plain - bent

    @property
    def _exact(self) -> "SplineMarginals":
        """The same maps in float64, for probabilities and quantiles."""
        return SplineMarginals(self.inner._exact, self.spline.double())


def _integral(
    places: Tensor,
    images: Tensor,
    slopes: Tensor,
    rise: Callable[[Tensor], Tensor],
    of: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Integral over places of ``rise(place) * of(image, right end of the piece)``.

    Between two joints place and image lie on a hyperbola, which exponentials run through: with ``c`` half the log of
    the slopes' ratio, the image is ``expm1(c v) / expm1(c)`` and the place ``expm1(-c v) / expm1(-c)``, as shares of
    their ranges, for ``v`` from 0 to 1. In ``v`` nothing has a pole however much the piece bends, so few nodes do.

    Shape:
        - places, images, slopes: (J, *) joints in order
        - output: (*)
    """
    width, height = places.diff(dim=0), images.diff(dim=0)
    bend = 0.5 * (slopes[1:] / slopes[:-1]).log()
    bend = torch.where(bend.abs() < 1e-9, 1e-9, bend)  # nearly straight: the same to nine digits
    total = torch.zeros_like(width)
    for node, weight in _NODES:
        image = images[:-1] + height * torch.expm1(bend * node) / torch.expm1(bend)
        place = places[:-1] + width * torch.expm1(-bend * node) / torch.expm1(-bend)
        speed = bend * torch.exp(-bend * node) / torch.expm1(-bend)
        total = total - weight * rise(place) * of(image, places[1:]) * speed
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
