"""Every figure of the risk of a book that is held: by level and horizon, by position, by group and by factor."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from quantdl.risk.book.contributions import (
    Contributions,
    Measure,
    expected_shortfall_contributions,
    group_contributions,
    incremental,
    value_at_risk_contributions,
)
from quantdl.risk.book.factor_exposures import factor_contributions
from quantdl.risk.book.predictions import BookRisk, MemberLosses
from quantdl.risk.measures.losses import expected_shortfall_error, value_at_risk_error
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.undefined import Undefined

Found = TypeVar("Found")
_Pair = tuple[float | None, float | None]  # component and error
_Cells = tuple[float | None, float | None, float | None]  # and derivative

MOST_INCREMENTAL = 100
"""Positions up to which incremental risk is worked out, which needs each measure again for every position."""

NO_GROUP = "no group"
"""What stands for the positions without a group."""


@dataclass(frozen=True)
class MemberRange:
    """A measure under the members of an ensemble or a posterior, as fractions of equity.

    Attributes:
        low: The least under a member.
        high: The largest.
        spread: Standard deviation over the members: what is not known of the parameters.
        share: ``spread`` over the measure of the mixture; None where that is not positive.
    """

    low: float
    high: float
    spread: float
    share: float | None


@dataclass(frozen=True)
class LevelFigures:
    """Risk of the book over one window at one level, as fractions of equity, positive when money is lost.

    Attributes:
        bars: Of the window, from the close.
        level: Confidence level.
        value_at_risk: Loss that is not exceeded with probability ``level``; None where too little is known.
        value_at_risk_error: Standard error of it, of the simulation.
        expected_shortfall: Mean of the worst ``1 - level`` share of the losses.
        expected_shortfall_error: Standard error of it, of the simulation.
        reason: Why there is no figure; empty where there is one.
        value_at_risk_members: Under the members of the law; None where it has none.
        expected_shortfall_members: Likewise.
    """

    bars: int
    level: float
    value_at_risk: float | None
    value_at_risk_error: float | None
    expected_shortfall: float | None
    expected_shortfall_error: float | None
    reason: str = ""
    value_at_risk_members: MemberRange | None = None
    expected_shortfall_members: MemberRange | None = None


@dataclass(frozen=True)
class PositionFigures:
    """What one position adds to the risk of the book; all figures but ``weight`` belong to one window and level.

    Attributes:
        bars: Of the window.
        level: Confidence level.
        asset: Symbol.
        group: Of the asset; empty for none.
        weight: Fraction of equity.
        value_at_risk: Component; those of all positions add up to the book's. None where too few scenarios lie around
            the value at risk, and so are its error and the derivative.
        value_at_risk_error: Standard error of it, of the simulation.
        value_at_risk_marginal: Derivative of the book's in the weight.
        value_at_risk_incremental: What closing the position would take away; None where there are too many positions.
        expected_shortfall: Component.
        expected_shortfall_error: Standard error of it, of the simulation.
        expected_shortfall_marginal: Derivative of the book's in the weight.
        expected_shortfall_incremental: As for value at risk.
        value_at_risk_reason: Why it has no component; empty where it has one.
    """

    bars: int
    level: float
    asset: str
    group: str
    weight: float
    value_at_risk: float | None
    value_at_risk_error: float | None
    value_at_risk_marginal: float | None
    value_at_risk_incremental: float | None
    expected_shortfall: float
    expected_shortfall_error: float
    expected_shortfall_marginal: float
    expected_shortfall_incremental: float | None
    value_at_risk_reason: str = ""


@dataclass(frozen=True)
class PartFigures:
    """What a group, or a factor, adds to the risk of the book over one window at one level.

    Attributes:
        bars: Of the window.
        level: Confidence level.
        name: Of the group or factor.
        exposure: Of a group its net weight; of a factor what the book loses for a fall of the factor by one; None for
            what no factor explains.
        value_at_risk: Component; None where too few scenarios lie around the value at risk.
        value_at_risk_error: Standard error of it, of the simulation.
        expected_shortfall: Component.
        expected_shortfall_error: Standard error of it, of the simulation.
        value_at_risk_reason: Why it has no component; empty where it has one.
    """

    bars: int
    level: float
    name: str
    exposure: float | None
    value_at_risk: float | None
    value_at_risk_error: float | None
    expected_shortfall: float
    expected_shortfall_error: float
    value_at_risk_reason: str = ""


@dataclass(frozen=True)
class BookFigures:
    """All of it.

    Attributes:
        levels: By window, then level.
        positions: Likewise, the largest component of expected shortfall first.
        groups: Likewise, of groups.
        factors: Likewise, of the market, the groups apart from it, and the rest.
    """

    levels: tuple[LevelFigures, ...]
    positions: tuple[PositionFigures, ...]
    groups: tuple[PartFigures, ...]
    factors: tuple[PartFigures, ...]


@dataclass(frozen=True, eq=False)
class Window:
    """What is known of one return window of a book.

    Attributes:
        scenarios: Joint returns, without a column of NaN for an asset that is held.
        n_observed: Past returns that the scenarios rest on, where these are fewer; see `BookRisk`.
        basis: What was counted.
        members: Losses of the book under the members of the law; None where it has none.
    """

    scenarios: Scenarios
    n_observed: int | None = None
    basis: str = "losses"
    members: MemberLosses | None = None


def book_figures(
    weights: Tensor, windows: Sequence[Window], levels: Sequence[float], groups: Sequence[str]
) -> BookFigures:
    """Work out every figure of a book. What so few scenarios do not tell is None, and a reason beside it says why.

    Args:
        weights: (A,) fractions of equity, the rest to one being cash.
        windows: Shortest first.
        levels: Confidence levels.
        groups: (A,) name of each asset's group; empty for none.

    Raises:
        ValueError: As `Scenarios.losses` and the measures.

    Example:
        Two positions that hedge each other, over draws of a normal law.

        >>> draws = 0.01 * torch.randn(100_000, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        >>> window = Window(Scenarios(("A", "B"), draws, bars=1))
        >>> risk = book_figures(torch.tensor([0.8, -0.6]), [window], [0.99], ["x", "y"])
        >>> round(100 * risk.levels[0].value_at_risk, 1), [one.name for one in risk.groups]
        (2.3, ['x', 'y'])
    """
    found = [(window, level, _level(window, weights, level)) for window in windows for level in levels]
    told = [(window, level) for window, level, figures in found if not figures.reason]
    return BookFigures(
        tuple(figures for _, _, figures in found),
        tuple(row for window, level in told for row in _positions(window.scenarios, weights, groups, level)),
        tuple(row for window, level in told for row in _groups(window.scenarios, weights, groups, level)),
        tuple(row for window, level in told for row in _factors(window.scenarios, weights, groups, level)),
    )


def level_figures(risk: BookRisk, bars: int, level: float) -> LevelFigures:
    """Return the value at risk and the shortfall of losses with their errors, or why there are none.

    Args:
        risk: Losses over a window.
        bars: Of the window.
        level: Confidence level.
    """
    if not risk.reaches(level):
        return LevelFigures(bars, level, None, None, None, None, risk.short_of(level))
    limit, shortfall = risk.value_at_risk(level), risk.expected_shortfall(level)
    of_limit, of_shortfall = (
        float(error(risk.losses, level)) for error in (value_at_risk_error, expected_shortfall_error)
    )
    return LevelFigures(bars, level, limit, of_limit, shortfall, of_shortfall)


def _level(window: Window, weights: Tensor, level: float) -> LevelFigures:
    risk = BookRisk(window.scenarios.losses(weights), window.n_observed, window.basis)
    found, members = level_figures(risk, window.scenarios.bars, level), window.members
    if members is None or found.value_at_risk is None or found.expected_shortfall is None:
        return found
    return replace(
        found,
        value_at_risk_members=_range(members.range_of_value_at_risk(level), found.value_at_risk),
        expected_shortfall_members=_range(members.range_of_expected_shortfall(level), found.expected_shortfall),
    )


def _range(found: tuple[float, float, float], measure: float) -> MemberRange:
    return MemberRange(*found, share=found[2] / measure if measure > 0 else None)


def _positions(scenarios: Scenarios, weights: Tensor, groups: Sequence[str], level: float) -> Iterator[PositionFigures]:
    limit, reason = _defined(lambda: value_at_risk_contributions(scenarios, weights, level))
    shortfall = expected_shortfall_contributions(scenarios, weights, level)
    held = torch.nonzero(weights).flatten().tolist()
    alone: dict[Measure, list[float]] = {}
    if len(held) <= MOST_INCREMENTAL:
        measures: tuple[Measure, ...] = ("value_at_risk", "expected_shortfall")
        alone = {name: incremental(name, scenarios, weights, level).tolist() for name in measures}
    for asset in sorted(held, key=lambda one: -float(shortfall.component[one])):
        of_limit: _Cells = (None, None, None) if limit is None else _cells(limit, asset)
        yield PositionFigures(
            scenarios.bars,
            level,
            scenarios.assets[asset],
            groups[asset],
            float(weights[asset]),
            *of_limit,
            _if_closed(alone, "value_at_risk", asset),
            *_cells(shortfall, asset),
            _if_closed(alone, "expected_shortfall", asset),
            reason,
        )


def _defined(compute: Callable[[], Found]) -> tuple[Found | None, str]:
    """What is computed and no reason, or None and why it is undefined."""
    try:
        return compute(), ""
    except Undefined as reason:
        return None, str(reason)


def _cells(found: Contributions, asset: int) -> tuple[float, float, float]:
    """Component, error and derivative of one position."""
    return float(found.component[asset]), float(found.error[asset]), float(found.marginal[asset])


def _if_closed(alone: Mapping[Measure, Sequence[float]], measure: Measure, asset: int) -> float | None:
    return alone[measure][asset] if alone else None


def _groups(scenarios: Scenarios, weights: Tensor, groups: Sequence[str], level: float) -> Iterator[PartFigures]:
    named = [group or NO_GROUP for group in groups]
    limit, reason = _defined(lambda: group_contributions("value_at_risk", scenarios, weights, named, level))
    shortfall = group_contributions("expected_shortfall", scenarios, weights, named, level)
    for name in sorted(shortfall, key=lambda one: -shortfall[one][0]):
        net = sum(weight for weight, group in zip(weights.tolist(), named, strict=True) if group == name)
        of_limit: _Pair = (None, None) if limit is None else limit[name]
        yield PartFigures(scenarios.bars, level, name, net, *of_limit, *shortfall[name], reason)


def _factors(scenarios: Scenarios, weights: Tensor, groups: Sequence[str], level: float) -> Iterator[PartFigures]:
    limit, reason = _defined(lambda: factor_contributions("value_at_risk", scenarios, weights, groups, level))
    shortfall = factor_contributions("expected_shortfall", scenarios, weights, groups, level)
    for place, one in enumerate(shortfall):
        of_limit: _Pair = (None, None) if limit is None else (limit[place].component, limit[place].error)
        yield PartFigures(scenarios.bars, level, one.factor, one.exposure, *of_limit, one.component, one.error, reason)
