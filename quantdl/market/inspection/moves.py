"""The rules of the census about large returns: how large, whether they last, and whether cash was paid out."""

from typing import Literal

import numpy as np
import pandas as pd

from quantdl.market.actions import CashDividend, Split
from quantdl.market.inspection.scale_evidence import CALM, FEWEST, MANY_TIMES_USUAL_MONEY, SMALLEST, WINDOW
from quantdl.market.inspection.session_bars import SessionBars, session_bars
from quantdl.market.panel import Panel

LARGE_RETURN = 0.5
"""A simple return beyond this, either way, is worth a look."""

_UNDONE = 0.8
_DEVIATIONS = 10.0


def return_above_50pct(panel: Panel) -> np.ndarray:
    """Cells whose simple return from the previous positive close, over a gap too, is beyond 50 % either way.

    The return is that of the price as it stands: on unadjusted prices a recorded split is among them.
    """
    change = panel.closes / panel.previous_closes(of_bars=True) - 1
    return np.asarray((np.abs(change) > LARGE_RETURN) & (panel.closes > 0))


def spike_and_revert(panel: Panel) -> np.ndarray:
    r"""Cells whose return beyond 50 % is more than 80 % undone by the next bar, which follows without a gap.

    In logarithms: with x the return of the cell and y that of the next bar,

    .. math:: |x + y| < 0.2 \, |x|

    so a move that is undone by a fifth too much does not count. A bad print looks like this, and so does a thin
    stock whose last trade went far off; only the next bar can tell, so this is a judgement with hindsight.
    """
    returns = np.full(panel.status.shape, np.nan)
    np.log(panel.closes / panel.previous_closes(of_bars=True), where=panel.closes > 0, out=returns)
    both = returns[:-1] + returns[1:]
    adjacent = panel.bars_since_previous(of_bars=True)[1:] == 1
    undone = np.zeros(panel.status.shape, dtype=bool)
    undone[:-1] = adjacent & (np.abs(both) < (1 - _UNDONE) * np.abs(returns[:-1]))
    return np.asarray(undone & return_above_50pct(panel))


def suspected_distribution(panel: Panel) -> np.ndarray:
    r"""First bars of a session that opens far below the close before and stays there as calmly as on any day.

    That is what a spin-off, a special dividend or a distribution of capital gains does to prices that leave it in.
    News moves prices as far, but widens the range or raises the money traded. What a calm market made of news
    overnight is named too: of the 30 sessions that are named in a thousand NASDAQ stocks of 2008 to 2017, some
    twenty are known distributions, and the others mostly bad quarters. A session is named when all of this holds,
    with x its open over the close of the session before, in logarithms:

    * x is below minus ten times the standard deviation of the returns of the last 21 sessions up to the one before, of
      which ten must be other than zero;
    * all four prices lie nearer to the new level: below the close before by more than half of x;
    * its range, ln(high / low), is at most four times the median of the last 21;
    * where volume is known, at most four times the median money of the last 21 changed hands;
    * the fall is by a factor below 1.8, from which on `quantdl.market.inspection.scale_breaks` judges;
    * no split or dividend that the source states takes effect there.

    Nothing later is looked at. Data without opens, highs and lows have no such sessions, since without the range a
    calm fall and a turbulent one look alike. Bars within a session are drawn together first.
    """
    bars = session_bars(panel)
    found = np.zeros(bars.close.shape, dtype=bool)
    if bars.open is None or bars.high is None or bars.low is None:
        return bars.to_rows(found)
    closes, before = np.log(bars.close), np.full(bars.close.shape, np.nan)
    before[1:] = closes[:-1]
    gap = np.log(bars.open) - before
    with np.errstate(invalid="ignore"):
        spread = np.log(bars.high / bars.low)
        returns = closes - before
        moved = _trailing(np.abs(returns) > 0, "sum") >= FEWEST - 1  # a price that stood still has no deviation
        deviation, usual = _trailing(returns, "std"), _trailing(np.where(spread > 0, spread, np.nan), "median")
        calm = (spread <= CALM * usual) & (np.log(bars.high) - before < gap / 2) & (closes - before < gap / 2)
        found = calm & moved & (gap < -_DEVIATIONS * deviation) & (gap > -SMALLEST)
        if bars.volume is not None:
            money = np.where(bars.volume > 0, bars.volume * bars.close, np.nan)
            found &= ~(money > np.exp(MANY_TIMES_USUAL_MONEY) * _trailing(money, "median"))
    found[_action_cells(panel, bars)] = False
    return bars.to_rows(found)


def _trailing(values: np.ndarray, figure: Literal["std", "median", "sum"]) -> np.ndarray:
    """(S, A) a figure of the last 21 sessions before each, NaN where fewer than eleven of their values are known."""
    window = pd.DataFrame(values, dtype=np.float64).shift(1).rolling(WINDOW, min_periods=FEWEST)
    match figure:
        case "std":
            return np.asarray(window.std())
        case "median":
            return np.asarray(window.median())
    return np.asarray(window.sum())


def _action_cells(panel: Panel, bars: SessionBars) -> tuple[np.ndarray, np.ndarray]:
    """Sessions and columns at which splits and dividends are stated to take effect."""
    labels = panel.sessions.unique()
    column_of = {name: column for column, name in enumerate(panel.assets)}
    items: tuple[Split | CashDividend, ...] = (*panel.actions.splits, *panel.actions.dividends)
    stated = [
        (int(labels.searchsorted(np.datetime64(item.ex_date), side="left")), column_of[item.asset])
        for item in items
        if item.asset in column_of
    ]
    inside = [place for place in stated if place[0] < len(bars.close)]
    return np.array([row for row, _ in inside], dtype=int), np.array([column for _, column in inside], dtype=int)


def opening_gap(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the close before, the open, and what one old share would have been given."""
    row = int(rows[0])
    old, new = panel.closes[:row, column], float(panel.fields["open"][row, column])
    before = float(old[old > 0][-1])
    return (
        f"Close {before:g}, then open {new:g} ({new / before - 1:+.1%}): as if {before - new:.4g} a share was paid out."
    )


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
