r"""What each part of a book adds to its value at risk and expected shortfall: marginal, component and incremental.

Both measures grow in proportion to the book, so Euler's theorem divides them without a rest: the component of a
position is its weight times the derivative of the measure in that weight. The derivatives are conditional means
(Tasche): of the position's loss given that the book loses its value at risk, or more than that.

* Expected shortfall: the derivative of the estimator itself, by autograd through the losses. It is exact on the draws:
  the mean loss of the position in the draws in which the book loses most, the last of which counts in part. Where
  several lose just that, each counts alike, so the order of the draws does not matter.
* Value at risk: its estimator is one draw, and the derivative of that is what the position lost in this one draw. So
  the conditional mean is estimated by local linear regression of the position's loss on the book's, over the draws
  around the value at risk, see `WINDOW`. The components still add up to the value at risk, because the regression of
  the book on itself is the book, and under an elliptical law, where the conditional mean is linear, there is no bias.

Weights are fractions of equity, losses are positive when money is lost, everything is float64.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from quantdl.risk.measures.losses import expected_shortfall, value_at_risk, value_at_risk_error
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.undefined import Undefined
from quantdl.scoring import confidence

Measure = Literal["value_at_risk", "expected_shortfall"]

WINDOW = 1.5
"""Draws count for the derivative of value at risk whose probability of a larger loss lies within this factor of the
tail's: at 99 %, those between the quantiles of 98.5 and 99.33 %, 833 of 100,000 draws."""

_FEWEST = 20  # draws in the window from which on a line through them means something


@dataclass(frozen=True, eq=False)
class Contributions:
    """A measure of a book, divided among its parts.

    Attributes:
        measure: Which one.
        level: Confidence level.
        total: The measure of the whole book.
        marginal: (A,) its derivative in each weight: what a small position more adds, per unit of equity; NaN for
            assets of which nothing is known.
        component: (A,) weight times ``marginal``; they add up to ``total``.
        error: (A,) standard error of ``component``, of the simulation.
    """

    measure: Measure
    level: float
    total: float
    marginal: Tensor
    component: Tensor
    error: Tensor


@dataclass(frozen=True, eq=False)
class Parts:
    """What several parts of a book add to a measure of it.

    Attributes:
        component: (K,) of each part; they add up to the measure.
        error: (K,) standard errors, of the simulation.
    """

    component: Tensor
    error: Tensor


def expected_shortfall_contributions(scenarios: Scenarios, weights: Tensor, level: float = 0.99) -> Contributions:
    r"""Divide the expected shortfall of a book among its positions.

    .. math:: w_i \, \partial_i \mathrm{ES} = E [ -w_i r_i \mid L \ge \mathrm{VaR} ]

    Args:
        scenarios: Joint returns.
        weights: (A,) fractions of equity.
        level: Confidence level.

    Raises:
        ValueError: As `Scenarios.losses` and `quantdl.risk.expected_shortfall`.

    References:
        | Risk contributions and performance measurement (Tasche, 1999)
        | Portfolio value-at-risk with heavy-tailed risk factors (Glasserman, Heidelberger and Shahabuddin, 2002)

    Example:
        >>> draws = torch.tensor([[0.1, 0.2], [-0.1, 0.2], [0.1, -0.2], [-0.1, -0.2]], dtype=torch.float64)
        >>> half = torch.tensor([0.5, 0.5])
        >>> found = expected_shortfall_contributions(Scenarios(("A", "B"), draws, 1), half, level=0.5)
        >>> found.component.tolist(), round(found.total, 9)
        ([0.0, 0.1], 0.1)
    """
    return _divided("expected_shortfall", scenarios, weights, level)


def value_at_risk_contributions(scenarios: Scenarios, weights: Tensor, level: float = 0.99) -> Contributions:
    r"""Divide the value at risk of a book among its positions.

    .. math:: w_i \, \partial_i \mathrm{VaR} = E [ -w_i r_i \mid L = \mathrm{VaR} ]

    Args:
        scenarios: Joint returns.
        weights: (A,) fractions of equity.
        level: Confidence level.

    Raises:
        ValueError: As `Scenarios.losses` and `quantdl.risk.value_at_risk`.
        Undefined: If fewer than 20 scenarios lie around the value at risk; about 960 equally likely ones hold as many
            at 97.5 %, 2,400 at 99 %.

    References:
        | Sensitivity analysis of values at risk (Gouriéroux, Laurent and Scaillet, 2000)
        | Cracking VaR with kernels (Epperlein and Smillie, 2006)
        | Local polynomial modelling and its applications (Fan and Gijbels, 1996)
    """
    return _divided("value_at_risk", scenarios, weights, level)


