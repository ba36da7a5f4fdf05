"""Related positions: which assets move together, and caps on what is held of them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING, ItemVerdict, ReportRow
from quantdl.backtest.plan.refusals import PlanFault, at_least, at_most, each_asset
from quantdl.backtest.plan.sizing import Found, Sizing, larger, net_cap_faults
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import Symbol
from quantdl.percents import measured, stated

if TYPE_CHECKING:
    import pandas as pd

    from quantdl.market.panel import Panel


ROW = ReportRow("Related positions", "exposures", "Exposures")

_NAMED = 3  # members by which a cluster is named


@dataclass(frozen=True)
class SectorGroups:
    """Assets are related when the panel's sector table says so."""

    kind: Literal["sector"]


@dataclass(frozen=True)
class NamedGroups:
    """Assets are related as listed: group name to symbols, every asset in exactly one group.

    Attributes:
        kind: Tells the groupings apart.
        members: Symbols by the name of their group.
    """

    kind: Literal["named"]
    members: Mapping[Symbol, tuple[Symbol, ...]]


@dataclass(frozen=True)
class CorrelationGroups:
    """Assets are related when their trailing correlation clusters them, as of each decision.

    Attributes:
        kind: Name of the variant.
        window_bars: Trailing returns used.
        threshold: Average-linkage correlation above which assets share a cluster, between 0 and 1.

    An asset with fewer returns than the window, a new listing for instance, is a group of its own until it has them:
    what is not known of it cannot be capped. So is every asset in the first bars of the data.
    """

    kind: Literal["correlation"]
    window_bars: int
    threshold: float


Groups = SectorGroups | NamedGroups | CorrelationGroups

# (A,) the number of each asset's group, and the groups' names.
Membership = tuple[np.ndarray, tuple[str, ...]]


@dataclass(frozen=True)
class RelatedPositions(metaclass=Stated):
    """Caps on what moves together.

    Attributes:
        groups: What counts as related.
        max_group_gross: Largest sum of absolute weights inside one group at a decision.
        max_group_net: Largest absolute sum of weights inside one group; null for a long-only plan.
    """

    groups: Groups
    max_group_gross: float
    max_group_net: float | None

    @property
    def n_named(self) -> int | None:
        """How many assets stand in its groups; None where groups are not named in the plan, or a text is no list."""
        if not isinstance(self.groups, NamedGroups):
            return None
        listed = self.groups.members.values()
        return None if any(isinstance(symbols, str) for symbols in listed) else sum(map(len, listed))


def faults(related: RelatedPositions, sizing: Sizing) -> Iterator[PlanFault]:
    """Yield a fault for groups that make no sense, and for each cap that can never bind beside the sizing."""
    yield from _group_faults(related.groups)
    gross = sizing.max_gross
    if not 0 < related.max_group_gross <= gross:
        expected = f"above 0 and at most max_gross ({gross:g}), or it can never bind"
        given = f"{related.max_group_gross:g}"
        yield PlanFault("related_positions.max_group_gross", given, expected, f"set it below {gross:g}")
    elif isinstance(related.groups, NamedGroups):  # of the others, only the data tell how many assets a group has
        yield from _unreachable(related, sizing, _largest_named(related.groups))
    item, highest = "related_positions.max_group_net", related.max_group_gross
    yield from net_cap_faults(item, related.max_group_net, highest, long_only=sizing.long_only)


def _group_faults(groups: Groups) -> Iterator[PlanFault]:
    match groups:
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


def data_faults(
    related: RelatedPositions, sizing: Sizing, panel: "Panel", end: "pd.Timestamp | None" = None
) -> Iterator[PlanFault]:
    """Yield a fault for assets without a group, and for a cap that the groups of these assets can never reach.

    Args:
        related: The item.
        sizing: The caps beside it.
        panel: The data of the run.
        end: Last session of the run; that of the data where None.
    """
    match related.groups:
        case CorrelationGroups(window_bars=window):
            known = panel.traded if end is None else panel.traded[: panel.sessions.searchsorted(end, side="right")]
            returns = int(known.any(axis=1).sum()) - 1
            meaning = "returns that there are up to the end of the run, or no cluster is ever found"
            yield from at_most("related_positions.groups.window_bars", window, returns, meaning)
        case SectorGroups():
            without = [asset for asset in panel.assets if asset not in panel.sectors]
            if without:
                given = f"no sector for {without}"
                fix = "name the groups in the plan with kind: named, or give the data a sector table"
                yield PlanFault("related_positions.groups", given, "a sector for every asset", fix)
        case NamedGroups(members=members):
            named = {symbol for group in members.values() for symbol in group}
            yield from each_asset("related_positions.groups.members", named, panel.assets, "a group")
    yield from _unreachable(related, sizing, _largest_group(related.groups, panel))


def _unreachable(related: RelatedPositions, sizing: Sizing, members_of_largest: int) -> Iterator[PlanFault]:
    """Yield a fault for a cap that no group can reach under the caps on single assets and on the book."""
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
        case NamedGroups():
            return _largest_named(groups)
        case CorrelationGroups():
            return len(panel.assets)


def _largest_named(groups: NamedGroups) -> int:
    return max(map(len, groups.members.values()), default=0)


