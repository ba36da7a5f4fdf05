"""Sizing: how large a position may be, and what one trade may cost."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quantdl.backtest.book.terms import ENGINE_PREFIX
from quantdl.backtest.plan import predicted_risk
from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING, ItemVerdict, ReportRow
from quantdl.backtest.plan.predicted_risk import PredictedLimits, PredictedLoss, ShortfallBudget
from quantdl.backtest.plan.refusals import PlanFault, within
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import Sentence
from quantdl.percents import measured, stated

ROW = ReportRow("Sizing", "trades", "Trades")

# No market trades larger lots; a larger number was mistyped.
MOST_LOT_SHARES = 1_000_000

# A figure, and where it was found.
Found = tuple[float, str]


@dataclass(frozen=True)
class Sizing(metaclass=Stated):
    """How large a position may be and what one trade may cost.

    A trade runs from flat to flat in one asset; its loss is net of costs, over equity at entry. The promise also sets
    the limit of every order that enlarges a position or turns it around: it does not fill at a price from which a
    return to the decision's price would lose more. What reduces a position has no limit, so that no exit waits.

    Attributes:
        method: The sizing rule in words.
        long_only: Whether negative weights are errors.
        max_weight: Largest absolute weight of one asset at a decision.
        max_gross: Largest sum of absolute weights at a decision.
        max_net: Largest absolute sum of weights; null for a long-only plan, whose net weight is its gross weight.
        stop_loss: Loss of a trade, seen at a close, at which the engine orders the exit.
        max_loss_per_trade: The promise measured afterwards, gaps and costs included. Above ``stop_loss`` by the room
            one more session may need.
        lot_shares: Least number of shares of an order and their step; null for fractional shares. Targets are cut down
            to whole lots; an exit also sells what splits left below a lot, and fills any number of whole shares where
            the volume leaves less than all of it; a split pays the fraction of a share in cash. For raw prices only:
            shares at adjusted prices are not the shares that were traded.
        risk_budget: Most that the model may predict a decided book to lose; null for no such limit.
        max_predicted_loss_per_trade: Most that it may predict a single position to lose; null for no such limit.
    """

    method: Sentence
    long_only: bool
    max_weight: float
    max_gross: float
    max_net: float | None
    stop_loss: float
    max_loss_per_trade: float
    lot_shares: int | None = None
    risk_budget: ShortfallBudget | None = None
    max_predicted_loss_per_trade: PredictedLoss | None = None

    @property
    def predicted(self) -> PredictedLimits:
        """What is promised of predicted losses."""
        return PredictedLimits(self.risk_budget, self.max_predicted_loss_per_trade)


def faults(sizing: Sizing, *, has_model: bool = True) -> Iterator[PlanFault]:
    """Yield a fault for every cap and limit that contradicts another, can never bind, or needs a model that is missing.

    Args:
        sizing: The item.
        has_model: Whether the run has a model.
    """
    highest_gross = 1.0 if sizing.long_only else 10.0
    yield from within("sizing.max_gross", sizing.max_gross, 0.0, highest_gross, "gross weight (no borrowed cash)")
    yield from within("sizing.max_weight", sizing.max_weight, 0.0, sizing.max_gross, "a weight")
    highest_net = min(sizing.max_gross, 1.0)
    yield from net_cap_faults("sizing.max_net", sizing.max_net, highest_net, long_only=sizing.long_only)
    yield from _loss_limits(sizing)
    yield from predicted_risk.faults(sizing.predicted, sizing.max_gross, sizing.max_loss_per_trade, has_model=has_model)


def same_cap_faults(sizing: Sizing, n_assets: int | None) -> Iterator[PlanFault]:
    """Yield a fault for a cap on one asset that is the cap on the whole book, where there are several assets.

    Args:
        sizing: The item.
        n_assets: How many assets there are at most; None where only the data tell.
    """
    if n_assets is not None and n_assets > 1 and sizing.max_weight == sizing.max_gross:
        yield _never_binds(sizing)


def _never_binds(sizing: Sizing) -> PlanFault:
    expected = f"below max_gross ({sizing.max_gross:g}), or it can never bind"
    return PlanFault("sizing.max_weight", f"{sizing.max_weight:g}", expected, "lower it")


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


def lot_faults(sizing: Sizing, adjustment: str) -> Iterator[PlanFault]:
    """Yield a fault for lots of no size, and for lots of shares that were not what was traded.

    Args:
        sizing: The item.
        adjustment: What the plan's prices are adjusted for.
    """
    lot = sizing.lot_shares
    if lot is None:
        return
    if not 1 <= lot <= MOST_LOT_SHARES:
        expected = f"a number of shares between 1 and {MOST_LOT_SHARES:,}, or null for fractional shares"
        yield PlanFault("sizing.lot_shares", str(lot), expected, "write 1 for whole shares")
    if adjustment != "raw":
        expected = f"null on {adjustment} prices: their shares are not the shares that were traded"
        yield PlanFault("sizing.lot_shares", str(lot), expected, "trust raw prices, or write null")


def data_faults(sizing: Sizing, n_assets: int) -> Iterator[PlanFault]:
    """Yield a fault for each cap that so many assets can never reach."""
    if n_assets > 1 and sizing.max_weight >= sizing.max_gross:
        yield _never_binds(sizing)
    reachable = sizing.max_weight * n_assets
    if sizing.max_gross > reachable * (1 + ROUNDING):
        expected = f"at most {n_assets} assets x max_weight = {reachable:g}, or it can never bind"
        yield PlanFault("sizing.max_gross", f"{sizing.max_gross:g}", expected, f"set it to {reachable:g} or less")
    yield from predicted_risk.data_faults(sizing.predicted, sizing.max_weight, n_assets)


def judge(
    sizing: Sizing, rules: frozenset[str], run: FinishedRun, horizon_bars: int, *, from_open: bool = False
) -> ItemVerdict:
    """Weigh the book right after the fills of each decision, and take the worst trade from the fills.

    A weight counts at the closes it was decided on, where the caps apply, and only where fills enlarged the position.
    Prices move between a decision and its fills, and go on moving: a weight that they alone lifted above the cap breaks
    no promise. It is named beside the decided one, as held with drift.

    Args:
        sizing: What was promised.
        rules: Names of the plan's rules.
        run: The run.
        horizon_bars: Bars from fill to exit, over which losses are predicted.
        from_open: Whether positions are held from the open of the session that fills them.
    """
    largest, gross, net = (0.0, ""), (0.0, ""), (0.0, "")
    books = tuple(run.book.decided_books(rules))
    for book in books:
        if not book.grown.any():
            continue
        grown, day = np.where(book.grown, np.abs(book.weights), 0.0), run.day(book.filled)
        largest = larger(largest, (float(grown.max()), f"{run.result.assets[int(grown.argmax())]} on {day}"))
        gross = larger(gross, (float(book.least_absolute.sum()), f"on {day}"))
        net = larger(net, (max(float(book.lowest.sum()), -float(book.highest.sum())), f"on {day}"))
    worst = run.book.worst_trade
    checked = (
        ("max_weight", sizing.max_weight, *largest),
        ("max_gross", sizing.max_gross, *gross),
        ("max_net", np.inf if sizing.max_net is None else sizing.max_net, *net),
        ("max_loss_per_trade", sizing.max_loss_per_trade, worst, "by the worst trade"),
    )
    failures = [
        f"{name} = {cap:g} is exceeded by {found - cap:.4f}, {where}"
        for name, cap, found, where in checked
        if found > cap + ROUNDING
    ]
    failures += [*_sold_short(sizing, run), *_odd_lots(sizing, run)]
    held = float(np.abs(run.book.weights).max())
    figure = (
        f"worst trade {measured(-worst)} of equity at entry; largest weight {measured(largest[0])} at the prices of "
        f"its decision, {measured(held)} held with drift"
    )
    most, heaviest = stated(sizing.max_loss_per_trade), stated(sizing.max_weight)
    statement = f"no trade loses more than {most}, no weight above {heaviest}"
    statement += "" if sizing.lot_shares is None else f", orders in lots of {sizing.lot_shares:,}"
    found = predicted_risk.judge(sizing.predicted, books, run, horizon_bars, from_open=from_open)
    if found is None:
        return ItemVerdict(statement, figure, tuple(failures))
    both = f"{statement}; {found.statement}", f"{figure}; {found.figure}"
    return ItemVerdict(*both, (*failures, *found.failures), found.doubts)


def larger(earlier: Found, later: Found) -> Found:
    """Return the larger figure with its place; of two equal ones the earlier.

    Example:
        >>> larger((0.2, "A on 2020-01-02"), (0.2, "B on 2020-01-03"))
        (0.2, 'A on 2020-01-02')
    """
    return later if later[0] > earlier[0] else earlier


def _sold_short(sizing: Sizing, run: FinishedRun) -> list[str]:
    """Return what a long-only plan holds short."""
    if not sizing.long_only or not (run.book.shares < 0).any():
        return []
    row, asset = (int(index[0]) for index in np.nonzero(run.book.shares < 0))
    short = f"{-run.book.shares[row, asset]:g} shares of {run.result.assets[asset]} from {run.day(row)}"
    return [f"a long-only plan was short of {short}"]


def _odd_lots(sizing: Sizing, run: FinishedRun) -> list[str]:
    """Return how often a session filled a part of an order that is no whole lots and no part of an exit.

    A part of an exit may be any number of whole shares.
    """
    lot, fills = sizing.lot_shares, run.book.fills
    if lot is None:
        return []
    held, filled, odd = np.zeros(len(run.result.assets)), dict[tuple[int, int], float](), dict[tuple[int, int], int]()
    exits = _exits(run)
    for place, (order, row, column) in enumerate(
        zip(fills.order.tolist(), fills.row.tolist(), fills.column.tolist(), strict=True)
    ):
        reduces = abs(held[column] + fills.quantity[place]) < abs(held[column])
        held[column] += fills.quantity[place]
        if order <= 0:
            continue
        part = order, row
        filled[part] = filled.get(part, 0.0) + float(fills.quantity[place])
        off = abs(filled[part] - lot * round(filled[part] / lot))
        closes = abs(held[column]) <= ROUNDING * abs(float(fills.quantity[place]))
        if order in exits and reduces:
            closes |= abs(filled[part] - round(filled[part])) <= ROUNDING * max(abs(filled[part]), 1.0)
        odd.pop(part, None)
        if off > ROUNDING * max(abs(filled[part]), 1.0) and not closes:
            odd[part] = column
    if not odd:
        return []
    (_, row), column = next(iter(odd.items()))
    first = f"the first {run.result.assets[column]} on {run.day(row)}"
    return [f"{len(odd)} orders filled in odd lots that close no position, {first}"]


def _exits(run: FinishedRun) -> frozenset[int]:
    """Return the numbers of the orders that leave a position, or reduce it to what can be left in time."""
    orders = run.book.orders
    return frozenset(
        number
        for number, weight, rule in zip(orders.order.tolist(), orders.weight.tolist(), orders.rule, strict=True)
        if weight == 0 or rule == f"{ENGINE_PREFIX}fast_exit"
    )