def parts_of(measure: Measure, losses: Tensor, level: float = 0.99, probabilities: Tensor | None = None) -> Parts:
    """Divide a measure of a book among any parts of its losses: groups, factors, strategies.

    Args:
        measure: Which one.
        losses: (S, K) of the parts; their sums are the losses of the book.
        level: Confidence level.
        probabilities: (S,) of each row, not negative; equal where None.

    Raises:
        ValueError: As `value_at_risk_contributions`.
        Undefined: Likewise, where the measure is the value at risk.
    """
    own = losses.double()
    return _split(measure, own.sum(1), level, probabilities).divide(lambda rows: own[rows])


def group_contributions(
    measure: Measure, scenarios: Scenarios, weights: Tensor, groups: Sequence[str], level: float = 0.99
) -> dict[str, tuple[float, float]]:
    """Return what each group of positions adds to a measure of the book, and the standard error of that.

    Args:
        measure: Which one.
        scenarios: Joint returns.
        weights: (A,) fractions of equity.
        groups: (A,) name of each asset's group.
        level: Confidence level.

    Returns:
        Groups in which something is held, in the order of their names.

    Raises:
        ValueError: As `value_at_risk_contributions`.
        Undefined: Likewise, where the measure is the value at risk.
    """
    names = sorted({group for group, weight in zip(groups, weights.tolist(), strict=True) if weight})
    member = torch.tensor([[group == name for name in names] for group in groups], dtype=torch.float64)
    split = _split(measure, scenarios.losses(weights), level, scenarios.probabilities)
    found = split.divide(lambda rows: _position_losses(scenarios, weights, rows) @ member)
    return dict(zip(names, zip(found.component.tolist(), found.error.tolist(), strict=True), strict=True))


def incremental(measure: Measure, scenarios: Scenarios, weights: Tensor, level: float = 0.99) -> Tensor:
    """Return (A,) by how much a measure of the book falls if a position is closed and its money kept as cash.

    On the same draws with and without the position. Unlike components these do not add up.

    Args:
        measure: Which one.
        scenarios: Joint returns.
        weights: (A,) fractions of equity.
        level: Confidence level.

    Raises:
        ValueError: As `Scenarios.losses` and the measure.
    """
    of = value_at_risk if measure == "value_at_risk" else expected_shortfall
    book, shares = scenarios.losses(weights), scenarios.probabilities
    whole, found = of(book, level, shares), torch.zeros(len(scenarios.assets), dtype=torch.float64)
    for asset in torch.nonzero(weights).flatten().tolist():
        without = book + float(weights[asset]) * scenarios.returns[:, asset]
        found[asset] = whole - of(without, level, shares)
    return found


def _divided(measure: Measure, scenarios: Scenarios, weights: Tensor, level: float) -> Contributions:
    weights = weights.detach().double()
    split = _split(measure, scenarios.losses(weights), level, scenarios.probabilities)
    marginal = split.share @ -scenarios.returns[split.rows]
    found = split.divide(lambda rows: _position_losses(scenarios, weights, rows))
    return Contributions(measure, confidence(level), split.total, marginal, found.component, found.error)


def _position_losses(scenarios: Scenarios, weights: Tensor, rows: Tensor) -> Tensor:
    """(N, A) losses of the positions in some of the scenarios."""
    return torch.where(weights != 0, -weights.double() * scenarios.returns[rows], 0.0)


@dataclass(frozen=True, eq=False)
class _Line:
    """A local line at the value at risk, as weights of the draws that it is fitted to.

    Attributes:
        rows: (N,) numbers of the draws.
        share: (N,) what each counts in the value of the line at the value at risk; they add up to one.
        slope: (N,) what each counts in its slope.
        distance: (N,) loss of the book beyond the value at risk.
        near: How many draws there are in the window; where they are too few, the line is made of the draws alone that
            lose the value at risk itself.
    """

    rows: Tensor
    share: Tensor
    slope: Tensor
    distance: Tensor
    near: int

    def error(self, losses: Tensor) -> Tensor:
        """(K,) standard errors of the lines of parts, from their spread around them; losses (N, K)."""
        rest = losses - self.share @ losses - self.distance[:, None] * (self.slope @ losses)
        return (self.share.square() @ rest.square()).sqrt()


