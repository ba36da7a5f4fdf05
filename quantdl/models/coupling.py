"""A conditional coupling flow: an invertible map of a vector whose shape a context decides, fast in both directions."""

import torch
from torch import Tensor, nn

from quantdl.distributions import RationalSpline


class CouplingFlow(nn.Module):
    """Alternating coupling layers of monotone splines: the values at even places bend those at odd ones, and back.

    Every layer leaves one half as it is and maps each value of the other by a rational-linear spline whose knots are
    read off the first half and the context, so that map and inverse cost the same, and the log determinant is the sum of
    the splines' log slopes (Dinh, Krueger and Bengio, 2015, https://arxiv.org/abs/1410.8516; Durkan et al., 2019,
    https://arxiv.org/abs/1906.04032). Outside ``bound`` a spline is the identity, which keeps the tails of the base.
    Training starts from the identity.

    Args:
        dimension: Length of the vector, two or more.
        context: Length of the context.
        layers: Coupling layers; with two or more every value is bent.
        hidden: Width of the two inner layers of each conditioner.
        bins: Pieces of each spline.
        bound: Distance from zero up to which values are bent.
    """

    def __init__(self, dimension: int, context: int, layers: int, hidden: int, bins: int, bound: float) -> None:
        super().__init__()
        if dimension < 2:
            raise ValueError(f"given dimension={dimension}; a coupling flow needs two values or more.")
        self.layers = nn.ModuleList(
            [_Coupling(dimension, context, hidden, bins, bound, number % 2) for number in range(layers)]
        )

    def forward(self, value: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Images and log determinants: (..., D) values and (..., C) contexts give (..., D) and (...)."""
        log_determinant = value.new_zeros(())
        for layer in self.layers:
            value, change = layer(value, context, inverse=False)
            log_determinant = log_determinant + change
        return value, log_determinant

    def inverse(self, image: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Values with these images, and the log determinants of the inverse."""
        log_determinant = image.new_zeros(())
        for layer in reversed(self.layers):
            image, change = layer(image, context, inverse=True)
            log_determinant = log_determinant + change
        return image, log_determinant


class _Coupling(nn.Module):
    """One layer: the values at places ``first``, ``first + 2``, ... are kept, the others bent."""

    def __init__(self, dimension: int, context: int, hidden: int, bins: int, bound: float, first: int) -> None:
        super().__init__()
        self.first, self.bound = first, bound
        kept = len(range(first, dimension, 2))
        start = RationalSpline.start(bins)
        self.bent, self.numbers = dimension - kept, len(start)
        last = nn.Linear(hidden, self.bent * self.numbers)
        nn.init.zeros_(last.weight)
        with torch.no_grad():
            last.bias.copy_(start.repeat(self.bent))
        self.conditioner = nn.Sequential(
            nn.Linear(kept + context, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), last
        )

    def forward(self, value: Tensor, context: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        kept, moved = value[..., self.first :: 2], value[..., 1 - self.first :: 2]
        parameters = self.conditioner(torch.cat([kept, context], dim=-1)).unflatten(-1, (self.bent, self.numbers))
        spline = RationalSpline.of(parameters, self.bound)
        moved, log_slope = spline.inverse(moved) if inverse else spline.forward(moved)
        pair = (kept, moved) if self.first == 0 else (moved, kept)
        return _interleaved(*pair), log_slope.sum(-1)


def _interleaved(even: Tensor, odd: Tensor) -> Tensor:
    """The values at even and at odd places, put together; there may be one more of the even ones."""
    pairs = odd.shape[-1]
    joined = torch.stack([even[..., :pairs], odd], dim=-1).flatten(-2)
    return torch.cat([joined, even[..., pairs:]], dim=-1)
