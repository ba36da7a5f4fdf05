"""What is wrong with a plan, one fault per item, and the refusal that lists them all."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import get_origin, get_type_hints

from quantdl.backtest.plan.items import Plan

# Words people put where a text is asked for; a plan that holds them has not been written yet.
PLACEHOLDERS = frozenset(
    {"todo", "tbd", "tba", "fixme", "n/a", "na", "none", "null", "-", "--", ".", "..", "...", "?", "xxx"}
)


@dataclass(frozen=True)
class PlanFault:
    """One reason to refuse a plan.

    Attributes:
        item: Dotted name inside the plan, for instance ``"sizing.max_weight"``.
        given: What the plan says.
        expected: What it should say.
        fix: One action that repairs it.
    """

    item: str
    given: str
    expected: str
    fix: str

    def __str__(self) -> str:
        """Return the fault as one line for the user."""
        return f"plan.{self.item}: got {self.given}, expected {self.expected}. Fix: {self.fix}."


def refusal(faults: tuple[PlanFault, ...]) -> str:
    """Return the message that names every fault at once."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return "\n".join([f"The trading plan is refused, {count}:", *(f"  - {fault}" for fault in faults)])


def missing_items(plan: Plan) -> Iterator[PlanFault]:
    """Yield a fault for every item of the plan that is not of its type."""
    for name, hint in get_type_hints(Plan).items():
        value = getattr(plan, name)
        wanted = tuple if get_origin(hint) is tuple else hint
        if not isinstance(value, wanted):
            article = "a tuple" if wanted is tuple else f"a {wanted.__name__}"
            yield PlanFault(name, repr(value), article, f"write the item '{name}'")


def blank_values(value: object, item: str = "") -> Iterator[PlanFault]:
    """Yield a fault for every empty text and every number that is not finite, anywhere in a plan."""
    if is_dataclass(value) and not isinstance(value, type):
        for entry in fields(value):
            yield from blank_values(getattr(value, entry.name), f"{item}.{entry.name}" if item else entry.name)
    elif isinstance(value, tuple):
        for index, element in enumerate(value):
            if not isinstance(element, str):  # symbols and field names may read like placeholders: NA is a ticker
                yield from blank_values(element, f"{item}.{index}")
    elif isinstance(value, Mapping):
        for key, element in value.items():
            if not isinstance(element, str):
                yield from blank_values(element, f"{item}.{key}")
    elif isinstance(value, str) and (not value.strip() or value.strip().lower() in PLACEHOLDERS):
        yield PlanFault(item, repr(value), "a written text", "say it in words another person can check")
    elif isinstance(value, float) and not math.isfinite(value):
        yield PlanFault(item, repr(value), "a finite number", "give a number")


def within(item: str, value: float, low: float, high: float, meaning: str) -> Iterator[PlanFault]:
    """Yield a fault unless ``low < value <= high``."""
    if not low < value <= high:
        fix = f"set it above {low:g} and at most {high:g}"
        yield PlanFault(item, f"{value:g}", f"{meaning} above {low:g} and at most {high:g}", fix)


def at_least(item: str, value: int, low: int, meaning: str) -> Iterator[PlanFault]:
    """Yield a fault unless ``value >= low``."""
    if value < low:
        yield PlanFault(item, str(value), f"{meaning}, at least {low}", f"set it to {low} or more")
