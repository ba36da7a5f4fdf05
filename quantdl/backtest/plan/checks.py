"""Is the plan complete, consistent and able to bind, by itself and for the data? All faults at once, item by item."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, get_origin, get_type_hints

from quantdl.backtest.plan.context import ModelTerms, RunSpan
from quantdl.backtest.plan.items import ITEMS, Plan
from quantdl.backtest.plan.refusals import PlanFault, refusal
from quantdl.errors import PlanError

if TYPE_CHECKING:
    import pandas as pd

    from quantdl.market.panel import Panel

# Words people put where a text is asked for; a plan that holds them has not been written yet.
PLACEHOLDERS = frozenset(
    {"todo", "tbd", "tba", "fixme", "n/a", "na", "none", "null", "-", "--", ".", "..", "...", "?", "xxx"}
)


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
        faults = (*faults, *data_faults(plan, panel, start, end))
    if faults:
        raise PlanError(refusal(faults))


def plan_faults(plan: Plan, model_horizon: int | None, forecasts_risk: bool) -> tuple[PlanFault, ...]:
    """Return every fault that the plan has by itself, in the order of its items.

    Args:
        plan: The plan.
        model_horizon: Bars of the model's position window, or None without a model.
        forecasts_risk: Whether a value at risk is predicted for each session.
    """
    missing = tuple(_missing_items(plan))
    if missing:
        return missing
    blank = tuple(_blank_values(plan))
    if any(fault.expected == "a finite number" for fault in blank):
        return blank  # comparisons with NaN would add faults that are none
    model = ModelTerms(model_horizon, forecasts_risk)
    return (*blank, *(fault for item in ITEMS for fault in item.faults(plan, model)))


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
    for name, hint in get_type_hints(Plan).items():
        value = getattr(plan, name)
        wanted = tuple if get_origin(hint) is tuple else hint
        if not isinstance(value, wanted):
            article = "a tuple" if wanted is tuple else f"a {wanted.__name__}"
            yield PlanFault(name, repr(value), article, f"write the item '{name}'")


def _blank_values(value: object, item: str = "") -> Iterator[PlanFault]:
    """Yield a fault for every empty text and every number that is not finite, anywhere in a plan."""
    if is_dataclass(value) and not isinstance(value, type):
        for entry in fields(value):
            yield from _blank_values(getattr(value, entry.name), f"{item}.{entry.name}" if item else entry.name)
    elif isinstance(value, tuple):
        for index, element in enumerate(value):
            if not isinstance(element, str):  # symbols and field names may read like placeholders: NA is a ticker
                yield from _blank_values(element, f"{item}.{index}")
    elif isinstance(value, Mapping):
        for key, element in value.items():
            if not isinstance(element, str):
                yield from _blank_values(element, f"{item}.{key}")
    elif isinstance(value, str) and (not value.strip() or value.strip().lower() in PLACEHOLDERS):
        yield PlanFault(item, repr(value), "a written text", "say it in words another person can check")
    elif isinstance(value, float) and not math.isfinite(value):
        yield PlanFault(item, repr(value), "a finite number", "give a number")
