"""The panel seen one bar a session, for rules about days: a daily panel as it is, an intraday one drawn together."""

from dataclasses import dataclass

import numpy as np

from quantdl.market.panel import Panel


@dataclass(frozen=True, eq=False)
class SessionBars:
    """One bar for each session of a panel; prices that are not positive take no part.

    Attributes:
        start: (S + 1,) the panel's first row of each session, and the number of its rows at the end.
        first_row: (S, A) the panel's row of the first positive close in the session.
        close: (S, A) the last positive close of the session, NaN without one.
        open: The open of the bar of ``first_row``; None where the panel has no opens.
        high: The highest positive high; None where the panel has none.
        low: The lowest positive low; None where the panel has none.
        volume: Volume added up; None where the panel has none.
    """

    start: np.ndarray
    first_row: np.ndarray
    close: np.ndarray
    open: np.ndarray | None
    high: np.ndarray | None
    low: np.ndarray | None
    volume: np.ndarray | None

    def to_rows(self, sessions: np.ndarray) -> np.ndarray:
        """Return (T, A): cells of sessions (S, A) on the panel's rows, at the first positive close of the session."""
        rows = np.zeros((int(self.start[-1]), sessions.shape[1]), dtype=bool)
        _, columns = np.nonzero(sessions)
        rows[self.first_row[sessions], columns] = True
        return rows


def session_bars(panel: Panel) -> SessionBars:
    """Draw the bars of each session together."""
    start, firsts, lasts, closes = _edges(panel)
    fields = {name: _positive(panel, name) for name in ("open", "high", "low")}
    high, low, volume = fields["high"], fields["low"], panel.fields.get("volume")
    if len(start) <= len(panel.sessions):
        high = None if high is None else np.fmax.reduceat(high, start[:-1], axis=0)
        low = None if low is None else np.fmin.reduceat(low, start[:-1], axis=0)
        volume = None if volume is None else np.add.reduceat(np.nan_to_num(volume), start[:-1], axis=0)
    return SessionBars(
        start=start,
        first_row=firsts,
        close=_taken(closes, lasts),
        open=None if fields["open"] is None else _taken(fields["open"], firsts),
        high=high,
        low=low,
        volume=volume,
    )


def session_closes(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Return ``start`` and ``close`` of `SessionBars` alone."""
    start, _, lasts, closes = _edges(panel)
    return start, _taken(closes, lasts)


def session_numbers(panel: Panel) -> np.ndarray:
    """Return (T,) int64: the number of each bar's session, from 0."""
    start = _starts(panel)
    return np.repeat(np.arange(len(start) - 1), np.diff(start))


def _starts(panel: Panel) -> np.ndarray:
    labels = panel.sessions.to_numpy()
    return np.flatnonzero(np.r_[True, labels[1:] != labels[:-1], True])


def _positive(panel: Panel, name: str) -> np.ndarray | None:
    if name not in panel.fields:
        return None
    values = panel.fields[name]
    return np.where(values > 0, values, np.nan)


def _edges(panel: Panel) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the starts of the sessions, first and last priced row of each, and the positive closes.

    A session without a price has a first row of T and a last row of -1, or its own row where a bar is a session.
    """
    start = _starts(panel)
    closes = np.where(panel.closes > 0, panel.closes, np.nan)
    rows = np.broadcast_to(np.arange(len(closes))[:, None], closes.shape)
    if len(start) > len(closes):
        return start, rows, rows, closes
    used = np.isfinite(closes)
    firsts = np.minimum.reduceat(np.where(used, rows, len(closes)), start[:-1], axis=0)
    lasts = np.maximum.reduceat(np.where(used, rows, -1), start[:-1], axis=0)
    return start, firsts, lasts, closes


def _taken(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    if rows.shape == values.shape:
        return values
    inside = (rows >= 0) & (rows < len(values))
    taken = np.take_along_axis(values, np.clip(rows, 0, len(values) - 1), axis=0)
    return np.where(inside, taken, np.nan)
