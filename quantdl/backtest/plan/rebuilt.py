"""The book of a run put together again from its fills, the prices and the corporate actions alone.

The checklist judges a run by this book, not by the tables that the engine wrote beside its fills: a wrong booking, or a
check that did not bind, shows here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from quantdl.backtest.plan.placed import PlacedFills, PlacedOrders, placed_fills, placed_orders, rows_of
from quantdl.backtest.running.decisions import RecordedDecision
from quantdl.backtest.running.result import BacktestResult
from quantdl.market.corporate.effects import carried_closes, effects
from quantdl.market.panel import Panel

# Shares below this part of an asset's largest position are what the sums of its fills rounded, and count as none.
DUST = 1e-9


@dataclass(frozen=True)
class RebuiltTrade:
    """One position from flat to flat.

    Attributes:
        asset: Its asset, by position.
        entry: Session of its first fill, by position.
        exit: Session of its last fill; the last session of the run while it is open.
        is_open: Whether it is still held at the end, where it counts at the last price.
        pnl: Money received less money paid.
        return_on_equity: ``pnl`` over the value of the book just before the entry.
    """

    asset: int
    entry: int
    exit: int
    is_open: bool
    pnl: float
    return_on_equity: float


@dataclass(frozen=True, eq=False)
class DecidedBook:
    """What the fills of one decision made of the book, at the prices of the decision: without the drift since.

    An order may wait for a price or for volume. Until it is filled, a weight lies between the one held and the one
    decided; a cap counts as kept if any weight between the two keeps it.

    Attributes:
        decided: Session of the decision, by position.
        filled: Session of the fills.
        grown: (A,) whether the fills of the session made the position larger, or turned it around.
        weights: (A,) shares held after the fills, at the closes they were decided on, over equity at that close.
        lowest: (A,) the smallest, with its sign, of the weight held, the weight decided and the weights ordered then.
        highest: (A,) the largest of these.
    """

    decided: int
    filled: int
    grown: np.ndarray
    weights: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    @property
    def least_absolute(self) -> np.ndarray:
        """(A,) smallest absolute weight between ``lowest`` and ``highest``."""
        return np.asarray(np.maximum(np.maximum(self.lowest, -self.highest), 0.0))


@dataclass(frozen=True, eq=False)
class RebuiltBook:
    """Shares and money at every session of a run.

    Attributes:
        result: The record of the run; its fills and orders are read, and the labels of its sessions.
        panel: The data of the run.
        borrow_fee: Fee of a bar as a fraction of what is sold short; (T, 1) where it is not the same in all bars.
        same_bar: Whether orders may fill at the close they were decided on.
        cash_rates: (T,) what cash held into each session of the run earns; None where it earns nothing.
        carried: (T', A) last close so far at each bar of the panel; that of its trades where None.
        first: Position of the run's first session in the panel.

    Shape:
        - T sessions of the run, A assets.
    """

    result: BacktestResult
    panel: Panel
    borrow_fee: float | np.ndarray
    same_bar: bool
    cash_rates: np.ndarray | None = None
    carried: np.ndarray | None = None
    first: int = field(init=False)

    def __post_init__(self) -> None:
        """Find the run in its data."""
        object.__setattr__(self, "first", int(self.panel.bars.searchsorted(self.result.equity.index[0])))

    @property
    def n_sessions(self) -> int:
        """``T``."""
        return len(self.result.equity)

    @property
    def rows(self) -> slice:
        """The run's sessions in the panel."""
        return slice(self.first, self.first + self.n_sessions)

    @property
    def known_rows(self) -> np.ndarray:
        """(T,) the bar of the data at whose close was known what the fills of each session may use."""
        rows = np.arange(self.first, self.first + self.n_sessions)
        return rows if self.same_bar else np.asarray(np.maximum(rows - 1, 0))

    @cached_property
    def fills(self) -> PlacedFills:
        """Every fill in the run's sessions and assets."""
        return placed_fills(self.result)

    @cached_property
    def ordered(self) -> PlacedFills:
        """The fills of orders."""
        return self.fills.where(self.fills.order > 0)

    @cached_property
    def orders(self) -> PlacedOrders:
        """Every order."""
        return placed_orders(self.result)

    @cached_property
    def shares(self) -> np.ndarray:
        """(T, A) shares held after the fills."""
        return self._without_dust(np.cumsum(self._sums(self.fills, self.fills.quantity), axis=0))

    @cached_property
    def opening(self) -> np.ndarray:
        """(T, A) shares before the orders fill, after splits and payouts."""
        return self._without_dust(self.shares - self._sums(self.ordered, self.ordered.quantity))

    @cached_property
    def marks(self) -> np.ndarray:
        """(T, A) last traded close so far, in the units of the session."""
        carried = carried_closes(self.panel) if self.carried is None else self.carried
        return np.asarray(carried[self.rows])

    @cached_property
    def share_units(self) -> np.ndarray:
        """(T, A) what one share of the run's first session has become by splits."""
        ratios = np.ones((self.n_sessions, len(self.result.assets)))
        for effect in effects(self.panel):
            if self.first < effect.row < self.rows.stop:
                ratios[effect.row - self.first, effect.column] *= effect.ratio
        return np.cumprod(ratios, axis=0)

    @cached_property
    def fees(self) -> np.ndarray:
        """(T, A) money paid for shares sold short and held into the session."""
        return np.asarray(np.maximum(-money_in(self.opening, self.marks), 0.0) * self.borrow_fee)

    @cached_property
    def dividends(self) -> np.ndarray:
        """(T, A) money earned on the ex-date by the shares held into it, negative where a short position owes it."""
        earned = np.zeros((self.n_sessions, len(self.result.assets)))
        for effect in effects(self.panel):
            row = effect.row - self.first
            if 0 < row < self.n_sessions:
                earned[row, effect.column] += self.shares[row - 1, effect.column] * effect.cash
        return earned

    @cached_property
    def received(self) -> np.ndarray:
        """(T,) money of dividends on the day that it is paid, negative where short positions owe it."""
        paid = np.zeros(self.n_sessions)
        for effect in effects(self.panel):
            row = effect.row - self.first
            if 0 < row < self.n_sessions:
                for payment in effect.payments:
                    pay_row = payment.pay_row - self.first
                    if pay_row < self.n_sessions:
                        paid[pay_row] += self.shares[row - 1, effect.column] * payment.amount
        return paid

    @cached_property
    def interest(self) -> np.ndarray:
        """(T,) money that the cash left by the session before earns, negative where cash is owed."""
        earned = np.zeros(self.n_sessions)
        if self.cash_rates is None or not self.cash_rates.any():
            return earned
        flows = self._sums(self.fills, -self.fills.quantity * self.fills.price - self.fills.cost).sum(axis=1)
        flows += self.received - self.fees.sum(axis=1)
        cash = self.result.initial_equity
        for row in range(self.n_sessions):
            earned[row] = cash * self.cash_rates[row]
            cash += float(earned[row] + flows[row])
        return earned

    @cached_property
    def equity(self) -> np.ndarray:
        """(T,) money and shares at their marks, after the fills."""
        brought = self._sums(self.fills, -self.fills.quantity * self.fills.price - self.fills.cost)
        brought += self.dividends - self.fees
        money = self.result.initial_equity + np.cumsum(brought.sum(axis=1) + self.interest)
        return np.asarray(money + money_in(self.shares, self.marks).sum(axis=1))

    @cached_property
    def equity_before(self) -> np.ndarray:
        """(T,) money and shares at their marks, before the orders fill."""
        paid = self._sums(self.ordered, self.ordered.quantity * self.ordered.price + self.ordered.cost)
        bought = money_in(self.shares, self.marks) - money_in(self.opening, self.marks)
        return np.asarray(self.equity + (paid - bought).sum(axis=1))

    @cached_property
    def weights(self) -> np.ndarray:
        """(T, A) weights held after the fills, at the closes; zero where equity is not positive."""
        equity = self.equity[:, None]
        return np.where(equity > 0, money_in(self.shares, self.marks) / np.where(equity > 0, equity, 1.0), 0.0)

    @cached_property
    def decided_rows(self) -> np.ndarray:
        """Positions of the sessions with a decision of the strategy, an explicit hold included."""
        return rows_of(self.result, [decision.session for decision in self._decisions])

    @cached_property
    def _decisions(self) -> list[RecordedDecision]:
        """The decisions in the run's sessions."""
        sessions = set(self.result.equity.index)
        return [decision for decision in self.result.decisions if decision.session in sessions]

    @cached_property
    def trades(self) -> tuple[RebuiltTrade, ...]:
        """Every trade, asset by asset."""
        return tuple(trade for asset in np.unique(self.fills.column) for trade in self._trades_of(int(asset)))

    @property
    def worst_trade(self) -> float:
        """Largest loss of a trade over equity at entry, zero or more."""
        return max([0.0, *(-trade.return_on_equity for trade in self.trades)])

    def unsold(self, leaving: np.ndarray, tradable: np.ndarray) -> np.ndarray:
        """Return (T, A) where a position was to be left, could have been sold down, and was not.

        Args:
            leaving: (T,) sessions whose fills were to reduce every position.
            tradable: (T, A) whether the volume known before allowed any fill.
        """
        could = tradable & self.panel.traded[self.rows] & (self.opening != 0)
        return np.asarray(leaving[:, None] & could & (np.abs(self.shares) >= np.abs(self.opening)))

    def decided_books(self, rules: frozenset[str]) -> Iterator[DecidedBook]:
        """Yield what each decision made of the book, once for each session in which orders of its rules filled.

        Args:
            rules: Names of the rules whose orders are decisions of the strategy.
        """
        fills = self.ordered
        chosen = np.array([rule in rules for rule in fills.rule], dtype=bool) & (fills.decided >= 0)
        places = np.stack([fills.row[chosen], fills.decided[chosen], fills.column[chosen]], axis=1)
        for filled, decided in np.unique(places[:, :2], axis=0).tolist():
            traded = places[(places[:, 0] == filled) & (places[:, 1] == decided), 2]
            yield self._decided_book(decided, filled, traded)

    def _decided_book(self, decided: int, filled: int, traded: np.ndarray) -> DecidedBook:
        equity = self.equity_before[decided] if self.same_bar else self.equity[decided]
        held = self.shares[filled] * self.share_units[decided] / self.share_units[filled]
        weights = money_in(held, self.marks[decided]) / equity
        before, after = self.opening[filled], self.shares[filled]
        grown = np.zeros(len(weights), dtype=bool)
        grown[traded] = True
        grown &= (after * before < 0) | (np.abs(after) > np.abs(before) * (1 + DUST))
        lowest, highest = weights.copy(), weights.copy()
        for asset, wanted in self._wanted.get(decided, ()):
            overshot = grown[asset] and weights[asset] * wanted >= 0 and abs(weights[asset]) > abs(wanted)
            if not overshot:  # nothing is going to sell what was bought beyond the order
                lowest[asset], highest[asset] = min(lowest[asset], wanted), max(highest[asset], wanted)
        return DecidedBook(decided, filled, grown, weights, lowest, highest)

    @cached_property
    def _wanted(self) -> dict[int, list[tuple[int, float]]]:
        """Assets and the weights that were decided or ordered for them, by session.

        The two differ where an exit of the plan, or its cut to what can be left in time, overrules the strategy.
        """
        found: dict[int, list[tuple[int, float]]] = {}
        for row, decision in zip(self.decided_rows.tolist(), self._decisions, strict=True):
            found[row] = [] if decision.weights is None else list(enumerate(decision.weights.tolist()))
        orders = self.orders
        places = zip(orders.decided.tolist(), orders.column.tolist(), orders.weight.tolist(), strict=True)
        for row, asset, weight in places:
            found.setdefault(row, []).append((asset, weight))
        return found

    def _trades_of(self, asset: int) -> Iterator[RebuiltTrade]:
        """Walk through the fills of an asset; one that turns the position around ends one trade and begins another."""
        fills = self.fills.where(self.fills.column == asset)
        others = (self.dividends - self.fees)[:, asset]  # booked before the fills of their session
        dust = DUST * float(np.abs(self.shares[:, asset]).max(initial=0.0))
        held, money, entry, counted = 0.0, 0.0, -1, 0
        for row, quantity, price, cost in zip(
            fills.row.tolist(), fills.quantity.tolist(), fills.price.tolist(), fills.cost.tolist(), strict=True
        ):
            if entry >= 0:
                money += float(others[counted : row + 1].sum())
            counted = row + 1
            turns = held * quantity < 0 and abs(quantity) > abs(held) + dust
            for part in (-held, quantity + held) if turns else (quantity,):
                entry = row if entry < 0 else entry
                money -= part * price + cost * part / quantity
                held += part
                if abs(held) <= dust:
                    yield self._trade(asset, entry, row, money, is_open=False)
                    held, money, entry = 0.0, 0.0, -1
        if entry >= 0:
            money += float(others[counted:].sum()) + held * float(self.marks[-1, asset])
            yield self._trade(asset, entry, self.n_sessions - 1, money, is_open=True)

    def _trade(self, asset: int, entry: int, exit: int, pnl: float, *, is_open: bool) -> RebuiltTrade:
        return RebuiltTrade(asset, entry, exit, is_open, pnl, pnl / float(self.equity_before[entry]))

    def _sums(self, fills: PlacedFills, amounts: np.ndarray) -> np.ndarray:
        """Return (T, A) the sum of an amount over the fills of each session and asset."""
        total = np.zeros((self.n_sessions, len(self.result.assets)))
        np.add.at(total, (fills.row, fills.column), amounts)
        return total

    def _without_dust(self, held: np.ndarray) -> np.ndarray:
        """Return (T, A) shares with what rounding left of an asset's largest position taken as nothing."""
        largest = np.abs(np.cumsum(self._sums(self.fills, self.fills.quantity), axis=0)).max(axis=0, initial=0.0)
        return np.where(np.abs(held) <= DUST * largest, 0.0, held)


def money_in(shares: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Return the money in each position, zero where nothing is held and no price need be known.

    Example:
        >>> money_in(np.array([2.0, 0.0]), np.array([10.0, np.nan])).tolist()
        [20.0, 0.0]
    """
    return np.where(shares != 0, shares * prices, 0.0)
