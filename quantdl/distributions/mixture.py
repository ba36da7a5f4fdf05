"""A mixture of forecasts: an ensemble, or the members of a posterior, as one law whose spread over members is kept."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor

from quantdl.distributions.forecast import Forecast
from quantdl.distributions.normal_mixture import NormalMixture, increasing_root
from quantdl.distributions.student_t import exact_probability
from quantdl.distributions.weighted_sums import SumLaw, mixed

_SMALLEST, _BELOW_ONE = 5e-324, 1.0 - 2.0**-53
_LOG_HALF = math.log(0.5)
_SOLVED_TO = 1e-13  # of the log of the tail
_FARTHEST = 1e-5  # probability beyond which the members' distribution functions are not compared
_FAR_OUT = 1e-4  # probability of a tail from which on each quantile is searched for between bounds of its own
_FIRST_PANELS, _MOST_PANELS = 16, 4096
_CELLS_AT_ONCE = 1 << 15


@dataclass(frozen=True, eq=False)
class VarianceParts:
    """The variance of a mixture by the law of total variance, each part (B, A) in squared log return.

    Attributes:
        within: Mean of the members' variances: what remains uncertain when the parameters are known.
        between: Variance of the members' means: the part that is due to not knowing the parameters.
    """

    within: Tensor
    between: Tensor

    @property
    def total(self) -> Tensor:
        """Variance of the mixture, (B, A)."""
        return self.within + self.between

    @property
    def between_share(self) -> Tensor:
        """Share of the variance that is due to not knowing the parameters, (B, A); 0 where there is no variance."""
        return torch.where(self.total > 0.0, self.between / self.total.clamp(min=torch.finfo(self.total.dtype).tiny), 0)


@final
class MixtureForecast(Forecast):
    r"""One of several laws of the same returns holds, each with a known probability.

    The joint density is :math:`\sum_m w_m \, p_m(y)`, so one member holds for all assets of a row: what the assets of a
    book share through not knowing the parameters is kept. Density, probabilities and their logs are exact sums,
    quantiles are solved to 1e-13 of the log of the tail, scores are accurate to 1e-6 (relative) where the members' are.

    The spread over the members is the uncertainty about the parameters. It is in every probability of the mixture, and
    `spread` and `variance_parts` give it apart.

    Args:
        members: Laws of the same rows and assets with the same assets present.
        weights: Probability of each member, (M,), or (B, M) for one set per row; equal where None. Their dtype and
            scale play no part: they are divided by their sum.

    Attributes:
        members: The laws, M of them.
        weights: (B, M) float64, each row adding to one.

    Raises:
        ValueError: If there is no member, the members differ in shape or in the assets present, or the weights do not
            fit, are negative or add to nothing.

    Example:
        >>> from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT
        >>> one = torch.ones(1, 1)
        >>> dependence = FactorStudentT(torch.tensor([4.0]), torch.zeros(1, 1, 1))
        >>> calm, wild = (CopulaForecast(AffineMarginals(0 * one, s * one), dependence, one > 0) for s in (0.01, 0.03))
        >>> MixtureForecast([calm, wild], torch.tensor([0.75, 0.25])).icdf(0.01)
        tensor([[-0.0721]], dtype=torch.float64)
    """

    def __init__(self, members: Sequence[Forecast], weights: Tensor | None = None) -> None:
        if not members:
            raise ValueError("a mixture needs at least one member, got none.")
        present = members[0].present
        self.members = tuple(members)
        given = torch.ones(len(members), device=present.device) if weights is None else weights
        _check(self.members, given)
        exact = given.double().expand(len(present), len(members))
        self.weights = exact / exact.sum(-1, keepdim=True)
        super().__init__(present)

    def log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        logs = torch.stack([member.log_prob(value) for member in self.members], dim=-1)
        return torch.logsumexp(logs + self.weights.log().to(logs), dim=-1)

    def log_prob_of_draws(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        logs = torch.stack([member.log_prob_of_draws(value) for member in self.members], dim=-1)
        return torch.logsumexp(logs + self.weights.log().to(logs), dim=-1)

    def to_standard(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`: the coordinates of the first member."""
        return self.members[0].to_standard(value)

    def from_standard(self, standard: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        return self.members[0].from_standard(standard)

    def log_prob_of_standard(self, standard: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        first, value = self.members[0], self.from_standard(standard)
        log_slope = first.log_prob_of_standard(standard) - first.log_prob_of_draws(value)  # of the first member's maps
        return self.log_prob_of_draws(value) + log_slope

    def marginal_log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        logs = torch.stack([member.marginal_log_prob(value) for member in self.members], dim=-1)
        mixed = torch.logsumexp(logs + self.weights.log().to(logs)[:, None], dim=-1)
        return torch.where(self.present, mixed, 0.0)

    def cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        mixed = self._mean_over_members(lambda member: member.cdf(value))
        return torch.where(self.present, mixed.clamp(_SMALLEST, _BELOW_ONE), 0.5)

    def log_cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        return self._log_tail(self._log_sum_below(value), self._log_sum_above(value))

    def log_survival(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        return self._log_tail(self._log_sum_above(value), self._log_sum_below(value))

    def icdf(self, value: Tensor | float) -> Tensor:
        """See :class:`Forecast`; differentiable in the probability and in the members' parameters.

        A quantile of the mixture lies between the least and the largest of its members'. Newton's method on the log of
        the nearer tail finds it there, and bisection where a step of that leads outside or does not help.
        """
        probability = exact_probability(value, self.present.device)
        shape = torch.broadcast_shapes(probability.shape, self.present.shape)
        levels = probability.expand(shape).reshape(-1, *self.present.shape)
        with torch.no_grad():
            roots = _flat(self)._quantiles(levels)
        if torch.is_grad_enabled():
            roots = [self._with_gradient(root, level) for root, level in zip(roots, levels, strict=True)]
        return torch.stack(roots).reshape(shape)

    def marginal_crps(self, value: Tensor) -> Tensor:
        r"""See :class:`Forecast`; to 1e-6 (relative) beyond the members' own error.

        With :math:`F = \sum_m w_m F_m` the score is that of the members less how far they disagree:

        .. math:: \mathrm{CRPS}(F, y) = \sum_m w_m \mathrm{CRPS}(F_m, y) - \int \sum_m w_m (F_m(x) - F(x))^2 \, dx
        """
        flat = _flat(self)
        scores = flat._mean_over_members(lambda member: member.marginal_crps(value))
        return torch.where(self.present, scores - flat._disagreement(), 0.0)

    @property
    def mean(self) -> Tensor:
        """See :class:`Forecast`."""
        means = torch.stack([member.mean for member in self.members], dim=-1)
        return (means * self.weights[:, None].to(means)).sum(-1)

    @property
    def variance(self) -> Tensor:
        """Variance of each asset's log return, (B, A); infinite where a member's is."""
        return self.variance_parts().total

    def variance_parts(self) -> VarianceParts:
        """Split the variance into what the members expect and what they disagree on."""
        means = torch.stack([member.mean for member in self.members], dim=-1)
        weights = self.weights[:, None].to(means)
        center = (means * weights).sum(-1, keepdim=True)
        variances = torch.stack([member.variance for member in self.members], dim=-1)
        return VarianceParts((variances * weights).sum(-1), ((means - center).square() * weights).sum(-1))

    def spread(self, figure: Callable[[Forecast], Tensor]) -> Tensor:
        """Standard deviation over the members of a figure of theirs: how uncertain the figure is.

        Args:
            figure: Gives (B, A) or (B,) for one member, for instance a quantile or a volatility.

        Returns:
            The standard deviation, of the figure's shape, in its unit.

        Example:
            How uncertain the 99 % value at risk of each asset is::

                law.spread(lambda member: member.icdf(0.01))
        """
        values = torch.stack([figure(member) for member in self.members], dim=-1)
        weights = self.weights.to(values).reshape(len(self.weights), *(1,) * (values.ndim - 2), -1)
        center = (values * weights).sum(-1, keepdim=True)
        return ((values - center).square() * weights).sum(-1).sqrt()

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """See :class:`Forecast`; differentiable in the members' parameters, not in the weights."""
        shape = torch.Size(sample_shape)
        n_draws, rows = shape.numel(), self.present.shape[0]
        chosen = torch.multinomial(self.weights, max(n_draws, 1), replacement=True).T[:n_draws]  # (S, B) member numbers
        draws = torch.zeros((n_draws, *self.present.shape), device=self.present.device)
        for number, member in enumerate(self.members):
            holds = chosen == number
            turn = holds.cumsum(0)  # how many draws of the row this member has given so far
            own = member.rsample((max(int(turn[-1].max()), 1) if n_draws else 1,))
            picked = own[(turn - 1).clamp(min=0), torch.arange(rows, device=own.device)]
            draws = torch.where(holds[..., None], picked, draws.to(own.dtype))
        return draws.reshape(shape + self.present.shape)

    def weighted_sum(self, weights: Tensor) -> NormalMixture | None:
        """See :class:`Forecast`; where every member has a closed form."""
        sums = [member.weighted_sum(weights) for member in self.members]
        closed = [law for law in sums if law is not None]
        if len(closed) < len(sums):
            return None
        logs = [law.log_weights + self.weights[:, n, None, None].log() for n, law in enumerate(closed)]
        means = torch.cat([law.means.double() for law in closed], dim=-1)
        variances = torch.cat([law.variances.double() for law in closed], dim=-1)
        return NormalMixture(torch.cat(logs, dim=-1), means, variances)

    def exact_sum(self, weights: Tensor) -> SumLaw | None:
        """See :class:`Forecast`; where every member has one, and all of one kind."""
        sums = [member.exact_sum(weights) for member in self.members]
        closed = [law for law in sums if law is not None]
        return mixed(closed, self.weights) if len(closed) == len(sums) else None

    def observed(self, mask: Tensor) -> "MixtureForecast":
        """See :class:`Forecast`; the weights stay."""
        return MixtureForecast([member.observed(mask) for member in self.members], self.weights)

    def rows(self, index: Tensor | slice) -> "MixtureForecast":
        """See :class:`Forecast`."""
        return MixtureForecast([member.rows(index) for member in self.members], self.weights[index])

    def assets(self, index: Tensor) -> "MixtureForecast":
        """See :class:`Forecast`."""
        return MixtureForecast([member.assets(index) for member in self.members], self.weights)

    def to(self, device: torch.device | str) -> "MixtureForecast":
        """See :class:`Forecast`."""
        return MixtureForecast([member.to(device) for member in self.members], self.weights.to(device))

    def _mean_over_members(self, figure: Callable[[Forecast], Tensor]) -> Tensor:
        """Weighted sum of a (B, A) float64 figure, member by member, so that one of them is held at a time."""
        total = torch.zeros(self.present.shape, dtype=torch.float64, device=self.present.device)
        for number, member in enumerate(self.members):
            total = total + self.weights[:, number, None] * figure(member)
        return total

    def _log_sum_below(self, value: Tensor) -> Tensor:
        logs = torch.stack([member.log_cdf(value) for member in self.members], dim=-1)
        return torch.logsumexp(logs + self.weights.log()[:, None], dim=-1)

    def _log_sum_above(self, value: Tensor) -> Tensor:
        logs = torch.stack([member.log_survival(value) for member in self.members], dim=-1)
        return torch.logsumexp(logs + self.weights.log()[:, None], dim=-1)

    def _log_tail(self, log_own: Tensor, log_other: Tensor) -> Tensor:
        """Where a tail is more than half, its log keeps its digits through the other tail."""
        most = log_own > _LOG_HALF
        other = torch.where(most, log_other, _LOG_HALF).exp().clamp(min=torch.finfo(torch.float64).tiny)
        return torch.where(self.present, torch.where(most, torch.log1p(-other), log_own), _LOG_HALF)

    def _quantiles(self, levels: Tensor) -> list[Tensor]:
        """Quantiles at probabilities of shape (L, B, A), each (B, A).

        Unless some are far out, where quantiles differ by orders of magnitude, those of a cell all lie between two
        bounds, found once, and each search starts where the one before ended.
        """
        together = bool(((levels >= _FAR_OUT) & (levels <= 1.0 - _FAR_OUT)).all()) and len(levels) > 1
        bounds = self._bounds(levels.amin(0), levels.amax(0)) if together else None
        roots: list[Tensor] = []
        for level in levels:
            low, high = bounds or self._bounds(level, level)
            start = roots[-1] if bounds and roots else None
            excess = partial(self._excess, probability=level)
            root = increasing_root(excess, low, high, self.present, _SOLVED_TO, start)
            roots.append(torch.where(self.present, root, 0.0))
        return roots

    def _bounds(self, least: Tensor, most: Tensor) -> tuple[Tensor, Tensor]:
        """The least of the members' quantiles at one probability and the largest at another, (B, A)."""
        counted = (self.weights > 0.0)[:, None].expand(*self.present.shape, -1)
        lower = torch.stack([member.icdf(least) for member in self.members], dim=-1)
        same = torch.equal(least, most)
        upper = lower if same else torch.stack([member.icdf(most) for member in self.members], dim=-1)
        return lower.where(counted, torch.inf).amin(-1), upper.where(counted, -torch.inf).amax(-1)

    def _excess(self, value: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
        """How far the log of the nearer tail is beyond the one asked for, and its slope; both grow with the return."""
        lower = probability <= 0.5
        below = self._log_sum_below(value) if bool(lower.any()) else torch.zeros_like(value)
        above = self._log_sum_above(value) if not bool(lower.all()) else torch.zeros_like(value)
        log_tail = torch.where(lower, below, above)
        excess = torch.where(lower, log_tail - probability.log(), torch.log1p(-probability) - log_tail)
        return excess, torch.exp(self.marginal_log_prob(value) - log_tail)

    def _with_gradient(self, root: Tensor, probability: Tensor) -> Tensor:
        """Derivatives of the quantile by the implicit function theorem: the excess stays zero."""
        inside = (probability > 0.0) & (probability < 1.0) & self.present
        excess, per_return = self._excess(root.where(inside, 0.0), probability.where(inside, 0.5))
        return root - torch.where(inside, (excess - excess.detach()) / per_return.detach(), 0.0)

    def _disagreement(self) -> Tensor:
        """Integral of the members' variance around the mixture's distribution function, (B, A), in log return.

        The trapezoidal rule after ``x = center + scale * sinh(t)``, whose error falls exponentially with the number of
        panels; they are halved until that changes nothing in the seventh digit of the scale (where members lie
        hundreds of their standard deviations apart, until there are 4,096). The probabilities left out at both ends are
        squared in the integral.
        """
        middles = torch.stack([member.icdf(0.5) for member in self.members])
        center = (middles * self.weights.T[..., None]).sum(0)
        peaks = zip(self.members, middles, strict=True)
        sizes = [0.4 * torch.exp(-member.marginal_log_prob(middle).double()) for member, middle in peaks]
        scale = torch.where(self.present, torch.stack(sizes).amin(0), 1.0)
        first = torch.asinh((self._extreme(_FARTHEST, torch.minimum) - center) / scale)
        length = torch.asinh((self._extreme(1.0 - _FARTHEST, torch.maximum) - center) / scale) - first

        def summed(places: int, offset: float, panels: int) -> Tensor:
            """Sum of the integrand at ``places`` equally spaced places, the first ``offset`` panels from the start."""
            total = torch.zeros_like(scale)
            for shares in ((torch.arange(places, device=scale.device) + offset) / panels).split(chunk):
                place = first + shares[:, None, None] * length
                total = total + (self._variance_of_cdf(center + scale * torch.sinh(place)) * torch.cosh(place)).sum(0)
            return total * scale * length

        chunk, panels = max(1, _CELLS_AT_ONCE // max(scale.numel(), 1)), _FIRST_PANELS
        total = summed(panels + 1, 0.0, panels) - 0.5 * (summed(1, 0.0, 1) + summed(1, 1.0, 1))
        found = total / panels
        while panels < _MOST_PANELS:
            total, panels = total + summed(panels, 0.5, panels), 2 * panels
            found, before = total / panels, found
            if bool(((found - before).abs() <= 1e-7 * scale).all()):
                break
        return found

    def _variance_of_cdf(self, value: Tensor) -> Tensor:
        """Weighted variance over the members of their distribution functions, at values (N, B, A)."""
        rows = torch.arange(len(self.present), device=self.present.device).repeat(len(value))
        flat, weights = value.flatten(0, 1), self.weights[rows][:, None]
        probabilities = torch.stack([member.rows(rows).cdf(flat) for member in self.members], dim=-1)
        mixed = (probabilities * weights).sum(-1, keepdim=True)
        return ((probabilities - mixed).square() * weights).sum(-1).reshape(value.shape)

    def _extreme(self, probability: float, choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        found = self.members[0].icdf(probability)
        for member in self.members[1:]:
            found = choose(found, member.icdf(probability))
        return found


def _flat(law: MixtureForecast) -> MixtureForecast:
    """The same law with the members of its mixtures as its own: one search and one integral instead of nested ones."""
    if not any(isinstance(member, MixtureForecast) for member in law.members):
        return law
    members: list[Forecast] = []
    weights: list[Tensor] = []
    for number, member in enumerate(law.members):
        own = law.weights[:, number, None]
        inner = _flat(member) if isinstance(member, MixtureForecast) else None
        members += [member] if inner is None else inner.members
        weights.append(own if inner is None else own * inner.weights)
    return MixtureForecast(members, torch.cat(weights, dim=-1))


def _check(members: tuple[Forecast, ...], weights: Tensor) -> None:
    present, count = members[0].present, len(members)
    rows = len(present)
    for number, member in enumerate(members):
        if member.present.shape != present.shape:
            raise ValueError(
                f"the members of a mixture are laws of the same rows and assets; member 0 has {tuple(present.shape)} "
                f"and member {number} has {tuple(member.present.shape)}."
            )
    if weights.shape not in ((count,), (rows, count)):
        raise ValueError(
            f"weights {tuple(weights.shape)} must be ({count},) or ({rows}, {count}): one for each of {count} members."
        )
    if present.is_meta:  # holds no values to check
        return
    if not all(torch.equal(member.present, present) for member in members):
        raise ValueError("the members of a mixture must cover the same assets: their `present` masks differ.")
    if not bool((weights >= 0.0).all() and (weights.sum(-1) > 0.0).all() and weights.isfinite().all()):
        raise ValueError("the weights of a mixture must be finite, not negative, and add to more than zero.")
