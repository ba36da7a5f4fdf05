"""The joint law of future log returns: what every model returns and everything after it reads."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from quantdl.distributions.factor_t import FactorStudentT
from quantdl.distributions.marginals import Marginals


class Forecast(Distribution):
    r"""Exact marginals joined by a factor-t copula, over whichever assets are present.

    A standard multivariate Student-t vector ``z`` (:class:`FactorStudentT`) is carried to returns by one monotone map
    per asset (:class:`Marginals`), so marginal quantiles are exact, an asset is dropped in closed form, and the joint
    density is the density of ``z`` times the slopes of the maps.

    An absent asset has log density 0, draws 0 and quantile 0: its weight in a portfolio must be 0.

    Shape:
        - batch_shape (B,): rows, each one session and return window
        - event_shape (A,): assets
        - present: (B, A)

    Example:
        >>> from quantdl.distributions import AffineMarginals
        >>> row = AffineMarginals(torch.zeros(1, 2), torch.full((1, 2), 0.01))
        >>> law = Forecast(row, FactorStudentT(torch.tensor([4.0]), torch.ones(1, 2, 1)), torch.ones(1, 2) > 0)
        >>> law.batch_shape, law.event_shape
        (torch.Size([1]), torch.Size([2]))
        >>> law.icdf(torch.tensor(0.975))
        tensor([[0.0278, 0.0278]])
    """

    arg_constraints = {}  # noqa: RUF012 - torch's own convention
    support = constraints.real_vector
    has_rsample = False

    def __init__(self, marginals: Marginals, dependence: FactorStudentT, present: Tensor) -> None:
        rows, assets = present.shape
        if dependence.loadings.shape[:2] != present.shape or dependence.degrees_of_freedom.shape != (rows,):
            raise ValueError(
                f"present {tuple(present.shape)}, loadings {tuple(dependence.loadings.shape)} and degrees of freedom "
                f"{tuple(dependence.degrees_of_freedom.shape)} must be (B, A), (B, A, K) and (B,)."
            )
        self.marginals, self.dependence, self.present = marginals, dependence, present
        super().__init__(torch.Size((rows,)), torch.Size((assets,)), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Joint log density of the present assets' log returns: (B, A) gives (B,). Absent values are not read."""
        standard, log_slope = self._to_standard(value)
        joint = self.dependence.log_density(standard, self.present)
        return joint + torch.where(self.present, log_slope, 0.0).sum(-1)

    def marginal_log_prob(self, value: Tensor) -> Tensor:
        """Log density of each asset's own law: (B, A) gives (B, A), 0 where absent."""
        standard, log_slope = self._to_standard(value)
        return torch.where(self.present, self.dependence.marginal_log_density(standard) + log_slope, 0.0)

    def cdf(self, value: Tensor) -> Tensor:
        """Marginal probabilities of a return at most ``value``: (B, A) gives (B, A), 1/2 where absent."""
        freedom = self.dependence.degrees_of_freedom
        filled = torch.where(self.present, value, 0.0)
        return torch.where(self.present, self.marginals.cdf(filled, freedom), 0.5)

    def icdf(self, value: Tensor) -> Tensor:
        """Marginal quantiles at probabilities that broadcast to (..., B, A); 0 where absent."""
        freedom = self.dependence.degrees_of_freedom
        return torch.where(self.present, self.marginals.icdf(value.to(freedom), freedom), 0.0)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Joint draws of log returns, shape ``sample_shape + (B, A)``; 0 where absent."""
        shape = torch.Size(sample_shape)
        with torch.no_grad():
            standard = self.dependence.sample(shape.numel())
            returns = self.marginals.from_standard(standard, self.dependence.degrees_of_freedom)
            return torch.where(self.present, returns, 0.0).reshape(shape + self.present.shape)

    def observed(self, mask: Tensor) -> "Forecast":
        """The law of the assets in ``mask`` alone, the others integrated out; shapes stay (B, A)."""
        return Forecast(self.marginals, self.dependence, self.present & mask)

    def rows(self, index: Tensor | slice) -> "Forecast":
        """The same law for some of the rows."""
        return Forecast(self.marginals.rows(index), self.dependence.rows(index), self.present[index])

    def assets(self, index: Tensor) -> "Forecast":
        """The law of some of the assets, in the order given."""
        return Forecast(self.marginals.assets(index), self.dependence.assets(index), self.present[:, index])

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Forecast":  # noqa: ANN401 - torch's signature
        """Repeat a single row, the only expansion with a meaning here."""
        (rows,) = batch_shape
        if self.present.shape[0] not in (1, rows):
            raise ValueError(f"a forecast of {self.present.shape[0]} rows cannot be expanded to {rows}.")
        return self.rows(torch.arange(rows, device=self.present.device) % self.present.shape[0])

    def _to_standard(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Absent cells are sent through the map at its centre, so that no NaN can reach a gradient."""
        freedom = self.dependence.degrees_of_freedom
        center = self.marginals.from_standard(torch.zeros_like(value), freedom).detach()
        standard, log_slope = self.marginals.to_standard(torch.where(self.present, value, center), freedom)
        return torch.where(self.present, standard, 0.0), log_slope
