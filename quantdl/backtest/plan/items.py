"""The trading plan and the list of its items: what must be decided, in writing and in figures, before a backtest.

Every field of the plan is typed and has no default, so a plan that leaves one out cannot be made. Each item has a file
of its own beside this one. `ITEMS` is the one list of them: the checks before a run, the checklist after it and the
report follow it, in its order.

Fractions are of equity unless said otherwise, basis points (bps) are of traded notional, bars are bars of the plan's
calendar. Alternatives are told apart by their ``kind``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from quantdl.backtest.plan import (
    abnormal_volatility,
    fast_exit,
    friction,
    horizon,
    invalidation,
    related_positions,
    rules,
    sample,
    sizing,
    trusted_data,
)
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility
from quantdl.backtest.plan.context import ModelTerms, RunSpan
from quantdl.backtest.plan.documentation import Documentation
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
from quantdl.backtest.plan.trusted_data import TrustedData


@dataclass(frozen=True)
class Plan:
    """Everything that must be decided before a backtest may start. No field has a default."""

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


def _nothing(*_: object) -> tuple[PlanFault, ...]:
    return ()


@dataclass(frozen=True)
class Item:
    """One item of the checklist.

    Attributes:
        name: The plan's field, or the name of further evidence.
        faults: What is wrong with it in the plan by itself.
        data_faults: What is wrong with it in view of the data and the span of the run.
    """

    name: str
    faults: Callable[[Plan, ModelTerms], Iterable[PlanFault]] = _nothing
    data_faults: Callable[[Plan, RunSpan], Iterable[PlanFault]] = _nothing


ITEMS = (
    Item("hypothesis"),
    Item(
        "horizon",
        lambda plan, model: horizon.faults(plan.horizon, plan.trusted_data, model.horizon_bars),
        lambda plan, span: horizon.data_faults(plan.horizon, span.n_sessions),
    ),
    Item(
        "trusted_data",
        lambda plan, model: trusted_data.faults(plan.trusted_data),
        lambda plan, span: trusted_data.data_faults(plan.trusted_data, span.panel),
    ),
    Item("rules", lambda plan, model: rules.faults(plan.rules)),
    Item(
        "sizing",
        lambda plan, model: sizing.faults(plan.sizing),
        lambda plan, span: sizing.data_faults(plan.sizing, len(span.panel.assets)),
    ),
    Item(
        "related_positions",
        lambda plan, model: related_positions.faults(plan.related_positions, plan.sizing),
        lambda plan, span: related_positions.data_faults(plan.related_positions, plan.sizing, span.panel),
    ),
    Item(
        "friction",
        lambda plan, model: friction.faults(plan.friction, plan.sizing, plan.trusted_data, model.horizon_bars),
        lambda plan, span: friction.data_faults(plan.friction, span.panel),
    ),
    Item(
        "invalidation",
        lambda plan, model: invalidation.faults(
            plan.invalidation, plan.sizing.max_gross, forecasts_risk=model.forecasts_risk
        ),
        lambda plan, span: invalidation.data_faults(plan.invalidation, span.panel, span.n_sessions),
    ),
    Item(
        "fast_exit",
        lambda plan, model: fast_exit.faults(plan.fast_exit, plan.friction.liquidity, plan.horizon.bars),
        lambda plan, span: fast_exit.data_faults(plan.fast_exit, span.n_sessions),
    ),
    Item(
        "sample",
        lambda plan, model: sample.faults(plan.sample, plan.horizon.bars, model.horizon_bars),
        lambda plan, span: sample.data_faults(plan.sample, span),
    ),
    Item(
        "abnormal_volatility",
        lambda plan, model: abnormal_volatility.faults(plan.abnormal_volatility, plan.sample),
    ),
    Item("documentation"),
    Item("forecast_calibration"),
)
