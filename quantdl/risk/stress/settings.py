"""What a book is stressed with: windows of the past, shocks, events of the market, losses to explain, thin markets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from quantdl.bounds import Interval, NonNegativeFloat, PositiveFloat, PositiveInt, Share, Text
from quantdl.errors import FieldFaults

SimpleReturn = Annotated[float, Interval(ge=-1, le=10)]
"""A simple return: -0.2 for a fall by a fifth."""

MarketEvent = Literal["at_most", "at_least", "equal"]


@dataclass(frozen=True)
class WindowScenario:
    """A span of the past that today's book is put through.

    Attributes:
        name: Of the row.
        first: First session whose return counts.
        last: Last one.
    """

    name: Text
    first: date
    last: date

    def __post_init__(self) -> None:
        """Refuse a window that ends before it begins."""
        if self.last < self.first:
            raise FieldFaults(("last", f"given {self.last}; expected a day not before first, {self.first}"))


@dataclass(frozen=True)
class ShockScenario:
    """Stated simple returns of single assets, of groups and of the market.

    Attributes:
        name: Of the row.
        assets: Return by asset; it goes before that of the asset's group.
        groups: Return by group, of each of its assets.
        market: Return of the market: an asset that is not named moves by its beta times it. Without it, what is not
            named does not move.
    """

    name: Text
    assets: Mapping[Text, SimpleReturn] = field(default_factory=dict)
    groups: Mapping[Text, SimpleReturn] = field(default_factory=dict)
    market: SimpleReturn | None = None

    def __post_init__(self) -> None:
        """Refuse a shock of nothing."""
        if not self.assets and not self.groups and self.market is None:
            raise FieldFaults(("name", "shocks nothing; expected assets, groups or market beside it"))


@dataclass(frozen=True)
class ConditionalScenario:
    """An event of the market, and the law of everything else given it.

    Attributes:
        name: Of the row.
        market: Simple return of the market over the law's window.
        event: Whether the market returns that much or less, that much or more, or exactly that.
        weights: Of the market by asset, divided by their sum, which is above zero: the market is a portfolio that is
            held, and may be short in some assets. Equal over all assets of the law where empty.
        bars: Length of the law's window in bars; null for the longest there is.
    """

    name: Text
    market: Annotated[float, Interval(gt=-1, le=10)]
    event: MarketEvent = "at_most"
    weights: Mapping[Text, float] = field(default_factory=dict)
    bars: PositiveInt | None = None

    def __post_init__(self) -> None:
        """Refuse weights of which no market can be made: divided by a negative sum, they would be the opposite one."""
        total = sum(self.weights.values())
        if self.weights and not total > 1e-9:
            raise FieldFaults(
                (
                    "weights",
                    f"add to {total:g}; expected a sum above zero, by which they are divided. For a portfolio that is "
                    "short on the whole, turn the signs of weights and market, and at_most into at_least.",
                )
            )


@dataclass(frozen=True)
class ReverseScenario:
    """A loss for which the likeliest way is looked for.

    Attributes:
        name: Of the row.
        loss: Fraction of equity, positive.
        bars: Length of the law's window in bars; null for the longest there is.
    """

    name: Text
    loss: PositiveFloat
    bars: PositiveInt | None = None


@dataclass(frozen=True)
class LawShock:
    """Another volatility and another correlation than the law has.

    Attributes:
        name: Of the row.
        volatility: Factor of every standard deviation.
        correlation: How far correlations go towards one: 0 not at all, 1 all the way. Each asset's own law stays.
        group: Only within this group; null for all assets.
        bars: Length of the law's window in bars; null for the longest there is.
    """

    name: Text
    volatility: PositiveFloat = 1.0
    correlation: Share = 0.0
    group: Text | None = None
    bars: PositiveInt | None = None

    def __post_init__(self) -> None:
        """Refuse a shock that changes nothing."""
        if self.volatility == 1.0 and self.correlation == 0.0:
            raise FieldFaults(("volatility", "changes nothing; expected a factor other than 1, or a correlation"))


@dataclass(frozen=True)
class StressedCalibration:
    """The span of the past in which the book's expected shortfall is greatest.

    Attributes:
        window: Its length in sessions.
        least_share: Share of the book's present shortfall that the assets with a whole history must have by
            themselves; Basel asks for three quarters.
    """

    window: Annotated[int, Interval(ge=60, le=5000)] = 250
    least_share: Share = 0.75


@dataclass(frozen=True)
class LiquidityStress:
    """How thin the market is in which the book is sold.

    Attributes:
        participation: Share of an asset's daily volume that is sold a day.
        volume: Factor of the volume: 0.5 for half of it.
        spread: Factor of the spread.
        spread_deviations: Standard deviations of the spread that are added to its mean, where they are known.
        impact_coefficient: Y in the square-root law.
        most_days: Days after which what is left is taken to be sold at once.
    """

    participation: Annotated[float, Interval(gt=0, le=1)] = 0.1
    volume: PositiveFloat = 0.5
    spread: NonNegativeFloat = 5.0
    spread_deviations: NonNegativeFloat = 0.0
    impact_coefficient: NonNegativeFloat = 1.0
    most_days: Annotated[int, Interval(ge=1, le=1000)] = 250


@dataclass(frozen=True)
class StressSettings:
    """All stress of a book. A list that is given replaces the one below, and an empty one leaves that kind out.

    Attributes:
        named_windows: Whether the crises of `quantdl.risk.stress.windows.NAMED_WINDOWS` are gone through.
        windows: Further windows.
        shocks: Stated returns.
        conditional: Events of the market.
        reverse: Losses to be explained.
        laws: Other volatilities and correlations.
        calibration: The worst year; null for none.
        liquidity: The sale of the book; null for none.
        level: Confidence of value at risk and expected shortfall.
        bars: Bars over which the worst loss within a window is looked for.
        draws: Joint draws behind each figure that needs them.
        least_effective: Fewest draws, counted by what their weights leave of them, that a figure may rest on.
    """

    named_windows: bool = True
    windows: tuple[WindowScenario, ...] = ()
    shocks: tuple[ShockScenario, ...] = ()
    conditional: tuple[ConditionalScenario, ...] = (ConditionalScenario("Market falls 10% or more", -0.10),)
    reverse: tuple[ReverseScenario, ...] = (ReverseScenario("Likeliest way to lose 20%", 0.20),)
    laws: tuple[LawShock, ...] = (
        LawShock("Volatility doubled", volatility=2.0),
        LawShock("Correlations half-way to one", correlation=0.5),
        LawShock("Both", volatility=2.0, correlation=0.5),
    )
    calibration: StressedCalibration | None = StressedCalibration()
    liquidity: LiquidityStress | None = LiquidityStress()
    level: Annotated[float, Interval(ge=0.5, lt=1)] = 0.975
    bars: PositiveInt = 10
    draws: Annotated[int, Interval(ge=1000, le=1_000_000)] = 10_000
    least_effective: Annotated[float, Interval(ge=20)] = 100.0

    def __post_init__(self) -> None:
        """Refuse two rows of one name."""
        kinds = (self.windows, self.shocks, self.conditional, self.reverse, self.laws)
        names = [row.name for rows in kinds for row in rows]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise FieldFaults(("windows", f"the name {twice[0]!r} stands twice among the scenarios"))
