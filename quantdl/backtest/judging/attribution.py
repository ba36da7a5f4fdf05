"""Where the profit came from, along the rival explanations of the plan."""

from collections.abc import Iterator

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
