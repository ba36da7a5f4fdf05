"""What a backtest leaves behind: every order, fill and trade, and the book at each close, as tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

import pandas as pd

from quantdl.backtest.running.decisions import RecordedDecision

# Every column and index of sessions has this type.
SESSION_DTYPE = "datetime64[us]"

Table = TypeVar("Table")


class Deferred(Generic[Table]):
    """A field that is given as a value, or as a function that makes it when it is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn where an instance keeps the value."""
        self.kept = f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> "Deferred[Table]": ...

    @overload
    def __get__(self, instance: object, owner: type) -> Table: ...

    def __get__(self, instance: object | None, owner: type) -> "Table | Deferred[Table]":
        """Return the value, made now if it was not yet."""
        if instance is None:
            raise AttributeError(self.kept)  # the field has no default
        kept = instance.__dict__[self.kept]
        if callable(kept):
            kept = instance.__dict__[self.kept] = kept()
        return kept  # type: ignore[no-any-return]

    def __set__(self, instance: object, value: Table | Callable[[], Table]) -> None:
        """Keep a value, or what makes it."""
        instance.__dict__[self.kept] = value


@dataclass(frozen=True, eq=False, kw_only=True)
class BacktestResult:
    """The record of one run; a table is made when it is first read.

    All frames but `orders`, `fills`, `trades` and `events` are indexed by session. Where bars are shorter than one,
    every index and column of sessions holds the label of the bar instead, see `quantdl.market.panel.Panel.bars`.

    Attributes:
        assets: (A,) symbols, in the order of the columns.
        initial_equity: Money at the start.
        final_equity: Money and positions at the end.
        equity: Columns ``equity, cash, due, gross, net, turnover, costs, interest, held_return, days_to_exit, halted``.
            Equity is
            after the fills of the close: cash, dividends due and shares at their marks. Due is money of dividends that
            went ex and are not paid yet, negative where shorts owe it. Gross and net are sums of weights then, turnover
            is filled notional over equity before the fills, costs are money of that session, interest is
            what cash earned in it (negative where it was owed), held_return is the simple
            return of the book held into the session, before its trades, days_to_exit is how many sessions the slowest
            position takes to sell at the participation cap, NaN under a volume waiver.
        weights_after_fill: (T, A) weights of the book held after the close's fills; the rest to one is cash.
        quantities: (T, A) shares held then.
        orders: Columns ``order, decided, asset, rule, kind, quantity, reference_price, limit_price, target_weight,
            filled, status``; kind is that of `decisions.Order`, or ``exit`` where the stop or target of a position was
            reached; status is ``filled, partial, replaced, cash_short, cancelled, expired, waiting`` or ``delisted``.
            The limit price is the worst at which it may fill; that of an exit is infinite.
        fills: Columns ``order, decided, session, asset, rule, quantity, price, notional, commission, spread, impact,
            cost, dollar_volume, volatility``; quantity is signed, the rest positive. The last two are what was known of
            the asset before the fill, NaN where nothing was. A delisting's payout is a fill of order 0, and so are the
            shares that a split adds or takes, at price 0. Summed up, the quantities are the shares held.
        trades: Columns ``asset, entry, exit, bars, pnl, return_on_equity, rule_in, rule_out, open``; one row per trade
            flat to flat, net of costs. Bars are sessions in which anything traded, from entry to exit. A trade still
            open at the end is marked at the last price, with ``open`` true and ``exit`` NaT.
        exposures: (T, G) gross weight per group after the fills.
        events: Columns ``session, item, condition, detail``: what the engine did without a decision of
            the strategy.
        conditions: (T, C) value of every invalidation condition, one column per condition.
        regimes: Column ``regime``: calm, normal, stressed or undefined, as known before the session.
        traded: (T,) whether any asset of the data traded in the session; where none did, no price moved,
            and the session counts in no figure of returns.
        decisions: Every decision the strategy took.
        stamps: Sentences that must be printed beside any figure of this run.
        halted_on: Session at which a condition halted the run, or None.
        halt_reason: Why, or an empty text.
        days: (T,) session of each bar, where several bars lie in one; None where the index says it.
    """

    assets: tuple[str, ...]
    initial_equity: float
    final_equity: float
    equity: Deferred[pd.DataFrame] = Deferred()
    weights_after_fill: Deferred[pd.DataFrame] = Deferred()
    quantities: Deferred[pd.DataFrame] = Deferred()
    orders: Deferred[pd.DataFrame] = Deferred()
    fills: Deferred[pd.DataFrame] = Deferred()
    trades: Deferred[pd.DataFrame] = Deferred()
    exposures: Deferred[pd.DataFrame] = Deferred()
    events: Deferred[pd.DataFrame] = Deferred()
    conditions: Deferred[pd.DataFrame] = Deferred()
    regimes: Deferred[pd.DataFrame] = Deferred()
    traded: Deferred[pd.Series] = Deferred()
    decisions: Deferred[tuple[RecordedDecision, ...]] = Deferred()
    stamps: tuple[str, ...]
    halted_on: pd.Timestamp | None
    halt_reason: str
    days: pd.DatetimeIndex | None = None

    @property
    def session_of_each(self) -> pd.DatetimeIndex:
        """(T,) session of each bar."""
        return pd.DatetimeIndex(self.equity.index) if self.days is None else self.days
