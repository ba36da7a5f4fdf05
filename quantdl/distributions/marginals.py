"""One law per asset, written as a monotone map from a standard variable to the return."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial

import torch
from numpy.polynomial.hermite_e import hermegauss
from scipy import special
from torch import Tensor

from quantdl.distributions.base_law import BaseLaw, student_t_variance
from quantdl.distributions.crps import crps_student_t
from quantdl.distributions.density import student_t_log_density
from quantdl.distributions.student_t import student_t_cdf, student_t_icdf, student_t_log_cdf
from quantdl.distributions.tabulated import read_off_a_table, worth_a_table

# Nodes and weights of the normal law (Golub and Welsch, 1969): exact for polynomials of degree 13.
_PLACES, _MASSES = hermegauss(7)
HERMITE = tuple(zip(_PLACES.tolist(), (_MASSES / math.sqrt(2.0 * math.pi)).tolist(), strict=True))


class Marginals(ABC):
    """Monotone maps ``y = g(z)``, one per row and asset, where ``z`` has the law that is given as ``base``.

    Quantiles of ``y`` are the images of quantiles of ``z``, so they are exact whatever the map. Probabilities, their
    logs and quantiles are float64, computed from the parameters as they are; maps keep the dtype of what they map.
    """

    @abstractmethod
    def to_standard(self, value: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor]:
        """Return ``z`` and ``log |dz / dy|`` at returns of shape (B, A)."""

    @abstractmethod
    def from_standard(self, standard: Tensor, base: BaseLaw) -> Tensor:
        """Return ``y`` at ``z`` of shape (..., B, A)."""

    def cdf(self, value: Tensor, base: BaseLaw) -> Tensor:
        """Probability of a return at most ``value``, (B, A) float64."""
        return cdf_by_transport(self._exact, value, base)

    def log_cdf(self, value: Tensor, base: BaseLaw) -> Tensor:
        """Log of the probability of a return at most ``value``, (B, A) float64."""
        return log_cdf_by_transport(self._exact, value, base)

    def log_survival(self, value: Tensor, base: BaseLaw) -> Tensor:
        """Log of the probability of a return above ``value``, (B, A) float64."""
        return log_survival_by_transport(self._exact, value, base)

    def icdf(self, probability: Tensor, base: BaseLaw) -> Tensor:
        """Quantiles at float64 probabilities that broadcast to (..., B, A), float64."""
        return icdf_by_transport(self._exact, probability, base)

    @property
    def _exact(self) -> "Marginals":
        """The same maps, with parameters in float64 where a map needs them for its probabilities."""
        return self

    @abstractmethod
    def mean(self, base: BaseLaw) -> Tensor:
        """Expected returns, (B, A); NaN where there is no mean."""

    @abstractmethod
    def variance(self, base: BaseLaw) -> Tensor:
        """Variances of returns, (B, A); infinite or NaN where there is none."""

    @abstractmethod
    def crps(self, value: Tensor, base: BaseLaw) -> Tensor:
        """Continuous ranked probability score at returns, (B, A) float64."""

    def moments_in_states(self, mean: Tensor, deviation: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor, Tensor]:
        """Moments of returns whose standard variable is normal in each of C states, by seven nodes a state.

        Args:
            mean: Of the standard variables, (B, A, C).
            deviation: Standard deviation of theirs, positive, (B, A, C).
            base: Their law over all states.

        Returns:
            Mean, slope and variance of the returns, each (B, A, C); the slope is the covariance of return and standard
            variable over the variance of the latter.
        """
        returns = self.from_standard(at_nodes(mean, deviation).movedim((2, 3), (0, 1)), base)
        return moments_at_nodes(returns.movedim((0, 1), (2, 3)), deviation)

    def affine(self) -> tuple[Tensor, Tensor] | None:
        """Location and scale (B, A) float64 of maps ``y = location + scale * z``; None where one map is no line."""
        return None

    @abstractmethod
    def rows(self, index: Tensor | slice) -> "Marginals":
        """The same maps for some of the rows."""

    @abstractmethod
    def assets(self, index: Tensor) -> "Marginals":
        """The same maps for some of the assets."""

    @abstractmethod
    def to(self, device: torch.device | str) -> "Marginals":
        """The same maps on another device."""


def at_nodes(mean: Tensor, deviation: Tensor) -> Tensor:
    """Normal variables at the seven nodes: (B, A, C) means and standard deviations give (B, A, 7, C)."""
    nodes = mean.new_tensor([place for place, _ in HERMITE])[:, None]
    return mean[..., None, :] + deviation[..., None, :] * nodes


def moments_at_nodes(returns: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, slope and variance, each (B, A, C), of the returns at `at_nodes`, (B, A, 7, C)."""
    nodes, shares = (returns.new_tensor(part)[:, None] for part in zip(*HERMITE, strict=True))
    center = (shares * returns).sum(-2)
    around = returns - center[..., None, :]
    slope = (shares * nodes * around).sum(-2) / deviation
    return center, slope, (shares * around.square()).sum(-2)


