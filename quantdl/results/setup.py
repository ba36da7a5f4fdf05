"""What a run was asked to do: the part of its resolved config that its results cannot be read without."""

from collections.abc import Mapping
from dataclasses import dataclass

from quantdl.backtest.plan.items import Plan
from quantdl.models.settings import ModelSettings
from quantdl.records import from_plain
from quantdl.training.settings import SplitDates


@dataclass(frozen=True)
class Setup:
    """The config of a run.

    Attributes:
        plan: The trading plan.
        splits: Training, validation and test spans.
        model: Settings of the forecaster; None for a strategy that needs none.
        resolved: The whole config, every default filled in.
    """

    plan: Plan
    splits: SplitDates
    model: ModelSettings | None
    resolved: Mapping[str, object]


def read_setup(resolved: Mapping[str, object]) -> Setup:
    """Read the setup from a resolved config, as ``config.json`` holds it.

    Raises:
        ValueError: If a part is missing or of another form.
    """
    parts = {name: resolved[name] for name in ("plan", "splits", "model") if name in resolved}
    return from_plain(Setup, {**parts, "resolved": dict(resolved)})
