"""The heads of a network: from the encoding of each asset to its own law and to the dependence between assets."""

import math

import torch
from torch import Tensor, nn

from quantdl.distributions import AffineMarginals, FactorStudentT
from quantdl.sequences import Batch


def unit(batch: Batch) -> Tensor:
    """Trailing volatility of each asset times the square root of the window's bars, (B, A), in log return.

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
        shared = torch.cat([market, window], dim=-1)[:, None].expand(-1, hidden.shape[1], -1)
        return torch.cat([hidden, shared], dim=-1), row


class LastLayer(nn.Linear):
    """The last layer of a head: what a Bayesian forecaster is uncertain about.

    It starts at zero output, so that training begins from a plain volatility forecast.
    """

    def reset_parameters(self) -> None:
        """Set weights and biases to zero, after the draws that a linear layer makes: seeds keep their meaning."""
        super().reset_parameters()
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


class AffineHead(nn.Module):
    """Location and scale of each asset's Student-t law.

    The location is bounded to half a unit: daily returns carry no more drift than that, and a network overfits an
    unbounded one first.
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

    One loading is read off the asset's own encoding. The others are those of the trailing factors as of the session,
    each multiplied by a positive number read off the encoding: which assets move together comes from the trailing
    window, how strongly from the encoding. No asset has parameters of its own, so assets never seen in training are
    served.
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
    """A small network that starts at zero output."""
    last = LastLayer(hidden, outputs)
    return nn.Sequential(nn.Linear(size, hidden), nn.GELU(), last)
