"""Where the profit came from: by regime, stress window, rival explanation and rule."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd

from quantdl.backtest.book.tape import Tape
from quantdl.backtest.book.terms import REGIMES
from quantdl.backtest.book.trailing import simple_returns
from quantdl.backtest.running.result import BacktestResult


class Period(Protocol):
    """Days that have a name, for instance the crash of 2020."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def first(self) -> date:
        """Its first day."""
        ...

    @property
    def last(self) -> date:
        """Its last day."""
        ...


def results_by_regime(result: BacktestResult) -> pd.DataFrame:
    """Return one row per regime seen: ``sessions, pnl, return, volatility, worst_session``.

    The regime of a session is the one known when it began. The return is compounded over the regime's sessions,
    volatility is the standard deviation of one session, NaN for fewer than two.
    """
    regime = result.regimes["regime"]
    seen = [name for name in REGIMES if (regime == name).any()]
    rows = [_summary(result, np.asarray(regime == name)) for name in seen]
    return pd.DataFrame(rows, index=pd.Index(seen, name="regime", dtype="str"), columns=list(_SUMMARY))


def results_by_stress_window(result: BacktestResult, windows: Iterable[Period]) -> pd.DataFrame:
    """Return one row per stress window, with the columns of `results_by_regime`."""
    windows = tuple(windows)
    sessions = result.equity.index
    rows = [
        _summary(result, np.asarray((sessions >= pd.Timestamp(item.first)) & (sessions <= pd.Timestamp(item.last))))
        for item in windows
    ]
    names = pd.Index([item.name for item in windows], name="window", dtype="str")
    return pd.DataFrame(rows, index=names, columns=list(_SUMMARY))


def pnl_by_context(result: BacktestResult, tape: Tape, window_bars: int, volume_is_measured: bool) -> pd.DataFrame:
    """Split the profit along the plan's rival explanations: ``context, state, sessions, pnl``.

    States are known when a session begins: whether the equal-weighted market rose or fell over the window, the
    volatility regime, and whether the market's dollar volume was above its median over the window (undefined where
    volume is not measured). The profits of one context add up to the whole.

    Args:
        result: The run.
        tape: Its market.
        window_bars: Trailing bars by which the plan judges the market.
        volume_is_measured: Whether the plan takes dollar volume from the data.
    """
    pnl = _pnl(result)
    states = {
        "trend": _trend(result, tape, window_bars),
        "volatility": result.regimes["regime"].to_numpy(),
        "liquidity": _liquidity(result, tape, window_bars) if volume_is_measured else _undefined(result),
    }
    rows = [
        (context, state, int(np.count_nonzero(values == state)), float(pnl[values == state].sum()))
        for context, values in states.items()
        for state in sorted(set(values))
    ]
    return pd.DataFrame(rows, columns=["context", "state", "sessions", "pnl"])


def pnl_by_rule(result: BacktestResult) -> pd.DataFrame:
    """Return trades and profit per pair of entry and exit rule: ``rule_in, rule_out, trades, pnl, worst``.

    ``worst`` is the worst trade as a fraction of equity at entry. A trade still open has an empty ``rule_out``.
    """
    grouped = result.trades.groupby(["rule_in", "rule_out"], sort=True)
    table = grouped.agg(trades=("pnl", "size"), pnl=("pnl", "sum"), worst=("return_on_equity", "min"))
    return table.reset_index()


_SUMMARY = ("sessions", "pnl", "return", "volatility", "worst_session")


def _pnl(result: BacktestResult) -> np.ndarray:
    """Return (T,) the change of equity of each session."""
    return np.diff(result.equity["equity"].to_numpy(), prepend=result.initial_equity)


def _summary(result: BacktestResult, chosen: np.ndarray) -> tuple[int, float, float, float, float]:
    equity = result.equity["equity"].to_numpy()
    pnl = _pnl(result)
    returns = (pnl / np.concatenate([[result.initial_equity], equity[:-1]]))[chosen]
    volatility = float(returns.std(ddof=1)) if len(returns) > 1 else float("nan")
    worst = float(returns.min()) if len(returns) else float("nan")
    return len(returns), float(pnl[chosen].sum()), float(np.prod(1 + returns) - 1), volatility, worst


def _trend(result: BacktestResult, tape: Tape, window: int) -> np.ndarray:
    returns = simple_returns(tape.continuous)
    counts = np.isfinite(returns).sum(axis=1)
    market = np.where(counts > 0, np.nansum(returns, axis=1) / np.maximum(counts, 1), 0.0)
    states = ["undefined" if t < window else _sign(market[t - window + 1 : t + 1]) for t in _known_before(result, tape)]
    return np.array(states, dtype=object)


def _sign(returns: np.ndarray) -> str:
    return "rising" if np.prod(1 + returns) >= 1 else "falling"


def _undefined(result: BacktestResult) -> np.ndarray:
    return np.full(len(result.equity), "undefined", dtype=object)


def _liquidity(result: BacktestResult, tape: Tape, window: int) -> np.ndarray:
    total = np.nansum(tape.dollars, axis=1)
    states = [
        "undefined" if t < window else "ample" if total[t] >= np.median(total[t - window + 1 : t + 1]) else "thin"
        for t in _known_before(result, tape)
    ]
    return np.array(states, dtype=object)


def _known_before(result: BacktestResult, tape: Tape) -> Iterator[int]:
    """Yield the position of the session before each session of the run."""
    first = int(tape.sessions.searchsorted(result.equity.index[0]))
    yield from range(first - 1, first - 1 + len(result.equity))