@dataclass(frozen=True, eq=False)
class _Split:
    """How a measure of a book is divided: the draws that decide on its derivative, and what each counts.

    Attributes:
        rows: (N,) numbers of the draws.
        share: (N,) what each counts; a part adds its mean loss in them.
        total: The measure.
        line: At the value at risk.
        probability: (N,) of each of the draws; None where the measure is the value at risk itself.
        tail: Probability of the tail.
        elsewhere: Sum of the squared probabilities of all other draws.
        limit_error: Standard error of the value at risk itself.
    """

    rows: Tensor
    share: Tensor
    total: float
    line: _Line
    probability: Tensor | None = None
    tail: float = math.nan
    elsewhere: float = math.nan
    limit_error: float = math.nan

    def divide(self, losses_in: Callable[[Tensor], Tensor]) -> Parts:
        r"""Divide among parts, given what makes their losses (N, K) in some of the draws.

        The mean of a tail whose quantile is estimated too has the influence function (of a draw that loses :math:`L`,
        the part :math:`l`) :math:`(l - m) 1\{L > q\} / (1 - \alpha) - (c - m)`, with the component :math:`c` and
        :math:`m = E[l \mid L = q]`. A component of the value at risk moves along its line where the value at risk does.
        """
        own = losses_in(self.rows)
        component = self.share @ own
        if self.probability is None:
            along = (self.line.slope @ own) * self.limit_error
            return Parts(component, torch.hypot(self.line.error(own), along))
        at_quantile = self.line.share @ losses_in(self.line.rows)
        offset = component - at_quantile
        influence = (own - at_quantile) / self.tail - offset
        variance = self.probability.square() @ influence.square() + self.elsewhere * offset.square()
        return Parts(component, variance.sqrt())


def _split(measure: Measure, book: Tensor, level: float, probabilities: Tensor | None) -> _Split:
    """Find the draws that decide on the derivative of a measure in the losses of a book (S,)."""
    level = confidence(level)
    limit = float(value_at_risk(book, level, probabilities))
    line = _line_at(limit, book, level, probabilities)
    if measure == "value_at_risk":
        if len(line.rows) < _FEWEST:
            needed = math.ceil(round(_FEWEST / ((1.0 - level) * (WINDOW - 1.0 / WINDOW)), 6))
            raise Undefined(
                f"contributions to value at risk at level {level:g} need at least {_FEWEST} scenarios around it, and "
                f"{line.near} of {len(book):,} lie there; take about {needed:,} equally likely ones, or a lower level"
            )
        error = float(value_at_risk_error(book, level, probabilities))
        return _Split(line.rows, line.share, limit, line, limit_error=error)
    losses = book.detach().clone().requires_grad_()
    shortfall = expected_shortfall(losses, level, probabilities)
    (share,) = torch.autograd.grad(shortfall, losses)
    chance = torch.full_like(book, 1.0 / len(book)) if probabilities is None else probabilities.double()
    chance = chance / chance.sum()
    share = _shared_alike(share, chance, book == limit)
    rows = torch.nonzero(share).flatten()
    elsewhere = float(chance.square().sum() - chance[rows].square().sum())
    return _Split(rows, share[rows], float(shortfall.detach()), line, chance[rows], 1.0 - level, elsewhere)


def _shared_alike(share: Tensor, chance: Tensor, tied: Tensor) -> Tensor:
    """What each draw (S,) counts, where draws that lose the same at the edge of the tail count by their probability."""
    whole = chance[tied].sum()
    return share if not bool(whole > 0) else torch.where(tied, share[tied].sum() * chance / whole, share)


def _line_at(limit: float, book: Tensor, level: float, probabilities: Tensor | None) -> _Line:
    """Fit a line to the draws whose probability of a larger loss is near that of the tail, see `WINDOW`."""
    ordered, order = book.sort(descending=True)
    own = torch.full_like(ordered, 1.0 / len(book)) if probabilities is None else probabilities.double()[order]
    beyond = (own / own.sum()).cumsum(0)
    near = (beyond >= (1.0 - level) / WINDOW) & (beyond <= (1.0 - level) * WINDOW) & (own > 0)
    count = int(near.sum())
    if count < _FEWEST:  # too few for a line: the draw that is the value at risk
        near = ordered == limit
    at, weight = ordered[near], own[near] / own[near].sum()
    middle = weight @ at
    spread = weight @ (at - middle).square()
    slope = weight * (at - middle) / spread if float(spread) > 0 else torch.zeros_like(weight)
    return _Line(order[near], weight + (limit - middle) * slope, slope, at - limit, count)
