"""Exact marginals joined by a Student-t copula: the law that most models return."""

import math
from typing import final

import torch
from torch import Tensor

from quantdl.distributions.dependence import Dependence
from quantdl.distributions.forecast import Forecast
from quantdl.distributions.marginals import Marginals
from quantdl.distributions.student_t import exact_probability


@final
class CopulaForecast(Forecast):
    r"""Exact marginals joined by a Student-t copula, over whichever assets are present.

    A standard multivariate Student-t vector ``z`` (:class:`Dependence`) is carried to returns by one monotone map
    per asset (:class:`Marginals`), so marginal quantiles are exact, an asset is dropped in closed form, and the joint
    density is the density of ``z`` times the slopes of the maps.

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
        rows, _ = present.shape
        if dependence.shape != present.shape or dependence.degrees_of_freedom.shape != (rows,):
            raise ValueError(
                f"present {tuple(present.shape)}, dependence {dependence.shape} and degrees of freedom "
                f"{tuple(dependence.degrees_of_freedom.shape)} must be (B, A), (B, A) and (B,)."
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
        return torch.where(self.present, self.dependence.marginal_log_density(standard) + log_slope, 0.0)

    def cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        filled = torch.where(self.present, value, 0.0)
        return torch.where(self.present, self.marginals.cdf(filled, self._freedom), 0.5)

    def log_cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        filled = torch.where(self.present, value, 0.0)
        return torch.where(self.present, self.marginals.log_cdf(filled, self._freedom), -math.log(2.0))

    def log_survival(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        filled = torch.where(self.present, value, 0.0)
        return torch.where(self.present, self.marginals.log_survival(filled, self._freedom), -math.log(2.0))

    def icdf(self, value: Tensor | float) -> Tensor:
        """See :class:`Forecast`."""
        probability = exact_probability(value, self.present.device)
        return torch.where(self.present, self.marginals.icdf(probability, self._freedom), 0.0)

    def marginal_crps(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`; in closed form where the marginals are Student-t, by quantiles otherwise."""
        filled = torch.where(self.present, value, 0.0)
        return torch.where(self.present, self.marginals.crps(filled, self._freedom), 0.0)

    @property
    def mean(self) -> Tensor:
        """See :class:`Forecast`."""
        return torch.where(self.present, self.marginals.mean(self._freedom), 0.0)

    @property
    def variance(self) -> Tensor:
        """Variance of each asset's log return, (B, A); infinite or NaN where the law has none."""
        return torch.where(self.present, self.marginals.variance(self._freedom), 0.0)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """See :class:`Forecast`."""
        shape = torch.Size(sample_shape)
        returns = self.marginals.from_standard(self.dependence.sample(shape.numel()), self._freedom)
        return torch.where(self.present, returns, 0.0).reshape(shape + self.present.shape)

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

    @property
    def _freedom(self) -> Tensor:
        """Degrees of freedom of the standard variable, (B,)."""
        return self.dependence.degrees_of_freedom

    def _to_standard(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Absent cells are sent through the map at its center, so that no NaN can reach a gradient."""
        center = self.marginals.from_standard(torch.zeros_like(value), self._freedom).detach()
        standard, log_slope = self.marginals.to_standard(torch.where(self.present, value, center), self._freedom)
        return torch.where(self.present, standard, 0.0), log_slope
