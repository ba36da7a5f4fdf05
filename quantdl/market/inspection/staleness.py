"""Prices that stand still: the same close for days on end, or for most of a year."""

import numpy as np

from quantdl.market.inspection.session_bars import session_closes
from quantdl.market.panel import Panel

STALE_RUN = 5
"""Unchanged closes in a row that are worth a mention."""

_STALE_SHARE = 1 / 2
_STILL_STALE_SHARE = 1 / 4
_FEWEST_RETURNS = 60


def unchanged_closes(panel: Panel) -> np.ndarray:
    """Return (T, A) bool: whether the close equals that of the session before, with a trade in both."""
    same = np.zeros(panel.status.shape, dtype=bool)
    same[1:] = panel.closes[1:] == panel.closes[:-1]
    return same


def stale_runs(panel: Panel) -> np.ndarray:
    """Return (T, A) bool: the cells of every run of at least `STALE_RUN` unchanged closes in a row.

    The run is the cells that repeat; the first close, which they repeat, is not among them. A session without a trade
    ends a run. Bars within a session count one by one.
    """
    return long_runs(unchanged_closes(panel), STALE_RUN)


def long_runs(cells: np.ndarray, fewest: int) -> np.ndarray:
    """Return the cells that stand in an unbroken run of at least ``fewest`` down their column.

    Shape:
        - cells, output: (T, A) bool
    """
    if len(cells) < fewest:
        return np.zeros(cells.shape, dtype=bool)
    full = cells[fewest - 1 :].copy()  # full[t]: the run of `fewest` cells from t on is whole
    for offset in range(fewest - 1):
        full &= cells[offset : len(cells) - fewest + 1 + offset]
    found = np.zeros(cells.shape, dtype=bool)
    for offset in range(fewest):
        found[offset : offset + len(full)] |= full
    return found


def stale_years(panel: Panel) -> np.ndarray:
    """Return (T, A) bool: the cells of calendar years in which an asset's closes carry no daily information.

    Let the share of a year be the fraction of its one-session returns that are exactly zero. A year is stale

    * when its share is one half or more: on most days nothing was observed, and a model of daily returns would learn a
      price that does not move; or
    * when it adjoins a stale year of the same asset and its share is still one quarter or more. Once a history has been
      unmistakably stale it must be seen to trade again before it is trusted: between one quarter and one half a year
      alone proves nothing, because correct prices reach it too when the tick is coarse (a four-dollar stock quoted in
      eighths with 3.5 % daily volatility stands still on a quarter of its days), so without such a neighbour it is
      left alone.

    Bars within a session count through its last close. Years with fewer than 60 one-session returns, a quarter of
    trading, are not judged. A price quoted so coarsely that it stands still on most days is found as well: whatever the
    cause, its daily return is not observed.

    Masking what is found here is a judgement about data quality, made with hindsight over the whole history: in
    March it was not known that the year would end as stale. So a run applies this rule to the sessions before its
    test span only, as they were known then (see `quantdl.market.inspection.treatment.apply_policies`).
    """
    start, closes = session_closes(panel)
    known = np.isfinite(closes)
    one_session, same = np.zeros((2, *closes.shape), dtype=bool)
    one_session[1:] = known[1:] & known[:-1]
    same[1:] = closes[1:] == closes[:-1]
    years = np.asarray(panel.sessions.year)[start[:-1]]
    firsts = np.flatnonzero(np.r_[True, years[1:] != years[:-1]])
    returns = np.add.reduceat(one_session, firsts, axis=0, dtype=np.int64)
    zeros = np.add.reduceat(same & one_session, firsts, axis=0, dtype=np.int64)
    share = np.where(returns >= _FEWEST_RETURNS, zeros / np.maximum(returns, 1), 0.0)
    stale = share >= _STALE_SHARE
    suspect = share >= _STILL_STALE_SHARE
    for year in range(1, len(stale)):
        stale[year] |= suspect[year] & stale[year - 1]
    for year in range(len(stale) - 2, -1, -1):
        stale[year] |= suspect[year] & stale[year + 1]
    rows_of_year = np.diff(start[np.r_[firsts, len(years)]])
    return np.asarray(np.repeat(stale, rows_of_year, axis=0) & panel.has_bar)


def years_named(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the calendar years of the rows."""
    return f"Years {', '.join(str(year) for year in sorted(set(panel.sessions[rows].year)))}."
