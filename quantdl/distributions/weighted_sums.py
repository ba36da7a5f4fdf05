"""Exact laws of weighted sums of jointly distributed returns, where they have one: what a book's law is then."""

from collections.abc import Sequence
from typing import Protocol, final

import torch
from torch import Tensor

from quantdl.distributions.density import student_t_log_density
from quantdl.distributions.normal_mixture import NormalMixture, increasing_root
from quantdl.distributions.student_t import (
    exact_probability,
    student_t_cdf,
    student_t_icdf,
    student_t_log_cdf,
)

_SOLVED_TO = 1e-13  # of the log of the tail
_SMALLEST = 5e-324


class SumLaw(Protocol):
    """The law of weighted sums of log returns, one for each book of each row: batch shape (B, N), float64."""

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most ``value``."""

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantiles at probabilities that broadcast with (B, N)."""

    def partial_mean(self, value: Tensor) -> Tensor:
        """Mean of the variable where it is at most ``value``, times the probability of that."""

    def tail_mean(self, probability: Tensor | float) -> Tensor:
        """Mean below the quantile at ``probability``; minus the expected shortfall."""


@final
class StudentTSum:
    """Sums whose law is Student-t: of returns that are affine in jointly Student-t variables.

    Attributes:
        location: (B, N) float64.
        scale: Not negative, (B, N) float64; a book of nothing has scale 0 and is surely 0.
        degrees_of_freedom: (B, 1) float64.

    References:
        | Quantitative Risk Management (McNeil, Frey and Embrechts, 2015), sections 2.3.3 and 6.3: elliptical laws are
        | closed under sums, and the expected shortfall of Student's t

    Example:
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> law = StudentTSum(0.0 * one, one, 4.0 * one)
        >>> law.icdf(0.01), law.tail_mean(0.01)
        (tensor([[-3.7469]], dtype=torch.float64), tensor([[-5.2206]], dtype=torch.float64))
    """

    def __init__(self, location: Tensor, scale: Tensor, degrees_of_freedom: Tensor) -> None:
        self.location, self.scale = location.double(), scale.double()
        self.degrees_of_freedom = degrees_of_freedom.double()

    def cdf(self, value: Tensor) -> Tensor:
        """See :class:`SumLaw`."""
        return student_t_cdf(self._standardised(value), self.degrees_of_freedom)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Log of `cdf`, in all digits."""
        return student_t_log_cdf(self._standardised(value), self.degrees_of_freedom)

    def log_survival(self, value: Tensor) -> Tensor:
        """Log of the probability of more than ``value``, in all digits."""
        return student_t_log_cdf(-self._standardised(value), self.degrees_of_freedom)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density."""
        return student_t_log_density(self._standardised(value), self.degrees_of_freedom) - self.scale.log()

    def icdf(self, value: Tensor | float) -> Tensor:
        """See :class:`SumLaw`."""
        probability = exact_probability(value, self.location.device)
        return self.location + self.scale * student_t_icdf(probability, self.degrees_of_freedom)

    def partial_mean(self, value: Tensor) -> Tensor:
        r"""See :class:`SumLaw`; NaN without a mean.

        Of the standard law it is :math:`-f(x) \, (\nu + x^2) / (\nu - 1)`.
        """
        place, freedom = self._standardised(value), self.degrees_of_freedom
        density = student_t_log_density(place, freedom).exp()
        standard = -density * (freedom + place.square()) / (freedom - 1.0)
        mean = self.location * student_t_cdf(place, freedom) + self.scale * standard
        return torch.where(freedom > 1.0, mean, torch.nan)

    def tail_mean(self, probability: Tensor | float) -> Tensor:
        """See :class:`SumLaw`."""
        level = exact_probability(probability, self.location.device)
        standard = StudentTSum(0.0 * self.location, torch.ones_like(self.scale), self.degrees_of_freedom)
        return self.location + self.scale * standard.partial_mean(standard.icdf(level)) / level

    def _standardised(self, value: Tensor) -> Tensor:
        return (value.double() - self.location) / self.scale


@final
class MixedSum:
    """Sums that follow one of several laws, each with a known probability.

    Args:
        laws: Of one batch shape (B, N).
        weights: (B, M) float64, each row adding to one.
    """

    def __init__(self, laws: Sequence["StudentTSum"], weights: Tensor) -> None:
        self._laws = tuple(laws)
        self._weights = weights.double().mT[..., None]  # (M, B, 1)

    def cdf(self, value: Tensor) -> Tensor:
        """See :class:`SumLaw`."""
        return (self._weights * torch.stack([law.cdf(value) for law in self._laws])).sum(0)

    def icdf(self, value: Tensor | float) -> Tensor:
        """See :class:`SumLaw`; solved to 1e-13 of the log of the tail, between the quantiles of the laws."""
        probability = exact_probability(value, self._weights.device)
        with torch.no_grad():
            ends = torch.stack(torch.broadcast_tensors(*(law.icdf(probability) for law in self._laws)))
            every = torch.ones(ends.shape[1:], dtype=torch.bool, device=ends.device)
            root = increasing_root(
                lambda x: self._excess(x, probability), ends.amin(0), ends.amax(0), every, _SOLVED_TO
            )
        if not torch.is_grad_enabled():
            return root
        excess, slope = self._excess(root, probability)
        return root - (excess - excess.detach()) / slope.detach()

    def partial_mean(self, value: Tensor) -> Tensor:
        """See :class:`SumLaw`."""
        return (self._weights * torch.stack([law.partial_mean(value) for law in self._laws])).sum(0)

    def tail_mean(self, probability: Tensor | float) -> Tensor:
        """See :class:`SumLaw`."""
        level = exact_probability(probability, self._weights.device)
        return self.partial_mean(self.icdf(level)) / level

    def _excess(self, value: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
        """How far the log of the nearer tail is beyond the one asked for, and its slope; both grow with the value."""
        lower = probability <= 0.5
        side = torch.where(lower, 1.0, -1.0)
        tails = [torch.where(lower, law.log_cdf(value), law.log_survival(value)) for law in self._laws]
        logs = self._weights.clamp(min=_SMALLEST).log()
        log_tail = torch.logsumexp(logs + torch.stack(tails), dim=0)
        density = torch.logsumexp(logs + torch.stack([law.log_prob(value) for law in self._laws]), dim=0)
        asked = torch.where(lower, probability.log(), torch.log1p(-probability))
        return side * (log_tail - asked), torch.exp(density - log_tail)


def mixed(laws: Sequence[SumLaw], weights: Tensor) -> SumLaw | None:
    """The law of sums that follow one of several laws; None where these are of different kinds.

    Args:
        laws: Of one batch shape (B, N).
        weights: (B, M) float64, each row adding to one.
    """
    normal = [law for law in laws if isinstance(law, NormalMixture)]
    if len(normal) == len(laws):
        logs = [law.log_weights.double() + weights[:, n, None, None].log() for n, law in enumerate(normal)]
        means, variances = (torch.cat([of(law).double() for law in normal], -1) for of in (_means, _variances))
        return NormalMixture(torch.cat(logs, dim=-1), means, variances)
    heavy = [law for law in laws if isinstance(law, StudentTSum)]
    return MixedSum(heavy, weights) if len(heavy) == len(laws) else None


def _means(law: NormalMixture) -> Tensor:
    return law.means


def _variances(law: NormalMixture) -> Tensor:
    return law.variances
