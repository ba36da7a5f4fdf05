"""A normalising flow: conditional spline marginals, which may be skewed and have several modes."""

import torch
from torch import Tensor, nn

from quantdl.distributions import CopulaForecast, Forecast, RationalSpline, SplineMarginals
from quantdl.models.encoder import CausalEncoder
from quantdl.models.forecaster import Forecaster
from quantdl.models.heads import AffineHead, FactorCopulaHead, ForecastContext, unit
from quantdl.models.settings import FlowSettings
from quantdl.sequences import Batch


class SplineHead(nn.Module):
    """The spline of each asset, read off its encoding; training starts from the identity."""

    def __init__(self, size: int, hidden: int, bins: int, bound: float) -> None:
        super().__init__()
        self.bound = bound
        start = RationalSpline.start(bins)
        self.layers = nn.Sequential(nn.Linear(size, hidden), nn.GELU())
        self.last = nn.Linear(hidden, len(start))
        nn.init.zeros_(self.last.weight)
        with torch.no_grad():
            self.last.bias.copy_(start)

    def forward(self, context: Tensor) -> RationalSpline:
        """(B, A, size) encodings give one spline per row and asset."""
        hidden = self.layers(context).flatten(0, -2).T
        numbers = torch.addmm(
            self.last.bias[:, None], self.last.weight, hidden
        )  # numbers first, as the spline has them
        return RationalSpline.of(numbers.unflatten(1, context.shape[:-1]), self.bound)


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
