"""The trading plan and the list of its items: what must be decided, in writing and in figures, before a backtest.

Every item of the plan is typed and has no default, so a plan that leaves one out cannot be made. Inside an item only
what a plan may do without has one, and it stands for its absence: fees per share, a delay of settlement, whole lots.
Each item has a file of its own beside this one. `ITEMS` is the one list of them: the checks before a run, the checklist
after it and the report follow it, in its order.

Fractions are of equity unless said otherwise, basis points (bps) are of traded notional, bars are bars of the plan's
calendar. Where an item has variants, its ``kind`` names one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from quantdl.backtest.plan import (
    abnormal_volatility,
    borrowing,
    documentation,
    fast_exit,
    forecast_calibration,
    friction,
    horizon,
    hypothesis,
    invalidation,
    related_positions,
    rules,
    sample,
    sizing,
    trusted_data,
)
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility
from quantdl.backtest.plan.context import FinishedRun, KnownFacts, RunSpan
from quantdl.backtest.plan.documentation import Documentation
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import Friction
from quantdl.backtest.plan.horizon import Horizon
from quantdl.backtest.plan.hypothesis import Hypothesis
from quantdl.backtest.plan.invalidation import Condition
from quantdl.backtest.plan.refusals import PlanFault
from quantdl.backtest.plan.related_positions import RelatedPositions
from quantdl.backtest.plan.rules import Rule
from quantdl.backtest.plan.sample import Sample
from quantdl.backtest.plan.sizing import Sizing
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.told import told
from quantdl.backtest.plan.trusted_data import TrustedData
from quantdl.shown import block, facts, title


@dataclass(frozen=True)
class Plan(metaclass=Stated):
    """Everything that must be decided before a backtest may start. No item has a default."""

    hypothesis: Hypothesis
    horizon: Horizon
    trusted_data: TrustedData
    rules: tuple[Rule, ...]
    sizing: Sizing
    related_positions: RelatedPositions
    friction: Friction
    invalidation: tuple[Condition, ...]
    fast_exit: FastExit
    sample: Sample
    abnormal_volatility: AbnormalVolatility
    documentation: Documentation

    @property
    def rule_names(self) -> frozenset[str]:
        """Names of the written rules."""
        return frozenset(rule.name for rule in self.rules)

    @property
    def conditions_by_name(self) -> dict[str, Condition]:
        """The conditions that end the run, and their parts, by the name of their column in the result."""
        return {part.name: part.condition for part in invalidation.flattened(self.invalidation)}

    def _repr_html_(self) -> str:
        """Show what is promised, item by item."""
        promised = {item.row.title: told(getattr(self, item.name)) for item in ITEMS if hasattr(self, item.name)}
        return block(title("Trading plan: what is decided before a backtest"), facts(promised))


def _nothing(*_: object) -> tuple[PlanFault, ...]:
    return ()


Check = Callable[[Plan, KnownFacts], Iterable[PlanFault]]
"""Looks for faults of one item that need no data."""


@dataclass(frozen=True)
class Item:
    """One item of the checklist.

    Attributes:
        name: The plan's field, or the name of further evidence.
        row: Its row in the report.
        judge: What the evidence says about it after the run.
        faults: What is wrong with it in the plan by itself. Each check reads no more of the other items than it needs,
            and those last, so an item that is missing hides no fault of another.
        data_faults: What is wrong with it in view of the data and the span of the run.
    """

    name: str
    row: ReportRow
    judge: Callable[[Plan, FinishedRun], ItemVerdict]
    faults: tuple[Check, ...] = ()
    data_faults: Callable[[Plan, RunSpan], Iterable[PlanFault]] = _nothing


ITEMS = (
    Item(
        "hypothesis",
        hypothesis.ROW,
        judge=lambda plan, run: hypothesis.judge(plan.hypothesis, run),
    ),
    Item(
        "horizon",
        horizon.ROW,
        judge=lambda plan, run: horizon.judge(plan.horizon, plan.fast_exit.max_sessions, run),
        faults=(lambda plan, known: horizon.faults(plan.horizon, plan.trusted_data, known.horizon_bars),),
        data_faults=lambda plan, span: (
            *horizon.data_faults(plan.horizon, span.n_bars, span.unit),
            *horizon.period_faults(plan.horizon, span),
        ),
    ),
    Item(
        "trusted_data",
        trusted_data.ROW,
        judge=lambda plan, run: trusted_data.judge(
            plan.trusted_data, plan.rule_names, plan.friction.delisted_after_sessions, run
        ),
        faults=(lambda plan, known: trusted_data.faults(plan.trusted_data),),
        data_faults=lambda plan, span: trusted_data.data_faults(plan.trusted_data, span.panel),
    ),
    Item(
        "rules",
        rules.ROW,
        judge=lambda plan, run: rules.judge(plan.rules, friction.highest_fraction(plan.friction, run), run),
        faults=(lambda plan, known: rules.faults(plan.rules),),
    ),
    Item(
        "sizing",
        sizing.ROW,
        judge=lambda plan, run: sizing.judge(
            plan.sizing, plan.rule_names, run, plan.horizon.bars, from_open=plan.friction.fill_at == "next_open"
        ),
        faults=(
            lambda plan, known: sizing.faults(plan.sizing, has_model=known.horizon_bars is not None),
            lambda plan, known: sizing.same_cap_faults(plan.sizing, known.n_assets),
            lambda plan, known: sizing.same_cap_faults(plan.sizing, plan.related_positions.n_named),
            lambda plan, known: sizing.lot_faults(plan.sizing, plan.trusted_data.adjustment),
        ),
        data_faults=lambda plan, span: sizing.data_faults(plan.sizing, len(span.panel.assets)),
    ),
    Item(
        "related_positions",
        related_positions.ROW,
        judge=lambda plan, run: related_positions.judge(plan.related_positions, plan.rule_names, run),
        faults=(lambda plan, known: related_positions.faults(plan.related_positions, plan.sizing),),
        data_faults=lambda plan, span: related_positions.data_faults(
            plan.related_positions, plan.sizing, span.panel, span.end
        ),
    ),
    Item(
        "friction",
        friction.ROW,
        judge=lambda plan, run: friction.judge(plan.friction, run),
        faults=(
            lambda plan, known: friction.faults(plan.friction, known.horizon_bars),
            lambda plan, known: borrowing.borrow_faults(plan.friction.borrow, plan.sizing),
            lambda plan, known: friction.trusted_data_faults(plan.friction, plan.trusted_data),
        ),
        data_faults=lambda plan, span: friction.data_faults(plan.friction, span.panel),
    ),
    Item(
        "invalidation",
        invalidation.ROW,
        judge=lambda plan, run: invalidation.judge(
            plan.invalidation,
            plan.friction,
            lambda: abnormal_volatility.stressed(plan.abnormal_volatility, run)[run.book.rows],
            run,
        ),
        faults=(
            lambda plan, known: invalidation.faults(plan.invalidation, forecasts_risk=known.forecasts_risk),
            lambda plan, known: invalidation.reach_faults(plan.invalidation, plan.sizing.max_gross),
        ),
        data_faults=lambda plan, span: invalidation.data_faults(
            plan.invalidation, plan.friction, span.panel, span.n_bars
        ),
    ),
    Item(
        "fast_exit",
        fast_exit.ROW,
        judge=lambda plan, run: fast_exit.judge(
            plan.fast_exit, plan.friction, plan.abnormal_volatility, plan.sizing.lot_shares, run
        ),
        faults=(
            lambda plan, known: fast_exit.faults(plan.fast_exit, plan.friction),
            lambda plan, known: fast_exit.horizon_faults(plan.fast_exit, plan.friction.liquidity, plan.horizon.bars),
        ),
        data_faults=lambda plan, span: fast_exit.data_faults(plan.fast_exit, span.n_bars, span.unit),
    ),
    Item(
        "sample",
        sample.ROW,
        judge=lambda plan, run: sample.judge(plan.sample, run),
        faults=(
            lambda plan, known: sample.faults(plan.sample, known.label_bars),
            lambda plan, known: sample.length_faults(plan.sample, plan.horizon.bars, plan.trusted_data.frequency),
        ),
        data_faults=lambda plan, span: sample.data_faults(plan.sample, span),
    ),
    Item(
        "abnormal_volatility",
        abnormal_volatility.ROW,
        judge=lambda plan, run: abnormal_volatility.judge(
            plan.abnormal_volatility, plan.friction, plan.rule_names, run
        ),
        faults=(lambda plan, known: abnormal_volatility.faults(plan.abnormal_volatility, plan.sample),),
    ),
    Item(
        "documentation",
        documentation.ROW,
        judge=lambda plan, run: documentation.judge(plan.documentation, run),
    ),
    Item("forecast_calibration", forecast_calibration.ROW, judge=lambda plan, run: forecast_calibration.judge(run)),
)
