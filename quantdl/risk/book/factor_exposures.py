"""What common factors add to the risk of a book: the market, its groups apart from the market, and the rest.

The factors are made of the scenarios themselves, so any law and any history has them. The market is the mean return of
all assets of which something is known. A group's factor is the mean return of its assets less the market times the
group's own slope on it. Each asset is regressed on the market and on the factor of its group, over the scenarios; what
the two do not explain is its own. So the losses of a book are those of its exposures, exactly, and any measure that can
be divided among parts of losses can be divided among factors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from quantdl.risk.book.contributions import Measure, parts_of
from quantdl.risk.measures.scenarios import Scenarios

MARKET, OWN = "market", "own moves"
"""Names of the factor of all assets, and of what no factor explains."""


@dataclass(frozen=True)
class FactorContribution:
    """One factor.

    Attributes:
        factor: `MARKET`, the name of a group, or `OWN`.
        exposure: Loss of the book, as a fraction of equity, for a fall of the factor by one: weight times slope, summed
            over the positions; None for `OWN`.
        component: What it adds to the measure of the book.
        error: Standard error of that, of the simulation.
    """

    factor: str
    exposure: float | None
    component: float
    error: float


def factor_contributions(
    measure: Measure, scenarios: Scenarios, weights: Tensor, groups: Sequence[str], level: float = 0.99
) -> tuple[FactorContribution, ...]:
    """Divide a measure of a book among the market, the groups and what is left.

    Args:
        measure: Which one.
        scenarios: Joint returns.
        weights: (A,) fractions of equity.
        groups: (A,) name of each asset's group; one without a name, or alone in its group, has only the market.
        level: Confidence level.

    Returns:
        The market first, then groups in which something is held, then what is left; components add up to the measure.

    Raises:
        ValueError: As `quantdl.risk.book.contributions.value_at_risk_contributions`.
    """
    book = scenarios.losses(weights)
    chance = scenarios.probabilities
    share = torch.full_like(book, 1.0 / len(book)) if chance is None else chance
    known, weights = scenarios.known, weights.double()
    market = scenarios.returns[:, known].mean(1)
    market_slopes = _slopes(scenarios.returns, market, share)
    names, exposures, losses = [MARKET], [float(weights[known] @ market_slopes[known])], []
    losses.append(-exposures[0] * market)
    for group in sorted({*groups} - {""}):
        members = torch.tensor([own == group for own in groups]) & known
        if int(members.sum()) < 2 or not bool((weights[members] != 0).any()):
            continue
        mean = scenarios.returns[:, members].mean(1)
        factor = mean - _slopes(mean[:, None], market, share)[0] * market
        exposure = float(weights[members] @ _slopes(scenarios.returns[:, members], factor, share))
        names.append(group)
        exposures.append(exposure)
        losses.append(-exposure * factor)
    rest = book - torch.stack(losses).sum(0)
    found = parts_of(measure, torch.stack([*losses, rest], dim=1), level, chance)
    rows = zip([*names, OWN], [*exposures, None], found.component.tolist(), found.error.tolist(), strict=True)
    return tuple(FactorContribution(*row) for row in rows)


def _slopes(returns: Tensor, factor: Tensor, share: Tensor) -> Tensor:
    """(A,) slopes of returns (S, A) on a factor (S,), each scenario with its probability."""
    centred = share * (factor - share @ factor)
    variance = centred @ factor
    return centred @ returns / variance if float(variance) > 0 else torch.zeros(returns.shape[1]).double()
