"""Equity curves as they are measured: the initial money first, and an end where a book is ruined."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from quantdl.backtest import BacktestResult
from quantdl.backtest.running.session_results import equity_where_traded
from quantdl.errors import ConfigError
from quantdl.risk.curves.metrics import drawdown_curve

_TRACE = 1e-9


def drawn_curves(curves: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return what the report draws of several books.

    Args:
        curves: Money at each session, the initial money first, by name of the book.

    Returns:
        For each book a column of its value over its initial money, and one, ``<name>_drawdown``, of the return from its
        highest value so far; indexed by session. A book whose curve ends early is NaN from then on.
    """
    columns = {}
    for name, curve in curves.items():
        columns[name] = curve / curve.iloc[0]
        columns[f"{name}_drawdown"] = drawdown_curve(curve)
    return pd.DataFrame(columns)


def curve_from_the_start(result: BacktestResult, sessions: pd.DatetimeIndex) -> pd.Series:
    """Return the equity with the initial money before its first session, so that the first session's costs count.

    Sessions in which nothing trades are left out: their returns of zero would make any book look calmer. A return from
    nothing is undefined, so the curve of a ruined book ends with the loss of all but a trace.

    Args:
        result: The run.
        sessions: Of the panel it ran on.

    Raises:
        ConfigError: If the run has fewer than two sessions in which anything trades.
    """
    before = sessions[sessions.searchsorted(result.equity.index[0]) - 1]
    return measured_curve(equity_where_traded(result), before, result.initial_equity)


def measured_curve(equity: pd.Series, before: pd.Timestamp, initial_equity: float) -> pd.Series:
    """Return the equity of the sessions in which anything traded as `curve_from_the_start` does.

    Args:
        equity: After each of them.
        before: The session before the first one.
        initial_equity: Money at the start.

    Raises:
        ConfigError: If there are fewer than two.
    """
    if len(equity) < 2:
        raise ConfigError(
            "splits: the test span holds fewer than two sessions with a trade; nothing can be measured on it. "
            "Set splits.test_start earlier or splits.test_end later."
        )
    ruined = np.flatnonzero(equity.to_numpy() <= 0)
    if len(ruined):
        equity = equity.iloc[: ruined[0] + 1].clip(lower=_TRACE * initial_equity)
    whole: pd.Series = pd.concat([pd.Series([initial_equity], index=[before]), equity])
    return whole
