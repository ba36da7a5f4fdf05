"""Does the plan fit the data and the span it is run on? And the one door through which every run passes."""

import difflib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from quantdl.backtest.plan.checks import plan_faults
from quantdl.backtest.plan.faults import PlanFault, missing_items, refusal
from quantdl.backtest.plan.items import NamedGroups, Plan, SectorGroups, StaleDataLimit, StatedVolume, VolumeWaiver
from quantdl.errors import PlanError
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

_CARD_ITEMS = ("source", "timezone", "frequency", "adjustment", "calendar", "fingerprint")


def check_plan(
    plan: Plan,
    panel: Panel,
    start: pd.Timestamp,
    end: pd.Timestamp,
    model_horizon: int | None,
    forecasts_risk: bool,
) -> None:
    """Refuse a plan that is incomplete, contradictory, unable to bind, or made for other data.

    Raises:
        PlanError: With every fault at once.
    """
    faults = plan_faults(plan, model_horizon, forecasts_risk)
    if not tuple(missing_items(plan)):
        faults = (*faults, *data_faults(plan, panel, start, end))
    if faults:
        raise PlanError(refusal(faults))


def data_faults(plan: Plan, panel: Panel, start: pd.Timestamp, end: pd.Timestamp) -> tuple[PlanFault, ...]:
    """Return every fault that the plan has in view of the data and of the span of the run.

    Args:
        plan: A plan of which every item is present.
        panel: The data of the run.
        start: First session of the run.
        end: Last session of the run.
    """
    return (
        *_card(plan, panel),
        *_groups(plan, panel),
        *_caps(plan, panel),
        *_volume(plan, panel),
        *_span(plan, panel, start, end),
    )


def _card(plan: Plan, panel: Panel) -> Iterator[PlanFault]:
    for name in _CARD_ITEMS:
        planned, found = getattr(plan.trusted_data, name), getattr(panel.card, name)
        if planned != found:
            fix = f"write {found!r} if these are the data you mean to trust, or load the other data"
            yield PlanFault(f"trusted_data.{name}", repr(planned), f"the data card's {found!r}", fix)
    unknown = sorted(set(plan.trusted_data.fields) - set(panel.fields))
    if unknown:
        expected = f"fields of the data, {sorted(panel.fields)}"
        yield PlanFault("trusted_data.fields", str(unknown), expected, "remove what the data does not have")


def _groups(plan: Plan, panel: Panel) -> Iterator[PlanFault]:
    match plan.related_positions.groups:
        case SectorGroups():
            without = [asset for asset in panel.assets if asset not in panel.sectors]
            if without:
                given = f"no sector for {without}"
                fix = "name the groups in the plan with kind: named, or give the data a sector table"
                yield PlanFault("related_positions.groups", given, "a sector for every asset", fix)
        case NamedGroups(members=members):
            named = {symbol for group in members.values() for symbol in group}
            yield from _symbols("related_positions.groups.members", named, panel, "a group")


def _symbols(item: str, named: set[str], panel: Panel, what: str) -> Iterator[PlanFault]:
    without = [asset for asset in panel.assets if asset not in named]
    if without:
        yield PlanFault(item, f"nothing for {without}", f"{what} for every asset", "add them")
    for symbol in sorted(named - set(panel.assets)):
        close = difflib.get_close_matches(symbol, panel.assets, n=1)
        fix = f"did you mean '{close[0]}'" if close else f"remove it; the assets are {list(panel.assets)}"
        yield PlanFault(item, repr(symbol), "an asset of the data", fix)


