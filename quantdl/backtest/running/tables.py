"""What a run wrote down, read as tables: labels and dates in place of positions, the same types in empty ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import pandas as pd

from quantdl.backtest.book import kernel
from quantdl.backtest.book.kernel import State
from quantdl.backtest.book.state import RuleBook
from quantdl.backtest.book.tape import Tape
from quantdl.backtest.book.terms import ENGINE_PREFIX, REGIMES, UNDEFINED, Terms
from quantdl.backtest.running.decisions import RecordedDecision
from quantdl.backtest.running.result import SESSION_DTYPE, BacktestResult
from quantdl.calendars.bars import is_intraday


@dataclass(frozen=True)
class Close:
    """The book at one close, after the session's fills. The fields are columns of `BacktestResult.equity`.

    Attributes:
        equity: Cash, dividends due and shares at their marks.
        cash: Money.
        due: Money of dividends gone ex and not paid yet, negative where shorts owe it.
        gross: Sum of absolute weights.
        net: Sum of weights.
        turnover: Filled notional over equity before the fills.
        costs: Money paid for trading and borrowing in the session.
        interest: Money that cash earned in the session, negative where cash was owed.
        held_return: Simple return of the book held into the session, before its trades.
        days_to_exit: Sessions that the slowest position takes to sell at the participation cap; NaN where it is waived.
        halted: Whether the run has been halted.
    """

    equity: float
    cash: float
    due: float
    gross: float
    net: float
    turnover: float
    costs: float
    interest: float
    held_return: float
    days_to_exit: float
    halted: bool


@dataclass(frozen=True, eq=False)
class Logs:
    """The logs of one run.

    Attributes:
        tape: The market.
        terms: What was obeyed.
        book: The rules by number.
        state: What was written down.
        first: Position of the first session played.
        stop: Position after the last.
    """

    tape: Tape
    terms: Terms
    book: RuleBook
    state: State
    first: int
    stop: int

    @cached_property
    def labels(self) -> np.ndarray:
        """(T,) label of every session of the panel."""
        return self.tape.sessions.to_numpy().astype(SESSION_DTYPE)

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """The sessions played."""
        return pd.DatetimeIndex(self.labels[self.first : self.stop], name="session")

    def sessions(self, positions: np.ndarray) -> pd.Series:
        """Return the labels of positions."""
        return pd.Series(self.labels[positions], dtype=SESSION_DTYPE)

    def assets(self, columns: np.ndarray) -> pd.Series:
        """Return the symbols of columns."""
        return _texts(self.tape.assets, columns)

    def rules(self, numbers: np.ndarray) -> pd.Series:
        """Return the names of rules."""
        return _texts(self.book.names, numbers)

    @property
    def halted_at(self) -> int | None:
        """Position of the session at which the run was halted."""
        at = int(self.state.counts[kernel.HALTED_AT])
        return None if at < 0 else at

    def equity(self) -> pd.DataFrame:
        """Return money and sums of weights per session."""
        names = [item.name for item in fields(Close)]
        frame = pd.DataFrame(self.state.record.T.copy(), self.index, names[:-1])
        frame[names[-1]] = self.state.halted.copy()
        return frame

    def by_asset(self, values: np.ndarray) -> pd.DataFrame:
        """Return one row per session and one column per asset."""
        return pd.DataFrame(values, self.index, list(self.tape.assets))

    def weights(self) -> pd.DataFrame:
        """Return the weights after the fills, zero where equity is not positive."""
        shares, equity = self.state.quantities, self.state.record[0][:, None]
        values = np.where(shares != 0, shares * self.tape.marks[self.first : self.stop], 0.0)
        return self.by_asset(np.where(equity > 0, values / np.where(equity > 0, equity, 1.0), 0.0))

    def exposures(self) -> pd.DataFrame:
        """Return gross weight per group; where groups change with time, the heaviest is kept."""
        names = ["heaviest cluster"] if self.terms.groups is not None else list(self.terms.limits.group_names)
        return pd.DataFrame(self.state.exposures.copy(), self.index, names)

    def conditions(self) -> pd.DataFrame:
        """Return the value of every condition per session."""
        names = [item.label for item in self.terms.conditions]
        return pd.DataFrame(self.state.conditions.copy(), self.index, names, dtype="float64")

    def regimes(self) -> pd.DataFrame:
        """Return the name of the state that was known when each session began."""
        before = np.concatenate([[UNDEFINED], self.terms.regimes])[self.first : self.stop]
        return pd.DataFrame({"regime": np.array(REGIMES, dtype=object)[before]}, self.index).astype("str")

    def traded(self) -> pd.Series:
        """Return whether any asset of the data traded."""
        return pd.Series(self.tape.trades[self.first : self.stop], self.index, name="traded")

    def orders(self) -> pd.DataFrame:
        """Return every order."""
        n = int(self.state.counts[kernel.ORDERS])
        cells, figures = self.state.order_cells[:n], self.state.order_figures[:n]
        columns = {
            "order": pd.Series(np.arange(1, n + 1)),
            "decided": self.sessions(cells[:, kernel.DECIDED]),
            "asset": self.assets(cells[:, kernel.ASSET]),
            "rule": self.rules(cells[:, kernel.RULE]),
            "kind": _texts(kernel.KINDS, cells[:, kernel.KIND]),
            "quantity": figures[:, kernel.ORDERED],
            "reference_price": figures[:, kernel.REFERENCE],
            "limit_price": figures[:, kernel.LIMIT_PRICE],
            "target_weight": figures[:, kernel.TARGET],
            "filled": figures[:, kernel.DONE],
            "status": _texts(kernel.STATUSES, cells[:, kernel.STATUS]),
        }
        return pd.DataFrame(columns)

    def resting(self) -> pd.DataFrame:
        """Return what is left of each order that goes on at the end, and what it waits for.

        Columns ``order, left, trigger_price, trail``: the shares left to fill, signed, in the units of the last bar,
        fewer than those that are not filled where cash has cut the order; the price of a limit or a stop in these
        units; trail is the fraction at which that of a trailing stop follows. NaN where there is none.
        """
        at = np.flatnonzero(self.state.opened[:, kernel.ORDER] >= 0)
        waiting = self.state.waiting[at]
        columns = {
            "order": self.state.opened[at, kernel.ORDER].astype(np.int64) + 1,
            "left": waiting[:, kernel.LEFT],
            "trigger_price": waiting[:, kernel.TRIGGER],
            "trail": waiting[:, kernel.TRAIL],
        }
        return pd.DataFrame(columns)

    def exits(self) -> pd.DataFrame:
        """Return the exits of positions that hold at the end.

        Columns ``asset, rule, stop_price, target_price, trail``: prices in the units of the last bar, the stop as far
        as it has followed by then; trail is the fraction at which it follows. NaN where there is none.
        """
        guard = self.state.guard
        levels = guard[:, [kernel.GUARD_STOP, kernel.GUARD_TARGET, kernel.GUARD_TRAIL]]
        at = np.flatnonzero(np.isfinite(guard[:, kernel.GUARD_SIDE]) & np.isfinite(levels).any(axis=1))
        side, best = guard[at, kernel.GUARD_SIDE], guard[at, kernel.GUARD_EXTREME]
        is_fraction = guard[at, kernel.GUARD_FRACTION] == 1.0
        trail = np.where(is_fraction, levels[at, 2], levels[at, 2] / best)
        followed = best * (1.0 - side * trail)
        columns = {
            "asset": self.assets(at),
            "rule": self.rules(self.state.guard_set[at, 0]),
            "stop_price": side * np.fmax(side * levels[at, 0], side * followed),  # whichever is reached first
            "target_price": levels[at, 1],
            "trail": trail,
        }
        return pd.DataFrame(columns)

    def fills(self) -> pd.DataFrame:
        """Return every fill."""
        n = int(self.state.counts[kernel.FILLS])
        cells, figures = self.state.fill_cells[:n], self.state.fill_figures[:n]
        order, decided, session, asset, rule, known = cells.T.astype(np.int64)
        quantity, price, commission, spread, impact = figures.T
        volume = np.where(known >= 0, self.terms.dollar_volume[known, asset], np.nan) if n else np.zeros(0)
        volatility = np.where(known >= 0, self.tape.volatility[known, asset], np.nan) if n else np.zeros(0)
        columns = {
            "order": order,
            "decided": self.sessions(decided),
            "session": self.sessions(session),
            "asset": self.assets(asset),
            "rule": self.rules(rule),
            "quantity": quantity,
            "price": price,
            "notional": np.abs(quantity) * price,
            "commission": commission,
            "spread": spread,
            "impact": impact,
            "cost": (commission + spread) + impact,
            "dollar_volume": np.where(np.isfinite(volume), volume, np.nan),
            "volatility": volatility,
        }
        return pd.DataFrame(columns)

    def trades(self) -> pd.DataFrame:
        """Return every trade; one still open is marked at the last price and has no exit."""
        n, state, last = int(self.state.counts[kernel.TRADES]), self.state, self.stop - 1
        held = np.flatnonzero(state.opened[:, kernel.ENTERED] >= 0)
        shares, marks = state.held[held, kernel.SHARES], self.tape.marks[last][held]
        values = np.where(shares != 0, shares * marks, 0.0)
        asset, entry, exit = (
            np.concatenate([state.trade_cells[:n, column], still])
            for column, still in enumerate((held, state.opened[held, kernel.ENTERED], np.full(len(held), last)))
        )
        rule_in = np.concatenate([state.trade_cells[:n, 3], state.opened[held, kernel.RULE_IN]])
        pnl = np.concatenate([state.trade_figures[:n, 0], state.held[held, kernel.FLOW] + values])
        start = np.concatenate([state.trade_figures[:n, 1], state.held[held, kernel.ENTRY_EQUITY]])
        is_open = np.arange(len(asset)) >= n
        rule_out = self.rules(state.trade_cells[:n, 4]).reindex(range(len(asset)), fill_value="")
        columns = {
            "asset": self.assets(asset),
            "entry": self.sessions(entry),
            "exit": self.sessions(exit).mask(pd.Series(is_open)),
            "bars": self.tape.bars_so_far[exit] - self.tape.bars_so_far[entry],
            "pnl": pnl,
            "return_on_equity": pnl / start,
            "rule_in": self.rules(rule_in),
            "rule_out": rule_out.astype("str"),
            "open": is_open,
        }
        return pd.DataFrame(columns).astype({"bars": "int64"})

    def events(self) -> pd.DataFrame:
        """Return what the engine did without a decision of the strategy, in words."""
        n = int(self.state.counts[kernel.EVENTS])
        cells = self.state.event_cells[:n]
        told = [
            self._event(*cell, *figures)
            for cell, figures in zip(cells.tolist(), self.state.event_figures[:n].tolist(), strict=True)
        ]
        rows, waited = self._unconfirmed()
        positions = np.concatenate([rows, cells[:, 0].astype(np.int64)])
        order = np.argsort(positions, kind="stable")
        positions, told = positions[order], [[*waited, *told][place] for place in order.tolist()]
        item, condition, detail = zip(*told, strict=True) if told else ((), (), ())
        columns = {
            "session": self.sessions(positions),
            "item": pd.Series(item, dtype="str"),
            "condition": pd.Series(condition, dtype="str"),
            "detail": pd.Series(detail, dtype="str"),
        }
        return pd.DataFrame(columns)

    def _unconfirmed(self) -> tuple[np.ndarray, list[tuple[str, str, str]]]:
        """Return (N,) positions and the words of the prices of holdings that had to wait for the next bar."""
        shares = self.state.quantities
        rows, columns = np.nonzero(self.tape.unconfirmed[self.first : self.stop] & (shares != 0))
        marks = self.tape.marks[self.first : self.stop]
        told = [
            (
                "trusted_data",
                "unconfirmed_price",
                f"{self.tape.assets[column]}: too far from the last price to be believed before the next bar, "
                f"{shares[row, column]:g} shares stay at {marks[row, column]:g}",
            )
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        return self.first + rows, told

    def halt_reason(self) -> str:
        """Return why the run was halted, or an empty text."""
        n = int(self.state.counts[kernel.EVENTS])
        for cell, figures in zip(
            self.state.event_cells[:n].tolist(), self.state.event_figures[:n].tolist(), strict=True
        ):
            if cell[1] == kernel.HALT:
                return self._halt(cell[2], figures[0], figures[1])[1]
        return ""

    def _event(self, t: int, code: int, number: int, first: float, second: float, third: float) -> tuple[str, str, str]:
        """Return the item, the short name and the words of one event."""
        if code == kernel.HALT:
            condition, reason = self._halt(number, first, second)
            return "invalidation", condition, f"{reason}: flatten and halt"
        if code in (kernel.STRESS_BEGINS, kernel.STRESS_ENDS):
            condition = "stress_begins" if code == kernel.STRESS_BEGINS else "stress_ends"
            return "abnormal_volatility", condition, f"market volatility {self.terms.market_volatility[t]:.1%}"
        if code == kernel.EXPIRED_BOOK:
            return "horizon", "expired", f"no decision for {first:g} bars, horizon {second:g}: the book is closed"
        asset = self.tape.assets[number]
        item, condition, detail = _of_asset(code, first, second, third, float(self.tape.marks[t, number]))
        return item, condition, f"{asset}: {detail}"

    def _halt(self, rule: int, value: float, limit: float) -> tuple[str, str]:
        """Return the name of the condition that halted the run, and the reason in words."""
        name = self.book.names[rule].removeprefix(ENGINE_PREFIX)
        if rule == self.book.codes.rule_bankrupt:
            return name, f"equity is {value:.2f}"
        if rule == self.book.codes.rule_margin:
            return name, f"equity is {value:.1%} of gross exposure, maintenance margin {limit:.1%}"
        conditions = self.terms.conditions
        if conditions[rule - self.book.codes.rule_first_condition].kind in ("all", "any"):
            return name, f"{name} has held on {value:g} bars in a row, limit {limit:g}"
        return name, f"{name} reached {value:.4g}, limit {limit:.4g}"


def _of_asset(code: int, first: float, second: float, third: float, mark: float) -> tuple[str, str, str]:
    """Return the item, the short name and the words of an event of one asset."""
    if code == kernel.DELISTING:
        basis = "the terminal value stated" if np.isnan(third) else f"{third:.0%} of the last close {mark:g}"
        return "friction", "delisting", f"{first:g} shares at {second:g}, {basis}"
    if code == kernel.STOPPED:
        return "sizing", "stop_loss", f"trade has lost {first:.2%} of equity at entry, stop at {second:.2%}"
    if code == kernel.LEFT_UNIVERSE:
        return "trusted_data", "left_universe", f"left the universe, {first:g} shares are sold"
    if code == kernel.REDUCED:
        return "fast_exit", "reduced", f"{first:.2f} held, {second:.2f} can be left in time"
    if code == kernel.CUT:
        return "fast_exit", "cut", f"weight {first:g} cut to {second:g}"
    if code == kernel.NOT_BORROWED:
        return "friction", "not_borrowed", f"{first:g} shares to be sold short, {second:.2f} of money can be borrowed"
    if code == kernel.FRACTION_PAID:
        return "trusted_data", "fraction_paid", f"{first:g} of a share is paid in cash at {second:g}"
    if code == kernel.SPLIT:
        return "trusted_data", "split", f"{first:g} shares become {second:g}"
    verb = "earn" if third > 0 else "owe"
    return "trusted_data", "dividend", f"{first:g} shares {verb} {second:g} each, {third:.2f}"


def result_of(
    logs: Logs, initial_equity: float, decisions: Callable[[], tuple[RecordedDecision, ...]]
) -> BacktestResult:
    """Return the record of a run; each table is made when it is first read."""
    halted = logs.halted_at
    return BacktestResult(
        assets=logs.tape.assets,
        initial_equity=initial_equity,
        final_equity=float(logs.state.record[0, -1]),
        equity=logs.equity,
        weights_after_fill=logs.weights,
        quantities=lambda: logs.by_asset(logs.state.quantities.copy()),
        orders=logs.orders,
        fills=logs.fills,
        trades=logs.trades,
        exposures=logs.exposures,
        events=logs.events,
        conditions=logs.conditions,
        regimes=logs.regimes,
        traded=logs.traded,
        decisions=decisions,
        stamps=logs.terms.stamps,
        halted_on=None if halted is None else logs.tape.sessions[halted],
        halt_reason=logs.halt_reason(),
        days=logs.tape.days[logs.first : logs.stop] if is_intraday(logs.tape.frequency) else None,
    )


def _texts(names: Sequence[str], numbers: np.ndarray) -> pd.Series:
    """Return the names of numbers as a column of text."""
    return pd.Series(pd.array(np.array(names, dtype=object)[numbers] if len(names) else [], dtype="str"))
