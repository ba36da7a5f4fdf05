"""What a backtest leaves behind: every order, fill and trade, and the book at each close, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from quantdl.backtest.book.journal import Close, Event, RecordedDecision
from quantdl.backtest.book.orders import Fill, Order
from quantdl.backtest.book.terms import REGIMES, UNDEFINED
from quantdl.backtest.book.trades import Trade

# Every column and index of sessions has this type.
SESSION_DTYPE = "datetime64[us]"

_CLOSE = tuple(item.name for item in fields(Close))
_ORDER = tuple(item.name for item in fields(Order) if item.name != "left")
_FILL = tuple(item.name for item in fields(Fill))
_TRADE = ("asset", "entry", "exit", "bars", "pnl", "return_on_equity", "rule_in", "rule_out", "open")
_EVENT = tuple(item.name for item in fields(Event))

_SESSIONS = frozenset({"session", "decided", "entry", "exit"})
_TEXTS = frozenset({"asset", "rule", "status", "rule_in", "rule_out", "item", "condition", "detail"})


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """The record of one run. All frames but `orders`, `fills`, `trades` and `events` are indexed by session.

    Attributes:
        assets: (A,) symbols, in the order of the columns.
        initial_equity: Money at the start.
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
        orders: Columns ``order, decided, asset, rule, quantity, reference_price, limit_price, target_weight, filled,
            status``; status is ``filled, partial, replaced, cash_short, cancelled, waiting`` or ``delisted``. The limit
            of an exit that the plan orders is infinite.
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
    traded: pd.Series
    decisions: tuple[RecordedDecision, ...]
    stamps: tuple[str, ...]
    halted_on: pd.Timestamp | None
    halt_reason: str


class Tables:
    """Makes the tables of one run: labels and dates in place of positions, one type per column, also in empty ones.

    Attributes:
        sessions: (T,) labels of every session of the panel.
        assets: (A,) symbols.
        index: The sessions played.
    """

    def __init__(self, sessions: pd.DatetimeIndex, assets: tuple[str, ...], first: int, stop: int) -> None:
        """Prepare for a run over the positions ``first`` to ``stop``, the last excluded."""
        self.sessions = sessions.to_numpy().astype(SESSION_DTYPE)
        self.assets = assets
        self.first, self.stop = first, stop
        self.index = pd.DatetimeIndex(self.sessions[first:stop], name="session")

    def closes(self, rows: Sequence[Close]) -> pd.DataFrame:
        """Return money and sums of weights per session."""
        frame = pd.DataFrame([[getattr(row, name) for name in _CLOSE] for row in rows], self.index, list(_CLOSE))
        return frame.astype({name: "bool" if name == "halted" else "float64" for name in _CLOSE})

    def by_asset(self, rows: Sequence[np.ndarray]) -> pd.DataFrame:
        """Return one row per session and one column per asset."""
        return pd.DataFrame(np.array(rows), self.index, list(self.assets))

    def exposures(self, rows: Sequence[np.ndarray], names: tuple[str, ...] | None) -> pd.DataFrame:
        """Return gross weight per group; where groups change with time, ``names`` is None and the heaviest is kept."""
        if names is None:
            return pd.DataFrame({"heaviest cluster": [float(row.max()) for row in rows]}, self.index)
        return pd.DataFrame(np.array(rows), self.index, list(names))

    def conditions(self, rows: Sequence[Sequence[float]], names: Sequence[str]) -> pd.DataFrame:
        """Return the value of every condition per session."""
        return pd.DataFrame(rows, self.index, list(names), dtype="float64")

    def regimes(self, codes: np.ndarray) -> pd.DataFrame:
        """Return the name of the state that was known when each session began.

        Args:
            codes: (T,) states as known at each close.
        """
        before = np.concatenate([[UNDEFINED], codes])[self.first : self.stop]
        return pd.DataFrame({"regime": np.array(REGIMES, dtype=object)[before]}, self.index).astype("str")

    def orders(self, rows: Sequence[Order]) -> pd.DataFrame:
        """Return every order."""
        return self._table([[getattr(row, name) for name in _ORDER] for row in rows], _ORDER)

    def fills(self, rows: Sequence[Fill]) -> pd.DataFrame:
        """Return every fill."""
        return self._table([[getattr(row, name) for name in _FILL] for row in rows], _FILL)

    def events(self, rows: Sequence[Event]) -> pd.DataFrame:
        """Return every event."""
        return self._table([[getattr(row, name) for name in _EVENT] for row in rows], _EVENT)

    def trades(self, rows: Sequence[Trade], bars_so_far: np.ndarray) -> pd.DataFrame:
        """Return every trade; one still open has no exit.

        Args:
            rows: The trades.
            bars_so_far: (T,) bars with a trade up to each session: what holding times and horizons are counted in.
        """
        lasted = [int(bars_so_far[row.exit] - bars_so_far[row.entry]) for row in rows]
        cells = [{**vars(row), "bars": bars, "open": row.is_open} for row, bars in zip(rows, lasted, strict=True)]
        frame = self._table([[trade[name] for name in _TRADE] for trade in cells], _TRADE)
        frame = frame.astype({"bars": "int64", "open": "bool"})
        return frame.assign(exit=frame["exit"].mask(frame["open"]))

    def _table(self, rows: list[list[object]], names: tuple[str, ...]) -> pd.DataFrame:
        """Return rows of positions as a table of labels."""
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return pd.DataFrame(
            {name: self._column(name, list(values)) for name, values in zip(names, columns, strict=True)}
        )

    def _column(self, name: str, values: list[object]) -> pd.Series:
        if name in _SESSIONS:
            return pd.Series(self.sessions[np.array(values, dtype=np.int64)], dtype=SESSION_DTYPE)
        if name == "asset":
            values = [self.assets[index] for index in np.array(values, dtype=np.int64).tolist()]
        if name in _TEXTS:
            return pd.Series(values, dtype="str")
        return pd.Series(values, dtype="int64" if name == "order" else "float64")
