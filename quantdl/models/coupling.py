"""A conditional coupling flow: an invertible map of a vector whose shape a context decides, fast in both directions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from quantdl.distributions import RationalSpline


class CouplingFlow(nn.Module):
    """Alternating coupling layers of monotone splines: the values at even places bend those at odd ones, and back.

    Every layer leaves one half as it is and maps each value of the other by a rational-linear spline whose knots are
    read off the first half and the context, so map and inverse cost the same, and the log determinant is the sum of the
    splines' log slopes (Dinh, Krueger and Bengio, 2015, https://arxiv.org/abs/1410.8516; Durkan et al., 2019,
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
        """Images and log determinants, (..., D) and (...), at (..., D) values for (..., C) contexts."""
        return self._through(value, context, inverse=False)

    def inverse(self, image: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Values with these images, and the log determinants of the inverse."""
        return self._through(image, context, inverse=True)

    def _through(self, value: Tensor, context: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        """Inside, features stand first and all vectors in one row, as the splines have them."""
        shape = torch.broadcast_shapes(value.shape[:-1], context.shape[:-1])
        moving = value.expand(*shape, -1).reshape(-1, value.shape[-1]).T
        given = context.expand(*shape, -1).reshape(-1, context.shape[-1]).T
        log_determinant = moving.new_zeros(moving.shape[1:])
        for layer in reversed(self.layers) if inverse else self.layers:
            moving, change = layer(moving, given, inverse)
            log_determinant = log_determinant + change
        return moving.T.reshape(*shape, -1), log_determinant.reshape(shape)


class _Coupling(nn.Module):
    """One layer: the values at places ``first``, ``first + 2``, ... are kept, the others bent."""

    def __init__(self, dimension: int, context: int, hidden: int, bins: int, bound: float, first: int) -> None:
        super().__init__()
        self.first, self.bound = first, bound
        kept = len(range(first, dimension, 2))
        start = RationalSpline.start(bins)
        self.numbers, self.bent = len(start), dimension - kept
        self.enter, self.inner = nn.Linear(kept + context, hidden), nn.Linear(hidden, hidden)
        self.leave = nn.Linear(hidden, self.numbers * self.bent)
        nn.init.zeros_(self.leave.weight)
        with torch.no_grad():
            self.leave.bias.copy_(start.repeat_interleave(self.bent))

    def forward(self, value: Tensor, context: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        """(D, N) values and (C, N) contexts give (D, N) and (N,)."""
        kept, moved = value[self.first :: 2], value[1 - self.first :: 2]
        spline = RationalSpline.of(self._numbers(torch.cat([kept, context])), self.bound)
        moved, log_slope = spline.inverse(moved) if inverse else spline.forward(moved)
        return _interleaved(*((kept, moved) if self.first == 0 else (moved, kept))), log_slope.sum(0)

    def _numbers(self, features: Tensor) -> Tensor:
        """The parameters of the splines, (4 bins - 1, bent, N)."""
        for layer in (self.enter, self.inner):
            features = functional.gelu(torch.addmm(layer.bias[:, None], layer.weight, features))
        numbers = torch.addmm(self.leave.bias[:, None], self.leave.weight, features)
        unflattened: Tensor = numbers.unflatten(0, (self.numbers, self.bent))
        return unflattened


def _interleaved(even: Tensor, odd: Tensor) -> Tensor:
    """The values at even and at odd places, put together; there may be one more of the even ones."""
    joined = torch.stack([even[: len(odd)], odd], dim=1).flatten(0, 1)
    return torch.cat([joined, even[len(odd) :]])
