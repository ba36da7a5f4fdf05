"""Finite mixtures of normal laws: the exact law of a book in which each state of the market is normal."""

import math
from collections.abc import Callable
from typing import Any, Self, final

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from quantdl.distributions.student_t import exact_probability

_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_LOG_HALF = math.log(0.5)
_SMALLEST, _BELOW_ONE = 5e-324, 1.0 - 2.0**-53
_FARTHEST_TAIL = 1e-300
_SOLVED_TO = 1e-13  # of the log of the tail
_PAIRS_AT_ONCE = 1 << 22
_ITERATIONS = 100  # bisection alone halves a bracket to the last bit in about 60


@final
class NormalMixture(Distribution):
    r"""With probability ``w_c`` the variable is normal with mean ``m_c`` and variance ``v_c``.

    Density, probabilities, moments, tail means and the CRPS are closed forms; quantiles are solved to 1e-13 of the log
    of the tail. All are differentiable in the parameters. Probabilities, their logs, quantiles and scores are float64;
    densities keep the dtype of the law.

    Args:
        log_weights: Logs of the weights, (*, C); they need not be normalised.
        means: (*, C).
        variances: Positive, (*, C).

    Attributes:
        log_weights: Normalised, (*, C).
        means: (*, C).
        variances: (*, C).

    Example:
        >>> calm_or_crash = NormalMixture(torch.tensor([0.95, 0.05]).log(), torch.tensor([0.001, -0.02]),
        ...                               torch.tensor([0.008, 0.03]).square())
        >>> calm_or_crash.icdf(0.01), calm_or_crash.tail_mean(0.01)
        (tensor(-0.0452, dtype=torch.float64), tensor(-0.0620, dtype=torch.float64))
    """

    arg_constraints = {}  # noqa: RUF012 - torch's own convention
    support = constraints.real

    def __init__(self, log_weights: Tensor, means: Tensor, variances: Tensor) -> None:
        count = torch.broadcast_shapes(log_weights.shape[-1:], means.shape[-1:], variances.shape[-1:])
        normalised = log_weights.expand(log_weights.shape[:-1] + count).log_softmax(-1)  # before it is repeated
        log_weights, means, variances = torch.broadcast_tensors(normalised, means, variances)
        self.log_weights: Tensor = log_weights
        self.means, self.variances = means, variances
        super().__init__(means.shape[:-1], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of values that broadcast with the batch shape."""
        distance = (value[..., None] - self.means).square() / self.variances
        logs = self.log_weights - 0.5 * (distance + self.variances.log()) - _LOG_ROOT_TWO_PI
        return torch.logsumexp(logs, dim=-1)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most ``value``; never exactly 0 or 1 for a finite value."""
        exact = self._exact
        below: Tensor = (exact.log_weights.exp() * _normal_cdf(exact._standardised(value))).sum(-1)
        return below.clamp(_SMALLEST, _BELOW_ONE)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Log of `cdf`, in all digits."""
        exact = self._exact
        return _log_tail(exact._log_below(value), exact._log_above(value))

    def log_survival(self, value: Tensor) -> Tensor:
        """Log of the probability of more than ``value``, in all digits."""
        exact = self._exact
        return _log_tail(exact._log_above(value), exact._log_below(value))

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantiles at probabilities that broadcast with the batch shape; differentiable in both."""
        probability = exact_probability(value, self.means.device)
        shape = torch.broadcast_shapes(probability.shape, self.batch_shape)
        probability, exact = probability.expand(shape), self._exact
        with torch.no_grad():
            ends = exact.means + exact.variances.sqrt() * torch.special.ndtri(probability)[..., None]
            every = torch.ones(shape, dtype=torch.bool, device=ends.device)
            root = increasing_root(
                lambda x: exact._excess(x, probability), ends.amin(-1), ends.amax(-1), every, _SOLVED_TO
            )
        return exact._with_gradient(root, probability) if torch.is_grad_enabled() else root

    def nearer_tail(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """The smaller one of the probabilities below and above a value, and whether it is the one below.

        It is no less than 1e-300, which a normal law has 37 deviations out; beyond, it has no derivative.
        """
        exact = self._exact
        weights, place = exact.log_weights.exp(), exact._standardised(value)
        below, above = (weights * _normal_cdf(place)).sum(-1), (weights * _normal_cdf(-place)).sum(-1)
        lower = below < above
        return torch.where(lower, below, above).clamp(min=_FARTHEST_TAIL), lower

    def at_tail(self, tail: Tensor, lower: Tensor) -> Tensor:
        """The value that leaves a probability below it where ``lower``, and above it elsewhere: all digits in both."""
        side = torch.where(lower, 1.0, -1.0).to(self.means)
        return side * NormalMixture(self.log_weights, side[..., None] * self.means, self.variances).icdf(tail)

    def crps(self, value: Tensor) -> Tensor:
        """Continuous ranked probability score, in the unit of the variable.

        References:
            | The continuous ranked probability score for circular variables and its application to mesoscale forecast
            | ensemble verification (Grimit, Gneiting, Berrocal and Johnson, 2006), equation 5
        """
        exact = self._exact
        weights = exact.log_weights.exp()
        to_value = (weights * _mean_size(value.double()[..., None] - exact.means, exact.variances)).sum(-1)
        score: Tensor = to_value - 0.5 * exact._mean_distance(weights)
        return score

    def partial_mean(self, value: Tensor) -> Tensor:
        """Mean of the variable where it is at most ``value``, times the probability of that; float64."""
        exact = self._exact
        place = exact._standardised(value)
        density = torch.exp(-0.5 * place.square() - _LOG_ROOT_TWO_PI)
        parts = exact.means * _normal_cdf(place) - exact.variances.sqrt() * density
        mean: Tensor = (exact.log_weights.exp() * parts).sum(-1)
        return mean

    def tail_mean(self, probability: Tensor | float) -> Tensor:
        """Mean of the variable below its quantile at ``probability``, float64; minus the expected shortfall.

        Example:
            >>> normal = NormalMixture(torch.zeros(1), torch.zeros(1), torch.ones(1))
            >>> normal.tail_mean(0.025)
            tensor(-2.3378, dtype=torch.float64)
        """
        level = exact_probability(probability, self.means.device)
        return self.partial_mean(self.icdf(level)) / level

    @property
    def mean(self) -> Tensor:
        """Expected value, of the batch shape."""
        return (self.log_weights.exp() * self.means).sum(-1)

    @property
    def variance(self) -> Tensor:
        """Variance, of the batch shape."""
        around = (self.means - self.mean[..., None]).square() + self.variances
        return (self.log_weights.exp() * around).sum(-1)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws of shape ``sample_shape + batch_shape``."""
        shape = torch.Size(sample_shape)
        with torch.no_grad():
            flat = self.log_weights.exp().reshape(-1, self.log_weights.shape[-1])
            chosen = torch.multinomial(flat, shape.numel(), replacement=True).T.reshape(shape + self.batch_shape)
            means = self.means.expand(*shape, *self.means.shape).gather(-1, chosen[..., None])[..., 0]
            variances = self.variances.expand(*shape, *self.variances.shape).gather(-1, chosen[..., None])[..., 0]
            return means + variances.sqrt() * torch.randn_like(means)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:  # noqa: ANN401 - torch's signature
        """The same law repeated over a larger batch."""
        shape = (*batch_shape, self.means.shape[-1])
        return type(self)(self.log_weights.expand(shape), self.means.expand(shape), self.variances.expand(shape))

    @property
    def _exact(self) -> "NormalMixture":
        if self.means.dtype == torch.float64:
            return self
        return NormalMixture(self.log_weights.double(), self.means.double(), self.variances.double())

    def _standardised(self, value: Tensor) -> Tensor:
        return (value.double()[..., None] - self.means) / self.variances.sqrt()

    def _log_below(self, value: Tensor) -> Tensor:
        return torch.logsumexp(self.log_weights + torch.special.log_ndtr(self._standardised(value)), dim=-1)

    def _log_above(self, value: Tensor) -> Tensor:
        return torch.logsumexp(self.log_weights + torch.special.log_ndtr(-self._standardised(value)), dim=-1)

    def _excess(self, value: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
        """How far the log of the nearer tail is beyond the one asked for, and its slope; both grow with the value."""
        lower = probability <= 0.5
        side = torch.where(lower, 1.0, -1.0)
        log_tail = torch.logsumexp(
            self.log_weights + torch.special.log_ndtr(side[..., None] * self._standardised(value)), dim=-1
        )
        asked = torch.where(lower, probability.log(), torch.log1p(-probability))
        return side * (log_tail - asked), torch.exp(self.log_prob(value) - log_tail)

    def _with_gradient(self, root: Tensor, probability: Tensor) -> Tensor:
        """Derivatives of the quantile by the implicit function theorem: the excess stays zero."""
        inside = (probability > 0.0) & (probability < 1.0)
        excess, slope = self._excess(root.where(inside, 0.0), probability.where(inside, 0.5))
        return root - torch.where(inside, (excess - excess.detach()) / slope.detach(), 0.0)

    def _mean_distance(self, weights: Tensor) -> Tensor:
        """Expected distance of two independent draws, over the pairs of components, some places at a time."""
        count = self.means.shape[-1]
        flat = (part.reshape(-1, count) for part in (weights, self.means, self.variances))
        pieces = zip(*(part.split(max(1, _PAIRS_AT_ONCE // count**2)) for part in flat), strict=True)
        found = [
            (w[:, :, None] * w[:, None] * _mean_size(m[:, :, None] - m[:, None], v[:, :, None] + v[:, None])).sum(
                (1, 2)
            )
            for w, m, v in pieces
        ]
        return torch.cat(found).reshape(self.batch_shape) if found else weights.sum(-1)


def _normal_cdf(place: Tensor) -> Tensor:
    """As `torch.special.ndtr`, which is 0 from 8.3 deviations below on; this has all digits there."""
    below: Tensor = 0.5 * torch.erfc(-math.sqrt(0.5) * place)
    return below


def _mean_size(mean: Tensor, variance: Tensor) -> Tensor:
    """Expected absolute value of a normal variable."""
    deviation = variance.sqrt()
    place = mean / deviation
    density = torch.exp(-0.5 * place.square() - _LOG_ROOT_TWO_PI)
    size: Tensor = 2.0 * deviation * density + mean * (2.0 * torch.special.ndtr(place) - 1.0)
    return size


def _log_tail(log_own: Tensor, log_other: Tensor) -> Tensor:
    """Where a tail is more than half, its log keeps its digits through the other tail."""
    most = log_own > _LOG_HALF
    other = torch.where(most, log_other, _LOG_HALF).exp().clamp(min=torch.finfo(log_own.dtype).tiny)
    return torch.where(most, torch.log1p(-other), log_own)


def increasing_root(
    excess: Callable[[Tensor], tuple[Tensor, Tensor]],
    low: Tensor,
    high: Tensor,
    wanted: Tensor,
    solved_to: float,
    start: Tensor | None = None,
) -> Tensor:
    """Solve ``excess(x) = 0`` between two bounds for every place, by Newton's method kept inside by bisection.

    Args:
        excess: An increasing function of float64 values with its slope, both of the shape of the bounds.
        low: Where the excess is not positive.
        high: Where it is not negative. Where a bound is infinite the result is the middle of both.
        wanted: Places that must be solved; what the others give is of no use.
        solved_to: Size of the excess at which a place is solved.
        start: Where the search begins, between the bounds; their middle where None.
    """
    middle = 0.5 * (low + high)
    solvable = middle.isfinite()
    root, step = middle.nan_to_num(0.0, 0.0, 0.0), (high - low).nan_to_num(0.0, 0.0, 0.0)
    low, high = low.where(solvable, 0.0), high.where(solvable, 0.0)
    if start is not None:
        root = torch.minimum(torch.maximum(start, low), high)
    for _ in range(_ITERATIONS):
        beyond, slope = excess(root)
        low, high = torch.where(beyond > 0.0, low, root), torch.where(beyond > 0.0, root, high)
        if bool(((beyond.abs() <= solved_to) | (high <= low) | ~solvable | ~wanted).all()):
            break
        newton = root - beyond / slope
        good = (newton > low) & (newton < high) & ((newton - root).abs() < 0.5 * step.abs())
        moved = torch.where(beyond.abs() <= solved_to, root, torch.where(good, newton, 0.5 * (low + high)))
        root, step = moved, moved - root
    return torch.where(solvable, root, middle)