def membership(groups: Groups, panel: "Panel") -> Membership:
    """Return the group of each asset as the plan alone says; by correlation, each asset alone."""
    match groups:
        case NamedGroups(members=members):
            names = tuple(members)
            index = {symbol: position for position, name in enumerate(names) for symbol in members[name]}
            return np.array([index[asset] for asset in panel.assets]), names
        case SectorGroups():
            names = tuple(sorted({panel.sectors[asset] for asset in panel.assets}))
            return np.array([names.index(panel.sectors[asset]) for asset in panel.assets]), names
        case CorrelationGroups():  # until there are returns to correlate
            return np.arange(len(panel.assets)), panel.assets


def judge(related: RelatedPositions, rules: frozenset[str], run: FinishedRun) -> ItemVerdict:
    """Sum the weights in each group right after the fills of each decision, by the groups as of the decision.

    As for single weights, the closes of the decision count, and what is held with drift is named beside it.

    Args:
        related: What was promised.
        rules: Names of the plan's rules.
        run: The run.
    """
    gross, net, held = (0.0, ""), (0.0, ""), (0.0, "")
    groups: Membership | None = None
    last, decided, unknown = 0, set[int](), set[int]()
    for book in run.book.decided_books(rules):
        if groups is not None:
            held = larger(held, _heaviest(run.book.weights[last : book.filled], groups))
        groups, last = _groups_as_of(related.groups, run, book.decided), book.filled
        decided.add(book.decided)
        if (_without_window(related.groups, run, book.decided) & (book.weights != 0)).any():
            unknown.add(book.decided)
        absolute = _sums(book.least_absolute, groups)
        one_sided = np.maximum(_sums(book.lowest, groups), -_sums(book.highest, groups))
        grown = _sums(book.grown.astype(np.float64), groups) > 0
        day = run.day(book.filled)
        for name, group_gross, group_net, enlarged in zip(groups[1], absolute, one_sided, grown, strict=True):
            if enlarged:
                gross = larger(gross, (float(group_gross), f"{name} on {day}"))
                net = larger(net, (float(group_net), f"{name} on {day}"))
    if groups is not None:
        held = larger(held, _heaviest(run.book.weights[last:], groups))
    checked = (
        ("max_group_gross", related.max_group_gross, *gross),
        ("max_group_net", np.inf if related.max_group_net is None else related.max_group_net, *net),
    )
    failures = tuple(
        f"{name} = {cap:g} is exceeded by {found - cap:.4f}, {where}"
        for name, cap, found, where in checked
        if found > cap + ROUNDING
    )
    figure = (
        f"heaviest group {measured(gross[0])} at the prices of its decision, {measured(held[0])} held with drift"
        f"{f' ({held[1]})' if held[1] else ''}"
    )
    if unknown:
        figure += (
            f"; {len(unknown):,} of {len(decided):,} decisions held assets without the returns of a whole window, each "
            "a group of its own"
        )
    return ItemVerdict(f"no group above {stated(related.max_group_gross)} at a decision", figure, failures)


def _groups_as_of(groups: Groups, run: FinishedRun, row: int) -> Membership:
    """Return the groups as known at a close of the run."""
    if not isinstance(groups, CorrelationGroups):
        return membership(groups, run.panel)
    from quantdl.backtest.book.trailing import correlation_groups  # loads scipy
    from quantdl.market.corporate.adjustment import continuous_closes

    closes = continuous_closes(run.panel)[: run.book.first + row + 1]
    numbers = correlation_groups(closes, groups.window_bars, groups.threshold)
    return numbers, tuple(_members(run, numbers == number) for number in range(int(numbers.max()) + 1))


def _without_window(groups: Groups, run: FinishedRun, row: int) -> np.ndarray:
    """Return (A,) whether an asset has fewer returns than the window of clusters, in twice as many bars."""
    if not isinstance(groups, CorrelationGroups):
        return np.zeros(len(run.result.assets), dtype=bool)
    traded = run.panel.traded[: run.book.first + row + 1]
    recent = traded[traded.any(axis=1)][-(2 * groups.window_bars + 1) :]
    return np.asarray(recent.sum(axis=0) - 1 < groups.window_bars)


def _members(run: FinishedRun, inside: np.ndarray) -> str:
    """Return a name for a cluster, which has none of its own: its first members."""
    members = [run.result.assets[asset] for asset in np.flatnonzero(inside)]
    more = f" and {len(members) - _NAMED} more" if len(members) > _NAMED else ""
    return f"{', '.join(members[:_NAMED])}{more}"


def _sums(weights: np.ndarray, groups: Membership) -> np.ndarray:
    """Return (G,) the sum of (A,) weights in each group."""
    return np.bincount(groups[0], weights=weights, minlength=len(groups[1]))


def _heaviest(weights: np.ndarray, groups: Membership) -> Found:
    """Return the largest gross weight of a group over the sessions of (t, A) weights, and its name."""
    if not len(weights):
        return 0.0, ""
    totals = np.array([_sums(np.abs(row), groups) for row in weights])
    return float(totals.max()), groups[1][int(totals.max(axis=0).argmax())]
