"""The book: cash, shares, marks and dividends due. Equity is cash plus shares at their marks plus what is due."""

from dataclasses import dataclass, field

import numpy as np

from tests.backtest.oracle.trades import TradeLedger

# A position below this share of the last fill is what rounding left over, and counts as flat.
_DUST = 1e-12


@dataclass(eq=False)
class Book:
    """Money and shares, float64 and never rounded.

    Attributes:
        cash: Money.
        ledger: Trades from flat to flat.
        quantities: (A,) shares, negative when sold short.
        marks: (A,) last traded close so far, in the units of the session; NaN before the first.
        due: (A,) dividends gone ex and not paid yet, negative where a short position owes them.
    """

    cash: float
    ledger: TradeLedger
    quantities: np.ndarray = field(init=False)
    marks: np.ndarray = field(init=False)
    due: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Start flat."""
        n_assets = self.ledger.n_assets
        self.quantities = np.zeros(n_assets)
        self.marks = np.full(n_assets, np.nan)
        self.due = np.zeros(n_assets)

    @property
    def shares(self) -> np.ndarray:
        """(A,) the quantities, by the name that a view shows them under."""
        return self.quantities

    def values(self) -> np.ndarray:
        """Return (A,) money in each position, zero where flat."""
        return np.where(self.quantities != 0, self.quantities * self.marks, 0.0)

    def equity(self) -> float:
        """Return cash plus positions plus dividends due."""
        return self.cash + float(self.values().sum()) + float(self.due.sum())

    def weights(self) -> np.ndarray:
        """Return (A,) positions as fractions of equity; zero when equity is not positive."""
        values, equity = self.values(), self.equity()
        return values / equity if equity > 0 else np.zeros_like(values)

    def trade(
        self, asset: int, quantity: float, price: float, cost: float, session: int, equity: float, rule: str
    ) -> None:
        """Book one fill. One that turns the position around closes one trade and opens another.

        Args:
            asset: Index of the asset.
            quantity: Shares, negative when sold.
            price: Money per share.
            cost: Money paid for trading.
            session: Position of the session.
            equity: Value of the book before the session's fills.
            rule: What asked for it.
        """
        held = float(self.quantities[asset])
        turns = held * quantity < 0 and abs(quantity) > abs(held) * (1 + _DUST)
        first = -held if turns else quantity
        share = first / quantity
        self._book(asset, first, price, cost * share, session, equity, rule)
        if turns:
            self._book(asset, quantity - first, price, cost * (1 - share), session, equity, rule)

    def credit(self, asset: int, amount: float) -> None:
        """Book money that a position earns or costs while it is held."""
        self.cash += amount
        self.ledger.pay(asset, amount)

    def earn(self, rate: float) -> float:
        """Book one bar's interest on the cash held into it, and return it; negative where cash is owed."""
        interest = self.cash * rate
        self.cash += interest
        return interest

    def split(self, asset: int, ratio: float) -> float:
        """Exchange every share for ``ratio`` new ones, and return the change of shares.

        Shares are fractional, so none is rounded away and no cash is paid in lieu of one: at a price divided by
        ``ratio`` the position is worth what it was, long or short, but for the rounding of one product.
        """
        before = float(self.quantities[asset])
        self.quantities[asset] = before * ratio
        return float(self.quantities[asset]) - before

    def accrue(self, asset: int, amount: float) -> None:
        """Book a dividend on its ex-date: the trade has earned it (a short one owes it), the cash comes later."""
        self.due[asset] += amount
        self.ledger.pay(asset, amount)

    def receive(self, asset: int, amount: float) -> None:
        """Turn a dividend that was due into cash."""
        self.due[asset] -= amount
        self.cash += amount

    def _book(
        self, asset: int, quantity: float, price: float, cost: float, session: int, equity: float, rule: str
    ) -> None:
        if self.quantities[asset] == 0:
            self.ledger.start(asset, session, equity, rule)
        self.credit(asset, -quantity * price - cost)
        left = self.quantities[asset] + quantity
        self.quantities[asset] = 0.0 if abs(left) <= _DUST * abs(quantity) else left
        if self.quantities[asset] == 0:
            self.ledger.finish(asset, session, rule)
