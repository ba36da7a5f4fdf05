"""Payouts of delisted holdings, worked out again from what states the end of an asset."""

import numpy as np

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING

PAYOUT_RULE = "plan:delisting"


def payout_failures(recovery: float, after_sessions: int | None, run: FinishedRun) -> list[str]:
    """Return what was paid out without reason or at another value than agreed, and what should have been paid out.

    The reason of each payout is looked up here once more, asset by asset, and not by the function that the engine asks.

    Args:
        recovery: Share of the last close that a long position is paid out at.
        after_sessions: The plan's rule on silence.
        run: The run.
    """
    book, panel = run.book, run.panel
    gone = _gone(after_sessions, run)
    fills = book.fills.where(book.fills.rule == PAYOUT_RULE)
    failures = []
    early = ~gone[fills.row, fills.column]
    if early.any():
        row, column = int(fills.row[early][0]), int(fills.column[early][0])
        first = f"the first {run.result.assets[column]} on {run.day(row)}"
        failures.append(f"{np.count_nonzero(early)} payouts without a stated delisting or the plan's silence, {first}")
    values = {item.asset: item.terminal_value for item in panel.actions.delistings if item.terminal_value is not None}
    stated = np.array([values.get(asset, np.nan) for asset in panel.assets])[fills.column]
    share = np.where(fills.quantity < 0, recovery, 1.0)
    agreed = np.where(np.isnan(stated), share * book.marks[fills.row, fills.column], stated)
    off = ~(np.abs(fills.price - agreed) <= ROUNDING * np.abs(agreed))
    if off.any():
        failures.append(f"{np.count_nonzero(off)} payouts at another value than the data or the plan state")
    kept = gone & (book.shares != 0)
    if kept.any():
        column = int(kept.any(axis=0).argmax())
        first = f"{run.result.assets[column]} on {run.day(int(kept[:, column].argmax()))}"
        failures.append(f"{int(kept.any(axis=0).sum())} positions were kept after their delisting, the first {first}")
    return failures


def _gone(after_sessions: int | None, run: FinishedRun) -> np.ndarray:
    """Return (T, A) whether the asset had ended by each session of the run: as stated, or by the plan's silence."""
    from quantdl.market.status import CellStatus  # loads pandas, which reading a config must not

    panel = run.panel
    gone = np.zeros(panel.status.shape, dtype=bool)
    days = panel.sessions.to_numpy().astype("datetime64[D]")
    _, session_number = np.unique(days, return_inverse=True)
    for column, asset in enumerate(panel.assets):
        stated = [item.last for item in panel.actions.delistings if item.asset == asset]
        stated += [panel.silence.ended[asset]] if asset in panel.silence.ended else []
        traded = panel.traded[:, column]
        if not traded.any():
            continue
        if stated:
            gone[:, column] = days > np.datetime64(min(stated))
        if after_sessions is not None:
            heard = np.flatnonzero(traded | (panel.status[:, column] == CellStatus.HALTED))
            before = np.searchsorted(heard, np.arange(len(days)), side="right") - 1
            silent = session_number - session_number[heard[np.maximum(before, 0)]]
            gone[:, column] |= (before >= 0) & (silent > after_sessions)
        gone[: int(traded.argmax()), column] = False
        gone[traded, column] = False
    return np.asarray(gone[run.book.rows])
