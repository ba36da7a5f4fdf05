"""What a strategy answers when it is asked, and the form in which the engine takes an answer from whoever decides."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from quantdl.backtest.running.view import MarketView
from quantdl.portfolio.limits import Limits


@dataclass(frozen=True, eq=False)
class Decision:
    """Target weights for the whole book.

    Attributes:
        weights: (A,) fractions of equity after costs; cash is what is left to one.
        rule: Name of the plan's rule that asks for it, or one name per asset.
    """

    weights: np.ndarray
    rule: str | tuple[str, ...]


@dataclass(frozen=True)
class Hold:
    """An explicit decision to keep the shares held, which refreshes the horizon of the book."""

    rule: str


OrderKind = Literal["market", "market_on_open", "market_on_close", "limit", "stop", "trailing_stop"]


@dataclass(frozen=True)
class Order:
    """One order for shares of one asset, in place of whatever waits for that asset.

    Attributes:
        asset: Symbol.
        quantity: Shares, negative to sell.
        rule: Name of the plan's rule that asks for it.
        kind: ``"market"`` fills where the plan's ``fill_at`` says; ``"market_on_open"`` and ``"market_on_close"`` at
            the next open and close; ``"limit"`` where the price trades through ``price``, at it or at a better open;
            ``"stop"`` where the price reaches ``price``, at it or at a worse open; ``"trailing_stop"`` as a stop whose
            price follows the highs (to sell) or lows (to buy) of the bars since, at a distance of ``trail``. Data
            without opens, highs and lows see closes only: a limit or a stop is looked at, and fills, at the close.
            What would enlarge a position does not fill beyond the limit that ``max_loss_per_trade`` of the plan sets; a
            stop that it stops at the open is looked at again in the next bar.
        price: Of a limit or a stop; for a trailing stop where it starts, ``trail`` from the last close where None.
        trail: Distance of a trailing stop as a fraction of the price it follows.
        sessions: Sessions (bars, where several lie in one) after which what is left of it is cancelled; until replaced
            where None.
    """

    asset: str
    quantity: float
    rule: str
    kind: OrderKind = "market"
    price: float | None = None
    trail: float | None = None
    sessions: int | None = None


@dataclass(frozen=True)
class PositionExits:
    """Where a position is to be left: its stop and its target, whichever comes first; both hold until it is flat.

    They hold from the next bar on, also for shares that an order of the same decision buys in it. The stop comes
    before the target where a bar reaches both, and so does an order that leaves the position at a worse price; one that
    adds to it comes before the stop. A target that the entry lies beyond is reached at the price of the entry.

    Attributes:
        asset: Symbol.
        rule: Name of the plan's rule that the exit is tagged with; its purpose is exit or rebalance.
        stop: Price below which a long position (above which a short one) is left, or None.
        target: Price beyond which its gain is taken, or None.
        trail: Distance, as a fraction, at which a stop follows the best price since the entry, or None.
    """

    asset: str
    rule: str
    stop: float | None = None
    target: float | None = None
    trail: float | None = None


@dataclass(frozen=True)
class Orders:
    """Orders for single assets; the others stay as they are. It refreshes the horizon of the book.

    Attributes:
        orders: At most one for an asset.
        exits: At most one for an asset, in place of those it had.
    """

    orders: tuple[Order, ...] = ()
    exits: tuple[PositionExits, ...] = ()


class Strategy(Protocol):
    """Decides at a close with what is known then. The only thing a strategy file must define."""

    def decide(self, view: MarketView) -> Decision | Orders | Hold | None:
        """Return new targets, orders, an explicit hold, or None when there is nothing to decide."""
        ...


@dataclass(frozen=True, eq=False)
class Answer:
    """A decision in the engine's form.

    Attributes:
        weights: (A,) targets; None for an explicit hold and for single orders.
        rules: One rule name per asset.
        orders: Single orders and exits of positions.
    """

    weights: np.ndarray | None
    rules: tuple[str, ...]
    orders: Orders = Orders()


@dataclass(frozen=True, eq=False)
class RecordedDecision:
    """A decision as it was taken, before the engine's own exits and cuts.

    Attributes:
        session: Close at which it was taken.
        weights: (A,) targets; None for an explicit hold and for single orders.
        rules: One rule name per asset.
        group_gross: Sum of absolute target weights of the heaviest group; 0 for a hold and for single orders.
        group_net: Absolute sum of target weights of the most one-sided group; 0 for a hold and for single orders.
        orders: Single orders and exits of positions.
    """

    session: pd.Timestamp
    weights: np.ndarray | None
    rules: tuple[str, ...]
    group_gross: float
    group_net: float
    orders: Orders = Orders()


@dataclass(frozen=True, eq=False)
class BookNow:
    """The book at a close.

    Attributes:
        shares: (A,) shares held, negative when sold short.
        marks: (A,) last traded close so far; NaN before the first.
        money: Cash and dividends due.
        waiting: (A,) shares of orders that still wait, negative to sell.
    """

    shares: np.ndarray
    marks: np.ndarray
    money: float
    waiting: np.ndarray

    @cached_property
    def values(self) -> np.ndarray:
        """(A,) money in each position, zero where flat."""
        return np.where(self.shares != 0, self.shares * self.marks, 0.0)

    @cached_property
    def total(self) -> float:
        """Cash, dividends due and positions."""
        return self.money + float(self.values.sum())

    def equity(self) -> float:
        """Return cash plus positions plus dividends due."""
        return self.total

    def weights(self) -> np.ndarray:
        """Return (A,) positions as fractions of equity; zero when equity is not positive."""
        return self.values / self.total if self.total > 0 else np.zeros_like(self.values)


@dataclass(frozen=True, eq=False)
class Moment:
    """The close at which the engine asks for a decision.

    Attributes:
        t: Position of the session.
        book: The book after the session's fills.
        limits: The caps as of now.
        due: Whether new positions may be decided.
        bars_since_decision: Bars with a trade since the last decision, or None before the first.
    """

    t: int
    book: BookNow
    limits: Limits
    due: bool
    bars_since_decision: int | None


class Driver(Protocol):
    """Gives the engine its decisions: a strategy that is asked, or a record of targets."""

    def decide(self, now: Moment) -> Answer | None:
        """Return the decision taken at this close, within the caps, or None."""
        ...
