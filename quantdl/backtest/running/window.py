"""What the strategy is shown: arrays into which the engine copies one session after another.

The strategy's arrays are slices of buffers that hold NaN wherever the future will be, so nothing later can be reached
through them, not even through their base.
"""

import numpy as np

from quantdl.backtest.book.accounting import Book
from quantdl.backtest.book.costs import proportional_cost
from quantdl.backtest.book.groups import Membership, correlation_groups, fixed_groups
from quantdl.backtest.book.tape import Tape
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.related_positions import CorrelationGroups
from quantdl.backtest.running.forecasts import Forecasts
from quantdl.backtest.running.view import MarketView
from quantdl.market.panel import Panel
from quantdl.portfolio import Limits


class Window:
    """Reveals the tape session by session."""

    def __init__(self, panel: Panel, plan: Plan, tape: Tape, first: int, forecasts: Forecasts | None) -> None:
        """Reveal the history before the run's first session."""
        self.plan, self.tape, self.forecasts = plan, tape, forecasts
        self.fields = {name: np.full(values.shape, np.nan) for name, values in tape.fields.items()}
        self.traded = np.zeros(tape.traded.shape, dtype=bool)
        self.continuous = np.full(tape.continuous.shape, np.nan)
        self.sessions = panel.sessions
        self._fixed: Limits | None = None
        membership = fixed_groups(plan.related_positions.groups, panel)
        if membership is not None:
            self._fixed = plan_limits(plan, membership)
        self._reveal(slice(0, first))

    @property
    def group_names(self) -> tuple[str, ...] | None:
        """Names of the groups, or None when they change with time."""
        return None if self._fixed is None else self._fixed.group_names

    def advance(self, t: int) -> Limits:
        """Reveal session ``t`` and return the caps as of its close."""
        self._reveal(slice(t, t + 1))
        if self._fixed is not None:
            return self._fixed
        groups = self.plan.related_positions.groups
        if not isinstance(groups, CorrelationGroups):
            raise TypeError(f"groups that change must be correlation groups, got {groups}")
        return plan_limits(self.plan, correlation_groups(self.continuous[: t + 1], groups))

    def view(self, t: int, book: Book, limits: Limits, since_decision: int | None, due: bool) -> MarketView:
        """Return what the strategy sees at the close of session ``t``."""
        session, forecasts = self.sessions[t], self.forecasts
        return MarketView(
            session=session,
            sessions=self.sessions[: t + 1],
            assets=self.tape.assets,
            fields={name: _read_only(values[: t + 1]) for name, values in self.fields.items()},
            continuous_closes=_read_only(self.continuous[: t + 1]),
            traded=_read_only(self.traded[: t + 1]),
            listed=_read_only(self.tape.listed[t].copy()),
            weights=_read_only(book.weights()),
            equity=book.equity(),
            bars_since_decision=since_decision,
            rebalance_due=due,
            limits=limits,
            cost_fraction=proportional_cost(self.plan.friction),
            horizon_bars=self.plan.horizon.bars,
            bars_per_year=self.tape.bars_per_year,
            law=None if forecasts is None else lambda: forecasts.draws(session),
        )

    def _reveal(self, rows: slice) -> None:
        for name, values in self.tape.fields.items():
            self.fields[name][rows] = values[rows]
        self.traded[rows] = self.tape.traded[rows]
        self.continuous[rows] = self.tape.continuous[rows]


def plan_limits(plan: Plan, membership: Membership) -> Limits:
    """Return the plan's caps for one grouping of the assets."""
    sizing, related = plan.sizing, plan.related_positions
    group_of, names = membership
    return Limits(
        long_only=sizing.long_only,
        max_weight=sizing.max_weight,
        max_gross=sizing.max_gross,
        max_net=sizing.max_gross if sizing.max_net is None else sizing.max_net,
        group_of=_read_only(group_of),
        group_names=names,
        max_group_gross=related.max_group_gross,
        max_group_net=related.max_group_gross if related.max_group_net is None else related.max_group_net,
    )


def _read_only(values: np.ndarray) -> np.ndarray:
    view = values.view()
    view.flags.writeable = False
    return view
