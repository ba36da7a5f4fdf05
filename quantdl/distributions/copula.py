"""Exact marginals joined by the copula of standard variables: the law that most models return."""

import math
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from quantdl.distributions.base_law import BaseLaw
from quantdl.distributions.dependence import DenseStudentT, Dependence
from quantdl.distributions.factor_mixture import FactorNormalMixture
from quantdl.distributions.factor_t import FactorStudentT
from quantdl.distributions.forecast import Forecast
from quantdl.distributions.marginals import Marginals
from quantdl.distributions.normal_mixture import NormalMixture
from quantdl.distributions.student_t import exact_probability
from quantdl.distributions.weighted_sums import StudentTSum, SumLaw


@final
class CopulaForecast(Forecast):
    r"""Exact marginals joined by a copula, over whichever assets are present.

    A vector ``z`` of standard variables (:class:`Dependence`) is carried to returns by one monotone map per asset
    (:class:`Marginals`), so marginal quantiles are exact, an asset is dropped in closed form, the order of assets plays
    no part, and the joint density is the density of ``z`` times the slopes of the maps. Where ``z`` is Student-t
    (:class:`FactorStudentT`, :class:`DenseStudentT`) the copula is symmetric. Where it is normal in each state of the
    market with a common shock (:class:`FactorNormalMixture`), a book may fall faster than it rises without its stocks
    doing so, and its law has a closed form.

    Attributes:
        marginals: The maps, one per row and asset.
        dependence: The law of ``z``, one per row.
        present: (B, A) bool.

    Example:
        >>> from quantdl.distributions import AffineMarginals, FactorStudentT
        >>> row = AffineMarginals(torch.zeros(1, 2), torch.full((1, 2), 0.01))
        >>> law = CopulaForecast(row, FactorStudentT(torch.tensor([4.0]), torch.ones(1, 2, 1)), torch.ones(1, 2) > 0)
        >>> law.batch_shape, law.event_shape
        (torch.Size([1]), torch.Size([2]))
        >>> law.icdf(0.975)
        tensor([[0.0278, 0.0278]], dtype=torch.float64)
    """

    def __init__(self, marginals: Marginals, dependence: Dependence, present: Tensor) -> None:
        if dependence.shape != present.shape:
            raise ValueError(
                f"present {tuple(present.shape)} and the dependence {dependence.shape} must both be (B, A)."
            )
        self.marginals, self.dependence = marginals, dependence
        super().__init__(present)

    def log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        standard, log_slope = self._to_standard(value)
        joint = self.dependence.log_density(standard, self.present)
        return joint + torch.where(self.present, log_slope, 0.0).sum(-1)

    def log_prob_of_draws(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`; the dependence is factorised once for all values."""
        many = self.marginals.rows(self._one_row_for(value))
        center = many.from_standard(torch.zeros_like(value), self._base).detach()
        standard, log_slope = many.to_standard(torch.where(self.present, value, center), self._base)
        joint = self.dependence.log_density(torch.where(self.present, standard, 0.0), self.present)
        return joint + torch.where(self.present, log_slope, 0.0).sum(-1)

    def to_standard(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`: the standard variables that the dependence is of."""
        many = self.marginals.rows(self._one_row_for(value))
        center = many.from_standard(torch.zeros_like(value), self._base)
        standard, _ = many.to_standard(torch.where(self.present, value, center), self._base)
        return torch.where(self.present, standard, 0.0)

    def from_standard(self, standard: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        many = self.marginals.rows(self._one_row_for(standard))
        return torch.where(self.present, many.from_standard(standard, self._base), 0.0)

    def log_prob_of_standard(self, standard: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        return self.dependence.log_density(standard, self.present)

    def marginal_log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        standard, log_slope = self._to_standard(value)
        return torch.where(self.present, self._base.log_prob(standard) + log_slope, 0.0)

    def cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        filled = torch.where(self.present, value, 0.0)
        return torch.where(self.present, self.marginals.cdf(filled, self._base), 0.5)

    def log_cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        filled = torch.where(self.present, value, 0.0)
        return torch.where(self.present, self.marginals.log_cdf(filled, self._base), -math.log(2.0))

    def log_survival(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        filled = torch.where(self.present, value, 0.0)
        return torch.where(self.present, self.marginals.log_survival(filled, self._base), -math.log(2.0))

    def icdf(self, value: Tensor | float) -> Tensor:
        """See :class:`Forecast`."""
        probability = exact_probability(value, self.present.device)
        return torch.where(self.present, self.marginals.icdf(probability, self._base), 0.0)

    def marginal_crps(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`; in closed form where the marginals are Student-t, by quantiles otherwise."""
        filled = torch.where(self.present, value, 0.0)
        return torch.where(self.present, self.marginals.crps(filled, self._base), 0.0)

    @property
    def mean(self) -> Tensor:
        """See :class:`Forecast`."""
        return torch.where(self.present, self.marginals.mean(self._base), 0.0)

    @property
    def variance(self) -> Tensor:
        """Variance of each asset's log return, (B, A); infinite or NaN where the law has none."""
        return torch.where(self.present, self.marginals.variance(self._base), 0.0)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """See :class:`Forecast`."""
        shape = torch.Size(sample_shape)
        returns = self.marginals.from_standard(self.dependence.sample(shape.numel()), self._base)
        return torch.where(self.present, returns, 0.0).reshape(shape + self.present.shape)

    def weighted_sum(self, weights: Tensor) -> NormalMixture | None:
        """See :class:`Forecast`; none under a Student-t dependence.

        Exact where the marginals are affine (tail 1, skew 0). With others each asset is taken for normal in each state
        of the market; mean, variance and the linear part of its common risk are those of its own law there. Quantiles
        of a book at 1 % are then within some per cent; draws give them as exactly as one likes.
        """
        if not isinstance(self.dependence, FactorNormalMixture):
            return None
        states = self.dependence
        moments = self.marginals.moments_in_states(states.state_means, states.state_variances.sqrt(), self._base)
        return states.sum_of(torch.where(self.present[:, None], weights, 0.0), *moments)

    def exact_sum(self, weights: Tensor) -> SumLaw | None:
        """See :class:`Forecast`: where the maps are affine, and the dependence is Student-t or in market states."""
        line = self.marginals.affine()
        if line is None:
            return None
        location, scale = line
        held = torch.where(self.present[:, None], weights, 0.0).double()
        if isinstance(self.dependence, FactorNormalMixture):
            return self.dependence.double().sum_of(held, *self._moments_in_states(location, scale))
        if not isinstance(self.dependence, FactorStudentT | DenseStudentT):
            return None
        center, along = (held * location[:, None]).sum(-1), held * scale[:, None]
        variance = ((along @ self.dependence.correlation().double()) * along).sum(-1)
        return StudentTSum(center, variance.clamp(min=0.0).sqrt(), self.dependence.degrees_of_freedom[:, None])

    def observed(self, mask: Tensor) -> "CopulaForecast":
        """See :class:`Forecast`."""
        return CopulaForecast(self.marginals, self.dependence, self.present & mask)

    def rows(self, index: Tensor | slice) -> "CopulaForecast":
        """See :class:`Forecast`."""
        return CopulaForecast(self.marginals.rows(index), self.dependence.rows(index), self.present[index])

    def assets(self, index: Tensor) -> "CopulaForecast":
        """See :class:`Forecast`."""
        return CopulaForecast(self.marginals.assets(index), self.dependence.assets(index), self.present[:, index])

    def to(self, device: torch.device | str) -> "CopulaForecast":
        """See :class:`Forecast`."""
        return CopulaForecast(self.marginals.to(device), self.dependence.to(device), self.present.to(device))

    def _moments_in_states(self, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        states = self.dependence
        assert isinstance(states, FactorNormalMixture)
        mean, variance = states.double().state_means, states.double().state_variances
        moved = location[..., None] + scale[..., None] * mean
        return moved, scale[..., None].expand(mean.shape), scale[..., None].square() * variance

    @cached_property
    def _base(self) -> BaseLaw:
        """The law of the standard variables."""
        return self.dependence.margins

    def _to_standard(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Absent cells are sent through the map at its center, so that no NaN can reach a gradient."""
        center = self.marginals.from_standard(torch.zeros_like(value), self._base).detach()
        standard, log_slope = self.marginals.to_standard(torch.where(self.present, value, center), self._base)
        return torch.where(self.present, standard, 0.0), log_slope
