"""What a run earned over some of its sessions: those of a regime, those of a stress window."""

from collections.abc import Iterable
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd

from quantdl.backtest.book.terms import REGIMES
from quantdl.backtest.running.result import BacktestResult

_SUMMARY = ("sessions", "pnl", "return", "volatility", "worst_session")


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
    volatility is the standard deviation of one session, NaN for fewer than two. A session in which nothing trades is
    none of these: see `equity_where_traded`.
    """
    regime = result.regimes["regime"]
    seen = [name for name in REGIMES if (regime == name).any()]
    rows = [_summary(result, np.asarray(regime == name)) for name in seen]
    return pd.DataFrame(rows, index=pd.Index(seen, name="regime", dtype="str"), columns=list(_SUMMARY))


def results_by_stress_window(result: BacktestResult, windows: Iterable[Period]) -> pd.DataFrame:
    """Return one row per stress window, with the columns of `results_by_regime`."""
    windows = tuple(windows)
    sessions = result.session_of_each
    rows = [
        _summary(result, np.asarray((sessions >= pd.Timestamp(item.first)) & (sessions <= pd.Timestamp(item.last))))
        for item in windows
    ]
    names = pd.Index([item.name for item in windows], name="window", dtype="str")
    return pd.DataFrame(rows, index=names, columns=list(_SUMMARY))


def equity_where_traded(result: BacktestResult) -> pd.Series:
    """Return the equity after each session in which anything traded.

    What a session without a trade brings (interest, a fee, a payout) counts with the next one that has a trade, and at
    the end of the run with the last.
    """
    return where_traded(result.equity["equity"], result.traded)


def where_traded(equity: pd.Series, traded: pd.Series | np.ndarray) -> pd.Series:
    """Return equity by session where ``traded`` is true, see `equity_where_traded`."""
    if traded.all():
        return equity
    kept = equity[traded].copy()
    kept.iloc[-1:] = equity.iloc[-1]
    return kept


def session_pnl(result: BacktestResult) -> np.ndarray:
    """Return (T,) the change of equity of each session."""
    return np.diff(result.equity["equity"].to_numpy(), prepend=result.initial_equity)


def _summary(result: BacktestResult, chosen: np.ndarray) -> tuple[int, float, float, float, float]:
    equity, chosen = equity_where_traded(result).to_numpy(), chosen[result.traded.to_numpy()]
    pnl = np.diff(equity, prepend=result.initial_equity)
    returns = (pnl / np.concatenate([[result.initial_equity], equity[:-1]]))[chosen]
    volatility = float(returns.std(ddof=1)) if len(returns) > 1 else float("nan")
    worst = float(returns.min()) if len(returns) else float("nan")
    return len(returns), float(pnl[chosen].sum()), float(np.prod(1 + returns) - 1), volatility, worst
