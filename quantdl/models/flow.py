"""A normalising flow: conditional spline marginals, which may be skewed and have several modes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pyro.distributions.transforms.spline import ConditionedSpline
from torch import Tensor, nn
from torch.nn import functional

from quantdl.distributions import (
    AffineMarginals,
    CopulaForecast,
    Forecast,
    Marginals,
    cdf_by_transport,
    crps_by_quantiles,
    icdf_by_transport,
    log_cdf_by_transport,
    log_survival_by_transport,
    student_t_cdf,
    student_t_variance,
)
from quantdl.models.encoder import CausalEncoder
from quantdl.models.forecaster import Forecaster
from quantdl.models.heads import AffineHead, FactorCopulaHead, ForecastContext, LastLayer, unit
from quantdl.models.settings import FlowSettings
from quantdl.sequences import Batch

_SMALLEST_SHARE, _SMALLEST_SPLIT = 1e-3, 0.025  # of a bin's width and of the place of its split: Pyro's defaults
_NODES = tuple(
    (0.5 * (1.0 + place), 0.5 * weight) for place, weight in zip(*np.polynomial.legendre.leggauss(16), strict=True)
)


@dataclass(frozen=True, eq=False)
class SplineShape:
    """Knots of one monotone spline per row and asset, all of shape (B, A, bins) save the slopes.

    Attributes:
        widths: Shares of the bound's interval along the scaled return.
        heights: Shares along the standard variable.
        slopes: Derivatives at the inner knots, (B, A, bins - 1).
        splits: Where in its bin each piece changes from one hyperbola to the other, between 0 and 1.
        bound: Distance from the center up to which the spline bends; it is the identity outside.
    """

    widths: Tensor
    heights: Tensor
    slopes: Tensor
    splits: Tensor
    bound: float

    def transform(self) -> ConditionedSpline:
        """Pyro's rational-linear spline (Dolatabadi, Erfani and Leckie, 2020, https://arxiv.org/abs/2001.05168)."""
        parts = (self.widths, self.heights, self.slopes, self.splits)
        return ConditionedSpline(tuple(part[..., None, :] for part in parts), bound=self.bound, order="linear")

    def pieces(self) -> Tensor:
        """Where one hyperbola follows another along the scaled return: (2 bins + 1, B, A), from -bound to bound."""
        widths = _SMALLEST_SHARE + (1.0 - _SMALLEST_SHARE * self.widths.shape[-1]) * self.widths
        ends = widths.cumsum(-1)
        splits = ends - widths * (1.0 - _SMALLEST_SPLIT - (1.0 - 2.0 * _SMALLEST_SPLIT) * self.splits)
        inner = torch.stack([splits, ends], dim=-1).flatten(-2)
        shares = torch.cat([torch.zeros_like(inner[..., :1]), inner], dim=-1)
        return (self.bound * (2.0 * shares - 1.0)).movedim(-1, 0)

    def pick(self, index: Any) -> "SplineShape":  # noqa: ANN401 - whatever indexes a tensor
        """The splines of some rows or assets."""
        return SplineShape(self.widths[index], self.heights[index], self.slopes[index], self.splits[index], self.bound)

    def to(self, device: torch.device | str) -> "SplineShape":
        """The same splines on another device."""
        widths, heights, slopes, splits = (
            part.to(device) for part in (self.widths, self.heights, self.slopes, self.splits)
        )
        return SplineShape(widths, heights, slopes, splits, self.bound)

    def double(self) -> "SplineShape":
        """The same splines in float64."""
        widths, heights, slopes, splits = (
            part.double() for part in (self.widths, self.heights, self.slopes, self.splits)
        )
        return SplineShape(widths, heights, slopes, splits, self.bound)


