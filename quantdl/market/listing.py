"""Which assets were known to be gone, bar by bar: by what states their end, never because their bars stop."""

import numpy as np
import pandas as pd

from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus


def last_trades(panel: Panel) -> np.ndarray:
    """Return (T, A) the position of the last bar so far on which the asset traded, -1 before its first."""
    rows = np.arange(len(panel.sessions))[:, None]
    return np.asarray(np.maximum.accumulate(np.where(panel.traded, rows, -1), axis=0))


def silent_bars(panel: Panel) -> np.ndarray:
    """Return (T, A) how many bars an asset has been silent as of each; 0 where it trades, and before its first trade.

    A bar on which no asset at all traded (an FX calendar's Sunday, a weekend of 24/7) counts only until something
    trades again: then it was no silence of the asset's. Until then it may be a feed that stopped.
    """
    last, trades = last_trades(panel), np.asarray(panel.traded.any(axis=1))
    rows, so_far = np.arange(len(trades)), np.cumsum(trades)
    since_any = rows - np.maximum.accumulate(np.where(trades, rows, -1))
    silent = so_far[:, None] - so_far[np.maximum(last, 0)] + since_any[:, None]
    return np.where(last >= 0, silent, 0)


def delisted_as_known(panel: Panel, after_sessions: int | None = None) -> np.ndarray:
    """Return (T, A) bool: whether the asset was known to be delisted as of the bar.

    Only what is stated ends an asset: a delisting among the actions, or a last day that the source states
    (`SilenceRule.ended`), each after its own day and never before it. Silence alone ends nothing: shares are suspended
    for weeks, and whole markets have closed for a month. The count of `SilenceRule`, by which a panel presumes an end
    where its data stop, is not read here.

    Args:
        panel: The panel.
        after_sessions: A trading plan's own rule: an asset also counts as delisted once it has been silent for more
            sessions than this since it last traded or was last called HALTED, and no longer once it trades again. An
            end that is stated for a later day cannot be known yet and does not put it off. Counted in sessions, however
            many bars each has. None for no such rule.
    """
    last = last_trades(panel)
    begun = last >= 0
    gone = np.zeros(panel.status.shape, dtype=bool)
    column = {asset: position for position, asset in enumerate(panel.assets)}
    ends = [(item.asset, item.last) for item in panel.actions.delistings]
    for asset, day in (*ends, *panel.silence.ended.items()):
        if asset in column:
            gone[:, column[asset]] |= panel.sessions > pd.Timestamp(day)
    if after_sessions is not None:
        gone |= _silent_sessions(panel, last) > after_sessions
    return np.asarray(gone & ~panel.traded & begun)


def _silent_sessions(panel: Panel, last: np.ndarray) -> np.ndarray:
    """Return (T, A) the sessions since the last trade or halt so far, 0 before the first of them."""
    rows = np.arange(len(panel.sessions))[:, None]
    halted = np.maximum.accumulate(np.where(panel.status == CellStatus.HALTED, rows, -1), axis=0)
    number = np.cumsum(np.r_[False, np.diff(panel.sessions.asi8) != 0])
    heard = np.maximum(last, halted)
    return np.asarray(np.where(heard >= 0, number[:, None] - number[np.maximum(heard, 0)], 0))
