"""Related positions: which assets move together, and caps on what is held of them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quantdl.backtest.plan.refusals import PlanFault, at_least, each_asset
from quantdl.backtest.plan.sizing import Sizing, net_cap_faults
from quantdl.backtest.plan.texts import Symbol

if TYPE_CHECKING:
    from quantdl.market.panel import Panel


@dataclass(frozen=True)
class SectorGroups:
    """Assets are related when the panel's sector table says so."""

    kind: Literal["sector"]


@dataclass(frozen=True)
class NamedGroups:
    """Assets are related as listed: group name to symbols, every asset in exactly one group."""

    kind: Literal["named"]
    members: Mapping[Symbol, tuple[Symbol, ...]]


@dataclass(frozen=True)
class CorrelationGroups:
    """Assets are related when their trailing correlation clusters them, as of each decision.

    Attributes:
        kind: Tells the alternatives apart.
        window_bars: Trailing returns used.
        threshold: Average-linkage correlation above which assets share a cluster, between 0 and 1.
    """

    kind: Literal["correlation"]
    window_bars: int
    threshold: float


Groups = SectorGroups | NamedGroups | CorrelationGroups


@dataclass(frozen=True)
class RelatedPositions:
    """Caps on what moves together.

    Attributes:
        groups: What counts as related.
        max_group_gross: Largest sum of absolute weights inside one group at a decision.
        max_group_net: Largest absolute sum of weights inside one group; null for a long-only plan.
    """

    groups: Groups
    max_group_gross: float
    max_group_net: float | None


def faults(related: RelatedPositions, sizing: Sizing) -> Iterator[PlanFault]:
    """Yield a fault for each cap that can never bind beside the sizing, and for groups that make no sense."""
    gross = sizing.max_gross
    if not 0 < related.max_group_gross <= gross:
        expected = f"above 0 and at most max_gross ({gross:g}), or it can never bind"
        given = f"{related.max_group_gross:g}"
        yield PlanFault("related_positions.max_group_gross", given, expected, f"set it below {gross:g}")
    item, highest = "related_positions.max_group_net", related.max_group_gross
    yield from net_cap_faults(item, related.max_group_net, highest, long_only=sizing.long_only)
    match related.groups:
        case CorrelationGroups(window_bars=window, threshold=threshold):
            yield from at_least("related_positions.groups.window_bars", window, 20, "enough bars for a correlation")
            if not 0 < threshold < 1:
                expected = "a correlation strictly between 0 and 1"
                yield PlanFault("related_positions.groups.threshold", f"{threshold:g}", expected, "for instance 0.6")
        case NamedGroups(members=members):
            counts = Counter(symbol for group in members.values() for symbol in group)
            for symbol in (symbol for symbol, count in counts.items() if count > 1):
                given = f"'{symbol}' {counts[symbol]} times"
                yield PlanFault("related_positions.groups.members", given, "each asset once", "keep it in one group")


def data_faults(related: RelatedPositions, sizing: Sizing, panel: "Panel") -> Iterator[PlanFault]:
    """Yield a fault for assets without a group, and for a cap that the groups of these assets can never reach."""
    match related.groups:
        case SectorGroups():
            without = [asset for asset in panel.assets if asset not in panel.sectors]
            if without:
                given = f"no sector for {without}"
                fix = "name the groups in the plan with kind: named, or give the data a sector table"
                yield PlanFault("related_positions.groups", given, "a sector for every asset", fix)
        case NamedGroups(members=members):
            named = {symbol for group in members.values() for symbol in group}
            yield from each_asset("related_positions.groups.members", named, panel.assets, "a group")
    members_of_largest = _largest_group(related.groups, panel)
    largest = min(sizing.max_gross, sizing.max_weight * members_of_largest)
    if members_of_largest > 1 and related.max_group_gross >= largest:  # a group of one is what max_weight is for
        expected = f"below {largest:g}, the most any group can weigh under the other caps, or it can never bind"
        given = f"{related.max_group_gross:g}"
        yield PlanFault("related_positions.max_group_gross", given, expected, f"set it below {largest:g}")


def _largest_group(groups: Groups, panel: "Panel") -> int:
    """Return the number of assets in the largest group; a correlation cluster can hold them all."""
    match groups:
        case SectorGroups():
            sectors = [panel.sectors.get(asset, asset) for asset in panel.assets]
            return max(sectors.count(sector) for sector in sectors)
        case NamedGroups(members=members):
            return max((len(group) for group in members.values()), default=0)
        case CorrelationGroups():
            return len(panel.assets)
