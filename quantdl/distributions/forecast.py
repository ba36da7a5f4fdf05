"""The contract of every forecast: a joint law of future log returns, which models return and all after them read."""

from abc import ABC, abstractmethod
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from quantdl.distributions.normal_mixture import NormalMixture
from quantdl.distributions.weighted_sums import SumLaw


class Forecast(Distribution, ABC):
    """The joint law of the log returns of several assets, for each of several rows.

    A row is one session and return window. A law covers the assets that are ``present`` and knows each one's own law
    exactly. An absent asset has log density 0, probability 1/2, quantile, mean and score 0, and draws 0, so its weight
    in a portfolio must be 0. Values given for absent assets are never read and may be NaN.

    Probabilities, their logs, quantiles and scores are float64 whatever the dtype of the law's parameters; densities,
    means and draws keep that dtype.

    Nothing outside `quantdl.distributions` knows what a law is made of.

    Attributes:
        present: Assets that the law covers, (B, A) bool.

    Shape:
        - batch_shape (B,): rows
        - event_shape (A,): assets
    """

    arg_constraints = {}  # noqa: RUF012 - torch's own convention
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, present: Tensor) -> None:
        self.present = present
        rows, assets = present.shape
        super().__init__(torch.Size((rows,)), torch.Size((assets,)), validate_args=False)

    @abstractmethod
    def log_prob(self, value: Tensor) -> Tensor:
        """Joint log density of the present assets' log returns: (B, A) gives (B,)."""

    def log_prob_of_draws(self, value: Tensor) -> Tensor:
        """Joint log density of a law of one row at many returns: (S, A) gives (S,).

        The same as `log_prob` of the law repeated S times; faster where a law need not be repeated.

        Raises:
            ValueError: If the law has several rows.
        """
        return self.rows(self._one_row_for(value)).log_prob(value)

    def to_standard(self, value: Tensor) -> Tensor:
        """Carry returns of a law of one row, (S, A), to coordinates in which it is nearest to an elliptical law.

        Each asset has a rising map of its own, the identity unless a law knows a better one. Absent assets are 0.
        """
        return value

    def from_standard(self, standard: Tensor) -> Tensor:
        """Carry coordinates (S, A) back to returns, see `to_standard`."""
        return standard

    def log_prob_of_standard(self, standard: Tensor) -> Tensor:
        """Joint log density of the coordinates of `to_standard`: (S, A) gives (S,)."""
        return self.log_prob_of_draws(standard)

    def _one_row_for(self, value: Tensor) -> Tensor:
        """Index of the only row, once for each of the values."""
        if self.present.shape[0] != 1:
            raise ValueError(f"the law must have one row, got {self.present.shape[0]}; take one with `law.rows`.")
        return torch.zeros(len(value), dtype=torch.long, device=self.present.device)

    @abstractmethod
    def marginal_log_prob(self, value: Tensor) -> Tensor:
        """Log density of each asset's own law: (B, A) gives (B, A)."""

    @abstractmethod
    def cdf(self, value: Tensor) -> Tensor:
        """Probability of a return at most ``value`` under each asset's own law: (B, A) gives (B, A) float64.

        No return that can happen has probability 1: what would be rounded to it is the float64 next below. Use
        `log_survival` where the distance to 1 matters.
        """

    @abstractmethod
    def log_cdf(self, value: Tensor) -> Tensor:
        """Log of `cdf`, also where that is too small for a float64: (B, A) gives (B, A) float64."""

    @abstractmethod
    def log_survival(self, value: Tensor) -> Tensor:
        """Log of the probability of a return above ``value``, in all digits: (B, A) gives (B, A) float64."""

    @abstractmethod
    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantiles of each asset's own law at probabilities that broadcast to (..., B, A), float64.

        Probabilities are Python numbers or float64 tensors; in float32 1 - 1e-8 is 1.

        Raises:
            ValueError: If a tensor of less precision holds a probability of exactly 1, see
                `quantdl.distributions.exact_probability`.
        """

    @abstractmethod
    def marginal_crps(self, value: Tensor) -> Tensor:
        """Continuous ranked probability score of each asset's own law at a return: (B, A) gives (B, A) float64.

        In log return; smaller is better.
        """

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """Expected log returns, (B, A); NaN where a law has no mean."""

    @abstractmethod
    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Joint draws of log returns, ``sample_shape + (B, A)``, differentiable in the parameters of the law.

        `sample` gives the same draws without a gradient.
        """

    def weighted_sum(self, weights: Tensor) -> NormalMixture | None:
        """Law of weighted sums of the present assets' log returns: weights (B, N, A) give batch shape (B, N).

        A book's log return, to the first order. None where a law has no closed form for it; take draws then.
        """
        return None

    def exact_sum(self, weights: Tensor) -> SumLaw | None:
        """Exact law of weighted sums of the present assets' log returns: weights (B, N, A) give batch shape (B, N).

        None where a law has none, as most have not: each asset's return must be affine in jointly normal, in each state
        of the market, or Student-t variables. Quantiles and tail means of it bear no error of draws.
        """
        return None

    @abstractmethod
    def observed(self, mask: Tensor) -> Self:
        """The law of the present assets in ``mask`` alone, the others integrated out; shapes stay (B, A)."""

    @abstractmethod
    def rows(self, index: Tensor | slice) -> Self:
        """The same law for some of the rows."""

    @abstractmethod
    def assets(self, index: Tensor) -> Self:
        """The law of some of the assets, in the order given."""

    @abstractmethod
    def to(self, device: torch.device | str) -> Self:
        """The same law with its parameters on another device."""

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:  # noqa: ANN401 - torch's signature
        """Repeat a single row, the only expansion that a forecast has."""
        (rows,) = batch_shape
        if self.present.shape[0] not in (1, rows):
            raise ValueError(f"a forecast of {self.present.shape[0]} rows cannot be expanded to {rows}.")
        return self.rows(torch.arange(rows, device=self.present.device) % self.present.shape[0])
