"""The rules of the census about large returns: how large, and whether they last."""

import numpy as np

from quantdl.market.panel import Panel

LARGE_RETURN = 0.5
"""A simple return beyond this, either way, is worth a look."""

_UNDONE = 0.8


def return_above_50pct(panel: Panel) -> np.ndarray:
    """Cells whose simple return from the previous positive close, over a gap too, is beyond 50 % either way.

    The return is that of the price as it stands: on unadjusted prices a recorded split is among them.
    """
    change = panel.closes / panel.previous_closes() - 1
    return np.asarray((np.abs(change) > LARGE_RETURN) & (panel.closes > 0))


def spike_and_revert(panel: Panel) -> np.ndarray:
    r"""Cells whose return beyond 50 % is more than 80 % undone by the next bar, which follows without a gap.

    In logarithms: with x the return of the cell and y that of the next bar,

    .. math:: |x + y| < 0.2 \, |x|

    so a move that is overdone by a fifth on the way back is none. A bad print looks like this, and so does a thin
    stock whose last trade went far off; only the next bar can tell, so this is a judgement with hindsight.
    """
    returns = np.full(panel.status.shape, np.nan)
    np.log(panel.closes / panel.previous_closes(), where=panel.closes > 0, out=returns)
    both = returns[:-1] + returns[1:]
    adjacent = panel.bars_since_previous()[1:] == 1
    undone = np.zeros(panel.status.shape, dtype=bool)
    undone[:-1] = adjacent & (np.abs(both) < (1 - _UNDONE) * np.abs(returns[:-1]))
    return np.asarray(undone & return_above_50pct(panel))


def largest_return(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the largest simple return among the rows of a column, and what one bar made of it if it is the only one."""
    closes = panel.closes[:, column]
    traded = np.flatnonzero(closes > 0)
    change = closes[rows] / closes[traded[np.searchsorted(traded, rows) - 1]] - 1
    largest = int(np.abs(np.log1p(change)).argmax())
    return f"Largest {change[largest]:+.1%} on {panel.sessions[rows[largest]]:%Y-%m-%d}."


def spike(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the three closes of a spike."""
    closes = panel.closes[:, column]
    before = closes[: rows[0]]
    previous = before[before > 0][-1]
    return f"Closes {previous:g}, {closes[rows[0]]:g}, {closes[rows[0] + 1]:g}."
