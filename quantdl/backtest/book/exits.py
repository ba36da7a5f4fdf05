"""Exits that the plan orders by itself, against the strategy if need be: terminal values, stops, horizon, flat."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quantdl.backtest.book.accounting import Book
from quantdl.backtest.book.costs import proportional_cost, tradable_dollars
from quantdl.backtest.book.orders import OrderDesk
from quantdl.backtest.book.sizing import EXIT_ROOM, exit_values
from quantdl.backtest.book.tape import Tape
from quantdl.backtest.plan.friction import VolumeWaiver
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.running.journal import Journal

DELISTING = "plan:delisting"


@dataclass(frozen=True, eq=False)
class Exits:
    """Gives the plan's own orders against one book."""

    plan: Plan
    tape: Tape
    book: Book
    desk: OrderDesk
    journal: Journal

    def pay_out_delisted(self, t: int) -> None:
        """Pay out what is held of a delisted asset at the value the data states, or else the plan, without charge."""
        gone = self.tape.delisted[t]
        for asset in [asset for asset in self.desk.open if gone[asset]]:
            self.desk.cancel(asset, "delisted")
        for asset in np.flatnonzero(gone & (self.book.quantities != 0)).tolist():
            held, mark = float(self.book.quantities[asset]), float(self.book.marks[asset])
            recovery = self.plan.friction.delisting_recovery if held > 0 else 1.0
            stated = float(self.tape.terminal_values[asset])
            value = mark * recovery if np.isnan(stated) else stated
            self.book.trade(asset, -held, value, 0.0, t, self.book.equity(), DELISTING)
            self.desk.record_payout(asset, -held, value, DELISTING, t)
            basis = f"{recovery:.0%} of the last close {mark:g}" if np.isnan(stated) else "the terminal value stated"
            paid = f"{held:g} shares at {value:g}, {basis}"
            self.journal.note(self.tape.sessions[t], "friction", "delisting", f"{self.tape.assets[asset]}: {paid}")

    def charge_borrowing(self) -> float:
        """Charge one bar's fee on the short positions held into the session, and return it."""
        borrow = self.plan.friction.borrow
        if borrow is None:
            return 0.0
        fees = np.maximum(-self.book.values(), 0.0) * borrow.annual_rate / self.tape.bars_per_year
        for asset in np.flatnonzero(fees).tolist():
            self.book.credit(asset, -float(fees[asset]))
        return float(fees.sum())

    def stop_losses(self, t: int) -> None:
        """Order the exit of every trade whose loss, its exit's costs included, has reached the plan's stop."""
        values = self.book.values()
        losses = self.book.ledger.losses(values - np.abs(values) * proportional_cost(self.plan.friction))
        for asset in np.flatnonzero(losses >= self.plan.sizing.stop_loss).tolist():
            loss, stop = losses[asset], self.plan.sizing.stop_loss
            if self.close([asset], t, "plan:stop_loss"):
                detail = f"{self.tape.assets[asset]}: trade has lost {loss:.2%} of equity at entry, stop at {stop:.2%}"
                self.journal.note(self.tape.sessions[t], "sizing", "stop_loss", detail)

    def left_universe(self, t: int) -> None:
        """Order the exit of what no longer belongs to the universe, unless an order does so already; buy no more of it.

        An explicit decision to hold does not keep it.
        """
        for asset in np.flatnonzero(~self.tape.eligible[t]).tolist():
            held, waiting = float(self.book.quantities[asset]), self.desk.open.get(asset)
            if waiting is not None and held != 0 and np.isclose(waiting.left, -held, rtol=1e-9, atol=0.0):
                continue
            if self.close([asset], t, "plan:universe"):
                detail = f"{self.tape.assets[asset]}: left the universe, {held:g} shares are sold"
                self.journal.note(self.tape.sessions[t], "trusted_data", "left_universe", detail)

    def past_horizon(self, t: int, decided_at: int | None) -> None:
        """Order the exit of a book on which nothing has been decided for as long as the horizon."""
        if decided_at is None or t - decided_at < self.plan.horizon.bars:
            return
        if self.close(range(len(self.tape.assets)), t, "plan:horizon"):
            detail = f"no decision for {t - decided_at} bars, horizon {self.plan.horizon.bars}: the book is closed"
            self.journal.note(self.tape.sessions[t], "horizon", "expired", detail)

    def keep_the_exit_open(self, t: int) -> None:
        """Order positions reduced that have outgrown the plan's fast exit, unless an order does so already."""
        most = exit_values(self._tradable(t), self.plan.fast_exit.max_sessions)
        values = self.book.values()
        for asset in np.flatnonzero(np.abs(values) > most).tolist():
            held, mark = float(self.book.quantities[asset]), float(self.book.marks[asset])
            waiting = self.desk.open.get(asset)
            if waiting is not None and abs(held + waiting.left) * mark <= most[asset]:
                continue
            kept = float(np.sign(held) * EXIT_ROOM * most[asset] / mark)
            self.desk.place(
                asset, kept - held, "plan:fast_exit", t, mark, kept * mark / self.book.equity(), float("inf")
            )
            detail = f"{self.tape.assets[asset]}: {abs(held) * mark:.2f} held, {most[asset]:.2f} can be left in time"
            self.journal.note(self.tape.sessions[t], "fast_exit", "reduced", detail)

    def days_to_exit(self, t: int) -> float:
        """Return the sessions the slowest position takes to sell at the participation cap, NaN under a waiver."""
        if isinstance(self.plan.friction.liquidity, VolumeWaiver):
            return float("nan")
        values, most = np.abs(self.book.values()), self._tradable(t)
        days = np.divide(values, most, out=np.full(values.shape, np.inf), where=most > 0)
        return float(days[values > 0].max(initial=0.0))

    def _tradable(self, t: int) -> np.ndarray:
        return tradable_dollars(self.plan.friction, self.tape.dollar_volume[t], self.tape.volatility[t])

    def close(self, assets: Iterable[int], t: int, rule: str) -> bool:
        """Order the given positions closed in place of whatever waits for them; return whether that is news."""
        news = False
        for asset in assets:
            waiting = self.desk.open.get(asset)
            held = float(self.book.quantities[asset])
            if held == 0 or (waiting is not None and waiting.rule == rule):
                if held == 0:
                    self.desk.cancel(asset, "cancelled")
                continue
            self.desk.place(asset, -held, rule, t, float(self.book.marks[asset]), 0.0, float("inf"))
            news = True
        return news
