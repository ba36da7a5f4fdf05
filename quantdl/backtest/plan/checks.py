"""Is the plan complete, consistent and able to bind, by itself and for the data? All faults at once, item by item."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints

from quantdl.backtest.plan.context import KnownFacts, RunSpan
from quantdl.backtest.plan.items import ITEMS, Item, Plan
from quantdl.backtest.plan.refusals import PlanFault, refusal
from quantdl.backtest.plan.texts import text_faults
from quantdl.errors import PlanError

if TYPE_CHECKING:
    import pandas as pd

    from quantdl.market.panel import Panel

# Stands in what is expected of one item where another, which it is held against, has a number that is not finite.
_NOT_FINITE = re.compile(r"\b(nan|inf)\b")


def check_plan(
    plan: Plan,
    panel: "Panel",
    start: "pd.Timestamp",
    end: "pd.Timestamp",
    model_horizon: int | None,
    forecasts_risk: bool,
) -> None:
    """Refuse a plan that is incomplete, contradictory, unable to bind, or made for other data.

    Raises:
        PlanError: With every fault at once.
    """
    faults = plan_faults(plan, model_horizon, forecasts_risk)
    if not tuple(_missing_items(plan)):
        faults = tuple(dict.fromkeys((*faults, *data_faults(plan, panel, start, end))))
    if faults:
        raise PlanError(refusal(faults))


def plan_faults(
    plan: Plan,
    model_horizon: int | None,
    forecasts_risk: bool,
    longest_horizon: int | None = None,
    n_assets: int | None = None,
) -> tuple[PlanFault, ...]:
    """Return every fault that the plan has by itself: items that are missing, then the others in their order.

    Args:
        plan: The plan.
        model_horizon: Bars of the model's position window, or None without a model.
        forecasts_risk: Whether a value at risk is predicted for each session.
        longest_horizon: Bars of the longest position that the model learns; ``model_horizon`` where None.
        n_assets: How many assets the data hold at most; None where only the data tell.
    """
    missing = tuple(_missing_items(plan))
    absent: dict[str, Any] = {fault.item: _Absent() for fault in missing}  # of no type that a plan has
    if absent:
        plan = replace(plan, **absent)
    known = KnownFacts(model_horizon, forecasts_risk, longest_horizon, n_assets)
    found = list(missing)
    for item in ITEMS:
        if item.name not in absent:
            found.extend(_faults_of(item, plan, known))
    return tuple(dict.fromkeys(found))


class _ReadsAnAbsentItem(Exception):  # noqa: N818 - it ends a check, nothing is wrong
    """A check holds one item of the plan against another that is not there."""


class _Absent:
    """Stands in the place of an item that is not there."""

    def __getattr__(self, name: str) -> object:
        raise _ReadsAnAbsentItem

    def __iter__(self) -> Iterator[object]:
        raise _ReadsAnAbsentItem


def _faults_of(item: Item, plan: Plan, known: KnownFacts) -> Iterator[PlanFault]:
    """Yield the faults of one item; comparisons with a number that is not finite would add false ones."""
    stated = getattr(plan, item.name, None)
    yield from text_faults(stated, item.name)
    numbers = tuple(_numbers_not_finite(stated, item.name))
    yield from numbers
    for check in () if numbers else item.faults:
        with suppress(_ReadsAnAbsentItem):  # what was found before it is read is kept
            yield from (fault for fault in check(plan, known) if not _NOT_FINITE.search(fault.expected))


def data_faults(plan: Plan, panel: "Panel", start: "pd.Timestamp", end: "pd.Timestamp") -> tuple[PlanFault, ...]:
    """Return every fault that the plan has in view of the data and of the span of the run.

    Args:
        plan: A plan of which every item is present.
        panel: The data of the run.
        start: First session of the run.
        end: Last session of the run.
    """
    span = RunSpan(panel, start, end)
    return tuple(fault for item in ITEMS for fault in item.data_faults(plan, span))


def _missing_items(plan: Plan) -> Iterator[PlanFault]:
    """Yield a fault for every item of the plan that is not of its type."""
    for name, hint in _items_of_a_plan().items():
        value = getattr(plan, name)
        wanted = tuple if get_origin(hint) is tuple else hint
        if not isinstance(value, wanted):
            article = "a tuple" if wanted is tuple else f"a {wanted.__name__}"
            yield PlanFault(name, repr(value), article, f"write the item '{name}'")


@cache
def _items_of_a_plan() -> dict[str, Any]:
    """Names of the items with their types, evaluated once: a plan is checked before every run."""
    return get_type_hints(Plan)


def _numbers_not_finite(value: object, item: str = "") -> Iterator[PlanFault]:
    """Yield a fault for every number that is not finite, anywhere in a plan."""
    inside: Iterable[tuple[object, object]] = ()
    if is_dataclass(value) and not isinstance(value, type):
        inside = ((entry.name, getattr(value, entry.name)) for entry in fields(value))
    elif isinstance(value, tuple):
        inside = enumerate(value)
    elif isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, float) and not math.isfinite(value):
        yield PlanFault(item, repr(value), "a finite number", "give a number")
    for name, element in inside:
        yield from _numbers_not_finite(element, f"{item}.{name}" if item else str(name))
