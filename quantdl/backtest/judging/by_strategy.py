"""What each of several strategies of one account held, traded and earned, worked out from the fills of the account.

Shares are shared out as `quantdl.backtest.running.virtual_books` says, from what each strategy asked for. All money of
the account that belongs to positions is shared out, too, so that with the interest on cash the profits add up to the
change of its equity:

* Shares are bought and sold at the price of the account's fills. What changes hands between strategies goes at the same
  price, and costs nothing; where the account itself trades nothing, at the open or close at which it would have.
* The costs of a fill are shared in proportion to what each traded of the asset in the session, with another strategy or
  not: what netting saves is everyone's.
* Dividends go to whoever held the shares; what short positions pay for borrowing is charged to those who are short.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.backtest.book.terms import ENGINE_PREFIX
from quantdl.backtest.judging.checklist import rebuilt_book
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.rebuilt import DUST, RebuiltBook, money_in
from quantdl.backtest.plan.terms import RiskFree
from quantdl.backtest.running.combined import Asked, CombinedStrategy
from quantdl.backtest.running.result import SESSION_DTYPE, BacktestResult
from quantdl.backtest.running.virtual_books import VirtualBooks
from quantdl.market.corporate.effects import effects
from quantdl.market.panel import Panel


@dataclass(frozen=True)
class StrategyFigures:
    """What one strategy did with its capital.

    Attributes:
        name: Its name.
        capital: Fraction of the equity that it decided on.
        pnl: Profit and loss after costs, in money.
        costs: Money paid for trading and borrowing, its share.
        traded: Money bought and sold, with other strategies included.
        crossed: The part of it that changed hands with other strategies.
        trades: Positions from flat to flat.
        with_a_profit: How many of them earned money.
        mean_gross: Mean of its absolute weights, as fractions of the whole book.
    """

    name: str
    capital: float
    pnl: float
    costs: float
    traded: float
    crossed: float
    trades: int
    with_a_profit: int
    mean_gross: float


@dataclass(frozen=True)
class SharedAccount:
    """The strategies of an account beside the account itself.

    Attributes:
        strategies: One each.
        interest: What cash earned, which belongs to no strategy.
        total: Change of the account's equity over the run.
    """

    strategies: tuple[StrategyFigures, ...]
    interest: float
    total: float


@dataclass(frozen=True, eq=False)
class StrategyBooks:
    """The books of N strategies over the T sessions of a run.

    Attributes:
        account: The figures of each.
        pnl: (T, N + 1) profit of each session, one column a strategy and ``interest``; the sum is the change of equity.
        fills: Columns ``session, strategy, asset, rule, quantity, price, cost, crossed``: quantity is signed, crossed
            is the part that changed hands between strategies.
        trades: Columns ``strategy, asset, entry, exit, pnl, rule_in, rule_out, open``, as in `BacktestResult.trades`.
        held: (T, N, A) shares after the fills.
    """

    account: SharedAccount
    pnl: pd.DataFrame
    fills: pd.DataFrame
    trades: pd.DataFrame
    held: np.ndarray


@dataclass(frozen=True, eq=False)
class _Moves:
    """What changed in each session, and what it cost: (T, N, A) each, but the price, which is (T, A)."""

    held: np.ndarray
    bought: np.ndarray
    crossed: np.ndarray
    price: np.ndarray
    paid: np.ndarray
    costs: np.ndarray
    earned: np.ndarray


def books_by_strategy(
    book: RebuiltBook, names: Sequence[str], capitals: Sequence[float], asked: Sequence[Asked], fill_at: str
) -> StrategyBooks:
    """Share a run out among its strategies.

    Args:
        book: Of the account.
        names: Of the strategies.
        capitals: Of each.
        asked: What they asked for, as `CombinedStrategy.asked` has it.
        fill_at: Where the plan's orders fill.
    """
    moves = _moves(book, len(names), asked, fill_at)
    values = money_in(moves.held, book.marks[:, None])
    before = np.concatenate([np.zeros((1, *values.shape[1:])), values[:-1]])
    profit = values - before - moves.paid - moves.costs + moves.earned
    index, interest = book.result.equity.index, book.interest
    pnl = pd.DataFrame(np.column_stack([profit.sum(axis=2), interest]), index, [*names, "interest"])
    fills = _fills(book, names, asked, moves)
    trades = _trades(book, names, moves, profit, fills)
    equity = np.where(book.equity > 0, book.equity, np.nan)[:, None, None]
    gross = np.nanmean(np.abs(values) / equity, axis=0).sum(axis=1)
    done = {name: trades[(trades["strategy"] == name)] for name in names}
    figures = tuple(
        StrategyFigures(
            name=name,
            capital=capital,
            pnl=float(profit[:, number].sum()),
            costs=float(moves.costs[:, number].sum()),
            traded=float(np.nansum(np.abs(moves.bought[:, number]) * moves.price)),
            crossed=float(np.nansum(np.abs(moves.crossed[:, number]) * moves.price)),
            trades=len(done[name]),
            with_a_profit=int((done[name]["pnl"] > 0).sum()),
            mean_gross=float(gross[number]),
        )
        for number, (name, capital) in enumerate(zip(names, capitals, strict=True))
    )
    total = float(book.result.final_equity - book.result.initial_equity)
    return StrategyBooks(SharedAccount(figures, float(interest.sum()), total), pnl, fills, trades, moves.held)


def shared_account(
    plan: Plan, panel: Panel, result: BacktestResult, strategy: CombinedStrategy, risk_free: RiskFree = None
) -> StrategyBooks:
    """Share a run of several strategies out among them; other arguments as for `quantdl.backtest.assess`."""
    book, capitals = rebuilt_book(plan, panel, result, risk_free), [part.capital for part in strategy.parts]
    return books_by_strategy(book, strategy.names, capitals, strategy.asked, plan.friction.fill_at)


def _moves(book: RebuiltBook, strategies: int, asked: Sequence[Asked], fill_at: str) -> _Moves:
    shape = (book.n_sessions, strategies, len(book.result.assets))
    held, bought, crossed = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    carried = np.zeros(shape)  # shares held into a session, after its splits
    given = {item.session: item.changes for item in asked}
    traded, units = book.panel.traded[book.rows], book.share_units
    shared, last = VirtualBooks(*shape[1:]), np.ones(shape[2])
    for row, session in enumerate(book.result.equity.index):
        carried[row] = shared.held * units[row] / last
        last = units[row]
        if book.same_bar and session in given:  # filled at the close it was decided on
            moved = shared.advance(book.opening[row], units[row], traded[row])
            bought[row], crossed[row] = moved.bought, moved.crossed
            shared.ask(given[session])
        moved = shared.advance(book.shares[row], units[row], traded[row])
        bought[row] += moved.bought
        crossed[row] += moved.crossed
        largest = np.abs(shared.held).max(axis=0)
        shared.held[np.abs(shared.held) <= DUST * np.maximum(largest, 1.0)] = 0.0
        held[row] = shared.held
        if not book.same_bar and session in given:
            shared.ask(given[session])
    price, paid, costs = _money(book, bought, carried, fill_at)
    earned, fees = _income(book, carried)
    return _Moves(held, bought, crossed, price, paid, costs + fees, earned)


def _money(
    book: RebuiltBook, bought: np.ndarray, carried: np.ndarray, fill_at: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (T, A) prices, and (T, N, A) money paid for shares and for trading them."""
    fills = book.fills.where(book.fills.price > 0)
    sums = np.zeros((4, *bought.shape[::2]))
    for total, amount in zip(
        sums, (np.abs(fills.quantity), fills.notional, fills.quantity * fills.price, fills.cost), strict=True
    ):
        np.add.at(total, (fills.row, fills.column), amount)
    shares, notional, spent, cost = sums
    own = book.panel.fields["open"][book.rows] if fill_at == "next_open" else book.marks
    price = np.where(shares > 0, notional / np.where(shares > 0, shares, 1.0), own)
    paid = money_in(bought, price[:, None])
    part = np.abs(bought)
    part = np.where(part.sum(axis=1, keepdims=True) > 0, part, np.abs(carried))
    whole = part.sum(axis=1, keepdims=True)
    part = np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 1.0 / bought.shape[1])
    rest = spent - paid.sum(axis=1)  # of fills at several prices in one session
    return price, paid + part * rest[:, None], part * cost[:, None]


