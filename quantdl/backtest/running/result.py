"""What a backtest leaves behind: every order, fill and trade, and the book at each close."""

from dataclasses import dataclass

import pandas as pd

from quantdl.backtest.book.journal import RecordedDecision


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """The record of one run. All frames but `orders`, `fills`, `trades` and `events` are indexed by session.

    Attributes:
        assets: (A,) symbols, in the order of the columns.
        initial_equity: Money at the start.
        equity: Columns ``equity, cash, due, gross, net, turnover, costs, held_return, days_to_exit, halted``. Equity is
            after the fills of the close: cash, dividends due and shares at their marks. Due is money of dividends that
            went ex and are not paid yet, negative where shorts owe it. Gross and net are sums of weights then, turnover
            is filled notional over equity before the fills, costs are money of that session, held_return is the simple
            return of the book held into the session, before its trades, days_to_exit is how many sessions the slowest
            position takes to sell at the participation cap, NaN under a volume waiver.
        weights_after_fill: (T, A) weights of the book held after the close's fills; the rest to one is cash.
        quantities: (T, A) shares held then.
        orders: Columns ``order, decided, asset, rule, quantity, reference_price, limit_price, target_weight, filled,
            status``; status is ``filled, partial, replaced, cash_short, cancelled, waiting`` or ``delisted``. The limit
            of an exit that the plan orders is infinite.
        fills: Columns ``order, decided, session, asset, rule, quantity, price, notional, commission, spread, impact,
            cost, dollar_volume, volatility``; quantity is signed, the rest positive. The last two are what was known of
            the asset before the fill, NaN where nothing was. A delisting's payout is a fill of order 0, and so are the
            shares that a split adds or takes, at price 0. Summed up, the quantities are the shares held.
        trades: Columns ``asset, entry, exit, bars, pnl, return_on_equity, rule_in, rule_out, open``; one row per trade
            flat to flat, net of costs. A trade still open at the end is marked at the last price, with ``open`` true
            and ``exit`` NaT.
        exposures: (T, G) gross weight per group after the fills.
        events: Columns ``session, item, condition, detail``: everything the engine did of its own accord.
        conditions: (T, C) value of every invalidation condition, one column per condition.
        regimes: Column ``regime``: calm, normal, stressed or undefined, as known before the session.
        decisions: Every decision the strategy took.
        stamps: Sentences that must be printed beside any figure of this run.
        halted_on: Session at which a condition halted the run, or None.
        halt_reason: Why, or an empty text.
    """

    assets: tuple[str, ...]
    initial_equity: float
    equity: pd.DataFrame
    weights_after_fill: pd.DataFrame
    quantities: pd.DataFrame
    orders: pd.DataFrame
    fills: pd.DataFrame
    trades: pd.DataFrame
    exposures: pd.DataFrame
    events: pd.DataFrame
    conditions: pd.DataFrame
    regimes: pd.DataFrame
    decisions: tuple[RecordedDecision, ...]
    stamps: tuple[str, ...]
    halted_on: pd.Timestamp | None
    halt_reason: str
