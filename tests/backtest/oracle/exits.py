"""Exits that the terms order, against the strategy if need be: delistings, stops, horizon, fast exit, universe."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quantdl.backtest.book.costs import tradable_dollars
from quantdl.backtest.book.tape import Tape
from quantdl.backtest.book.terms import ENGINE_PREFIX, Terms
from tests.backtest.oracle.accounting import Book
from tests.backtest.oracle.journal import Journal
from tests.backtest.oracle.orders import ROUNDING, OrderDesk
from tests.backtest.oracle.sizing import EXIT_ROOM, exit_values

DELISTING = f"{ENGINE_PREFIX}delisting"


@dataclass(frozen=True, eq=False)
class Exits:
    """Gives the orders that the terms ask for against one book."""

    terms: Terms
    tape: Tape
    book: Book
    desk: OrderDesk
    journal: Journal

    def pay_out_delisted(self, t: int) -> None:
        """Pay out what is held of a delisted asset at the value the data states, or else the terms, without costs."""
        gone = self.tape.delisted[t]
        for asset in [asset for asset in self.desk.open if gone[asset]]:
            self.desk.cancel(asset, "delisted")
        for asset in np.flatnonzero(gone & (self.book.quantities != 0)).tolist():
            held, mark = float(self.book.quantities[asset]), float(self.book.marks[asset])
            recovery = self.terms.delisting_recovery if held > 0 else 1.0
            stated = float(self.tape.terminal_values[asset])
            value = mark * recovery if np.isnan(stated) else stated
            self.book.trade(asset, -held, value, 0.0, t, self.book.equity(), DELISTING)
            self.desk.record_payout(asset, -held, value, DELISTING, t)
            basis = f"{recovery:.0%} of the last close {mark:g}" if np.isnan(stated) else "the terminal value stated"
            paid = f"{held:g} shares at {value:g}, {basis}"
            self.journal.note(t, "friction", "delisting", f"{self.tape.assets[asset]}: {paid}")

    def charge_borrowing(self, t: int) -> float:
        """Charge one bar's fee on the short positions held into the session, and return it."""
        if self.terms.borrow_rate == 0:
            return 0.0
        years = 1.0 / self.terms.bars_per_year if self.terms.years is None else float(self.terms.years[t])
        fees = np.maximum(-self.book.values(), 0.0) * self.terms.borrow_rate * years
        for asset in np.flatnonzero(fees).tolist():
            self.book.credit(asset, -float(fees[asset]))
        return float(fees.sum())

    def stop_losses(self, t: int) -> None:
        """Order the exit of every trade whose loss, its exit's costs included, has reached the stop."""
        values = self.book.values()
        losses = self.book.ledger.losses(values - np.abs(values) * self.terms.costs.proportional)
        for asset in np.flatnonzero(losses >= self.terms.stop_loss).tolist():
            loss, stop = losses[asset], self.terms.stop_loss
            if self.close([asset], t, f"{ENGINE_PREFIX}stop_loss"):
                detail = f"{self.tape.assets[asset]}: trade has lost {loss:.2%} of equity at entry, stop at {stop:.2%}"
                self.journal.note(t, "sizing", "stop_loss", detail)

    def left_universe(self, t: int) -> None:
        """Order the exit of what no longer belongs to the universe, unless an order does so already; buy no more of it.

        An explicit decision to hold does not keep it.
        """
        for asset in np.flatnonzero(~self.tape.eligible[t]).tolist():
            held, waiting = float(self.book.quantities[asset]), self.desk.open.get(asset)
            if waiting is not None and held != 0 and np.isclose(waiting.left, -held, rtol=ROUNDING, atol=0.0):
                continue
            if self.close([asset], t, f"{ENGINE_PREFIX}universe"):
                detail = f"{self.tape.assets[asset]}: left the universe, {held:g} shares are sold"
                self.journal.note(t, "trusted_data", "left_universe", detail)

    def past_horizon(self, t: int, decided_at: int | None) -> None:
        """Order the exit of a book on which nothing has been decided for as long as the horizon."""
        age = 0 if decided_at is None else int(self.tape.bars_so_far[t] - self.tape.bars_so_far[decided_at])
        if decided_at is None or age < self.terms.horizon_bars:
            return
        if self.close(range(len(self.tape.assets)), t, f"{ENGINE_PREFIX}horizon"):
            detail = f"no decision for {age} bars, horizon {self.terms.horizon_bars}: the book is closed"
            self.journal.note(t, "horizon", "expired", detail)

    def reduce_to_fast_exit(self, t: int) -> None:
        """Order positions reduced that have outgrown the fast exit, unless an order does so already.

        A silent position is left alone: no order for it can fill, and its liquidity is judged again once it trades.
        """
        most = exit_values(self.tradable(t), self.terms.max_exit_sessions)
        values = self.book.values()
        for asset in np.flatnonzero((np.abs(values) > most) & self.tape.traded[t]).tolist():
            held, mark = float(self.book.quantities[asset]), float(self.book.marks[asset])
            waiting = self.desk.open.get(asset)
            if waiting is not None and abs(held + waiting.left) * mark <= most[asset]:
                continue
            kept = float(np.sign(held) * EXIT_ROOM * most[asset] / mark)
            self.desk.place(
                asset, kept - held, f"{ENGINE_PREFIX}fast_exit", t, mark, kept * mark / self.book.equity(), float("inf")
            )
            detail = f"{self.tape.assets[asset]}: {abs(held) * mark:.2f} held, {most[asset]:.2f} can be left in time"
            self.journal.note(t, "fast_exit", "reduced", detail)

    def days_to_exit(self, t: int) -> float:
        """Return the sessions in which the slowest position is sold at the participation cap; NaN if that is waived."""
        if self.terms.costs.liquidity_is_waived:
            return float("nan")
        values, most = np.abs(self.book.values()), self.tradable(t)
        days = np.divide(values, most, out=np.full(values.shape, np.inf), where=most > 0)
        return float(days[values > 0].max(initial=0.0))

    def tradable(self, t: int) -> np.ndarray:
        """Return (A,) the most money that may be traded in a session, from what is known at close ``t``."""
        return tradable_dollars(self.terms.costs, self.terms.dollar_volume[t], self.tape.volatility[t])

    def close(self, assets: Iterable[int], t: int, rule: str) -> bool:
        """Order positions closed in place of whatever waits for them; return whether any new order was placed."""
        placed = False
        for asset in assets:
            waiting = self.desk.open.get(asset)
            held = float(self.book.quantities[asset])
            if held == 0 or (waiting is not None and waiting.rule == rule):
                if held == 0:
                    self.desk.cancel(asset, "cancelled")
                continue
            self.desk.place(asset, -held, rule, t, float(self.book.marks[asset]), 0.0, float("inf"))
            placed = True
        return placed