def _caps(plan: Plan, panel: Panel) -> Iterator[PlanFault]:
    sizing, related = plan.sizing, plan.related_positions
    n_assets = len(panel.assets)
    if n_assets > 1 and sizing.max_weight >= sizing.max_gross:
        expected = f"below max_gross ({sizing.max_gross:g}), or it can never bind"
        yield PlanFault("sizing.max_weight", f"{sizing.max_weight:g}", expected, "lower it")
    reachable = sizing.max_weight * n_assets
    if sizing.max_gross > reachable * (1 + 1e-9):
        expected = f"at most {n_assets} assets x max_weight = {reachable:g}, or it can never bind"
        yield PlanFault("sizing.max_gross", f"{sizing.max_gross:g}", expected, f"set it to {reachable:g} or less")
    members = _largest_group(plan, panel)
    largest = min(sizing.max_gross, sizing.max_weight * members)
    if members > 1 and related.max_group_gross >= largest:  # a group of one is what max_weight is for
        expected = f"below {largest:g}, the most any group can weigh under the other caps, or it can never bind"
        item = "related_positions.max_group_gross"
        yield PlanFault(item, f"{related.max_group_gross:g}", expected, f"set it below {largest:g}")


def _largest_group(plan: Plan, panel: Panel) -> int:
    """Return the number of assets in the largest group; a correlation cluster can hold them all."""
    match plan.related_positions.groups:
        case SectorGroups():
            sectors = [panel.sectors.get(asset, asset) for asset in panel.assets]
            return max(sectors.count(sector) for sector in sectors)
        case NamedGroups(members=members):
            return max((len(group) for group in members.values()), default=0)
        case _:
            return len(panel.assets)


def _volume(plan: Plan, panel: Panel) -> Iterator[PlanFault]:
    liquidity = plan.friction.liquidity
    if isinstance(liquidity, StatedVolume):
        yield from _symbols("friction.liquidity.dollar_volume", set(liquidity.dollar_volume), panel, "a dollar volume")
    in_shares = "volume" in panel.fields and panel.card.adjustment != "total_return"
    has_volume = in_shares or "dollar_volume" in panel.fields
    if isinstance(liquidity, VolumeWaiver) and has_volume:
        expected = "'measured': the data has volume, so there is nothing to waive"
        yield PlanFault("friction.liquidity.kind", "'waiver'", expected, "measure the volume")


def _span(plan: Plan, panel: Panel, start: pd.Timestamp, end: pd.Timestamp) -> Iterator[PlanFault]:
    sample, sessions = plan.sample, panel.sessions
    if (pd.Timestamp(sample.first), pd.Timestamp(sample.last)) != (start, end):
        given, expected = f"{sample.first} to {sample.last}", f"the run's span, {start:%Y-%m-%d} to {end:%Y-%m-%d}"
        yield PlanFault("sample", given, expected, "make the two equal")
    if start < sessions[0] or end > sessions[-1]:
        expected = f"a span inside the data, {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}"
        yield PlanFault("sample", f"{start:%Y-%m-%d} to {end:%Y-%m-%d}", expected, "move the span")
    n_sessions = int(np.count_nonzero((sessions >= start) & (sessions <= end)))
    if n_sessions < sample.minimum_sessions:
        expected = f"at most the {n_sessions} sessions of the span"
        fix = "widen the span; a lower minimum is weaker evidence"
        yield PlanFault("sample.minimum_sessions", str(sample.minimum_sessions), expected, fix)
    for item, bars in (("horizon.bars", plan.horizon.bars), ("fast_exit.max_sessions", plan.fast_exit.max_sessions)):
        if bars >= n_sessions:
            expected = f"fewer than the {n_sessions} sessions of the span, or it can never bind"
            yield PlanFault(item, str(bars), expected, "lower it")
    yield from _staleness(plan, panel, n_sessions)


def _staleness(plan: Plan, panel: Panel, n_sessions: int) -> Iterator[PlanFault]:
    delisted_after = panel.silence.delisted_after_sessions
    halts = bool((panel.status == CellStatus.HALTED).any())
    for index, condition in enumerate(plan.invalidation):
        if not isinstance(condition, StaleDataLimit):
            continue
        most = n_sessions if halts else min(n_sessions, delisted_after)
        if condition.bars >= most:
            reason = f"an asset counts as delisted after {delisted_after} silent sessions, so it can never bind"
            fix = f"set it below {most}"
            yield PlanFault(f"invalidation.{index}.bars", str(condition.bars), f"fewer than {most} bars; {reason}", fix)