def cdf_by_transport(marginals: Marginals, value: Tensor, base: BaseLaw) -> Tensor:
    """Probability of the standard variable that a return came from: monotone maps keep probabilities."""
    return base.cdf(_exact_standard(marginals, value, base))


def log_cdf_by_transport(marginals: Marginals, value: Tensor, base: BaseLaw) -> Tensor:
    """Log of `cdf_by_transport`, in all digits."""
    return base.log_cdf(_exact_standard(marginals, value, base))


def log_survival_by_transport(marginals: Marginals, value: Tensor, base: BaseLaw) -> Tensor:
    """Log of the probability above a return, in all digits."""
    return base.log_survival(_exact_standard(marginals, value, base))


def icdf_by_transport(marginals: Marginals, probability: Tensor, base: BaseLaw) -> Tensor:
    """Image of the standard quantile, which is computed once per row when it is the same for all."""
    return marginals.from_standard(base.icdf(probability), base)


def _exact_standard(marginals: Marginals, value: Tensor, base: BaseLaw) -> Tensor:
    standard, _ = marginals.to_standard(value.double(), base)
    return standard


@dataclass(frozen=True, eq=False)
class AffineMarginals(Marginals):
    """``y = location + scale * z``: returns whose law has the form of the base.

    Attributes:
        location: Shape (B, A), in log return.
        scale: Positive, shape (B, A), in log return; not the standard deviation.
    """

    location: Tensor
    scale: Tensor

    def to_standard(self, value: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        return (value - self.location) / self.scale, -self.scale.log()

    def from_standard(self, standard: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return self.location + self.scale * standard

    def mean(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return self.location + self.scale * base.mean

    def variance(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return self.scale.square() * base.variance

    def crps(self, value: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        scale = self.scale.double()
        return scale * base.crps((value.double() - self.location.double()) / scale)

    def moments_in_states(self, mean: Tensor, deviation: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor, Tensor]:
        """See :class:`Marginals`; exact."""
        scale = self.scale[..., None]
        return self.location[..., None] + scale * mean, scale.expand(mean.shape), (scale * deviation).square()

    def affine(self) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        return self.location.double(), self.scale.double()

    def rows(self, index: Tensor | slice) -> "AffineMarginals":
        """See :class:`Marginals`."""
        return AffineMarginals(self.location[index], self.scale[index])

    def assets(self, index: Tensor) -> "AffineMarginals":
        """See :class:`Marginals`."""
        return AffineMarginals(self.location[:, index], self.scale[:, index])

    def to(self, device: torch.device | str) -> "AffineMarginals":
        """See :class:`Marginals`."""
        return AffineMarginals(self.location.to(device), self.scale.to(device))

    @property
    def _exact(self) -> "AffineMarginals":
        """The same maps in float64, for probabilities and quantiles."""
        return AffineMarginals(self.location.double(), self.scale.double())


@dataclass(frozen=True, eq=False)
class StudentTMarginals(Marginals):
    r"""Student-t returns with degrees of freedom of their own, joined by probability: :math:`y = F^{-1}(G(z))`.

    The tail nearer to zero carries the probability, so the map keeps its relative accuracy in both tails.

    Attributes:
        location: Shape (B, A), in log return.
        scale: Positive, shape (B, A), in log return; not the standard deviation.
        own_degrees_of_freedom: Positive, shape (B, A).
    """

    location: Tensor
    scale: Tensor
    own_degrees_of_freedom: Tensor

    def to_standard(self, value: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor]:
        """See :class:`Marginals`."""
        own = (value - self.location) / self.scale
        outward = torch.where(own < 0, own, -own)  # unlike the size it has a slope at the center
        tail = student_t_cdf(outward.double(), self.own_degrees_of_freedom.double())
        standard = base.at_tail(tail, own < 0).to(value.dtype)
        log_slope = student_t_log_density(own, self.own_degrees_of_freedom) - base.log_prob(standard)
        return standard, log_slope - self.scale.log()

    def from_standard(self, standard: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`; many draws of the same laws are read off a table, see `read_off_a_table`."""
        many = standard.ndim == self.location.ndim + 1 and worth_a_table(len(standard))
        if many and not torch.is_grad_enabled():
            own = read_off_a_table(partial(self._own_and_log_slope_at, base=base), standard)
        else:
            own = self._own_at(standard, base)
        return self.location + self.scale * own.to(standard.dtype)

    def _own_at(self, standard: Tensor, base: BaseLaw) -> Tensor:
        """Returns in units of their scale from their center, float64."""
        tail, lower = base.nearer_tail(standard)
        distance = student_t_distance(tail, self.own_degrees_of_freedom.double())
        return torch.where(lower, -distance, distance)

    def _own_and_log_slope_at(self, standard: Tensor, base: BaseLaw) -> tuple[Tensor, Tensor]:
        """The same with the log of the slope: one density over the other."""
        own = self._own_at(standard, base)
        return own, base.log_prob(standard) - student_t_log_density(own, self.own_degrees_of_freedom)

    def cdf(self, value: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return student_t_cdf(self._own(value), self.own_degrees_of_freedom)

    def log_cdf(self, value: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return student_t_log_cdf(self._own(value), self.own_degrees_of_freedom)

    def log_survival(self, value: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return student_t_log_cdf(-self._own(value), self.own_degrees_of_freedom)

    def icdf(self, probability: Tensor, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return self.location + self.scale * student_t_icdf(probability, self.own_degrees_of_freedom)

    def mean(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return torch.where(self.own_degrees_of_freedom > 1.0, self.location, torch.nan)

    def variance(self, base: BaseLaw) -> Tensor:
        """See :class:`Marginals`."""
        return self.scale.square() * student_t_variance(self.own_degrees_of_freedom)

    def crps(self, value: Tensor, base: BaseLaw) -> Tensor:
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


def student_t_distance(tail: Tensor, degrees_of_freedom: Tensor) -> Tensor:
    """Distance that a Student-t variable exceeds with a probability, float64.

    To 1e-8 by scipy where no gradient is needed; the exact quantile does what is too far out for scipy.
    """
    if tail.device.type != "cpu" or torch.is_grad_enabled():
        return -student_t_icdf(tail, degrees_of_freedom)
    distance = torch.from_numpy(-special.stdtrit(degrees_of_freedom.numpy(), tail.numpy()))
    reached = torch.isfinite(distance) & (tail > 1e-100)
    return (
        distance if bool(reached.all()) else torch.where(reached, distance, -student_t_icdf(tail, degrees_of_freedom))
    )
