"""Normalising flows: conditional spline margins, or a conditional coupling flow on the common scores of all assets."""

from typing import cast

import torch
from torch import Tensor, nn

from quantdl.distributions import (
    CopulaForecast,
    Forecast,
    PlaneMap,
    RationalSpline,
    ScoreFlowForecast,
    SplineKernels,
    SplineMarginals,
)
from quantdl.models.coupling import CouplingFlow
from quantdl.models.encoder import CausalEncoder
from quantdl.models.forecaster import Forecaster
from quantdl.models.heads import (
    AffineHead,
    FactorCopulaHead,
    ForecastContext,
    JohnsonSUHead,
    LastLayer,
    MarketStatesHead,
    unit,
)
from quantdl.models.settings import FlowSettings
from quantdl.sequences import Batch

_COUPLINGS = 4


class SplineHead(nn.Module):
    """The spline of each asset, read off its encoding; training starts from the identity.

    Attributes:
        kernels: What computes the splines; compiled in place of plain ones where a fit compiles.
    """

    kernels: SplineKernels

    def __init__(self, size: int, hidden: int, bins: int, bound: float) -> None:
        super().__init__()
        self.bound, self.kernels = bound, SplineKernels()
        start = RationalSpline.start(bins)
        last = LastLayer(hidden, len(start))
        with torch.no_grad():
            last.bias.copy_(start)
        self.layers = nn.Sequential(nn.Linear(size, hidden), nn.GELU(), last)

    def forward(self, context: Tensor) -> RationalSpline:
        """(B, A, size) encodings give one spline per row and asset."""
        hidden, last = self.layers[:-1](context).flatten(0, -2), cast(nn.Linear, self.layers[-1])
        numbers = torch.addmm(last.bias[:, None], last.weight, hidden.T)  # numbers first, as the spline has them
        return RationalSpline.of(numbers.unflatten(1, context.shape[:-1]), self.bound, self.kernels)


class FlowForecaster(Forecaster):
    """A flow over standard variables whose law is learned.

    Either Johnson's S_U margins bent by splines and joined by a mixture of market states, or affine margins under a
    factor-t law whose common scores a coupling flow bends; the latter knows assets by their loadings only, so it serves
    any number of them too.

    Args:
        n_features: Feature columns.
        n_windows: Return windows the model answers for.
        settings: Of the network.
    """

    def __init__(self, n_features: int, n_windows: int, settings: FlowSettings) -> None:
        super().__init__()
        self.encoder = CausalEncoder(n_features, settings)
        self.context = ForecastContext(settings.width, n_windows)
        self.joint = settings.joint
        self.dependence: MarketStatesHead | FactorCopulaHead
        sizes = (self.context.size, settings.width, settings.trailing_factors, settings.sector_factors)
        if settings.joint == "factors":
            self.marginals = JohnsonSUHead(self.context.size, settings.width)
            self.spline = SplineHead(self.context.size, settings.width, settings.bins, settings.bound)
            self.dependence = MarketStatesHead(*sizes)
        else:
            bends = (_COUPLINGS, settings.width, settings.bins, settings.bound)
            self.affine = AffineHead(self.context.size, settings.width)
            self.coupling = CouplingFlow(2, self.context.size, *bends)
            self.dependence = FactorCopulaHead(*sizes)

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
        hidden = batch.at_read(self.encoder(batch))
        assets, row = self.context(hidden, batch)
        dependence = self.dependence(assets, row, batch.trailing_loadings)
        if self.joint == "coupling":
            affine = self.affine(assets, unit(batch))
            return ScoreFlowForecast(affine, dependence, PlaneMap(self.coupling, row), batch.present)
        inner = self.marginals(assets, unit(batch), dependence.shock_stretch)
        return CopulaForecast(SplineMarginals(inner, self.spline(assets)), dependence, batch.present)
