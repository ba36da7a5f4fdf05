r"""How volatility models join their assets: by a constant factor-t copula, or by dynamic conditional correlation.

Dynamic conditional correlation with targeting, on innovations ``z`` of variance 1:

.. math:: Q_{t+1} = (1 - a - b) S + a \, z_t z_t^\top + b \, Q_t, \qquad
    R_t = \operatorname{diag}(Q_t)^{-1/2} \, Q_t \operatorname{diag}(Q_t)^{-1/2}

References:
    | Dynamic Conditional Correlation (Engle, 2002)
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from quantdl.distributions import DenseStudentT, Dependence, FactorStudentT
from quantdl.sequences import Batch

_LARGEST_INNOVATION = 6.0  # farther out an innovation moves the correlation no further


class CorrelationModel(nn.Module, ABC):
    """The dependence of a volatility model: a part that can be replaced."""

    @abstractmethod
    def forward(self, batch: Batch, refit: Tensor, sets: Tensor, number: Tensor, innovations: Tensor) -> Dependence:
        """Return the law that joins the assets of each forecast.

        Args:
            batch: The forecasts.
            refit: (B,) parameter set of each.
            sets: (U,) parameter sets in use.
            number: (B,) of each forecast's among them.
            innovations: (U, R, A, L) returns of each position over their conditional volatility, by each set in use.
        """


class ConstantCorrelation(CorrelationModel):
    """A factor-t copula with the loadings and degrees of freedom of each refit."""

    loadings: Tensor
    freedom: Tensor

    def __init__(self, n_assets: int, n_refits: int, factors: int) -> None:
        super().__init__()
        self.register_buffer("loadings", torch.zeros(n_refits, n_assets, factors, dtype=torch.float64))
        self.register_buffer("freedom", torch.full((n_refits,), 8.0, dtype=torch.float64))

    def forward(self, batch: Batch, refit: Tensor, sets: Tensor, number: Tensor, innovations: Tensor) -> FactorStudentT:
        """See :class:`CorrelationModel`."""
        return FactorStudentT(self.freedom[refit], self.loadings[refit])


class DynamicCorrelation(CorrelationModel):
    """A Student-t copula whose correlation follows the innovations of each day; dense, so for some hundred assets.

    The recursion counts the sessions of the batch on which anything traded. An asset without an innovation on one is
    given its expectation, and it starts at the target before the first session of the batch.
    """

    target: Tensor
    news: Tensor
    memory: Tensor
    freedom: Tensor

    def __init__(self, n_assets: int, n_refits: int) -> None:
        super().__init__()
        self.register_buffer("target", torch.eye(n_assets, dtype=torch.float64).repeat(n_refits, 1, 1))
        self.register_buffer("news", torch.full((n_refits,), 0.01, dtype=torch.float64))
        self.register_buffer("memory", torch.full((n_refits,), 0.97, dtype=torch.float64))
        self.register_buffer("freedom", torch.full((n_refits,), 8.0, dtype=torch.float64))

    def forward(self, batch: Batch, refit: Tensor, sets: Tensor, number: Tensor, innovations: Tensor) -> DenseStudentT:
        """See :class:`CorrelationModel`."""
        n_assets = batch.present.shape[1]
        matrix = torch.eye(n_assets, dtype=torch.float64, device=batch.bar.device).repeat(len(refit), 1, 1)
        for position, parameters in enumerate(sets.tolist()):
            for row in batch.row[number == position].unique().tolist():
                wanted = ((number == position) & (batch.row == row)).nonzero()[:, 0]
                bars, by_session = by_session_of(batch, row, innovations[position, row])
                after = torch.searchsorted(bars, batch.bar[wanted], right=True)  # sessions up to the forecast's
                matrix[wanted] = self._correlations(parameters, by_session, after)
        return DenseStudentT(self.freedom[refit], matrix)

    def _correlations(self, refit: int, innovations: Tensor, after: Tensor) -> Tensor:
        """Correlation (b, A, A) after the first ``after`` (b,) of the sessions' innovations (T, A)."""
        target, news, memory = self.target[refit], self.news[refit], self.memory[refit]
        recursion = correlation_recursion(innovations, target, float(news), float(memory))
        moments, order = torch.unique(after, return_inverse=True)
        kept, number = [], 0
        for moment in moments.tolist():
            while number <= moment:
                current, number = next(recursion), number + 1
            kept.append(current)
        return scaled_to_correlation(torch.stack(kept))[order]


def correlation_recursion(innovations: Tensor, target: Tensor, news: float, memory: float) -> Iterator[Tensor]:
    """Yield the matrix Q (A, A) before the first session and after each session's innovations (T, A), NaN where none.

    Without an innovation the product of two counts as what is expected of it.
    """
    current = target
    yield current
    anchor = (1.0 - news - memory) * target
    bounded = bounded_innovations(innovations)
    for innovation in bounded:
        seen = torch.isfinite(innovation)
        product = torch.outer(innovation, innovation)
        product = product if bool(seen.all()) else torch.where(seen[:, None] & seen[None, :], product, target)
        current = anchor + news * product + memory * current
        yield current


def bounded_innovations(innovations: Tensor) -> Tensor:
    """Innovations that move a correlation: none counts for more than six standard deviations."""
    return innovations.clamp(-_LARGEST_INNOVATION, _LARGEST_INNOVATION)


def scaled_to_correlation(matrix: Tensor) -> Tensor:
    """The correlation of covariance matrices (..., A, A)."""
    size = matrix.diagonal(dim1=-2, dim2=-1).sqrt()
    return matrix / (size[..., :, None] * size[..., None, :])


def by_session_of(batch: Batch, row: int, values: Tensor) -> tuple[Tensor, Tensor]:
    """Lay the values (A, L) of a history row out by the sessions on which anything traded.

    Returns:
        Increasing numbers of the bars (T,), and the values (T, A), NaN where an asset has none.
    """
    inside = ~batch.padding[row]
    asset, _ = inside.nonzero(as_tuple=True)
    bars, session = batch.bar_index[row][inside].unique(return_inverse=True)
    result = torch.full((len(bars), values.shape[0]), torch.nan, dtype=values.dtype, device=values.device)
    result[session, asset] = values[inside]
    return bars, result
