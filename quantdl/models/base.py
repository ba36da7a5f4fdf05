"""The contract of every model, and the heads that turn an encoding into a law."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from quantdl.distributions import AffineMarginals, FactorStudentT, Forecast
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


class FeatureScaler(nn.Module):
    """Standardise features by the mean and spread they had in training, and hold outliers at six of these spreads."""

    mean: Tensor
    spread: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("spread", torch.ones(n_features))

    def fit(self, features: Tensor) -> None:
        """Learn mean and spread from (N, F) feature rows."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0).clamp(min=1e-3))

    def forward(self, features: Tensor) -> Tensor:
        """Any shape (..., F) to the same shape."""
        scaled: Tensor = ((features - self.mean) / self.spread).clamp(-6.0, 6.0)
        return scaled


def unit(batch: Batch) -> Tensor:
    """The return a quiet guess would expect: trailing volatility times the square root of the window's bars, (B, A).

    Laws are stated in multiples of it, which makes every model equivariant to the scale of returns.
    """
    return batch.at_position(batch.scale) * batch.window_bars.sqrt()[:, None]


class ForecastContext(nn.Module):
    """What the heads read: the asset's own encoding, the mean over all present assets, and the return window."""

    def __init__(self, width: int, n_windows: int) -> None:
        super().__init__()
        self.n_windows = n_windows
        self.size = 2 * width + n_windows

    def forward(self, hidden: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Give (B, A, size) for the assets and (B, size) for the row: (B, A, width) encodings go in."""
        present = batch.present[..., None]
        market = torch.where(present, hidden, 0.0).sum(1) / present.sum(1).clamp(min=1)
        window = nn.functional.one_hot(batch.window, self.n_windows).to(hidden)
        row = torch.cat([market, market, window], dim=-1)
        everywhere = torch.cat([market, window], dim=-1)[:, None].expand(-1, hidden.shape[1], -1)
        return torch.cat([hidden, everywhere], dim=-1), row


class AffineHead(nn.Module):
    """Location and scale of each asset's Student-t law.

    The location is bounded to half a unit: daily returns carry no more drift than that, and an unbounded one is the
    first thing a network overfits.
    """

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.layers = _two_layers(size, hidden, 2)

    def forward(self, context: Tensor, unit: Tensor) -> AffineMarginals:
        """(B, A, size) encodings and (B, A) units give one law per asset."""
        location, log_scale = self.layers(context).unbind(-1)
        scale = torch.exp(log_scale.clamp(-4.0, 4.0) + math.log(0.8))
        return AffineMarginals(unit * 0.5 * torch.tanh(location), unit * scale)


class FactorCopulaHead(nn.Module):
    """Loadings of each asset and one degree of freedom per row.

    One factor is read off the asset's own encoding. The others are the trailing factors as of the session, each
    stretched or shrunk by the encoding: the trailing window knows *who* moves with whom, the encoding *how much* just
    now. No asset has parameters of its own, so assets never seen in training are served.
    """

    def __init__(self, size: int, hidden: int, trailing_factors: int) -> None:
        super().__init__()
        self.loading = _two_layers(size, hidden, 1)
        self.stretch = _two_layers(size, hidden, trailing_factors)
        self.freedom = _two_layers(size, hidden, 1)

    def forward(self, context: Tensor, row: Tensor, trailing: Tensor) -> FactorStudentT:
        """(B, A, size), (B, size) and (B, A, K) give the dependence of each row, of rank K + 1."""
        freedom = 2.05 + nn.functional.softplus(self.freedom(row)[:, 0] * 4.0 + 4.0)
        stretched = trailing * torch.exp(self.stretch(context).clamp(-3.0, 3.0))
        own = self.loading(context) + 0.3
        return FactorStudentT(freedom, torch.cat([own, stretched], dim=-1))


def _two_layers(size: int, hidden: int, outputs: int) -> nn.Sequential:
    """A small network that starts at zero output, so that training begins from a plain volatility forecast."""
    last = nn.Linear(hidden, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(size, hidden), nn.GELU(), last)
