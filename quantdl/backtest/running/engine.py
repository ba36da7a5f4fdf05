"""The backtest: at every close the plan is obeyed first, then the strategy is asked.

One session runs in this order: dividends and splits take effect, delistings are paid out, borrowing is charged, waiting
orders fill, the book is marked; the invalidation conditions look at it; the strategy decides; positions past their
horizon and trades past their stop get exit orders, which overrule the decision. Orders fill at the next traded price,
never at the one they were decided on unless the plan asks for that.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from quantdl.backtest.book.accounting import Book
from quantdl.backtest.book.corporate_actions import CorporateActionsDesk
from quantdl.backtest.book.costs import proportional_cost, tradable_dollars
from quantdl.backtest.book.exits import Exits
from quantdl.backtest.book.orders import Fill, Floor, OrderDesk
from quantdl.backtest.book.sizing import (
    EXIT_ROOM,
    check_cadence,
    check_decision,
    exit_values,
    reduced_only,
    target_quantities,
)
from quantdl.backtest.book.tape import read_tape, regimes
from quantdl.backtest.book.trades import TradeLedger
from quantdl.backtest.plan.checks import check_plan
from quantdl.backtest.plan.invalidation import CalibrationLimit
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.running.asking import Answer, ask, check_purposes
from quantdl.backtest.running.cadence import rebalance_sessions
from quantdl.backtest.running.decisions import Strategy
from quantdl.backtest.running.forecasts import Forecasts
from quantdl.backtest.running.invalidation import Observation, monitor
from quantdl.backtest.running.journal import Journal
from quantdl.backtest.running.replay import Replay
from quantdl.backtest.running.result import SESSION_DTYPE, BacktestResult, RecordedDecision
from quantdl.backtest.running.stamps import stamps
from quantdl.backtest.running.window import Window
from quantdl.errors import RunError
from quantdl.market.panel import Panel

Progress = Callable[[int, int], None]


def run_backtest(
    panel: Panel,
    plan: Plan,
    strategy: Strategy,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str,
    forecasts: Forecasts | None = None,
    initial_equity: float = 1_000_000.0,
    progress: Progress | None = None,
) -> BacktestResult:
    """Run a strategy under its plan from ``start`` to ``end``, both inclusive.

    The panel may begin long before ``start``: that is history the strategy can see. Shares are fractional, cash earns
    nothing, and money is never rounded. The result is the same to the last bit for the same arguments.

    Args:
        panel: Prices.
        plan: What must be obeyed.
        strategy: Decides at each close.
        start: First session.
        end: Last session.
        forecasts: A model's predictions, or None.
        initial_equity: Money at the start.
        progress: Called with sessions done and sessions in all.

    Raises:
        PlanError: If the plan is refused; every fault is named.
        LookAheadError: If the strategy asks for a forecast of a session that the model has seen.
        RunError: If the strategy fails, or decides what the plan forbids.
    """
    first, last = pd.Timestamp(start), pd.Timestamp(end)
    horizon = None if forecasts is None else forecasts.horizon_bars
    check_plan(plan, panel, first, last, horizon, forecasts is not None and forecasts.value_at_risk is not None)
    if not (np.isfinite(initial_equity) and initial_equity > 0):
        raise RunError(f"initial_equity must be a positive amount of money, got {initial_equity}.")
    return play(panel, plan, strategy, first, last, forecasts, initial_equity, progress)


def play(
    panel: Panel,
    plan: Plan,
    strategy: Strategy,
    start: pd.Timestamp,
    end: pd.Timestamp,
    forecasts: Forecasts | None,
    initial_equity: float,
    progress: Progress | None = None,
) -> BacktestResult:
    """Run without checking the plan: for reruns of a checked one, and for a baseline that stands outside of it."""
    engine = Engine(panel, plan, strategy, start, forecasts, initial_equity)
    stop = int(panel.sessions.searchsorted(end, side="right"))
    for t in range(engine.first, stop):
        engine.play_session(t)
        if progress is not None:
            progress(t + 1 - engine.first, stop - engine.first)
    return engine.result(stop)


class Engine:
    """The state of one run."""

    def __init__(
        self,
        panel: Panel,
        plan: Plan,
        strategy: Strategy,
        start: pd.Timestamp,
        forecasts: Forecasts | None,
        initial_equity: float,
    ) -> None:
        """Prepare the tape, an empty book and the monitors."""
        self.panel, self.plan, self.strategy, self.forecasts = panel, plan, strategy, forecasts
        self.initial_equity = initial_equity
        self.first = int(panel.sessions.searchsorted(start))
        self.tape = read_tape(panel, plan)
        self.regime = regimes(self.tape.market_volatility, plan.abnormal_volatility)
        self.due = rebalance_sessions(plan.horizon.rebalance, panel.sessions, self.first, panel.card.calendar)
        self.window = Window(panel, plan, self.tape, self.first, forecasts)
        self.book = Book(initial_equity, TradeLedger(panel.assets, panel.sessions))
        self.desk = OrderDesk(panel.assets, panel.sessions, plan.friction)
        self.journal = Journal()
        self.actions = CorporateActionsDesk(self.tape, self.book, self.desk, self.journal)
        self.exits = Exits(plan, self.tape, self.book, self.desk, self.journal)
        self.monitors = [monitor(item, initial_equity, self.tape.bars_per_year) for item in plan.invalidation]
        self.levels = [item.level for item in plan.invalidation if isinstance(item, CalibrationLimit)]
        self.rules = frozenset(rule.name for rule in plan.rules)
        self.purposes = {rule.name: rule.purpose for rule in plan.rules}
        self.same_bar = plan.friction.fill_at == "decision_close"
        self.decided_at: int | None = None
        self.equity_before = initial_equity
        self.predicted_loss: float | None = None
        self.halt_rule = ""
        self.halted_on: pd.Timestamp | None = None
        self.halt_reason = ""
        self.standing_aside = False

    def play_session(self, t: int) -> None:
        """Play the session at position ``t`` of the panel."""
        self.limits = self.window.advance(t)
        self.actions.play(t)
        self.book.marks = self.tape.marks[t]
        self.exits.pay_out_delisted(t)
        fees = self.exits.charge_borrowing()
        held_return = self.book.equity() / self.equity_before - 1.0 if self.equity_before > 0 else 0.0
        fills = [] if self.same_bar else self._fill(t)
        self._watch(t, held_return)
        if self.halted_on is None:
            self._decide(t)
        if self.halted_on is not None:
            self.exits.close(range(len(self.panel.assets)), t, self.halt_rule)
        if self.same_bar:
            fills = self._fill(t)
        self._record(t, fills, fees, held_return)
        self._predict(t)

    def _fill(self, t: int) -> list[Fill]:
        """Fill at this session's prices, capped by the volume that was known before them."""
        known = t if self.same_bar else max(t - 1, 0)
        volume, volatility = self.tape.dollar_volume[known], self.tape.volatility[known]
        most = tradable_dollars(self.plan.friction, volume, volatility)
        prices = np.where(self.tape.traded[t], self.tape.fill_prices[t], np.nan)
        return self.desk.execute(self.book, Floor(t, prices, most, volume, volatility, self.book.equity()))

    def _watch(self, t: int, held_return: float) -> None:
        """Update every condition; the first that fires halts the run for good."""
        held = self.book.quantities != 0
        stale = int(self.tape.silent_bars[t][held].max(initial=0))
        exception = None if self.predicted_loss is None else bool(-held_return > self.predicted_loss)
        seen = Observation(self.book.equity(), stale, exception)
        values = [watcher.update(seen) for watcher in self.monitors]
        self.journal.conditions.append(values)
        for watcher, value in zip(self.monitors, values, strict=True):
            if value >= watcher.limit:
                self._halt(t, watcher.name, f"{watcher.name} reached {value:.4g}, limit {watcher.limit:.4g}")
        self._watch_margin(t)

    def _watch_margin(self, t: int) -> None:
        """Liquidate a book whose equity no longer carries its positions, as a broker would."""
        borrow, equity = self.plan.friction.borrow, self.book.equity()
        gross = float(np.abs(self.book.values()).sum())
        if equity <= 0:
            self._halt(t, "bankrupt", f"equity is {equity:.2f}")
        elif borrow is not None and gross and equity < borrow.maintenance_margin * gross:
            share = f"{equity / gross:.1%} of gross exposure, maintenance margin {borrow.maintenance_margin:.1%}"
            self._halt(t, "margin", f"equity is {share}")

    def _halt(self, t: int, condition: str, reason: str) -> None:
        if self.halted_on is None:
            self.halted_on, self.halt_rule, self.halt_reason = self.tape.sessions[t], f"plan:{condition}", reason
            self.journal.note(self.halted_on, "invalidation", condition, f"{reason}: flatten and halt")

    def _decide(self, t: int) -> None:
        """Ask the strategy, then let the plan's own exits overrule it."""
        answer = None if self._stands_aside(t) else self._ask(t)
        if answer is not None:
            self.decided_at = t
            self._note_decision(t, answer)
            if answer.weights is not None:
                self._order(t, answer.weights, answer.rules)
        self.exits.left_universe(t)
        self.exits.keep_the_exit_open(t)
        self.exits.past_horizon(t, self.decided_at)
        self.exits.stop_losses(t)

    def _stands_aside(self, t: int) -> bool:
        """Go flat, and stay so, while the market is stressed and the plan says to."""
        stressed = self.regime[t] == "stressed" and self.plan.abnormal_volatility.in_stress != "trade"
        if stressed != self.standing_aside:
            self.standing_aside = stressed
            condition = "stress_begins" if stressed else "stress_ends"
            detail = f"market volatility {self.tape.market_volatility[t]:.1%}"
            self.journal.note(self.tape.sessions[t], "abnormal_volatility", condition, detail)
        if not (stressed and self.plan.abnormal_volatility.in_stress == "flat"):
            return False
        self.exits.close(range(len(self.panel.assets)), t, "plan:stand_aside")
        return True

    def _note_decision(self, t: int, answer: Answer) -> None:
        weights = np.zeros(len(self.panel.assets)) if answer.weights is None else answer.weights
        gross = float(self.limits.group_sums(np.abs(weights)).max())
        net = float(np.abs(self.limits.group_sums(weights)).max())
        recorded = RecordedDecision(self.tape.sessions[t], answer.weights, answer.rules, gross, net)
        self.journal.decisions.append(recorded)

    def _ask(self, t: int) -> Answer | None:
        since = None if self.decided_at is None else t - self.decided_at
        due = bool(self.due[t])
        view = self.window.view(t, self.book, self.limits, since, due)
        answer = ask(self.strategy, view, self.rules)
        if answer is not None and answer.weights is not None:
            session, assets = self.tape.sessions[t], self.panel.assets
            check_decision(answer.weights, answer.rules, self.limits, self.tape.listed[t], assets, session)
            if not isinstance(self.strategy, Replay):  # what was in order at other costs need not be to the last share
                check_purposes(answer.weights, answer.rules, self.purposes, view)
            if not due:
                check_cadence(answer.weights, view.weights, answer.rules, assets, session)
        return answer

    def _order(self, t: int, weights: np.ndarray, rules: tuple[str, ...]) -> None:
        """Turn target weights into orders for the shares that are missing or too many."""
        equity, quantities, marks = self.book.equity(), self.book.quantities, self.book.marks
        weights = self._cut(t, weights, equity)
        targets = target_quantities(weights, equity, quantities, marks, proportional_cost(self.plan.friction))
        may_lose = self.plan.sizing.max_loss_per_trade * equity
        for asset in range(len(self.panel.assets)):
            missing = float(targets[asset] - quantities[asset])
            self.desk.place(asset, missing, rules[asset], t, float(marks[asset]), float(weights[asset]), may_lose)

    def _cut(self, t: int, weights: np.ndarray, equity: float) -> np.ndarray:
        """Cut weights to what stress and the fast exit allow."""
        if self.standing_aside:
            weights = reduced_only(weights, self.book.weights())
        most = tradable_dollars(self.plan.friction, self.tape.dollar_volume[t], self.tape.volatility[t])
        caps = EXIT_ROOM * exit_values(most, self.plan.fast_exit.max_sessions) / equity
        too_large = np.abs(weights) > caps
        for asset in np.flatnonzero(too_large):
            detail = f"{self.panel.assets[asset]}: weight {weights[asset]:g} cut to {caps[asset]:g}"
            self.journal.note(self.tape.sessions[t], "fast_exit", "cut", detail)
        return np.asarray(np.clip(weights, -caps, caps))

    def _record(self, t: int, fills: list[Fill], fees: float, held_return: float) -> None:
        """Write down the book after the session's fills."""
        equity, weights = self.book.equity(), self.book.weights()
        notional, paid = sum(fill.notional for fill in fills), sum(fill.cost for fill in fills)
        before = equity + paid
        turnover = notional / before if before > 0 else 0.0
        gross, net = float(np.abs(weights).sum()), float(weights.sum())
        days, halted = self.exits.days_to_exit(t), self.halted_on is not None
        self.journal.equity.append(
            (
                equity,
                self.book.cash,
                float(self.book.due.sum()),
                gross,
                net,
                turnover,
                paid + fees,
                held_return,
                days,
                halted,
            )
        )
        self.journal.weights.append(weights)
        self.journal.quantities.append(self.book.quantities.copy())
        self.journal.exposures.append(self.limits.group_sums(np.abs(weights)))
        self.equity_before = equity

    def _predict(self, t: int) -> None:
        """Ask for the next session's value at risk of the book held now, where a condition needs it."""
        self.predicted_loss = None
        forecasts = self.forecasts
        if not self.levels or forecasts is None or forecasts.value_at_risk is None or self.halted_on is not None:
            return
        weights = self.journal.weights[-1]
        if np.any(weights != 0):
            session = self.tape.sessions[t]
            self.predicted_loss = forecasts.value_at_risk(session, weights, self.levels[0])
            if not np.isfinite(self.predicted_loss):
                raise RunError(
                    f"{session:%Y-%m-%d}: the predicted value at risk is {self.predicted_loss}, not a number."
                )

    def result(self, stop: int) -> BacktestResult:
        """Return the record of the sessions played, up to position ``stop``."""
        sessions = self.panel.sessions[self.first : stop].to_numpy().astype(SESSION_DTYPE)
        index = pd.DatetimeIndex(sessions, name="session")
        return BacktestResult(
            assets=self.panel.assets,
            initial_equity=self.initial_equity,
            equity=self.journal.equity_table(index),
            weights_after_fill=self.journal.asset_table(self.journal.weights, index, self.panel.assets),
            quantities=self.journal.asset_table(self.journal.quantities, index, self.panel.assets),
            orders=self.desk.order_table(),
            fills=self.desk.fill_table(),
            trades=self.book.ledger.table(stop - 1, self.book.values()),
            exposures=self.journal.exposure_table(index, self.window.group_names),
            events=self.journal.event_table(),
            conditions=self.journal.condition_table(index, [watcher.name for watcher in self.monitors]),
            regimes=self._regime_table(index, stop),
            decisions=tuple(self.journal.decisions),
            stamps=stamps(self.plan, self.panel.card, self.panel.actions),
            halted_on=self.halted_on,
            halt_reason=self.halt_reason,
        )

    def _regime_table(self, index: pd.DatetimeIndex, stop: int) -> pd.DataFrame:
        """Return the regime that was known when each session began."""
        before = np.concatenate([["undefined"], self.regime])[self.first : stop]
        return pd.DataFrame({"regime": before.astype(object)}, index=index).astype("str")
