"""The skewed joint law: own tails for each asset, joined by a mixture of market states."""

import math
from typing import final

import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor

from quantdl.distributions.factor_mixture import FactorNormalMixture
from quantdl.distributions.forecast import Forecast
from quantdl.distributions.normal_mixture import NormalMixture
from quantdl.distributions.sinh_arcsinh import SinhArcsinhMarginals
from quantdl.distributions.student_t import exact_probability

# Nodes and weights of the normal law (Golub and Welsch, 1969): exact for polynomials of degree 13.
_PLACES, _MASSES = hermegauss(7)
_HERMITE = (_PLACES.tolist(), (_MASSES / math.sqrt(2.0 * math.pi)).tolist())


@final
class StateForecast(Forecast):
    r"""Exact marginals joined by a skewed mixture of normals, over whichever assets are present.

    A vector ``z`` that is normal in each state of the market (:class:`FactorNormalMixture`) is carried to returns by
    one monotone map per asset (:class:`SinhArcsinhMarginals`). So marginal quantiles are exact, an asset is dropped in
    closed form, the order of assets plays no part, and a book falls faster than it rises without its stocks doing so.

    Attributes:
        marginals: The maps, one per row and asset.
        dependence: The law of ``z``, one per row.
        present: (B, A) bool.

    Example:
        >>> one = torch.ones(1, 2)
        >>> shock = FactorNormalMixture(torch.tensor([[0.9, 0.1]]).log(), torch.tensor([0.8, 3.0]),
        ...                             torch.tensor([[0.1, -1.0]]), torch.tensor([[0.5, 1.0]]), one, one[..., None])
        >>> law = StateForecast(SinhArcsinhMarginals(0.0 * one, 0.01 * one, one, 0.0 * one), shock, one > 0)
        >>> (-law.icdf(0.01) > law.icdf(0.99)).all()
        tensor(True)
    """

    def __init__(self, marginals: SinhArcsinhMarginals, dependence: FactorNormalMixture, present: Tensor) -> None:
        if dependence.shape != present.shape:
            raise ValueError(
                f"present {tuple(present.shape)} and the dependence {tuple(dependence.shape)} must both be (B, A)."
            )
        self.marginals, self.dependence = marginals, dependence
        super().__init__(present)

    def log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        standard, log_slope = self._to_standard(value)
        joint = self.dependence.log_density(standard, self.present)
        return joint + torch.where(self.present, log_slope, 0.0).sum(-1)

    def marginal_log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        standard, log_slope = self._to_standard(value)
        return torch.where(self.present, self.dependence.margins.log_prob(standard) + log_slope, 0.0)

    def cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        below = self.marginals.cdf(torch.where(self.present, value, 0.0), self.dependence.margins)
        return torch.where(self.present, below, 0.5)

    def log_cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        below = self.marginals.log_cdf(torch.where(self.present, value, 0.0), self.dependence.margins)
        return torch.where(self.present, below, -math.log(2.0))

    def log_survival(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        above = self.marginals.log_survival(torch.where(self.present, value, 0.0), self.dependence.margins)
        return torch.where(self.present, above, -math.log(2.0))

    def icdf(self, value: Tensor | float) -> Tensor:
        """See :class:`Forecast`."""
        probability = exact_probability(value, self.present.device)
        return torch.where(self.present, self.marginals.icdf(probability, self.dependence.margins), 0.0)

    def marginal_crps(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`; by quadrature, to 1e-6 of the score."""
        score = self.marginals.crps(torch.where(self.present, value, 0.0), self.dependence.margins)
        return torch.where(self.present, score, 0.0)

    @property
    def mean(self) -> Tensor:
        """See :class:`Forecast`."""
        return torch.where(self.present, self.marginals.mean(self.dependence.margins), 0.0)

    @property
    def variance(self) -> Tensor:
        """Variance of each asset's log return, (B, A)."""
        return torch.where(self.present, self.marginals.variance(self.dependence.margins), 0.0)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """See :class:`Forecast`; differentiable in all parameters but the probabilities of the states."""
        shape = torch.Size(sample_shape)
        returns = self.marginals.from_standard(self.dependence.sample(shape.numel()))
        return torch.where(self.present, returns, 0.0).reshape(shape + self.present.shape)

    def weighted_sum(self, weights: Tensor) -> NormalMixture:
        """See :class:`Forecast`.

        Exact where the marginals are affine (tail 1, skew 0). With others each asset is taken for normal in each state
        of the market; mean, variance and the linear part of its common risk are those of its own law there. Quantiles
        of a book at 1 % are then within some per cent; draws give them as exactly as one likes.
        """
        base = self.dependence
        means, variances = base.state_means[..., None, :], base.state_variances[..., None, :]
        nodes, shares = (torch.tensor(part, dtype=means.dtype, device=means.device)[:, None] for part in _HERMITE)
        standard = (means + variances.sqrt() * nodes).movedim((2, 3), (0, 1))
        returns = self.marginals.from_standard(standard).movedim((0, 1), (2, 3))  # (B, A, Q, C)
        mean = (shares * returns).sum(-2)
        centered = returns - mean[..., None, :]
        slope = (shares * nodes * centered).sum(-2) / variances[..., 0, :].sqrt()
        own = (shares * centered.square()).sum(-2)
        return base.sum_of(torch.where(self.present[:, None], weights, 0.0), mean, slope, own)

    def observed(self, mask: Tensor) -> "StateForecast":
        """See :class:`Forecast`."""
        return StateForecast(self.marginals, self.dependence, self.present & mask)

    def rows(self, index: Tensor | slice) -> "StateForecast":
        """See :class:`Forecast`."""
        return StateForecast(self.marginals.rows(index), self.dependence.rows(index), self.present[index])

    def assets(self, index: Tensor) -> "StateForecast":
        """See :class:`Forecast`."""
        return StateForecast(self.marginals.assets(index), self.dependence.assets(index), self.present[:, index])

    def to(self, device: torch.device | str) -> "StateForecast":
        """See :class:`Forecast`."""
        return StateForecast(self.marginals.to(device), self.dependence.to(device), self.present.to(device))

    def _to_standard(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Absent cells are sent through the map at its center, so that no NaN can reach a gradient."""
        with torch.no_grad():
            center = self.marginals.from_standard(torch.zeros_like(value))
        standard, log_slope = self.marginals.to_standard(torch.where(self.present, value, center))
        return torch.where(self.present, standard, 0.0), log_slope
