"""Sizing: how large a position may be, and what one trade may cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from quantdl.backtest.plan.refusals import PlanFault, within
from quantdl.backtest.plan.texts import Sentence


@dataclass(frozen=True)
class Sizing:
    """How large a position may be and what one trade may cost.

    A trade runs from flat to flat in one asset; its loss is net of costs, over equity at entry. The promise also sets
    the limit of every order: it does not fill at a price from which a return to the decision's price would lose more.

    Attributes:
        method: The sizing rule in words.
        long_only: Whether negative weights are errors.
        max_weight: Largest absolute weight of one asset at a decision.
        max_gross: Largest sum of absolute weights at a decision.
        max_net: Largest absolute sum of weights; null for a long-only plan, whose net weight is its gross weight.
        stop_loss: Loss of a trade, seen at a close, at which the engine orders the exit.
        max_loss_per_trade: The promise measured afterwards, gaps and costs included. Above ``stop_loss`` by the room
            one more session may need.
    """

    method: Sentence
    long_only: bool
    max_weight: float
    max_gross: float
    max_net: float | None
    stop_loss: float
    max_loss_per_trade: float


def faults(sizing: Sizing) -> Iterator[PlanFault]:
    """Yield a fault for every cap and limit that contradicts another or can never bind."""
    highest_gross = 1.0 if sizing.long_only else 10.0
    yield from within("sizing.max_gross", sizing.max_gross, 0.0, highest_gross, "gross weight (no borrowed cash)")
    yield from within("sizing.max_weight", sizing.max_weight, 0.0, sizing.max_gross, "a weight")
    highest_net = min(sizing.max_gross, 1.0)
    yield from net_cap_faults("sizing.max_net", sizing.max_net, highest_net, long_only=sizing.long_only)
    yield from _loss_limits(sizing)


def net_cap_faults(item: str, cap: float | None, highest: float, *, long_only: bool) -> Iterator[PlanFault]:
    """Yield faults of a cap on net weight: none for a long-only plan, one that can bind otherwise."""
    if long_only:
        if cap is not None:
            expected = "null: the net weight of a long-only book is its gross weight, so the cap can never bind"
            yield PlanFault(item, f"{cap:g}", expected, "write null")
    elif cap is None:
        expected = "a cap on net weight, because the plan may sell short"
        yield PlanFault(item, "null", expected, f"set it below {highest:g}")
    elif not (0 < cap < highest or cap == highest == 1.0):
        expected = f"above 0 and below {highest:g}, or it can never bind"
        yield PlanFault(item, f"{cap:g}", expected, f"set it below {highest:g}")


def _loss_limits(sizing: Sizing) -> Iterator[PlanFault]:
    most = sizing.max_weight if sizing.long_only else sizing.max_gross
    if sizing.max_loss_per_trade >= most:
        expected = f"below {most:g}, the most a position can weigh: a larger loss limit can never bind"
        fix = f"set it below {most:g}"
        yield PlanFault("sizing.max_loss_per_trade", f"{sizing.max_loss_per_trade:g}", expected, fix)
    if not 0 < sizing.stop_loss < sizing.max_loss_per_trade:
        promise = f"{sizing.max_loss_per_trade:g}"
        expected = f"above 0 and below max_loss_per_trade ({promise}): the exit fills a session later"
        fix = "leave room for one more session and the exit's costs"
        yield PlanFault("sizing.stop_loss", f"{sizing.stop_loss:g}", expected, fix)


def data_faults(sizing: Sizing, n_assets: int) -> Iterator[PlanFault]:
    """Yield a fault for each cap that so many assets can never reach."""
    if n_assets > 1 and sizing.max_weight >= sizing.max_gross:
        expected = f"below max_gross ({sizing.max_gross:g}), or it can never bind"
        yield PlanFault("sizing.max_weight", f"{sizing.max_weight:g}", expected, "lower it")
    reachable = sizing.max_weight * n_assets
    if sizing.max_gross > reachable * (1 + 1e-9):
        expected = f"at most {n_assets} assets x max_weight = {reachable:g}, or it can never bind"
        yield PlanFault("sizing.max_gross", f"{sizing.max_gross:g}", expected, f"set it to {reachable:g} or less")
