"""Rules: what a strategy may do, written down. Every order cites one of them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from quantdl.backtest.plan.refusals import PlanFault
from quantdl.backtest.plan.texts import Label, Sentence

# Marks the exits that the engine orders by itself, because another item of the plan asks for them.
ENGINE_PREFIX = "plan:"


@dataclass(frozen=True)
class Rule:
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
