"""What a trade would do to the risk of a book, and which trade in one instrument would take most of it away.

Before and after are compared on the same draws, so the error of the difference is far below that of either figure.
Weights are fractions of equity; a trade is paid from cash. What trading costs is left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from quantdl.risk.measures.losses import expected_shortfall, value_at_risk, value_at_risk_error
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.scoring import confidence

_LARGEST = 1e6  # times the equity of the book: a hedge beyond it is no hedge
_PRECISION = 1e-6  # of the weight of a hedge, relative to the book's own size


@dataclass(frozen=True)
class Change:
    """A measure before and after a trade, as fractions of equity.

    Attributes:
        before: Of the book.
        after: Of the book with the trade.
        difference: ``after`` less ``before``.
        error: Standard error of the difference, of the simulation, with the same draws for both.
    """

    before: float
    after: float
    difference: float
    error: float


@dataclass(frozen=True)
class WhatIf:
    """What a trade does to the risk of a book.

    Attributes:
        level: Confidence level.
        value_at_risk: Of the book.
        expected_shortfall: Of the book.
    """

    level: float
    value_at_risk: Change
    expected_shortfall: Change


@dataclass(frozen=True)
class Hedge:
    """The trade in one instrument that makes the expected shortfall of a book least.

    Attributes:
        asset: The instrument.
        weight: To buy, or to sell if negative, as a fraction of equity.
        expected_shortfall: Of the book without and with it.
    """

    asset: str
    weight: float
    expected_shortfall: Change


def what_if(scenarios: Scenarios, weights: Tensor, trade: Tensor, level: float = 0.99) -> WhatIf:
    """Compare a book with what a trade makes of it, on the same draws.

    Args:
        scenarios: Joint returns.
        weights: (A,) fractions of equity held.
        trade: (A,) fractions of equity bought, negative for sold; paid from cash.
        level: Confidence level.

    Raises:
        ValueError: As `Scenarios.losses` and the measures.
    """
    before, after = scenarios.losses(weights), scenarios.losses(weights.double() + trade.double())
    shares, errors = scenarios.probabilities, []
    for influence in (_influence_on_quantile, _influence_on_shortfall):
        errors.append(_error(influence(before, level, shares), influence(after, level, shares), shares))
    limits = [float(value_at_risk(losses, level, shares)) for losses in (before, after)]
    shortfalls = [float(expected_shortfall(losses, level, shares)) for losses in (before, after)]
    return WhatIf(confidence(level), _change(limits, errors[0]), _change(shortfalls, errors[1]))


def hedge_with(scenarios: Scenarios, weights: Tensor, asset: str, level: float = 0.99) -> Hedge:
    r"""Find how much of one instrument makes the expected shortfall of a book least.

    .. math:: \min_x \; \mathrm{ES}_\alpha(L - x \, r_j)

    The shortfall is convex in x, so its derivative, the mean loss of the instrument in the tail, changes its sign once,
    and bisection finds where.

    Args:
        scenarios: Joint returns.
        weights: (A,) fractions of equity held.
        asset: The instrument.
        level: Confidence level.

    Raises:
        ValueError: If the instrument is not among the assets or nothing is known of it, or no amount of it is best: it
            gains, or loses, in every tail.

    References:
        | Optimization of conditional value-at-risk (Rockafellar and Uryasev, 2000)
    """
    if asset not in scenarios.assets or not bool(scenarios.known[scenarios.assets.index(asset)]):
        raise ValueError(f"nothing is known of {asset}, so it hedges nothing.")
    column = scenarios.assets.index(asset)
    book, own = scenarios.losses(weights), scenarios.returns[:, column].contiguous()
    weight = _best_weight(book, own, level, scenarios.probabilities)
    if weight is None:
        raise ValueError(f"no amount of {asset} is best: the more of it, the smaller the shortfall.")
    trade = torch.zeros(len(scenarios.assets), dtype=torch.float64)
    trade[column] = weight
    return Hedge(asset, weight, what_if(scenarios, weights, trade, level).expected_shortfall)


def best_hedge(
    scenarios: Scenarios, weights: Tensor, level: float = 0.99, candidates: Sequence[str] | None = None
) -> Hedge | None:
    """Find the one instrument, and how much of it, that most reduces the expected shortfall of a book.

    An instrument that gains, or loses, in every tail is left out: no amount of it is best.

    Args:
        scenarios: Joint returns.
        weights: (A,) fractions of equity held.
        level: Confidence level.
        candidates: Instruments to choose from; all assets of which something is known where None.

    Returns:
        The hedge; None where no amount of any instrument is best.

    Raises:
        ValueError: If there is no candidate, or nothing is known of one.
    """
    named = [asset for asset, known in zip(scenarios.assets, scenarios.known.tolist(), strict=True) if known]
    chosen = named if candidates is None else list(candidates)
    if not chosen:
        raise ValueError("no instrument to hedge with: nothing is known of any asset.")
    book = scenarios.losses(weights)
    found = []
    for asset in chosen:
        own = scenarios.returns[:, scenarios.assets.index(asset)].contiguous() if asset in named else None
        if own is None or _best_weight(book, own, level, scenarios.probabilities) is not None:
            found.append(hedge_with(scenarios, weights, asset, level))
    return min(found, key=lambda hedge: hedge.expected_shortfall.after) if found else None


def _best_weight(book: Tensor, own: Tensor, level: float, probabilities: Tensor | None) -> float | None:
    """Where the derivative of the shortfall changes its sign; None where it does not."""
    start = _derivative(book, own, 0.0, level, probabilities)
    if start == 0.0:
        return 0.0
    side = -math.copysign(1.0, start)
    inner, outer = 0.0, side
    while _derivative(book, own, outer, level, probabilities) * side < 0:
        inner, outer = outer, 2.0 * outer
        if abs(outer) > _LARGEST:
            return None
    while abs(outer - inner) > _PRECISION * max(1.0, abs(outer)):
        middle = 0.5 * (inner + outer)
        if _derivative(book, own, middle, level, probabilities) * side < 0:
            inner = middle
        else:
            outer = middle
    return 0.5 * (inner + outer)


def _derivative(book: Tensor, own: Tensor, amount: float, level: float, probabilities: Tensor | None) -> float:
    """Of the shortfall in the amount of an instrument, by autograd."""
    at = torch.tensor(amount, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(expected_shortfall(book - at * own, level, probabilities), at)
    return float(slope)


def _influence_on_shortfall(losses: Tensor, level: float, probabilities: Tensor | None) -> Tensor:
    """(S,) what a draw moves the shortfall by, up to a constant."""
    return (losses - value_at_risk(losses, level, probabilities)).clamp(min=0.0) / (1.0 - confidence(level))


def _influence_on_quantile(losses: Tensor, level: float, probabilities: Tensor | None) -> Tensor:
    """(S,) what a draw moves the quantile by, up to a constant: an exception, over the density at the quantile."""
    tail = 1.0 - confidence(level)
    error, beyond = (
        float(value_at_risk_error(losses, level, probabilities)),
        losses > value_at_risk(losses, level, probabilities),
    )
    squares = torch.full_like(losses, 1.0 / len(losses) ** 2) if probabilities is None else probabilities.square()
    spread = float((squares * (beyond.double() - tail).square()).sum().sqrt())
    return beyond.double() * (error / spread if spread > 0 else 0.0)


def _error(before: Tensor, after: Tensor, probabilities: Tensor | None) -> float:
    """Standard error of a difference, from both influences."""
    moved = after - before
    if probabilities is None:
        return float(moved.std() / math.sqrt(len(moved)))
    share = probabilities
    return float((share.square() @ (moved - share @ moved).square()).sqrt())


def _change(values: list[float], error: float) -> Change:
    return Change(values[0], values[1], values[1] - values[0], error)