def _income(book: RebuiltBook, carried: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (T, N, A) dividends earned, negative where a short position owes them, and what borrowing cost."""
    per_share = np.zeros(carried.shape[::2])
    for effect in effects(book.panel):
        row = effect.row - book.first
        if 0 < row < book.n_sessions:
            per_share[row, effect.column] += effect.cash / effect.ratio  # carried counts the new shares
    short = np.maximum(-carried, 0.0)
    whole = short.sum(axis=1, keepdims=True)
    fees = np.where(whole > 0, short / np.where(whole > 0, whole, 1.0), 1.0 / carried.shape[1]) * book.fees[:, None]
    return carried * per_share[:, None], fees


def _fills(book: RebuiltBook, names: Sequence[str], asked: Sequence[Asked], moves: _Moves) -> pd.DataFrame:
    """Return one row for each session, strategy and asset in which shares changed hands."""
    assets, sessions = book.result.assets, book.result.equity.index
    engine = {
        (row, column): rule
        for row, column, rule in zip(
            book.fills.row.tolist(), book.fills.column.tolist(), book.fills.rule.tolist(), strict=True
        )
    }
    at = np.searchsorted(
        np.array([item.session for item in asked], dtype=SESSION_DTYPE),
        sessions.to_numpy(),
        side="right" if book.same_bar else "left",
    )
    largest = np.abs(moves.held).max(axis=0, initial=0.0)
    rows = []
    for row, number, asset in np.argwhere(np.abs(moves.bought) > DUST * np.maximum(largest, 1.0)).tolist():
        quantity = float(moves.bought[row, number, asset])
        last = asked[at[row] - 1] if at[row] else None
        filled = engine.get((row, asset), "")
        wants = last is not None and last.changes[number, asset] * quantity > 0
        cites = wants and not filled.startswith(ENGINE_PREFIX)
        own = last.rules[number][asset] if last is not None and cites else filled
        rows.append(
            (
                sessions[row],
                names[number],
                assets[asset],
                own,
                quantity,
                float(moves.price[row, asset]),
                float(moves.costs[row, number, asset]),
                float(moves.crossed[row, number, asset]),
            )
        )
    columns = ["session", "strategy", "asset", "rule", "quantity", "price", "cost", "crossed"]
    frame = pd.DataFrame(rows, columns=columns)
    texts = dict.fromkeys(("strategy", "asset", "rule"), "str")
    figures = dict.fromkeys(("quantity", "price", "cost", "crossed"), "float64")
    return frame.astype({"session": SESSION_DTYPE, **texts, **figures})


def _trades(
    book: RebuiltBook, names: Sequence[str], moves: _Moves, profit: np.ndarray, fills: pd.DataFrame
) -> pd.DataFrame:
    """Return the positions of each strategy from flat to flat."""
    rules = {
        (session, strategy, asset): rule
        for session, strategy, asset, rule in zip(
            fills["session"], fills["strategy"], fills["asset"], fills["rule"], strict=True
        )
    }
    sessions, assets = book.result.equity.index, book.result.assets
    rows = []
    for number, name in enumerate(names):
        for asset, symbol in enumerate(assets):
            for entry, exit, still in _spells(moves.held[:, number, asset]):
                first, last = sessions[entry], sessions[exit]
                rows.append(
                    (
                        name,
                        symbol,
                        first,
                        pd.NaT if still else last,
                        float(profit[entry : exit + 1, number, asset].sum()),
                        rules.get((first, name, symbol), ""),
                        "" if still else rules.get((last, name, symbol), ""),
                        still,
                    )
                )
    columns = ["strategy", "asset", "entry", "exit", "pnl", "rule_in", "rule_out", "open"]
    texts = dict.fromkeys(("strategy", "asset", "rule_in", "rule_out"), "str")
    types = {"entry": SESSION_DTYPE, "exit": SESSION_DTYPE, "pnl": "float64", "open": "bool"}
    return pd.DataFrame(rows, columns=columns).astype({**texts, **types})


def _spells(held: np.ndarray) -> Iterator[tuple[int, int, bool]]:
    """Yield first session, last session and whether it is open, of each stretch in which something was held.

    The last session is the one in which the position became flat. A position that is turned around stays one stretch.
    """
    inside = held != 0
    starts = np.flatnonzero(inside & ~np.concatenate([[False], inside[:-1]]))
    ends = np.flatnonzero(~inside & np.concatenate([[False], inside[:-1]]))
    for number, start in enumerate(starts.tolist()):
        still = number >= len(ends)
        yield start, len(held) - 1 if still else int(ends[number]), still