@dataclass(frozen=True, eq=False)
class SplineMarginals(Marginals):
    """An affine map, then a monotone spline, down to the standard Student-t variable.

    Outside the bound the spline is the identity, so the tails are those of the Student-t base. Values out there are
    kept away from the spline itself, whose unused branch would send NaN into the gradient.

    Attributes:
        affine: Location and scale, shapes (B, A).
        shape: Knots of the splines.
    """

    affine: AffineMarginals
    shape: SplineShape

    def to_standard(self, value: Tensor, degrees_of_freedom: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        scaled, log_slope = self.affine.to_standard(value, degrees_of_freedom)
        inside, bounded = self._bounded(scaled)
        transform = self.shape.transform()
        standard = transform(bounded[..., None])
        spline_slope = transform.log_abs_det_jacobian(bounded[..., None], standard)[..., 0]
        return (
            torch.where(inside, standard[..., 0], scaled),
            log_slope + torch.where(inside, spline_slope, 0.0),
        )

    def from_standard(self, standard: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        inside, bounded = self._bounded(standard)
        spread = bounded.expand(torch.broadcast_shapes(bounded.shape, self.affine.scale.shape))
        scaled = self.shape.transform().inv(spread[..., None])[..., 0]
        return self.affine.from_standard(torch.where(inside, scaled, standard), degrees_of_freedom)

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
        """See :class:`Marginals`; to 1e-4 of the scale.

        Outside the bound the spline is the identity and both sides of the symmetric base cancel. Inside, integration by
        parts leaves the bound less the integral of the distribution function, here over each smooth piece.
        """
        pieces = self.shape.pieces().double()
        area = torch.zeros_like(self.affine.location, dtype=torch.float64)
        for left, right in zip(pieces[:-1], pieces[1:], strict=True):
            for node, weight in _NODES:
                returns = self.affine.from_standard(left + node * (right - left), degrees_of_freedom)
                area = area + weight * (right - left) * self.cdf(returns, degrees_of_freedom)
        mean = self.affine.from_standard(self.shape.bound - area, degrees_of_freedom)
        return torch.where(degrees_of_freedom[:, None] > 1.0, mean, torch.nan).to(self.affine.location.dtype)

    def variance(self, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`; to 1e-3 of it.

        Integration by parts leaves the variance of the base and twice the integral, inside the bound, of the place
        times by how much the base's distribution function exceeds the law's.
        """
        pieces, row = self.shape.pieces().double(), degrees_of_freedom[:, None]
        moved = torch.zeros_like(self.affine.location, dtype=torch.float64)
        for left, right in zip(pieces[:-1], pieces[1:], strict=True):
            for node, weight in _NODES:
                place = left + node * (right - left)
                law = self.cdf(self.affine.from_standard(place, degrees_of_freedom), degrees_of_freedom)
                moved = moved + 2.0 * weight * (right - left) * place * (student_t_cdf(place, row) - law)
        mean = self.affine.to_standard(self.mean(degrees_of_freedom), degrees_of_freedom)[0]
        standard = student_t_variance(degrees_of_freedom)[:, None] + moved - mean.square()
        return (standard * self.affine.scale.square()).to(self.affine.location.dtype)

    def crps(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return crps_by_quantiles(
            lambda returns: self.cdf(returns, degrees_of_freedom),
            lambda probability: self.icdf(probability, degrees_of_freedom),
            value,
        )

    def rows(self, index: Tensor | slice) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.rows(index), self.shape.pick(index))

    def assets(self, index: Tensor) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.assets(index), self.shape.pick((slice(None), index)))

    def to(self, device: torch.device | str) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.to(device), self.shape.to(device))

    @property
    def _exact(self) -> "SplineMarginals":
        """The same maps in float64, for probabilities and quantiles."""
        affine = AffineMarginals(self.affine.location.double(), self.affine.scale.double())
        return SplineMarginals(affine, self.shape.double())

    def _bounded(self, value: Tensor) -> tuple[Tensor, Tensor]:
        edge = self.shape.bound * (1.0 - 1e-5)
        return value.abs() < edge, value.clamp(-edge, edge)


class SplineHead(nn.Module):
    """The knots of each asset's spline, read off its encoding.

    Training starts from the identity, save that Pyro fixes the slope at the bound to 0.999 and so bends the outermost
    bins by a thousandth.
    """

    def __init__(self, size: int, hidden: int, bins: int, bound: float) -> None:
        super().__init__()
        self.bins, self.bound = bins, bound
        last = LastLayer(hidden, 4 * bins - 1)
        unit_slope = math.log(math.expm1(1.0 - 1e-3))  # Pyro adds 1e-3 to the softplus of it
        nn.init.constant_(last.bias[2 * bins : 3 * bins - 1], unit_slope)
        self.layers = nn.Sequential(nn.Linear(size, hidden), nn.GELU(), last)

    def forward(self, context: Tensor) -> SplineShape:
        """(B, A, size) encodings give the knots."""
        bins = self.bins
        widths, heights, slopes, splits = self.layers(context).split([bins, bins, bins - 1, bins], dim=-1)
        return SplineShape(
            widths.softmax(-1), heights.softmax(-1), functional.softplus(slopes), splits.sigmoid(), self.bound
        )


class FlowForecaster(Forecaster):
    """Spline marginals over a Student-t base whose degrees of freedom are learned, joined by the factor copula.

    Args:
        n_features: Feature columns.
        n_windows: Return windows the model answers for.
        settings: Of the network.
    """

    def __init__(self, n_features: int, n_windows: int, settings: FlowSettings) -> None:
        super().__init__()
        self.encoder = CausalEncoder(n_features, settings)
        self.context = ForecastContext(settings.width, n_windows)
        self.affine = AffineHead(self.context.size, settings.width)
        self.spline = SplineHead(self.context.size, settings.width, settings.bins, settings.bound)
        self.dependence = FactorCopulaHead(self.context.size, settings.width, settings.trailing_factors)

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
        hidden = batch.at_position(self.encoder(batch))
        assets, row = self.context(hidden, batch)
        marginals = SplineMarginals(self.affine(assets, unit(batch)), self.spline(assets))
        return CopulaForecast(marginals, self.dependence(assets, row, batch.trailing_loadings), batch.present)
