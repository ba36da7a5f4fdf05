"""A normalising flow: conditional spline marginals, so that skew, several modes and the shape of the tails can move."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from pyro.distributions.transforms.spline import ConditionedSpline
from torch import Tensor, nn
from torch.nn import functional

from quantdl.distributions import AffineMarginals, Forecast, Marginals, cdf_by_transport, icdf_by_transport
from quantdl.models.encoder import CausalEncoder
from quantdl.models.forecaster import Forecaster
from quantdl.models.heads import AffineHead, FactorCopulaHead, ForecastContext, unit
from quantdl.models.settings import FlowSettings
from quantdl.sequences import Batch


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

    def pick(self, index: Any) -> "SplineShape":  # noqa: ANN401 - whatever indexes a tensor
        """The splines of some rows or assets."""
        return SplineShape(self.widths[index], self.heights[index], self.slopes[index], self.splits[index], self.bound)


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
        return cdf_by_transport(self, value, degrees_of_freedom)

    def icdf(self, probability: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return icdf_by_transport(self, probability, degrees_of_freedom)

    def rows(self, index: Tensor | slice) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.rows(index), self.shape.pick(index))

    def assets(self, index: Tensor) -> "SplineMarginals":
        """See :class:`Marginals`."""
        return SplineMarginals(self.affine.assets(index), self.shape.pick((slice(None), index)))

    def _bounded(self, value: Tensor) -> tuple[Tensor, Tensor]:
        edge = self.shape.bound * (1.0 - 1e-5)
        return value.abs() < edge, value.clamp(-edge, edge)


class SplineHead(nn.Module):
    """The knots of each asset's spline, read off its encoding; training starts from the identity."""

    def __init__(self, size: int, hidden: int, bins: int, bound: float) -> None:
        super().__init__()
        self.bins, self.bound = bins, bound
        last = nn.Linear(hidden, 4 * bins - 1)
        unit_slope = math.log(math.expm1(1.0 - 1e-3))  # Pyro adds 1e-3 to the softplus of it
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
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
        return Forecast(marginals, self.dependence(assets, row, batch.trailing_loadings), batch.present)
