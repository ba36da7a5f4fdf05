"""Where the profit came from, along the rival explanations of the plan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.backtest.book.tape import Tape
from quantdl.backtest.book.trailing import simple_returns
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.session_results import session_pnl


def pnl_by_context(result: BacktestResult, tape: Tape, window_bars: int, volume_is_measured: bool) -> pd.DataFrame:
    """Split the profit along the plan's rival explanations: ``context, state, sessions, pnl``.

    States are known when a session begins: whether the equal-weighted market rose or fell over the window, the
    volatility regime, and whether the market's dollar volume was above its median over the window (undefined where
    volume is not measured). The profits of one context add up to the whole. A session in which nothing trades is in no
    window and is not counted; a profit made in it (interest) belongs to the state that it begins in.

    Args:
        result: The run.
        tape: Its market.
        window_bars: Trailing bars with a trade by which the plan judges the market.
        volume_is_measured: Whether the plan takes dollar volume from the data.
    """
    pnl, traded = session_pnl(result), result.traded.to_numpy()
    states = {
        "trend": _trend(result, tape, window_bars),
        "volatility": result.regimes["regime"].to_numpy(),
        "liquidity": _liquidity(result, tape, window_bars) if volume_is_measured else _undefined(result),
    }
    rows = [
        (context, state, int(np.count_nonzero((values == state) & traded)), float(pnl[values == state].sum()))
        for context, values in states.items()
        for state in sorted(set(values))
    ]
    return pd.DataFrame(rows, columns=["context", "state", "sessions", "pnl"])


@dataclass(frozen=True)
class CurrencyResult:
    """Profit of the assets that are quoted in one currency, in that of the book and after costs.

    Attributes:
        currency: Of their quotes.
        pnl: Profit and loss of their trades.
        price: What is left without ``exchange``: their prices and dividends, at the rate of the day, less costs.
        exchange: What the rate alone made: the value held at one close times the change of the rate to the next.
    """

    currency: str
    pnl: float
    price: float
    exchange: float


def pnl_by_currency(
    result: BacktestResult, tape: Tape, currencies: Sequence[str], worth: np.ndarray
) -> tuple[CurrencyResult, ...]:
    """Split the profit of the trades by the currency of the quotes, and that into prices and rates.

    A position whose exchange rests keeps the rate of its last trade, so the rate moves with the next one.

    Args:
        result: The run.
        tape: Its market, in the currency of the book.
        currencies: (A,) that each asset is quoted in.
        worth: (T, A) what a unit of it was worth at each bar of the market, in that of the book.
    """
    first = int(tape.sessions.searchsorted(result.equity.index[0]))
    rows = np.arange(len(tape.sessions))[:, None]
    traded = np.maximum.accumulate(np.where(tape.traded, rows, -1), axis=0)
    rates = np.where(traded >= 0, np.take_along_axis(worth, np.maximum(traded, 0), axis=0), np.nan)
    span = slice(first, first + len(result.equity))
    values = result.quantities.to_numpy()[:-1] * np.where(result.quantities.to_numpy()[:-1], tape.marks[span][:-1], 0.0)
    change = rates[span][1:] / rates[span][:-1] - 1.0
    exchange = np.where(values != 0.0, values * np.where(values != 0.0, change, 0.0), 0.0).sum(axis=0)
    pnl = result.trades.groupby("asset")["pnl"].sum().reindex(list(result.assets), fill_value=0.0).to_numpy()
    return tuple(
        CurrencyResult(code, float(pnl[own].sum()), float((pnl - exchange)[own].sum()), float(exchange[own].sum()))
        for code in dict.fromkeys(currencies)
        for own in [np.array([other == code for other in currencies])]
    )


def _trend(result: BacktestResult, tape: Tape, window: int) -> np.ndarray:
    returns = simple_returns(tape.continuous)[tape.trades]
    counts = np.isfinite(returns).sum(axis=1)
    market = np.where(counts > 0, np.nansum(returns, axis=1) / np.maximum(counts, 1), 0.0)
    states = ["undefined" if t < window else _sign(market[t - window + 1 : t + 1]) for t in _known_before(result, tape)]
    return np.array(states, dtype=object)


def _sign(returns: np.ndarray) -> str:
    return "rising" if np.prod(1 + returns) >= 1 else "falling"


def _undefined(result: BacktestResult) -> np.ndarray:
    return np.full(len(result.equity), "undefined", dtype=object)


def _liquidity(result: BacktestResult, tape: Tape, window: int) -> np.ndarray:
    total = np.nansum(tape.dollars[tape.trades], axis=1)
    states = [
        "undefined" if t < window else "ample" if total[t] >= np.median(total[t - window + 1 : t + 1]) else "thin"
        for t in _known_before(result, tape)
    ]
    return np.array(states, dtype=object)


def _known_before(result: BacktestResult, tape: Tape) -> Iterator[int]:
    """Yield, for each session of the run, the last one before it that trades, as a position among those that do."""
    first = int(tape.sessions.searchsorted(result.equity.index[0]))
    number = np.concatenate([[-1], tape.bars_so_far - 1])
    yield from number[first : first + len(result.equity)].tolist()
