"""The contract of every model, and the sizes that all networks share."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import nn

from quantdl.distributions import Forecast
from quantdl.sequences import Batch


@dataclass(frozen=True)
class NetworkSize:
    """What every network is built from.

    Attributes:
        width: Of the encoding; a multiple of twice the heads.
        heads: Of attention.
        layers: Transformer blocks over time.
        trailing_factors: Columns of the batch's trailing loadings.
        dropout: Share of activations dropped in training.
    """

    width: int = 32
    heads: int = 4
    layers: int = 2
    trailing_factors: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ValueError(f"width must be a multiple of twice the heads, got {self.width} and {self.heads}.")


class Forecaster(nn.Module, ABC):
    """Turns histories into the joint law of log returns over each forecast's return window."""

    @abstractmethod
    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
