"""The status of a cell: why there is a price, or why there is none."""

from enum import IntEnum

import numpy as np
import pandas as pd

from quantdl.market.card import SilenceRule


class CellStatus(IntEnum):
    """Why a cell has a price, or why it has none."""

    UNLISTED = 0
    """Before the first trade."""
    TRADED = 1
    """There is a bar; the only status under which a field holds a number. A bar whose volume is 0 is no trade all the
    same, see `quantdl.market.panel.Panel.traded`."""
    MISSING = 2
    """The exchange was open and the source has no bar, or a policy masked it."""
    HALTED = 3
    """Trading was halted. Only where the source says so: silence alone is MISSING."""
    DELISTED = 4
    """After the end of the asset, as the source states it, or presumed from a long silence at the end of the data, see
    `quantdl.market.card.SilenceRule`. A backtest pays out stated ends only, see `quantdl.market.listing`."""


def read_silence(
    status: np.ndarray, sessions: pd.DatetimeIndex, assets: tuple[str, ...], rule: SilenceRule
) -> np.ndarray:
    """Return a copy of ``status`` in which the cells after each asset's last trade follow ``rule``.

    HALTED cells stay as the source said, and silence begins after the last of them: a source that says "halted" still
    speaks of the asset. Cells before the first trade, and gaps between trades, are not touched. Where several bars make
    a session, a session is silent when none of its bars traded.

    Args:
        status: (T, A) codes of `CellStatus`.
        sessions: (T,) session label of each bar.
        assets: (A,) symbols.
        rule: When silence means the end.

    Shape:
        - status, output: (T, A)
    """
    status = status.copy()
    traded = status == CellStatus.TRADED
    n_bars = len(status)
    last = n_bars - 1 - traded[::-1].argmax(axis=0)
    spoken = n_bars - 1 - (traded | (status == CellStatus.HALTED))[::-1].argmax(axis=0)
    number = np.cumsum(np.r_[False, np.diff(sessions.asi8) != 0])
    for column in np.flatnonzero(traded.any(axis=0) & (last < n_bars - 1)):
        tail = status[last[column] + 1 :, column]
        silent = tail != CellStatus.HALTED
        ended = rule.ended.get(assets[column])
        gone = np.full(len(tail), number[-1] - number[spoken[column]] > rule.delisted_after_sessions)
        gone[: spoken[column] - last[column]] = False
        if ended is not None:
            gone = np.asarray(sessions[last[column] + 1 :] > pd.Timestamp(ended))
        tail[silent] = np.where(gone, CellStatus.DELISTED, CellStatus.MISSING)[silent]
    return status
