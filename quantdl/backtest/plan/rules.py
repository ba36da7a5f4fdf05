"""Rules: what a strategy may do, written down. Every order cites one of them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantdl.backtest.book.terms import ENGINE_PREFIX
from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING, ItemVerdict, ReportRow
from quantdl.backtest.plan.refusals import PlanFault
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import Label, Sentence
from quantdl.shown import counted

ROW = ReportRow("Rules", "trades", "Trades")
NOTHING_TRADED = "nothing was traded"
"""Its failure where a strategy never traded: there is nothing that could follow a rule."""


@dataclass(frozen=True)
class Rule(metaclass=Stated):
    """A written rule that orders may cite.

    Attributes:
        name: Short tag carried by every order of this rule.
        purpose: Whether the rule opens positions, closes them, or does both.
        text: The rule in words, exact enough for another person to follow.
    """

    name: Label
    purpose: Literal["entry", "exit", "rebalance"]
    text: Sentence


def faults(rules: tuple[Rule, ...]) -> Iterator[PlanFault]:
    """Yield a fault for names that cannot be told apart, and for positions that no rule opens or closes."""
    names = Counter(rule.name for rule in rules)
    for name in (name for name, count in names.items() if count > 1):
        yield PlanFault("rules", f"'{name}' {names[name]} times", "each name once", "rename or merge the rules")
    for index, rule in enumerate(rules):
        if rule.name.startswith(ENGINE_PREFIX):
            expected = f"a name without '{ENGINE_PREFIX}', which marks the engine's own exits"
            yield PlanFault(f"rules.{index}.name", repr(rule.name), expected, "choose another name")
    purposes = {rule.purpose for rule in rules}
    for purpose in ("entry", "exit"):
        if not purposes & {purpose, "rebalance"}:
            expected = f"a rule with purpose '{purpose}' or 'rebalance'"
            yield PlanFault("rules", f"no {purpose} rule", expected, f"write down the {purpose} rule")


def judge(rules: tuple[Rule, ...], cost_fraction: float, run: FinishedRun) -> ItemVerdict:
    """Trace every fill to its order and its rule, and look whether it did what the rule is for.

    Args:
        rules: The plan's rules.
        cost_fraction: Commission and half-spread each way, as a fraction of notional.
        run: The run.
    """
    written = sorted(rule.name for rule in rules)
    orders, fills = Counter(run.book.orders.rule.tolist()), Counter(run.book.ordered.rule.tolist())
    names = sorted({*orders, *fills})
    failures = [] if fills else [NOTHING_TRADED]
    for name in names:
        if name not in written and not name.startswith(ENGINE_PREFIX):
            what = f"cite {name!r}, which the plan does not have" if name else "cite no rule"
            failures.append(f"{counted(orders[name], 'order')} and {counted(fills[name], 'fill')} {what}")
    failures += [*_untraced(run), *_against_purpose(rules, cost_fraction, run)]
    given = [f"{name or 'untagged'}: {counted(orders[name], 'order')}" for name in names]
    statement = f"every fill follows an order under {' or '.join(written)}, or an exit of the plan, and its purpose"
    return ItemVerdict(statement, ", ".join(given) or "no orders", tuple(failures))


def _untraced(run: FinishedRun) -> list[str]:
    """Return how many fills no order explains: another number, asset, rule, day or side, or no order at all."""
    orders, fills = run.book.orders, run.book.fills
    given = zip(
        orders.order.tolist(),
        orders.decided.tolist(),
        orders.column.tolist(),
        orders.rule.tolist(),
        np.sign(orders.quantity).tolist(),
        strict=True,
    )
    known = set(given)
    made = zip(
        fills.order.tolist(),
        fills.decided.tolist(),
        fills.column.tolist(),
        fills.rule.tolist(),
        np.sign(fills.quantity).tolist(),
        strict=True,
    )
    unknown = [
        fill for fill in made if fill not in known and not (fill[0] == 0 and str(fill[3]).startswith(ENGINE_PREFIX))
    ]
    return [f"{counted(len(unknown), 'fill')} that no order explains"] if unknown else []


def _against_purpose(rules: tuple[Rule, ...], cost_fraction: float, run: FinishedRun) -> list[str]:
    """Return the fills that made a position larger under an exit, or smaller under an entry.

    An order for an unchanged weight sells a little: shares are counted after the costs of the whole decision. So much
    is allowed, and rounding.
    """
    purposes = {rule.name: rule.purpose for rule in rules}
    room, fills = _cost_shares(cost_fraction, run), run.book.fills
    held = np.zeros(len(run.result.assets))
    wrong = []
    for index in range(len(fills)):
        column, rule, before = int(fills.column[index]), str(fills.rule[index]), held[fills.column[index]]
        held[column] = after = before + fills.quantity[index]
        purpose = "exit" if rule.startswith(ENGINE_PREFIX) else purposes.get(rule, "rebalance")
        if fills.order[index] <= 0 or purpose == "rebalance":
            continue
        allowed = (room.get(int(fills.decided[index]), 0.0) + ROUNDING) * max(abs(before), abs(after))
        growth = abs(after) - abs(before)
        turned = before * after < 0 and abs(after) > allowed
        if turned or (growth if purpose == "exit" else -growth) > allowed:
            wrong.append(f"{run.result.assets[column]} on {run.day(int(fills.row[index]))} under {rule!r}")
    what = f"{counted(len(wrong), 'fill')} against the purpose of a rule"
    return [f"{what}, the first {wrong[0]}"] if wrong else []


def _cost_shares(cost_fraction: float, run: FinishedRun) -> dict[int, float]:
    """Return the share of equity that the trading of each decision costs, by the decision's session."""
    dollars = np.zeros(run.book.n_sessions)
    of_the_run = run.book.orders.decided >= 0
    np.add.at(dollars, run.book.orders.decided[of_the_run], run.book.orders.dollars[of_the_run])
    equity = np.minimum(run.book.equity, run.book.equity_before)
    return {row: cost_fraction * dollars[row] / equity[row] for row in np.flatnonzero(equity > 0).tolist()}
