"""Which assets were known to be gone, bar by bar. A full panel knows it with hindsight, the moment silence begins."""

import numpy as np
import pandas as pd

from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus


def last_trades(panel: Panel) -> np.ndarray:
    """Return (T, A) the position of the last bar so far on which the asset traded, -1 before its first."""
    rows = np.arange(len(panel.sessions))[:, None]
    return np.asarray(np.maximum.accumulate(np.where(panel.traded, rows, -1), axis=0))


def delisted_as_known(panel: Panel) -> np.ndarray:
    """Return (T, A) bool: whether the asset was known to be delisted as of the bar.

    The panel's rule on silence is read at every bar as if the data ended there, as `Panel.until` does: a silence is
    counted in sessions, however many bars each has. A last day that the source states, `SilenceRule.ended`, overrules
    the count; a delisting among the actions ends the asset after its last session, and says nothing before it. HALTED
    cells and assets that have not traded yet are not delisted.
    """
    last = last_trades(panel)
    number = np.cumsum(np.r_[False, np.diff(panel.sessions.asi8) != 0])
    gone = number[:, None] - number[np.maximum(last, 0)] > panel.silence.delisted_after_sessions
    column = {asset: position for position, asset in enumerate(panel.assets)}
    for ended in panel.actions.delistings:
        if ended.asset in column:
            gone[:, column[ended.asset]] |= panel.sessions > pd.Timestamp(ended.last)
    for asset, day in panel.silence.ended.items():
        if asset in column:
            gone[:, column[asset]] = panel.sessions > pd.Timestamp(day)
    silent = (panel.status != CellStatus.TRADED) & (panel.status != CellStatus.HALTED)
    return np.asarray(gone & silent & (last >= 0))
