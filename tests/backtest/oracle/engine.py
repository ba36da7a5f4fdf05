"""The reference engine, in plain Python: what the compiled one is held against.

At every close the terms are obeyed first, then whoever decides is asked.

One session runs in this order: cash held into it earns interest, dividends and splits take effect, delistings are paid
out, borrowing is charged, waiting orders fill, the book is marked; the conditions look at it; the driver decides;
positions past their horizon and trades past their stop get exit orders, which overrule the decision. Orders fill at the
next traded price, never at the one they were decided on unless the terms ask for that.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.backtest.book.terms import ENGINE_PREFIX, STRESSED, HaltCondition
from quantdl.backtest.running.decisions import Answer, Driver, Moment, RecordedDecision
from quantdl.backtest.running.engine import Job
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.tables import Close
from quantdl.backtest.running.view import Forecasts
from quantdl.errors import RunError
from quantdl.portfolio.limits import Limits
from tests.backtest.oracle.accounting import Book
from tests.backtest.oracle.conditions import Observation, monitors
from tests.backtest.oracle.corporate_actions import CorporateActionsDesk
from tests.backtest.oracle.exits import Exits
from tests.backtest.oracle.journal import Journal
from tests.backtest.oracle.orders import Fill, OrderDesk, SessionMarket
from tests.backtest.oracle.sizing import EXIT_ROOM, exit_values, reduced_only, target_quantities
from tests.backtest.oracle.tables import Tables
from tests.backtest.oracle.trades import TradeLedger

Progress = Callable[[int, int], None]


def play(job: Job, driver: Driver, forecasts: Forecasts | None, progress: Progress | None = None) -> BacktestResult:
    """Play every session of a job.

    Args:
        job: Market, terms, span and money.
        driver: Decides at each close.
        forecasts: A model's predictions, where a condition of the terms needs them.
        progress: Called with sessions done and sessions in all.

    Raises:
        RunError: What the driver raises; or if a value at risk that a condition needs is not finite.
    """
    engine = Engine(job, driver, forecasts)
    for t in range(job.first, job.stop):
        engine.step(t)
        if progress is not None:
            progress(t + 1 - job.first, job.stop - job.first)
    return engine.result()


class Engine:
    """The state of one run."""

    def __init__(self, job: Job, driver: Driver, forecasts: Forecasts | None) -> None:
        """Prepare an empty book and the monitors."""
        tape, terms = job.tape, job.terms
        self.job, self.tape, self.terms, self.driver = job, tape, terms, driver
        self.forecasts = forecasts
        self.n_assets = len(tape.assets)
        self.book = Book(job.initial_equity, TradeLedger(self.n_assets))
        self.desk = OrderDesk(terms.costs)
        self.journal = Journal()
        self.actions = CorporateActionsDesk(tape, self.book, self.desk, self.journal)
        self.exits = Exits(terms, tape, self.book, self.desk, self.journal)
        self.monitors = monitors(terms.conditions, job.initial_equity, terms.bars_per_year)
        self.same_bar = terms.fill_at == "decision_close"
        self.fill_prices = tape.fields["open" if terms.fill_at == "next_open" else "close"]
        self.limits = terms.limits
        self.decided_at: int | None = None
        self.equity_before = job.initial_equity
        self.predicted: tuple[object, ...] = (None,) * len(terms.conditions)
        self.return_since_trade = 0.0
        self.halted_at: int | None = None
        self.halt_rule = ""
        self.halt_reason = ""
        self.standing_aside = False

    def step(self, t: int) -> None:
        """Play the session at position ``t`` of the tape."""
        self.limits = self._limits(t)
        interest = self.book.earn(float(self.terms.cash_rates[t]))
        self.actions.play(t)
        self.book.marks = self.tape.marks[t]
        self.exits.pay_out_delisted(t)
        fees = self.exits.charge_borrowing(t)
        held_return = self.book.equity() / self.equity_before - 1.0 if self.equity_before > 0 else 0.0
        fills = [] if self.same_bar else self._fill(t)
        self._watch(t, held_return)
        if self.halted_at is None:
            self._decide(t)
        if self.halted_at is not None:
            self.exits.close(range(self.n_assets), t, self.halt_rule)
        if self.same_bar:
            fills = self._fill(t)
        self._record(t, fills, fees, interest, held_return)
        self._predict(t)

    def _limits(self, t: int) -> Limits:
        """Return the caps as of a close."""
        if self.terms.groups is None:
            return self.terms.limits
        group_of = self.terms.groups[t].copy()  # a strategy sees it, and must not see later rows through its base
        group_of.flags.writeable = False
        names = tuple(f"cluster {number + 1}" for number in range(int(group_of.max()) + 1))
        return replace(self.terms.limits, group_of=group_of, group_names=names)

    def _fill(self, t: int) -> list[Fill]:
        """Fill at this session's prices, capped by the volume known before them and by that of the bar itself."""
        own_share = self.terms.costs.participation * self.terms.bar_dollars[t]
        known = t if self.same_bar else max(t - 1, 0)
        prices = np.where(self.tape.traded[t], self.fill_prices[t], np.nan)
        market = SessionMarket(
            session=t,
            prices=prices,
            most_dollars=np.minimum(self.exits.tradable(known), own_share),
            dollar_volume=self.terms.dollar_volume[known],
            volatility=self.tape.volatility[known],
            equity=self.book.equity(),
            reduces_only=self.standing_aside,
        )
        return self.desk.execute(self.book, market)

    def _watch(self, t: int, held_return: float) -> None:
        """Update every condition; the first that fires halts the run for good."""
        held = self.book.quantities != 0
        stale = int(self.tape.silent_bars[t][held].max(initial=0))
        earlier, trades = self.return_since_trade, bool(self.tape.trades[t])
        self.return_since_trade = (1.0 + earlier) * (1.0 + held_return) - 1.0 if earlier else held_return
        loss = -self.return_since_trade if trades else None
        stressed = bool(self.terms.regimes[t] == STRESSED)
        seen = Observation(self.book.equity(), stale, loss, self.predicted, trades, stressed)
        values = []
        for watcher in self.monitors:  # parts come before what they make up
            values.append(watcher.update(replace(seen, parts=tuple(values))))
        self.journal.conditions.append(values)
        for watcher, value in zip(self.monitors, values, strict=True):
            if value >= watcher.limit and watcher.ends_the_run:
                self._halt(t, watcher.name, watcher.says(value))
        self._watch_margin(t)

    def _watch_margin(self, t: int) -> None:
        """Liquidate a book whose equity no longer carries its positions, as a broker would."""
        equity, margin = self.book.equity(), self.terms.maintenance_margin
        gross = float(np.abs(self.book.values()).sum())
        if equity <= 0:
            self._halt(t, "bankrupt", f"equity is {equity:.2f}")
        elif equity < margin * gross:
            share = f"{equity / gross:.1%} of gross exposure, maintenance margin {margin:.1%}"
            self._halt(t, "margin", f"equity is {share}")

    def _halt(self, t: int, condition: str, reason: str) -> None:
        if self.halted_at is None:
            self.halted_at, self.halt_rule, self.halt_reason = t, f"{ENGINE_PREFIX}{condition}", reason
            self.journal.note(t, "invalidation", condition, f"{reason}: flatten and halt")

    def _decide(self, t: int) -> None:
        """Ask the driver, then let the exits of the terms overrule it."""
        so_far = self.tape.bars_so_far
        since = None if self.decided_at is None else int(so_far[t] - so_far[self.decided_at])
        now = Moment(t, self.book, self.limits, bool(self.terms.due[t]), since)
        answer = None if self._stands_aside(t) else self.driver.decide(now)
        if answer is not None:
            self.decided_at = t
            self._note_decision(t, answer)
            if answer.weights is not None:
                self._order(t, answer.weights, answer.rules)
        self.exits.left_universe(t)
        self.exits.reduce_to_fast_exit(t)
        self.exits.past_horizon(t, self.decided_at)
        self.exits.stop_losses(t)

    def _stands_aside(self, t: int) -> bool:
        """Go flat, and stay so, while the market is stressed and the terms say to."""
        stressed = bool(self.terms.regimes[t] == STRESSED) and self.terms.in_stress != "trade"
        if stressed != self.standing_aside:
            self.standing_aside = stressed
            condition = "stress_begins" if stressed else "stress_ends"
            detail = f"market volatility {self.terms.market_volatility[t]:.1%}"
            self.journal.note(t, "abnormal_volatility", condition, detail)
        if not (stressed and self.terms.in_stress == "flat"):
            return False
        self.exits.close(range(self.n_assets), t, f"{ENGINE_PREFIX}stand_aside")
        return True

    def _note_decision(self, t: int, answer: Answer) -> None:
        weights = np.zeros(self.n_assets) if answer.weights is None else answer.weights
        gross = float(self.limits.group_sums(np.abs(weights)).max())
        net = float(np.abs(self.limits.group_sums(weights)).max())
        recorded = RecordedDecision(self.tape.sessions[t], answer.weights, answer.rules, gross, net)
        self.journal.decisions.append(recorded)

    def _order(self, t: int, weights: np.ndarray, rules: tuple[str, ...]) -> None:
        """Turn target weights into orders for the shares that are missing or too many."""
        equity, quantities, marks = self.book.equity(), self.book.quantities, self.book.marks
        weights = self._cut(t, weights, equity)
        targets = target_quantities(weights, equity, quantities, marks, self.terms.costs.proportional)
        may_lose = self.terms.max_loss_per_trade * equity
        for asset in range(self.n_assets):
            held = float(quantities[asset])
            missing = float(targets[asset] - held)
            if self.standing_aside and missing * held > 0:
                missing = 0.0
            reduces = missing * held < 0 and abs(missing) <= abs(held)
            most = float("inf") if reduces else may_lose
            self.desk.place(asset, missing, rules[asset], t, float(marks[asset]), float(weights[asset]), most)

    def _cut(self, t: int, weights: np.ndarray, equity: float) -> np.ndarray:
        """Cut weights to what stress, the fast exit and then the caps on net weight allow."""
        wanted = weights
        if self.standing_aside:
            weights = reduced_only(weights, self.book.weights())
        caps = EXIT_ROOM * exit_values(self.exits.tradable(t), self.terms.max_exit_sessions) / equity
        held = np.abs(self.book.weights())
        caps = np.where(self.tape.traded[t], caps, np.maximum(caps, held))  # what is silent need not be sold for that
        too_large = np.abs(weights) > caps
        for asset in np.flatnonzero(too_large):
            detail = f"{self.tape.assets[asset]}: weight {weights[asset]:g} cut to {caps[asset]:g}"
            self.journal.note(t, "fast_exit", "cut", detail)
        kept = np.asarray(np.clip(weights, -caps, caps))
        return kept if np.array_equal(kept, wanted) else self._within_net(t, kept)

    def _within_net(self, t: int, weights: np.ndarray) -> np.ndarray:
        """Shrink the book as a whole until both caps on net weight hold, where cuts of one side broke them."""
        limits = self.limits
        nets = [(abs(float(weights.sum())), limits.max_net)]
        nets += [(abs(float(net)), limits.max_group_net) for net in limits.group_sums(weights)]
        share = min([1.0, *(most / net for net, most in nets if net > most + 1e-9)])
        for asset in np.flatnonzero(weights) if share < 1.0 else ():
            detail = f"{self.tape.assets[asset]}: weight {weights[asset]:g} cut to {weights[asset] * share:g}"
            self.journal.note(t, "fast_exit", "cut", detail)
        return weights * share

    def _record(self, t: int, fills: list[Fill], fees: float, interest: float, held_return: float) -> None:
        """Write down the book after the session's fills."""
        equity, weights = self.book.equity(), self.book.weights()
        notional, paid = sum(fill.notional for fill in fills), sum(fill.cost for fill in fills)
        before = equity + paid
        turnover = notional / before if before > 0 else 0.0
        close = Close(
            equity=equity,
            cash=self.book.cash,
            due=float(self.book.due.sum()),
            gross=float(np.abs(weights).sum()),
            net=float(weights.sum()),
            turnover=turnover,
            costs=paid + fees,
            interest=interest,
            held_return=held_return,
            days_to_exit=self.exits.days_to_exit(t),
            halted=self.halted_at is not None,
        )
        self.journal.closes.append(close)
        self.journal.weights.append(weights)
        self.journal.quantities.append(self.book.quantities.copy())
        self.journal.exposures.append(self.limits.group_sums(np.abs(weights)))
        self.equity_before = equity

    def _predict(self, t: int) -> None:
        """Ask what the next session may bring to the book held now, where a condition needs it.

        The next session is the next one in which anything trades, so a prediction stands until then.
        """
        if not self.tape.trades[t] and self.halted_at is None:
            return
        self.predicted, self.return_since_trade = (None,) * len(self.terms.conditions), 0.0
        weights = self.journal.weights[-1]
        if self.forecasts is not None and self.halted_at is None and np.any(weights != 0):
            asked = [self._predicted(item, t, weights) for item in self.terms.conditions]
            self.predicted = tuple(asked)

    def _predicted(self, item: HaltCondition, t: int, weights: np.ndarray) -> object:
        """Return what one condition is held against: see `Observation`."""
        session = self.tape.sessions[t]
        if item.kind == "calibration":
            predicted = self.forecasts.value_at_risk(session, weights, item.level)
            if predicted is not None and not np.isfinite(predicted):
                raise RunError(
                    f"{session:%Y-%m-%d}: the forecasts predict a value at risk of {predicted} at {item.level:g} "
                    "for the book held. The calibration condition needs a finite one at every close with positions: "
                    "correct value_at_risk of the forecasts, or take the condition out of plan.invalidation."
                )
            return predicted
        if item.kind not in ("risk_e_process", "pit_drift"):
            return None
        losses = np.sort(self.forecasts.book_risk(session, weights).losses.numpy())
        n = len(losses)
        if item.kind == "pit_drift":
            return [losses[(n + 1) // 20 * part - 1] for part in range(1, 20)] if (n + 1) % 20 == 0 else None
        if n * (1 - item.level) < 1 - 1e-9:
            return None
        beyond = round(n * (1 - item.level), 6)
        whole = int(beyond)
        worst = losses[n - whole :].sum() + (beyond - whole) * losses[n - whole - 1]
        return losses[math.ceil(round(n * item.level, 6)) - 1], worst / beyond

    def result(self) -> BacktestResult:
        """Return the record of the sessions played."""
        job, journal = self.job, self.journal
        tables = Tables(self.tape.sessions, self.tape.assets, job.first, job.stop)
        fixed = self.terms.limits.group_names if self.terms.groups is None else None
        return BacktestResult(
            assets=self.tape.assets,
            initial_equity=job.initial_equity,
            final_equity=journal.closes[-1].equity,
            equity=tables.closes(journal.closes),
            weights_after_fill=tables.by_asset(journal.weights),
            quantities=tables.by_asset(journal.quantities),
            orders=tables.orders(self.desk.orders),
            fills=tables.fills(self.desk.fills),
            trades=tables.trades(self.book.ledger.trades(job.stop - 1, self.book.values()), self.tape.bars_so_far),
            exposures=tables.exposures(journal.exposures, fixed),
            events=tables.events(journal.events),
            conditions=tables.conditions(journal.conditions, [item.label for item in self.terms.conditions]),
            regimes=tables.regimes(self.terms.regimes),
            traded=pd.Series(self.tape.trades[job.first : job.stop], tables.index, name="traded"),
            decisions=tuple(journal.decisions),
            stamps=self.terms.stamps,
            halted_on=None if self.halted_at is None else self.tape.sessions[self.halted_at],
            halt_reason=self.halt_reason,
        )
