"""A causal transformer over time, and heads for a skewed joint law."""

from quantdl.distributions import CopulaForecast, Forecast
from quantdl.models.encoder import CausalEncoder
from quantdl.models.forecaster import Forecaster
from quantdl.models.heads import ForecastContext, JohnsonSUHead, MarketStatesHead, unit
from quantdl.models.settings import TransformerSettings
from quantdl.sequences import Batch


class TransformerForecaster(Forecaster):
    """Each asset's law and its loadings read off each asset's encoded history.

    All assets share the weights, so any number of assets, also ones never seen in training, is served.

    Args:
        n_features: Feature columns.
        n_windows: Return windows the model answers for.
        settings: Of the network.
    """

    def __init__(self, n_features: int, n_windows: int, settings: TransformerSettings) -> None:
        super().__init__()
        self.encoder = CausalEncoder(n_features, settings)
        self.context = ForecastContext(settings.width, n_windows)
        self.marginals = JohnsonSUHead(self.context.size, settings.width)
        factors = (settings.trailing_factors, settings.sector_factors)
        self.dependence = MarketStatesHead(self.context.size, settings.width, *factors)

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
        hidden = batch.at_read(self.encoder(batch))
        assets, row = self.context(hidden, batch)
        dependence = self.dependence(assets, row, batch.trailing_loadings)
        marginals = self.marginals(assets, unit(batch), dependence.shock_stretch)
        return CopulaForecast(marginals, dependence, batch.present)
