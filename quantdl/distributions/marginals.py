"""One law per asset, written as a monotone map from a standard Student-t variable to the return."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from scipy import special
from torch import Tensor

from quantdl.distributions.crps import crps_student_t
from quantdl.distributions.density import student_t_log_density
from quantdl.distributions.student_t import student_t_cdf, student_t_icdf, student_t_log_cdf


class Marginals(ABC):
    """Monotone maps ``y = g(z)``, one per row and asset, where ``z`` is standard Student-t with the row's freedom.

    Quantiles of ``y`` are the images of quantiles of ``z``, so they are exact whatever the map. Probabilities, their
    logs and quantiles are float64, computed from the parameters as they are; maps keep the dtype of what they map.
    """

    @abstractmethod
    def to_standard(self, value: Tensor, degrees_of_freedom: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``z`` and ``log |dz / dy|`` at returns of shape (B, A), for degrees of freedom of shape (B,)."""

    @abstractmethod
    def from_standard(self, standard: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """Return ``y`` at ``z`` of shape (..., B, A), for degrees of freedom of shape (B,)."""

    @abstractmethod
    def cdf(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """Probability of a return at most ``value``, (B, A) float64."""

    @abstractmethod
    def log_cdf(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """Log of the probability of a return at most ``value``, (B, A) float64."""

    @abstractmethod
    def log_survival(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """Log of the probability of a return above ``value``, (B, A) float64."""

    @abstractmethod
    def icdf(self, probability: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """Quantiles at float64 probabilities that broadcast to (..., B, A), float64."""

    @abstractmethod
    def mean(self, degrees_of_freedom: Tensor) -> Tensor:
        """Expected returns, (B, A); NaN where there is no mean."""

    @abstractmethod
    def variance(self, degrees_of_freedom: Tensor) -> Tensor:
        """Variances of returns, (B, A); infinite with two degrees of freedom or fewer, NaN with one or fewer."""

    @abstractmethod
    def crps(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """Continuous ranked probability score at returns, (B, A) float64."""

    @abstractmethod
    def rows(self, index: Tensor | slice) -> "Marginals":
        """The same maps for some of the rows."""

    @abstractmethod
    def assets(self, index: Tensor) -> "Marginals":
        """The same maps for some of the assets."""

    @abstractmethod
    def to(self, device: torch.device | str) -> "Marginals":
        """The same maps on another device."""


def cdf_by_transport(marginals: Marginals, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Probability of the standard variable that a return came from: monotone maps keep probabilities."""
    return student_t_cdf(_exact_standard(marginals, value, degrees_of_freedom), degrees_of_freedom[:, None])


def log_cdf_by_transport(marginals: Marginals, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Log of `cdf_by_transport`, in all digits."""
    return student_t_log_cdf(_exact_standard(marginals, value, degrees_of_freedom), degrees_of_freedom[:, None])


def log_survival_by_transport(marginals: Marginals, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Log of the probability above a return, in all digits: the standard variable is symmetric."""
    return student_t_log_cdf(-_exact_standard(marginals, value, degrees_of_freedom), degrees_of_freedom[:, None])


def icdf_by_transport(marginals: Marginals, probability: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Image of the standard quantile, which is computed once per row when the probability is the same for all."""
    return marginals.from_standard(student_t_icdf(probability, degrees_of_freedom[:, None]), degrees_of_freedom)


def student_t_variance(degrees_of_freedom: Tensor) -> Tensor:
    """Variance of the standard Student-t law: infinite from two degrees of freedom down, NaN from one down.

    Example:
        >>> student_t_variance(torch.tensor([1.0, 2.0, 4.0, torch.inf]))
        tensor([nan, inf, 2., 1.])
    """
    finite = 1.0 + 2.0 / (degrees_of_freedom - 2.0).clamp(min=torch.finfo(degrees_of_freedom.dtype).tiny)
    many = torch.where(degrees_of_freedom > 2.0, finite, torch.inf)
    return torch.where(degrees_of_freedom > 1.0, many, torch.nan)


def _exact_standard(marginals: Marginals, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    standard, _ = marginals.to_standard(value.double(), degrees_of_freedom)
    return standard


@dataclass(frozen=True, eq=False)
class AffineMarginals(Marginals):
    """``y = location + scale * z``: Student-t returns whose degrees of freedom are the row's own.

    Attributes:
        location: Shape (B, A), in log return.
        scale: Positive, shape (B, A), in log return; not the standard deviation.
    """

    location: Tensor
    scale: Tensor

    def to_standard(self, value: Tensor, degrees_of_freedom: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        return (value - self.location) / self.scale, -self.scale.log()

    def from_standard(self, standard: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return self.location + self.scale * standard

    def cdf(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return cdf_by_transport(self, value, degrees_of_freedom)

    def log_cdf(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return log_cdf_by_transport(self, value, degrees_of_freedom)

    def log_survival(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return log_survival_by_transport(self, value, degrees_of_freedom)

    def icdf(self, probability: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return icdf_by_transport(self, probability, degrees_of_freedom)

    def mean(self, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return torch.where(degrees_of_freedom[:, None] > 1.0, self.location, torch.nan)

    def variance(self, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return self.scale.square() * student_t_variance(degrees_of_freedom)[:, None]

    def crps(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return crps_student_t(value, self.location.double(), self.scale.double(), degrees_of_freedom[:, None])

    def rows(self, index: Tensor | slice) -> "AffineMarginals":
        """See :class:`Marginals`."""
        return AffineMarginals(self.location[index], self.scale[index])

    def assets(self, index: Tensor) -> "AffineMarginals":
        """See :class:`Marginals`."""
        return AffineMarginals(self.location[:, index], self.scale[:, index])

    def to(self, device: torch.device | str) -> "AffineMarginals":
        """See :class:`Marginals`."""
        return AffineMarginals(self.location.to(device), self.scale.to(device))


@dataclass(frozen=True, eq=False)
class StudentTMarginals(Marginals):
    r"""Student-t returns with degrees of freedom of their own, joined by probability: :math:`y = F^{-1}(T_\nu(z))`.

    The tail nearer to zero carries the probability, so the map keeps its relative accuracy in both tails.

    Attributes:
        location: Shape (B, A), in log return.
        scale: Positive, shape (B, A), in log return; not the standard deviation.
        own_degrees_of_freedom: Positive, shape (B, A).
    """

    location: Tensor
    scale: Tensor
    own_degrees_of_freedom: Tensor

    def to_standard(self, value: Tensor, degrees_of_freedom: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        row = degrees_of_freedom[:, None]
        own = (value - self.location) / self.scale
        standard = _match_tails(own, self.own_degrees_of_freedom, row)
        log_slope = student_t_log_density(own, self.own_degrees_of_freedom) - student_t_log_density(standard, row)
        return standard, log_slope - self.scale.log()

    def from_standard(self, standard: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        match = _match_tails
        if standard.device.type == "cpu" and not torch.is_grad_enabled():
            match = _match_tails_by_scipy  # fifteen times as fast where no gradient is needed
        own = match(standard, degrees_of_freedom[:, None], self.own_degrees_of_freedom)
        return self.location + self.scale * own

    def cdf(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return student_t_cdf(self._own(value), self.own_degrees_of_freedom)

    def log_cdf(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return student_t_log_cdf(self._own(value), self.own_degrees_of_freedom)

    def log_survival(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return student_t_log_cdf(-self._own(value), self.own_degrees_of_freedom)

    def icdf(self, probability: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return self.location + self.scale * student_t_icdf(probability, self.own_degrees_of_freedom)

    def mean(self, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return torch.where(self.own_degrees_of_freedom > 1.0, self.location, torch.nan)

    def variance(self, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return self.scale.square() * student_t_variance(self.own_degrees_of_freedom)

    def crps(self, value: Tensor, degrees_of_freedom: Tensor) -> Tensor:
        """See :class:`Marginals`."""
        return crps_student_t(value, self.location.double(), self.scale.double(), self.own_degrees_of_freedom)

    def rows(self, index: Tensor | slice) -> "StudentTMarginals":
        """See :class:`Marginals`."""
        return StudentTMarginals(self.location[index], self.scale[index], self.own_degrees_of_freedom[index])

    def assets(self, index: Tensor) -> "StudentTMarginals":
        """See :class:`Marginals`."""
        return StudentTMarginals(self.location[:, index], self.scale[:, index], self.own_degrees_of_freedom[:, index])

    def to(self, device: torch.device | str) -> "StudentTMarginals":
        """See :class:`Marginals`."""
        return StudentTMarginals(
            self.location.to(device), self.scale.to(device), self.own_degrees_of_freedom.to(device)
        )

    def _own(self, value: Tensor) -> Tensor:
        """A return in units of its scale from its center, in float64."""
        return (value.double() - self.location) / self.scale


def _match_tails_by_scipy(value: Tensor, from_freedom: Tensor, to_freedom: Tensor) -> Tensor:
    """As `_match_tails`, to 1e-8; the exact map does what is too far out for scipy."""
    size = value.abs().double().numpy()
    tail = special.stdtr(from_freedom.double().numpy(), -size)
    distance = torch.from_numpy(-special.stdtrit(to_freedom.double().numpy(), tail))
    reached = torch.isfinite(distance) & torch.from_numpy(tail > 1e-100)
    if not bool(reached.all()):
        distance = torch.where(reached, distance, _match_tails(value, from_freedom, to_freedom).abs().double())
    return torch.copysign(distance, value.double()).to(value.dtype)


def _match_tails(value: Tensor, from_freedom: Tensor, to_freedom: Tensor) -> Tensor:
    """The point whose probability under ``to_freedom`` is that of ``value`` under ``from_freedom``."""
    tail = student_t_cdf(-value.abs().double(), from_freedom.double())
    distance = -student_t_icdf(tail.clamp(min=1e-300), to_freedom.double())
    return torch.copysign(distance, value.double()).to(value.dtype)
