"""Every rule of the census on cells, in the order in which they are looked for.

Each rule takes a panel and returns a boolean array (T, A) of the cells it concerns; its docstring is the definition.
They stand in `quantdl.market.inspection.presence`, `bar_checks`, `moves`, `scale_breaks`, `action_checks` and
`staleness`. Bars within a session are cells like any other unless a rule says that it looks at sessions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from quantdl.market.inspection import action_checks, bar_checks, moves, presence, scale_breaks
from quantdl.market.inspection.staleness import stale_runs, stale_years, years_named
from quantdl.market.panel import Panel

PanelRule = Callable[[Panel], np.ndarray]
Describe = Callable[[Panel, int, np.ndarray], str]


@dataclass(frozen=True)
class ScaleRule:
    """A rule that reads what one scan of the panel's scales found, so that all such rules share the scan."""

    cells: Callable[[scale_breaks.ScaleChanges], np.ndarray]


Rule = PanelRule | ScaleRule


@dataclass(frozen=True, eq=False)
class InspectedPanel:
    """A panel with the scan of its scales, which is made when the first rule asks for it, and once."""

    panel: Panel

    @cached_property
    def scale_changes(self) -> scale_breaks.ScaleChanges:
        """What the scan found."""
        return scale_breaks.scan_scales(self.panel)

    def cells(self, rule: Rule) -> np.ndarray:
        """Return (T, A) bool: the cells that a rule concerns."""
        return rule.cells(self.scale_changes) if isinstance(rule, ScaleRule) else rule(self.panel)


@dataclass(frozen=True)
class Check:
    """One kind of fault.

    Attributes:
        kind: Its name, and the name of its policy.
        rule: What finds its cells.
        fields: The fields that a ``mask`` policy empties; without any, the cell as a whole becomes MISSING.
        runs: Whether ``count`` counts unbroken runs of cells instead of cells.
        hindsight: Whether a cell is judged by later ones too, so that it could not have been known at the time.
        each: What is a fault of its own: every ``"cell"``, every unbroken ``"run"`` of cells, or all cells of an
            ``"asset"`` together.
        describe: What was seen, in words, of panel, column and rows; None names the longest run.
        breaks: What finds the first cells of new histories under ``split_at_gap``; None where nothing can be cut.
        recognised_breaks: For breaks that are judged by later cells too: what finds those that were recognised at their
            own close. None where that is all of ``breaks``.
        same_share: Whether a break is between two scales of one share, see `quantdl.market.inspection.cuts.Cut`.
    """

    kind: str
    rule: Rule
    fields: tuple[str, ...] = ()
    runs: bool = False
    hindsight: bool = False
    each: Literal["cell", "run", "asset"] = "asset"
    describe: Describe | None = None
    breaks: Rule | None = None
    recognised_breaks: Rule | None = None
    same_share: bool = False


def _of_field(kind: str, field: str, rule: Rule, empties: tuple[str, ...]) -> Check:
    return Check(f"{kind}_{field}", rule, empties, describe=bar_checks.first_value(field))


_PRICES = ("open", "high", "low", "close")
_FIELDS = (*_PRICES, "volume")
_WHOLE_BAR = ("close", "volume")  # without a close or a trade nothing is left of a bar

CHECKS = (
    Check("missing_session", presence.missing_session),
    Check("long_gap", presence.long_gap, runs=True, breaks=presence.after_long_gap),
    Check("never_traded", presence.never_traded),
    Check("assumed_delisted", presence.assumed_delisted),
    *(_of_field("zero", name, bar_checks.zero(name), () if name in _WHOLE_BAR else (name,)) for name in _FIELDS),
    Check("zero_volume_with_moves", bar_checks.zero_volume_with_moves, describe=bar_checks.first_value("close")),
    *(_of_field("negative", name, bar_checks.negative(name), () if name == "close" else (name,)) for name in _FIELDS),
    Check("high_below_low", bar_checks.high_below_low, ("high", "low")),
    Check("open_outside_range", bar_checks.outside_range("open"), ("open",), describe=bar_checks.first_value("open")),
    Check("close_outside_range", bar_checks.outside_range("close"), ("high", "low")),
    Check("close_off_scale", bar_checks.close_off_scale, describe=bar_checks.first_value("close")),
    Check("mixed_adjustment", bar_checks.mixed_adjustment, ("open", "high", "low"), runs=True),
    Check("return_above_50pct", moves.return_above_50pct, describe=moves.largest_return),
    Check("spike_and_revert", moves.spike_and_revert, hindsight=True, each="cell", describe=moves.spike),
    Check(
        "suspected_split",
        ScaleRule(scale_breaks.suspected_split),
        hindsight=True,
        each="cell",
        describe=scale_breaks.scale_change,
        breaks=ScaleRule(scale_breaks.suspected_split),
        recognised_breaks=ScaleRule(scale_breaks.recognised_changes),
        same_share=True,
    ),
    Check(
        "wrong_scale",
        ScaleRule(scale_breaks.wrong_scale),
        hindsight=True,
        each="run",
        describe=scale_breaks.run_scale,
        breaks=ScaleRule(scale_breaks.wrong_scale_ends),
        recognised_breaks=ScaleRule(scale_breaks.recognised_returns),
        same_share=True,
    ),
    Check("suspected_distribution", moves.suspected_distribution, each="cell", describe=moves.opening_gap),
    Check(
        "reused_history",
        scale_breaks.reused_history,
        each="cell",
        describe=scale_breaks.after_long_silence,
        breaks=scale_breaks.reused_history,
    ),
    Check(
        "split_contradicts_price",
        action_checks.split_contradicts_price,
        each="cell",
        describe=action_checks.recorded_splits,
    ),
    Check(
        "dividend_exceeds_price",
        action_checks.dividend_exceeds_price,
        each="cell",
        describe=action_checks.recorded_dividends,
    ),
    Check(
        "large_return_without_action",
        action_checks.large_return_without_action,
        each="cell",
        describe=moves.largest_return,
    ),
    Check("stale_run_5", stale_runs, runs=True, hindsight=True),
    Check("stale_year", stale_years, hindsight=True, describe=years_named),
    Check("repeated_row", bar_checks.repeated_row),
    Check("coarse_price", bar_checks.coarse_price),
    Check("penny_price", bar_checks.penny_price, describe=bar_checks.lowest_close),
)
"""Every rule on cells. A close outside the range empties high and low: returns are made of the close."""
