"""A causal transformer with Student-t marginals."""

from quantdl.distributions import Forecast
from quantdl.models.base import AffineHead, FactorCopulaHead, ForecastContext, Forecaster, unit
from quantdl.models.encoder import CausalEncoder
from quantdl.sequences import Batch


class TransformerForecaster(Forecaster):
    """Student-t laws and copula loadings read off each asset's encoded history.

    Nothing here knows how many assets there are: weights are shared, so assets never seen in training are served.

    Args:
        n_features: Feature columns.
        n_windows: Return windows the model answers for.
        width: Of the encoding; a multiple of twice the heads.
        heads: Of attention.
        layers: Transformer blocks.
        trailing_factors: Columns of the batch's trailing loadings.
        dropout: Share of activations dropped in training.
    """

    def __init__(
        self,
        n_features: int,
        n_windows: int = 1,
        width: int = 32,
        heads: int = 4,
        layers: int = 2,
        trailing_factors: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.encoder = CausalEncoder(n_features, width, heads, layers, dropout)
        self.context = ForecastContext(width, n_windows)
        self.marginals = AffineHead(self.context.size, width)
        self.dependence = FactorCopulaHead(self.context.size, width, trailing_factors)

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
        hidden = batch.at_position(self.encoder(batch))
        assets, row = self.context(hidden, batch)
        return Forecast(
            self.marginals(assets, unit(batch)), self.dependence(assets, row, batch.trailing_loadings), batch.present
        )
