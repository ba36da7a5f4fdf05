"""The contract of every model."""

from abc import ABC, abstractmethod

from torch import nn

from quantdl.distributions import Forecast
from quantdl.sequences import Batch


class Forecaster(nn.Module, ABC):
    """Turns histories into the joint law of log returns over each forecast's return window."""

    @abstractmethod
    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
